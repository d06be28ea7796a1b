/** Reads of the compacted table with a filter: a range of keys, which statistics narrow, and a text, which nothing does. */
import type { Comparison } from '../run/comparison.ts';
import type { RowFilter } from '../turns/job.ts';
import { answerOfFiles } from '../workload/check-files.ts';
import { checkAnswer } from '../workload/check-sum.ts';
import { liveFiles } from '../workload/live-files.ts';
import { conditionOf } from '../workload/sum-in-sql.ts';

const passes = 6;

const filters: Readonly<Record<string, RowFilter>> = {
  keys: { kind: 'ids', first: 500_000, last: 509_999 },
  text: { kind: 'category', value: 'category-0000123' },
};

export const scanFilterComparisons: readonly Comparison[] = Object.entries(filters).map(([name, filter]) => ({
  name: `scan-filter/${name}`,
  what:
    `Rows of the compacted table where ${conditionOf(filter)}: ours as Arrow batches by the SDK, Paimon by its row reader, pypaimon and ` +
    'pyarrow (bare files) as Arrow tables, DuckDB (bare files) by a query that sums them.',
  peers: ['paimon', 'pypaimon', 'duckdb', 'pyarrow'],
  usualPeers: ['paimon', 'pypaimon', 'duckdb', 'pyarrow'],
  goals: [{ kind: 'ratio', figure: 'warmWallMs', peer: 'paimon', atLeast: 1 }],
  async open(tables) {
    const place = await tables.compacted();
    const files = await liveFiles(place);
    const expected = await answerOfFiles(files, filter);
    return {
      job: async contestant => ({
        ...{ job: 'read', ...place, files, filter, passes, to: contestant === 'duckdb' ? 'sql' : 'arrow' },
      }),
      async check({ report }) {
        for (const { rowCount = 0, sum = 0n } of report.passes)
          checkAnswer({ rowCount, sum }, expected, `scan-filter/${name}`);
      },
    };
  },
}));
