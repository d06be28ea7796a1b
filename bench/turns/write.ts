/** Writes the base rows in one commit. They lie in memory as columns before the clock begins; it ends when the commit is done. */
import { markHeapLate } from '../../src/base/heap-marking.ts';
import { baseRange } from '../workload/rows.ts';
import { createWorkTable, workBatches, writeBatches } from '../workload/table.ts';
import type { WriteJob } from './job.ts';
import { type Pass, type TurnReport, timed } from './passes.ts';

export async function write({ warehouse, tables, rows, options }: WriteJob): Promise<TurnReport> {
  markHeapLate();
  const passes: Pass[] = [];
  const batches = [...workBatches(baseRange(0, rows, rows))];
  for (const name of tables) {
    await using opened = await createWorkTable({ warehouse, table: name }, options);
    passes.push(
      await timed(async () => {
        await writeBatches(opened.table, batches);
        return { rowCount: rows };
      }),
    );
  }
  return { passes };
}
