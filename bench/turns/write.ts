/** Writes the base rows. They lie in memory as columns before the clock begins; it ends when the last commit is done. */
import { baseRange } from '../workload/rows.ts';
import { createWorkTable, workBatches, writeBatches } from '../workload/table.ts';
import type { WriteJob } from './job.ts';
import { type Pass, type TurnReport, timed } from './passes.ts';

export async function write({ warehouse, tables, rows, commits, options }: WriteJob): Promise<TurnReport> {
  const passes: Pass[] = [];
  const share = rows / commits;
  const parts = Array.from({ length: commits }, (_, at) => [...workBatches(baseRange(at * share, share, rows))]);
  for (const name of tables) {
    await using opened = await createWorkTable({ warehouse, table: name }, options);
    passes.push(
      await timed(async () => {
        for (const batches of parts) await writeBatches(opened.table, batches);
        return { rowCount: rows };
      }),
    );
  }
  return { passes };
}
