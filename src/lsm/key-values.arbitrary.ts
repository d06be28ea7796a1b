/** Test data of this room: types, keys, batches and runs for property tests, and the model they are held against. */
import fc from 'fast-check';
import { present } from '../base/assert.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import { compareKeys } from '../types/compare.ts';
import type { AtomicType, RowType } from '../types/data-type.ts';
import { type KeyValueBatch, sliceBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';

/** Key columns k0, k1 … and a value column v. */
export type KeyShape = { readonly keyTypes: readonly AtomicType[]; readonly rowType: RowType };

export type Entry = {
  readonly key: readonly Scalar[];
  readonly sequence: bigint;
  readonly kind: number;
  readonly value: number;
};

export function keyShape(keyTypes: readonly AtomicType[]): KeyShape {
  const types = [...keyTypes.map((type, i) => ({ name: `k${i}`, type })), { name: 'v', type: intType }];
  const fields = types.map(({ name, type }, id) => ({
    id,
    name,
    type,
    description: undefined,
    defaultValue: undefined,
  }));
  return { keyTypes, rowType: { fields } };
}

const intType: AtomicType = { kind: 'int', nullable: true };

export function keyNames(shape: KeyShape): string[] {
  return shape.keyTypes.map((_, i) => `k${i}`);
}

const int = (bits: number): fc.Arbitrary<number> => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const bigints = (max: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min: -max - 1n, max }),
    fc.bigInt({ min: -300n, max: 300n }),
    // Around 2^53, where doubles begin to skip integers.
    fc.bigInt({ min: -3n, max: 3n }).map(near => clamp(2n ** 53n + near, max)),
    fc.bigInt({ min: -3n, max: 3n }).map(near => clamp(-(2n ** 53n) + near, max)),
    fc.bigInt({ min: 0n, max: 3n }).map(near => max - near),
  );
const clamp = (value: bigint, max: bigint): bigint => (value > max ? max : value < -max ? -max : value);
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('\0', 'a', 'b', 'ÿ', '\u{10ffff}', '\uffff'), maxLength: 9 }),
  fc.nat(40).map(n => `customer-with-a-long-common-prefix-${n}`),
);
const byteStrings = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 9 }).map(bytes => Uint8Array.from(bytes)),
);

/** Values of a type, with many near each other and at the edges. */
export function scalars(type: AtomicType): fc.Arbitrary<Scalar> {
  const values = presentScalars(type);
  return type.nullable ? fc.option(values, { freq: 6 }) : values;
}

function presentScalars(type: AtomicType): fc.Arbitrary<Scalar> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean();
    case 'tinyint':
      return int(8);
    case 'smallint':
      return int(16);
    case 'int':
    case 'date':
      return fc.oneof(int(32), fc.integer({ min: -9, max: 9 }));
    case 'time':
      return fc.integer({ min: 0, max: 86_399_999 });
    case 'bigint':
      return bigints(2n ** 63n - 1n);
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'decimal':
      return bigints(10n ** BigInt(type.precision) - 1n).map(value => clamp(value, 10n ** BigInt(type.precision) - 1n));
    case 'char':
    case 'varchar':
      return texts;
    case 'binary':
    case 'varbinary':
      return byteStrings;
    case 'timestamp':
    case 'timestamp-ltz': {
      const unit = type.precision <= 3 ? 1_000_000n : type.precision <= 6 ? 1000n : 1n;
      return bigints(2n ** 62n / unit).map(value => value * unit);
    }
  }
}

const atomicTypes: fc.Arbitrary<AtomicType> = fc
  .record({
    nullable: fc.boolean(),
    of: fc.oneof(
      fc.constantFrom(
        ...(['boolean', 'tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'date'] as const).map(kind => ({
          kind,
        })),
      ),
      fc.nat(9).map(precision => ({ kind: 'time' as const, precision })),
      fc.record({ kind: fc.constantFrom('timestamp' as const, 'timestamp-ltz' as const), precision: fc.nat(9) }),
      fc.integer({ min: 1, max: 38 }).map(precision => ({ kind: 'decimal' as const, precision, scale: 0 })),
      fc.constantFrom('char' as const, 'varchar' as const).map(kind => ({ kind, length: 100 })),
      fc.constantFrom('binary' as const, 'varbinary' as const).map(kind => ({ kind, length: 100 })),
    ),
  })
  .map(({ nullable, of }) => ({ ...of, nullable }));

/** Keys of one to three columns of any atomic types. */
export const keyShapes: fc.Arbitrary<KeyShape> = fc
  .array(atomicTypes, { minLength: 1, maxLength: 3 })
  .map(types => keyShape(types));

export function keysOfShape(shape: KeyShape): fc.Arbitrary<Scalar[]> {
  return fc.tuple(...shape.keyTypes.map(scalars));
}

export function compareEntryKeys(shape: KeyShape, a: readonly Scalar[], b: readonly Scalar[]): number {
  return compareKeys(shape.keyTypes, a, b);
}

export function batchOf(shape: KeyShape, entries: readonly Entry[]): KeyValueBatch {
  const rows = buildBatch(
    shape.rowType,
    entries.map(entry => [...entry.key, entry.value]),
  );
  const kinds = Int8Array.from(entries, entry => entry.kind);
  return { rows, sequenceNumbers: BigInt64Array.from(entries, entry => entry.sequence), kinds };
}

export function entriesOf(batch: KeyValueBatch): Entry[] {
  return rowsOf(batch.rows).map((row, i) => ({
    key: row.slice(0, -1),
    sequence: present(batch.sequenceNumbers[i], 'sequence number'),
    kind: present(batch.kinds[i], 'kind'),
    value: Number(row.at(-1)),
  }));
}

/** The batch in pieces of these sizes, over and over; size 0 gives an empty batch. */
export async function* inPieces(batch: KeyValueBatch, sizes: readonly number[]): AsyncGenerator<KeyValueBatch> {
  const { rowCount } = batch.rows;
  let start = 0;
  for (let turn = 0; start < rowCount; turn += 1) {
    // One more every second turn, so that sizes of 0 come to an end.
    const end = Math.min(rowCount, start + (sizes[turn % sizes.length] ?? 0) + (turn % 2));
    // Copies, as real batches have buffers of their own.
    const sequenceNumbers = batch.sequenceNumbers.slice(start, end);
    yield { rows: sliceBatch(batch.rows, start, end), sequenceNumbers, kinds: batch.kinds.slice(start, end) };
    start = end;
  }
}

/**
 * The model of deduplicate: of each key, the entry with the largest sequence number, the last of equal ones.
 *
 * @param entries in the order in which equal sequence numbers count
 */
export function deduplicated(
  shape: KeyShape,
  entries: readonly Entry[],
  options: { readonly dropDeletes: boolean },
): Entry[] {
  const winners = new Map<string, Entry>();
  for (const entry of entries) {
    const name = keyText(entry.key);
    const winner = winners.get(name);
    if (winner === undefined || entry.sequence >= winner.sequence) winners.set(name, entry);
  }
  return [...winners.values()]
    .filter(entry => !options.dropDeletes || entry.kind === 0 || entry.kind === 2)
    .toSorted((a, b) => compareEntryKeys(shape, a.key, b.key));
}

/** A text that two keys have in common only when they are equal. Zeros are one key in the last column. */
function keyText(key: readonly Scalar[]): string {
  const last = key.length - 1;
  return key
    .map((value, index) => (Object.is(value, -0) && index < last ? '-0' : `${typeof value} ${String(value)}`))
    .join('|');
}
