// Tables whose keys may move between partitions, written by us and by Paimon's own global index in turn: the same rows, in
// the same partitions, as in a table that Paimon wrote alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { playHistory } from './history/play-history.ts';
import type { HistoryStep, Side } from './history/random-history.ts';
import type { HistoryTable } from './history/random-table.ts';
import { type Paimon, startPaimon } from './paimon.ts';

let paimon: Paimon;
let scratch: string;

beforeAll(async () => {
  paimon = await startPaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-crossing-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
});

type Row = readonly [kind: string, p: string | null, q: number, k: number, v: number | null];

function tableOf(options: Readonly<Record<string, string>>): HistoryTable {
  return {
    columns: [
      { name: 'p', type: 'STRING' },
      { name: 'q', type: 'INT' },
      { name: 'k', type: 'INT' },
      { name: 'v', type: 'INT' },
    ],
    primaryKeys: ['q', 'k'],
    partitionKeys: ['p', 'q'],
    options: { bucket: '-1', 'dynamic-bucket.target-row-num': '3', 'file.format': 'parquet', ...options },
    takesDeletes: true,
    isAssociative: true,
    needsCompaction:
      options['merge-engine'] === 'first-row' ||
      options['changelog-producer'] === 'lookup' ||
      options['deletion-vectors.enabled'] === 'true',
    isCompactedByPaimon: true,
  };
}

function write(side: Side, ...rows: readonly Row[]): HistoryStep {
  const changes = rows.map(([kind, p, q, k, v]) => `${kind} ${JSON.stringify({ p, q, k, v })}`);
  return { kind: 'write', side, changes };
}

/** Keys from `first` on in a partition. */
function keys(p: string | null, first: number, count: number, v: number): readonly Row[] {
  return Array.from({ length: count }, (_, index): Row => ['+I', p, 1, first + index, v]);
}

/** Keys are made, move away and back, twice in a commit, and to a partition of null; by either side what the other has made. */
function stepsOf({ deletes }: { readonly deletes: boolean }): readonly HistoryStep[] {
  const gone = (...rows: readonly Row[]): readonly Row[] => (deletes ? rows : []);
  return [
    write('ours', ...keys('a', 0, 8, 1), ['+I', 'a', 2, 0, 1]),
    write('paimon', ...keys('b', 4, 8, 2), ['+I', 'b', 2, 0, 2]),
    write('ours', ...keys('c', 2, 4, 3), ...keys(null, 10, 3, 3), ...gone(['-D', 'c', 1, 6, 3])),
    { kind: 'compact', side: 'ours' },
    write(
      'paimon',
      ...keys('a', 11, 3, 4),
      ...keys('b', 2, 1, 4),
      ...gone(['-D', 'a', 1, 7, 4], ['-D', null, 1, 99, 4]),
    ),
    write('ours', ...keys('a', 0, 3, 5), ...keys('b', 1, 3, 6), ...keys('c', 2, 3, 7), ...keys('b', 6, 2, 8)),
    { kind: 'compact', side: 'paimon' },
    write('paimon', ...keys(null, 0, 14, 9)),
    write('ours', ...keys('d', 3, 14, 10), ...gone(['-D', 'b', 1, 5, 9])),
  ];
}

const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['deduplicate', {}],
  ['deduplicate with an input changelog', { 'changelog-producer': 'input' }],
  [
    'deduplicate with a lookup changelog and deletion vectors',
    { 'changelog-producer': 'lookup', 'deletion-vectors.enabled': 'true' },
  ],
  ['partial-update', { 'merge-engine': 'partial-update' }],
  ['aggregation', { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'sum' }],
  ['first-row', { 'merge-engine': 'first-row' }],
];

test.each(cases)(
  '%s: Paimon and we move keys in turn, and they are where Paimon alone would have them',
  async (_, options) => {
    const deletes = options['merge-engine'] === undefined;
    const history = { seed: 0, table: tableOf(options), steps: stepsOf({ deletes }) };
    expect(await playHistory(paimon, history, mkdtempSync(join(scratch, 'table-')))).toBeUndefined();
  },
);
