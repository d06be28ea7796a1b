/** A full compaction of the table, its opening with it. */
import { compactWorkTable } from '../workload/table.ts';
import type { CompactJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

export async function compact(job: CompactJob): Promise<TurnReport> {
  const pass = await timed(async () => {
    await compactWorkTable(job);
    return undefined;
  });
  return { passes: [pass] };
}
