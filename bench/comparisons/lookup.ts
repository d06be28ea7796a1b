/** Rows by key, of a table of 10M rows. */
import type { Comparison } from '../run/comparison.ts';
import { CheckSum, checkAnswer } from '../workload/check-sum.ts';
import { liveFiles } from '../workload/live-files.ts';
import { scatteredRange } from '../workload/rows.ts';
import { workBatches } from '../workload/table.ts';
import { largeRowCount } from '../workload/tables.ts';

const lookupCount = 220;
const warmUps = 20;
/** Prime to the number of keys, so that keys do not come twice. */
const keyStep = 7_654_321;

export const lookupComparisons: readonly Comparison[] = [
  {
    name: 'lookup',
    what:
      `${lookupCount} rows by their keys, all over a table of 10M rows in a folder, compacted. Medians are of those after the first ${warmUps}. ` +
      'Ours by `table.lookup`, Paimon by a scan with a filter, DuckDB by a query on the bare files.',
    peers: ['paimon', 'duckdb'],
    usualPeers: ['paimon', 'duckdb'],
    goals: [{ kind: 'most', figure: 'lookupP50Ms', atMost: 5 }],
    async open(tables) {
      const place = await tables.large();
      const files = await liveFiles(place);
      const ids = Array.from({ length: lookupCount }, (_, index) => (index * keyStep) % largeRowCount);
      const expected = new CheckSum();
      const range = { ...scatteredRange(0, lookupCount), idOf: (index: number) => ids[index] ?? 0 };
      for (const batch of workBatches(range)) expected.addColumns(batch.columns, batch.rowCount);
      return {
        job: async () => ({ job: 'lookup', ...place, files, ids, warmUps }),
        async check({ report }) {
          const [{ rowCount = 0, sum = 0n } = {}] = report.passes;
          checkAnswer({ rowCount, sum }, expected, 'lookup');
        },
      };
    },
  },
];
