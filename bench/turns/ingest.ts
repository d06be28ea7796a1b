/** Rows that the local log has already, into the table: from the first record that is read to the last commit. */
import { openLake } from '../../src/index.ts';
import { toRecordBatch } from '../../src/types/row-batch.ts';
import { baseRange } from '../workload/rows.ts';
import { database, workBatches } from '../workload/table.ts';
import type { IngestJob } from './job.ts';
import { type TurnReport, timed } from './passes.ts';

export async function ingest({ warehouse, log, table: name, rows }: IngestJob): Promise<TurnReport> {
  await using lake = await openLake({ warehouse, log });
  const table = await lake.table(`${database}.${name}`);
  const produced = await timed(async () => {
    await using writer = table.writer();
    for (const batch of workBatches(baseRange(0, rows, rows)))
      await writer.append(toRecordBatch(batch), { kind: '+U' });
    return undefined;
  });
  const pass = await timed(async () => {
    const { rowCount } = await lake.ingest();
    return { rowCount };
  });
  const figures = { ingestRowsPerS: (rows * 1_000) / pass.wallMs, ingestRowsPerCpuS: (rows * 1_000) / pass.cpuMs };
  return { passes: [pass], figures: { ...figures, produceRowsPerS: (rows * 1_000) / produced.wallMs } };
}
