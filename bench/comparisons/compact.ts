/** Full compaction of 1M rows and ten runs of 100,000 updates. */
import type { Comparison } from '../run/comparison.ts';
import { checkFiles } from '../workload/check-files.ts';
import { baseRowCount, mergedCheckSum } from '../workload/rows.ts';

export const compactComparisons: readonly Comparison[] = [
  {
    name: 'compact',
    what:
      'A full compaction of a table of 1M base rows and ten commits of 100,000 updates, in one bucket; each turn has a copy. ' +
      'From the opening of the table to the commit; the start of the process is outside.',
    peers: ['paimon'],
    usualPeers: ['paimon'],
    goals: [
      { kind: 'ratio', figure: 'firstWallMs', peer: 'paimon', atLeast: 4 },
      { kind: 'most', figure: 'peakRssMb', atMost: 512 },
    ],
    async open(tables) {
      const merged = await tables.merged();
      return {
        job: async () => ({ job: 'compact', ...tables.copyOf(merged) }),
        async check(_turn, job) {
          if (job.job !== 'compact') return;
          await checkFiles(job, { rowCount: baseRowCount, sum: mergedCheckSum });
          tables.remove(job);
        },
      };
    },
  },
];
