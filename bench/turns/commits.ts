/** One-row commits, one after the other, by one writer that stays. */
import { Committer } from '../../src/table/commit/commit.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { quantile } from '../run/statistics.ts';
import { baseRange } from '../workload/rows.ts';
import { createWorkTable, workBatches } from '../workload/table.ts';
import type { CommitsJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

export async function commits({ count, options, ...place }: CommitsJob): Promise<TurnReport> {
  await using opened = await createWorkTable(place, options);
  const rows = Array.from({ length: count }, (_, at) => [...workBatches(baseRange(at, 1))]).flat();
  const times: number[] = [];
  const pass = await timed(async () => {
    await using committer = new Committer(opened.table);
    const writer = new TableWriter(opened.table, committer);
    for (const row of rows) {
      const startMs = performance.now();
      await writer.add(row, new Int8Array(1));
      await writer.commit();
      times.push(performance.now() - startMs);
    }
    return { rowCount: count };
  });
  const figures = { commitP50Ms: quantile(times, 0.5), commitP95Ms: quantile(times, 0.95) };
  return { passes: [pass], figures: { ...figures, commitCpuMs: pass.cpuMs / count } };
}
