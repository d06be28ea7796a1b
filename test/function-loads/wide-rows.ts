/** Rows of ten columns for work of some size, each told by its key and its turn: 4 BIGINT, 3 STRING, 2 DOUBLE, a timestamp. */
import type { Table } from '../../src/table/table.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { type DataType, lengthMax } from '../../src/types/data-type.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import type { Scalar } from '../../src/types/scalar.ts';

const bigint: DataType = { kind: 'bigint', nullable: true };
const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const double: DataType = { kind: 'double', nullable: true };

export const wideColumns: readonly { readonly name: string; readonly type: DataType }[] = [
  { name: 'id', type: { ...bigint, nullable: false } },
  ...['b1', 'b2', 'b3'].map(name => ({ name, type: bigint })),
  ...['s1', 's2', 's3'].map(name => ({ name, type: text })),
  ...['d1', 'd2'].map(name => ({ name, type: double })),
  { name: 'ts', type: { kind: 'timestamp', precision: 3, nullable: true } },
];

const batchRows = 50_000;

/** Numbers that a compressor has work with. */
function rowOf(id: number, turn: number): readonly Scalar[] {
  let state = (turn * 0x9e3779b9) ^ Math.imul(id, 0x85ebca6b);
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state >>> 8;
  };
  const letters = Array.from({ length: 16 }, () => String.fromCharCode(97 + (next() % 26))).join('');
  return [
    BigInt(id),
    BigInt(next()),
    BigInt(next()) * 1_000n,
    BigInt(id * 7 + (next() % 100)),
    letters,
    `category-${String(next() % 1_000).padStart(7, '0')}`,
    `user-${String(next() % 100_000).padStart(11, '0')}`,
    next() / 2 ** 24,
    (next() % 1_000_000) / 100,
    BigInt(1_700_000_000_000 + next()) * 1_000_000n,
  ];
}

/** Rows of these keys, a batch at a time. */
export function* wideBatches(
  { schema }: Pick<Table, 'schema'>,
  { count, turn, idOf }: { readonly count: number; readonly turn: number; readonly idOf: (index: number) => number },
): Generator<RowBatch> {
  for (let start = 0; start < count; start += batchRows) {
    const rows = Array.from({ length: Math.min(batchRows, count - start) }, (_, at) => rowOf(idOf(start + at), turn));
    yield buildBatch({ fields: schema.fields }, rows);
  }
}
