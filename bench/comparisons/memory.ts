/** Memory does not grow with the table: buckets of 10M and 20M rows compacted and read with `memoryBytes` of 512 MB. Nothing but that setting limits the process. Of us alone. */
import type { Comparison } from '../run/comparison.ts';
import { checkFiles } from '../workload/check-files.ts';
import { type Answer, checkAnswer } from '../workload/check-sum.ts';
import type { WorkTables } from '../workload/tables.ts';
import { largeRowCount } from '../workload/tables.ts';

const memoryMb = 512;
/** What a process holds at most hardly differs from one run to the next, and these take long. */
const roundsMax = 2;
const goals = [{ kind: 'most', figure: 'peakRssMb', atMost: memoryMb }] as const;

/** Of 20M rows, which say the same once more: two would take the better part of what all of this takes. */
const vastRowCount = 20_000_000;

function expectedOf(tables: WorkTables, rowCount: number): Answer {
  return { rowCount, sum: tables.sumOf(rowCount) };
}

function compactionOf(rows: number): Comparison['open'] {
  return async tables => {
    const overlapping = await tables.overlapping(rows);
    const expected = expectedOf(tables, rows);
    return {
      job: async () => ({ job: 'compact', ...tables.copyOf(overlapping), memoryMb }),
      async check(_turn, job) {
        if (job.job !== 'compact') return;
        await checkFiles(job, expected);
        tables.remove(job);
      },
    };
  };
}

export const memoryComparisons: readonly Comparison[] = [
  {
    name: 'memory/compact',
    what: 'A full compaction of ten overlapping runs of 1M rows in one bucket, by the SDK with memoryBytes of 512 MB.',
    ...{ peers: ['paimon'], usualPeers: [], goals, roundsMax },
    open: compactionOf(largeRowCount),
  },
  {
    name: 'memory/read',
    what: 'All rows of ten overlapping runs of 1M rows in one bucket as Arrow batches, by the SDK with memoryBytes of 512 MB.',
    ...{ peers: ['paimon'], usualPeers: [], goals, roundsMax },
    async open(tables) {
      const place = await tables.overlapping(largeRowCount);
      const expected = expectedOf(tables, largeRowCount);
      return {
        job: async () => ({ job: 'read', ...place, files: [], to: 'arrow', passes: 1, memoryMb }),
        async check({ report }) {
          const [{ rowCount = 0, sum = 0n } = {}] = report.passes;
          checkAnswer({ rowCount, sum }, expected, 'memory/read');
        },
      };
    },
  },
  {
    name: 'memory/compact-20m',
    what: 'A full compaction of twenty overlapping runs of 1M rows in one bucket, by the SDK with memoryBytes of 512 MB.',
    ...{ peers: ['paimon'], usualPeers: [], goals, roundsMax, roundsInAll: 1 },
    open: compactionOf(vastRowCount),
  },
];
