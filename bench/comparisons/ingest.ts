/** The way of rows that wait in a log on the local disk into the table. Of us alone. */
import { rmSync } from 'node:fs';
import type { Comparison } from '../run/comparison.ts';
import { checkFiles } from '../workload/check-files.ts';
import { baseCheckSum, baseRowCount } from '../workload/rows.ts';
import { createWorkTable, type TablePlace } from '../workload/table.ts';
import type { WorkTables } from '../workload/tables.ts';

/** A table and a log, both empty. */
async function logged(tables: WorkTables): Promise<TablePlace & { readonly log: string }> {
  const place = { warehouse: tables.newFolder(), table: 't' };
  const opened = await createWorkTable(place);
  await opened[Symbol.asyncDispose]();
  return { ...place, log: `file:${tables.newFolder()}` };
}

export const ingestComparisons: readonly Comparison[] = [
  {
    name: 'ingest',
    what: '1M rows that the local log has already into an empty table, by `lake.ingest()`: from the first read of the log to the last commit. They were written by `writer.append`, which is outside.',
    peers: [],
    usualPeers: [],
    goals: [{ kind: 'least', figure: 'ingestRowsPerS', atLeast: 300_000 }],
    open: async tables => ({
      job: async () => ({ job: 'ingest', ...(await logged(tables)), rows: baseRowCount }),
      async check(_turn, job) {
        if (job.job !== 'ingest') return;
        await checkFiles(job, { rowCount: baseRowCount, sum: baseCheckSum });
        for (const folder of [job.warehouse, job.log.slice('file:'.length)])
          rmSync(folder, { recursive: true, force: true });
      },
    }),
  },
];
