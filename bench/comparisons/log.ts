/** The way through a log on the local disk: rows that wait in it into the table, and how soon a row is seen. Of us alone. */
import { rmSync } from 'node:fs';
import type { Comparison } from '../run/comparison.ts';
import type { Job } from '../turns/job.ts';
import { checkFiles } from '../workload/check-files.ts';
import { baseCheckSum, baseRowCount } from '../workload/rows.ts';
import { createWorkTable, type TablePlace } from '../workload/table.ts';
import type { WorkTables } from '../workload/tables.ts';

const rowCount = 400;

/** A table and a log, both empty. */
async function logged(tables: WorkTables): Promise<TablePlace & { readonly log: string }> {
  const place = { warehouse: tables.newFolder(), table: 't' };
  const opened = await createWorkTable(place);
  await opened[Symbol.asyncDispose]();
  return { ...place, log: `file:${tables.newFolder()}` };
}

function removed({ warehouse }: Extract<Job, TablePlace>, log: string): void {
  for (const folder of [warehouse, log.slice('file:'.length)]) rmSync(folder, { recursive: true, force: true });
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
        removed(job, job.log);
      },
    }),
  },
];

export const freshnessComparisons: readonly Comparison[] = [
  {
    name: 'freshness',
    what:
      `${rowCount} times a row is written through the local log, and, when that is acknowledged, looked up by a union read; against an append ` +
      'and a read of a bare log beside it (fsync in both). Ingest runs after every 20 rows, outside the clock.',
    peers: [],
    usualPeers: [],
    goals: [{ kind: 'most', figure: 'freshnessRoundTrips', atMost: 1.2 }],
    open: async tables => ({
      job: async () => ({ job: 'freshness', ...(await logged(tables)), count: rowCount }),
      async check({ report }, job) {
        if (report.passes[0]?.rowCount !== rowCount) throw new Error('freshness: not every row was seen');
        if (job.job === 'freshness') removed(job, job.log);
      },
    }),
  },
];
