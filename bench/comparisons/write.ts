/** Upserts of 1M rows into an empty table, from columns in memory and from lines of JSON; commits of one row. */
import type { Comparison, OpenedComparison } from '../run/comparison.ts';
import type { Job } from '../turns/job.ts';
import { checkFiles } from '../workload/check-files.ts';
import { CheckSum } from '../workload/check-sum.ts';
import { baseCheckSum, baseRange, baseRowCount } from '../workload/rows.ts';
import { workBatches } from '../workload/table.ts';
import type { WorkTables } from '../workload/tables.ts';

const passes = 2;
const commitCount = 300;
const options = { 'write-only': 'true' };

/** Fresh tables for each pass, of which each must have the base rows. */
function writing(tables: WorkTables, jobOf: (names: readonly string[]) => Job): OpenedComparison {
  return {
    job: async () => jobOf(Array.from({ length: passes }, () => tables.freshName())),
    async check(_turn, job) {
      if (!('tables' in job)) return;
      for (const table of job.tables) {
        const place = { warehouse: job.warehouse, table };
        await checkFiles(place, { rowCount: baseRowCount, sum: baseCheckSum });
        tables.remove(place);
      }
    },
  };
}

export const writeComparisons: readonly Comparison[] = [
  {
    name: 'write',
    what:
      '1M rows into an empty table, one commit, write-only. The rows lie in memory as columns before the clock begins, on both ' +
      'sides; Paimon makes its row objects of them inside, ours are batches of 50,000. It ends with the commit. A second pass, of the ' +
      'same process into another table, is the warm one.',
    peers: ['paimon'],
    usualPeers: ['paimon'],
    goals: [{ kind: 'ratio', figure: 'firstWallMs', peer: 'paimon', atLeast: 4 }],
    open: async tables => {
      const { warehouse } = tables;
      return writing(tables, names => ({ job: 'write', warehouse, tables: names, rows: baseRowCount, options }));
    },
  },
];

export const writeJsonComparisons: readonly Comparison[] = [
  {
    name: 'write-json',
    what:
      '1M lines {"op":"+I","row":{…}} of a file into an empty table, one commit, write-only; reading and parsing them is inside. Paimon has ' +
      'no such reader: its side parses lines with the Jackson that it carries. Two passes as in write.',
    peers: ['paimon'],
    usualPeers: ['paimon'],
    goals: [{ kind: 'ratio', figure: 'firstWallMs', peer: 'paimon', atLeast: 2 }],
    roundsInAll: 2,
    async open(tables) {
      const { warehouse } = tables;
      const input = await tables.lines();
      return writing(tables, names => ({
        ...{ job: 'write-lines', warehouse, tables: names, rows: baseRowCount, options, input },
      }));
    },
  },
];

export const commitComparisons: readonly Comparison[] = [
  {
    name: 'commit',
    what: `${commitCount} commits of one row each into an empty table by one writer, write-only; the medians of the first one on. Ours are durable (fsync).`,
    peers: ['paimon'],
    usualPeers: ['paimon'],
    goals: [{ kind: 'ratio', figure: 'commitP50Ms', peer: 'paimon', atLeast: 2 }],
    async open(tables) {
      const expected = new CheckSum();
      for (const batch of workBatches(baseRange(0, commitCount))) expected.addColumns(batch.columns, batch.rowCount);
      return {
        job: async () => ({
          ...{ job: 'commits', warehouse: tables.warehouse, table: tables.freshName(), count: commitCount, options },
        }),
        async check(_turn, job) {
          if (job.job !== 'commits') return;
          await checkFiles(job, { rowCount: expected.rowCount, sum: expected.sum });
          tables.remove(job);
        },
      };
    },
  },
];
