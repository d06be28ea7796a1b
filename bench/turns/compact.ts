/** A full compaction of the table by the SDK, its opening with it. */
import { markHeapLate, openLake } from '../../src/index.ts';
import { database } from '../workload/table.ts';
import type { CompactJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

export async function compact({ warehouse, table, memoryMb }: CompactJob): Promise<TurnReport> {
  const memoryBytes = memoryMb === undefined ? undefined : memoryMb * 1024 * 1024;
  markHeapLate({ memoryBytes });
  const pass = await timed(async () => {
    await using lake = await openLake({ warehouse, memoryBytes });
    const opened = await lake.table(`${database}.${table}`);
    await opened.compact({ full: true });
    return undefined;
  });
  return { passes: [pass] };
}
