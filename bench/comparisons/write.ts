/** Upserts of 1M rows into an empty table, from columns in memory. */
import type { Comparison } from '../run/comparison.ts';
import { checkFiles } from '../workload/check-files.ts';
import { baseCheckSum, baseRowCount } from '../workload/rows.ts';

const passes = 2;

export const writeComparisons: readonly Comparison[] = [
  {
    name: 'write',
    what:
      '1M rows into an empty table, one commit, write-only. The rows lie in memory as columns before the clock begins, on both ' +
      'sides; Paimon makes its row objects of them inside, ours batches of 50,000. It ends with the commit. A second pass writes a second table.',
    peers: ['paimon'],
    usualPeers: ['paimon'],
    goals: [{ kind: 'ratio', figure: 'firstWallMs', peer: 'paimon', atLeast: 4 }],
    open: async tables => ({
      job: async () => ({
        job: 'write',
        warehouse: tables.warehouse,
        tables: Array.from({ length: passes }, () => tables.freshName()),
        ...{ rows: baseRowCount, commits: 1, options: { 'write-only': 'true' } },
      }),
      async check(_turn, job) {
        if (job.job !== 'write') return;
        for (const table of job.tables) {
          const place = { warehouse: job.warehouse, table };
          await checkFiles(place, { rowCount: baseRowCount, sum: baseCheckSum });
          tables.remove(place);
        }
      },
    }),
  },
];
