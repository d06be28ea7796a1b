/** Rows by key, of a table of 10M rows. */
import type { Comparison } from '../run/comparison.ts';
import { type Answer, CheckSum, checkAnswer } from '../workload/check-sum.ts';
import { liveFiles } from '../workload/live-files.ts';
import { scatteredRange } from '../workload/rows.ts';
import { workBatches } from '../workload/table.ts';
import { largeRowCount } from '../workload/tables.ts';

const lookupCount = 220;
const warmUps = 20;
/** Each takes it long: it reads a row group. */
const paimonLookupCount = 50;
/** Prime to the number of keys, so that keys do not come twice. */
const keyStep = 7_654_321;

export const lookupComparisons: readonly Comparison[] = [
  {
    name: 'lookup',
    what:
      `${lookupCount} rows by their keys, all over a table of 10M rows in a folder, compacted. Medians are of those after the first ${warmUps}. ` +
      `Ours by \`table.lookup\`, Paimon by a scan with a filter (${paimonLookupCount} rows), DuckDB by a query on the bare files.`,
    peers: ['paimon', 'duckdb'],
    usualPeers: ['paimon', 'duckdb'],
    goals: [{ kind: 'most', figure: 'lookupP50Ms', atMost: 5 }],
    roundsInAll: 2,
    async open(tables) {
      const place = await tables.large();
      const files = await liveFiles(place);
      const ids = Array.from({ length: lookupCount }, (_, index) => (index * keyStep) % largeRowCount);
      return {
        async job(contestant) {
          const own = contestant === 'paimon' ? ids.slice(0, paimonLookupCount) : ids;
          return { job: 'lookup', ...place, files, ids: own, warmUps };
        },
        async check({ report }, job) {
          if (job.job !== 'lookup') return;
          const [{ rowCount = 0, sum = 0n } = {}] = report.passes;
          checkAnswer({ rowCount, sum }, expectedOf(job.ids), 'lookup');
        },
      };
    },
  },
];

function expectedOf(ids: readonly number[]): Answer {
  const check = new CheckSum();
  const range = { ...scatteredRange(0, ids.length), idOf: (index: number) => ids[index] ?? 0 };
  for (const batch of workBatches(range)) check.addColumns(batch.columns, batch.rowCount);
  return check;
}
