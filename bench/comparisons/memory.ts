/** Memory does not grow with the table: a bucket of 10M rows compacted and read with `memoryBytes` of 512 MB. Nothing but that setting limits the process. Of us alone. */
import type { Comparison } from '../run/comparison.ts';
import { checkFiles } from '../workload/check-files.ts';
import { type Answer, checkAnswer } from '../workload/check-sum.ts';
import type { WorkTables } from '../workload/tables.ts';
import { largeRowCount } from '../workload/tables.ts';

const memoryMb = 512;
/** What a process holds at most hardly differs from one run to the next, and these take long. */
const roundsMax = 2;
const goals = [{ kind: 'most', figure: 'peakRssMb', atMost: memoryMb }] as const;

async function expectedOf(tables: WorkTables): Promise<Answer> {
  return { rowCount: largeRowCount, sum: await tables.largeSum() };
}

export const memoryComparisons: readonly Comparison[] = [
  {
    name: 'memory/compact',
    what: 'A full compaction of ten overlapping runs of 1M rows in one bucket, by the SDK with memoryBytes of 512 MB.',
    ...{ peers: ['paimon'], usualPeers: [], goals, roundsMax },
    async open(tables) {
      const overlapping = await tables.overlapping();
      const expected = await expectedOf(tables);
      return {
        job: async () => ({ job: 'compact', ...tables.copyOf(overlapping), memoryMb }),
        async check(_turn, job) {
          if (job.job !== 'compact') return;
          await checkFiles(job, expected);
          tables.remove(job);
        },
      };
    },
  },
  {
    name: 'memory/read',
    what: 'All rows of ten overlapping runs of 1M rows in one bucket as Arrow batches, by the SDK with memoryBytes of 512 MB.',
    ...{ peers: ['paimon'], usualPeers: [], goals, roundsMax },
    async open(tables) {
      const place = await tables.overlapping();
      const expected = await expectedOf(tables);
      return {
        job: async () => ({ job: 'read', ...place, files: [], to: 'arrow', passes: 1, memoryMb }),
        async check({ report }) {
          const [{ rowCount = 0, sum = 0n } = {}] = report.passes;
          checkAnswer({ rowCount, sum }, expected, 'memory/read');
        },
      };
    },
  },
];
