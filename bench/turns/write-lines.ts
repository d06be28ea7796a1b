/** Writes lines of JSON as the command line does, in one commit. */
import { createReadStream } from 'node:fs';
import { openLakeParts } from '../../src/service/lake-parts.ts';
import { writeLines } from '../../src/service/write-lines.ts';
import { createWorkTable, database } from '../workload/table.ts';
import type { WriteLinesJob } from './job.ts';
import { type Pass, type TurnReport, timed } from './passes.ts';

const pieceBytes = 1024 * 1024;

export async function writeLinesOf({ warehouse, tables, options, input }: WriteLinesJob): Promise<TurnReport> {
  const passes: Pass[] = [];
  await using parts = await openLakeParts({ warehouse });
  for (const table of tables) {
    const created = await createWorkTable({ warehouse, table }, options);
    await created[Symbol.asyncDispose]();
    passes.push(
      await timed(async () => {
        const pieces = createReadStream(input, { highWaterMark: pieceBytes });
        const { rowCount } = await writeLines(parts, `${database}.${table}`, { input: pieces, viaLog: false });
        return { rowCount };
      }),
    );
  }
  return { passes };
}
