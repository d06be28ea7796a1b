/** Reads of all rows: of 11 runs that are merged as they are read, and of the compacted table; by SQL too. */
import type { Comparison } from '../run/comparison.ts';
import type { Peer } from '../run/contestants.ts';
import type { Goal } from '../run/goals.ts';
import type { ReadJob } from '../turns/job.ts';
import { checkAnswer } from '../workload/check-sum.ts';
import { liveFiles } from '../workload/live-files.ts';
import { baseRowCount, mergedCheckSum } from '../workload/rows.ts';

const passes = 5;

const everyValue =
  'Every value is looked at, inside the clock. Cold is from the start of the process to the end of the first pass, warm the best of four more passes.';

type Read = {
  readonly name: string;
  readonly table: 'merged' | 'compacted';
  readonly to: ReadJob['to'];
  readonly what: string;
  readonly peers: readonly Peer[];
  readonly usualPeers: readonly Peer[];
  readonly goals: readonly Goal[];
};

function readComparison({ name, table, to, what, peers, usualPeers, goals }: Read): Comparison {
  return {
    ...{ name, what: `${what} ${everyValue}`, peers, usualPeers, goals },
    async open(tables) {
      const place = await tables[table]();
      const files = await liveFiles(place);
      return {
        job: async () => ({ job: 'read', ...place, files, to, passes }),
        async check({ report }) {
          for (const { rowCount = 0, sum = 0n } of report.passes) {
            checkAnswer({ rowCount, sum }, { rowCount: baseRowCount, sum: mergedCheckSum }, name);
          }
        },
      };
    },
  };
}

export const readMergedComparisons: readonly Comparison[] = [
  readComparison({
    name: 'read-merged',
    ...{ table: 'merged', to: 'arrow' },
    what: 'All rows of 11 overlapping runs: ours as Arrow batches by the SDK, Paimon by its row reader, pypaimon as an Arrow table.',
    peers: ['paimon', 'pypaimon'],
    usualPeers: ['paimon'],
    goals: [
      { kind: 'ratio', figure: 'warmWallMs', peer: 'paimon', atLeast: 4 },
      { kind: 'ratio', figure: 'coldWallMs', peer: 'paimon', atLeast: 8 },
    ],
  }),
];

export const readCompactedComparisons: readonly Comparison[] = [
  readComparison({
    name: 'read-compacted/arrow',
    ...{ table: 'compacted', to: 'arrow' },
    what:
      'All rows of the compacted table: ours as Arrow batches by the SDK, Paimon by its row reader, pypaimon as an Arrow table, ' +
      'pyarrow the bare files as an Arrow table.',
    peers: ['paimon', 'pypaimon', 'pyarrow'],
    usualPeers: ['paimon', 'pypaimon', 'pyarrow'],
    goals: [{ kind: 'ratio', figure: 'warmWallMs', peer: 'paimon', atLeast: 1 }],
  }),
  {
    roundsInAll: 2,
    ...readComparison({
      name: 'read-compacted/rows',
      ...{ table: 'compacted', to: 'rows' },
      what:
        'All rows of the compacted table as objects: ours by the SDK in arrays of 2,048, Paimon by its row reader (views of its columns, ' +
        'texts as bytes), DuckDB the bare files as objects of JavaScript, chunk by chunk.',
      peers: ['paimon', 'duckdb'],
      usualPeers: ['paimon', 'duckdb'],
      goals: [{ kind: 'ratio', figure: 'warmWallMs', peer: 'paimon', atLeast: 1 }],
    }),
  },
];

export const sqlComparisons: readonly Comparison[] = [
  readComparison({
    name: 'sql',
    ...{ table: 'compacted', to: 'sql' },
    what: 'One query that sums every column of the compacted table: ours by `lake.sql`, DuckDB by the same query on the bare files.',
    peers: ['duckdb'],
    usualPeers: ['duckdb'],
    goals: [{ kind: 'ratio', figure: 'warmWallMs', peer: 'duckdb', atLeast: 1 }],
  }),
];
