/** Commits and plans as a table grows to 100,000 data files. Of us alone, on a store in memory that counts. */
import type { Comparison } from '../run/comparison.ts';

const fileCounts = [10, 1_000, 100_000];

export const planComparisons: readonly Comparison[] = [
  {
    name: 'plan',
    what:
      `Tables of ${fileCounts.join(', ')} data files in 1,000 partitions, on a store in memory: a commit of one file by a warm committer, ` +
      'and plans of one partition and of one key in it, with nothing remembered. Objects are those read beyond the snapshot; what it takes to reach ' +
      'so many files is in the pass.',
    peers: [],
    usualPeers: [],
    goals: [
      { kind: 'most', figure: 'partitionPlanObjectsAt100000', atMost: 3 },
      { kind: 'most', figure: 'keyPlanObjectsAt100000', atMost: 3 },
    ],
    open: async () => ({ job: async () => ({ job: 'plan', fileCounts }), check: async () => undefined }),
  },
];
