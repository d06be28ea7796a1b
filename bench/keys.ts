/**
 * Sorting of rows by keys of several kinds, in memory: the order alone, then the whole flush of a write buffer. Milliseconds
 * of CPU, the least of several turns. Run: `npm run bench -- keys [KEY]`.
 */
import { seededRandom } from '../src/base/random.ts';
import { deduplicate } from '../src/format/merge-options.ts';
import { keyLayout, keysOf } from '../src/lsm/key-order.ts';
import { rowNumbers, sortByKey } from '../src/lsm/key-sort.ts';
import { sortAndMerge } from '../src/lsm/sort-merge.ts';
import { buildBatch } from '../src/types/column-builder.ts';
import type { DataType, RowType } from '../src/types/data-type.ts';
import type { Scalar } from '../src/types/scalar.ts';

const rowCount = 1_000_000;
const turns = 5;

const text: DataType = { kind: 'varchar', length: 100, nullable: false };
const int: DataType = { kind: 'int', nullable: false };
const bigint: DataType = { kind: 'bigint', nullable: false };

type KeyCase = { readonly types: readonly DataType[]; readonly keyOf: (n: number) => readonly Scalar[] };

const padded = (n: number, length: number): string => String(n).padStart(length, '0');
const hex = (n: number): string => Math.imul(n, 0x9e37_79b1).toString(16).replace('-', 'f').padStart(9, '0');

/** Each of a number below `rowCount`, another for each number. */
const cases: Readonly<Record<string, KeyCase>> = {
  bigint: { types: [bigint], keyOf: n => [BigInt(n)] },
  'string, common prefix': { types: [text], keyOf: n => [`customer-${padded(n, 8)}`] },
  'string, random': { types: [text], keyOf: n => [hex(n) + padded(n, 7)] },
  'string, other after 16 bytes': { types: [text], keyOf: n => [`tenant-${padded(n % 9, 9)}-${padded(n, 8)}`] },
  'string, int': { types: [text, int], keyOf: n => [`category-${padded(n % 1000, 7)}`, n] },
  'int, int, string': { types: [int, int, text], keyOf: n => [n % 50, n % 7919, `user-${padded(n, 8)}`] },
  'bigint, bigint': { types: [bigint, bigint], keyOf: n => [BigInt(n % 1000), BigInt(n)] },
  'decimal(20,2)': {
    types: [{ kind: 'decimal', precision: 20, scale: 2, nullable: false }],
    keyOf: n => [BigInt(n) * 997n],
  },
  'timestamp(9)': {
    types: [{ kind: 'timestamp', precision: 9, nullable: false }],
    keyOf: n => [1_700_000_000_000_000_000n + BigInt(n) * 1_234_567n],
  },
  double: { types: [{ kind: 'double', nullable: false }], keyOf: n => [n / 7] },
};

function cpuMs(work: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < turns; turn += 1) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return Math.round(least);
}

function run(name: string, { types, keyOf }: KeyCase): void {
  const keyNames = types.map((_, index) => `k${index}`);
  const rowType: RowType = {
    fields: [...types, int].map((type, id) => ({
      ...{ id, type, name: keyNames[id] ?? 'v' },
      ...{ description: undefined, defaultValue: undefined },
    })),
  };
  const random = seededRandom(7);
  const rows = Array.from({ length: rowCount }, (_, row) => [...keyOf(Math.floor(random.next() * rowCount)), row]);
  const batch = buildBatch(rowType, rows);
  const layout = keyLayout(rowType, keyNames);
  const keysMs = cpuMs(() => keysOf(batch, layout));
  const keys = keysOf(batch, layout);
  const sortMs = cpuMs(() => sortByKey(keys, rowNumbers(rowCount)));
  const sequenceNumbers = BigInt64Array.from({ length: rowCount }, (_, row) => BigInt(row));
  const source = { rows: batch, sequenceNumbers, kinds: new Int8Array(rowCount) };
  const flushMs = cpuMs(() => sortAndMerge([source], { keyNames, ...deduplicate, dropDeletes: false }));
  console.log(JSON.stringify({ key: name, rows: rowCount, keysMs, sortMs, flushMs }));
}

const [, , , only] = process.argv;
for (const [name, of] of Object.entries(cases)) if (only === undefined || only === name) run(name, of);
