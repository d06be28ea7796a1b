/** Full compaction of 1M rows and ten runs of 100,000 updates. */
import type { Comparison } from '../run/comparison.ts';
import { checkFiles } from '../workload/check-files.ts';
import { baseRowCount, lastTenthCheckSum, mergedCheckSum } from '../workload/rows.ts';
import type { TablePlace } from '../workload/table.ts';
import type { WorkTables } from '../workload/tables.ts';

/** Each turn compacts a copy of the table. */
function copiesOf(made: (tables: WorkTables) => Promise<TablePlace>, sum: bigint): Comparison['open'] {
  return async tables => {
    const place = await made(tables);
    return {
      job: async () => ({ job: 'compact', ...tables.copyOf(place) }),
      async check(_turn, job) {
        if (job.job !== 'compact') return;
        await checkFiles(job, { rowCount: baseRowCount, sum });
        tables.remove(job);
      },
    };
  };
}

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
    open: copiesOf(tables => tables.merged(), mergedCheckSum),
  },
  {
    name: 'compact/last-tenth',
    what: 'As `compact`, where the updates are of the last tenth of the keys: row groups of the others are copied as they are.',
    peers: ['paimon'],
    usualPeers: ['paimon'],
    goals: [{ kind: 'ratio', figure: 'firstWallMs', peer: 'paimon', atLeast: 4 }],
    open: copiesOf(tables => tables.lastTenth(), lastTenthCheckSum),
  },
];
