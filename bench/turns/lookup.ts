/** Looks rows up by the SDK. The pass has all of them, its sum is that of the rows found. */
import { openLake } from '../../src/index.ts';
import { quantile } from '../run/statistics.ts';
import { CheckSum } from '../workload/check-sum.ts';
import { database } from '../workload/table.ts';
import type { LookupJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

export async function lookup({ warehouse, table: name, ids, warmUps }: LookupJob): Promise<TurnReport> {
  await using lake = await openLake({ warehouse });
  const table = await lake.table(`${database}.${name}`);
  const times: number[] = [];
  const pass = await timed(async () => {
    const check = new CheckSum();
    for (const id of ids) {
      const startMs = performance.now();
      const row = await table.lookup({ id: BigInt(id) });
      times.push(performance.now() - startMs);
      if (row !== undefined) check.addRow(row);
    }
    return { rowCount: check.rowCount, sum: check.sum };
  });
  const warm = times.slice(warmUps);
  const figures = { lookupP50Ms: quantile(warm, 0.5), lookupP95Ms: quantile(warm, 0.95) };
  return { passes: [pass], figures: { lookupFirstMs: times[0] ?? Number.NaN, ...figures } };
}
