/** Random types, values and batches for property tests. */
import fc from 'fast-check';
import { buildBatch } from '../src/types/column-builder.ts';
import { type AtomicType, type DataType, isAtomic, lengthMax, type RowType } from '../src/types/data-type.ts';
import type { RowBatch } from '../src/types/row-batch.ts';
import type { Scalar } from '../src/types/scalar.ts';

/** One type of each kind and physical layout, all nullable. */
export const sampleTypes: readonly AtomicType[] = [
  { kind: 'boolean', nullable: true },
  { kind: 'tinyint', nullable: true },
  { kind: 'smallint', nullable: true },
  { kind: 'int', nullable: true },
  { kind: 'bigint', nullable: true },
  { kind: 'float', nullable: true },
  { kind: 'double', nullable: true },
  { kind: 'decimal', precision: 9, scale: 2, nullable: true },
  { kind: 'decimal', precision: 18, scale: 0, nullable: true },
  { kind: 'decimal', precision: 38, scale: 18, nullable: true },
  { kind: 'char', length: 8, nullable: true },
  { kind: 'varchar', length: lengthMax, nullable: true },
  { kind: 'binary', length: 4, nullable: true },
  { kind: 'varbinary', length: lengthMax, nullable: true },
  { kind: 'date', nullable: true },
  { kind: 'time', precision: 3, nullable: true },
  { kind: 'timestamp', precision: 0, nullable: true },
  { kind: 'timestamp', precision: 3, nullable: true },
  { kind: 'timestamp', precision: 6, nullable: true },
  { kind: 'timestamp', precision: 9, nullable: true },
  { kind: 'timestamp-ltz', precision: 2, nullable: true },
  { kind: 'timestamp-ltz', precision: 5, nullable: true },
  { kind: 'timestamp-ltz', precision: 7, nullable: true },
];

const int = { kind: 'int', nullable: true } as const;
const text = { kind: 'varchar', length: lengthMax, nullable: true } as const;

function rowOf(fields: readonly (readonly [number, string, DataType])[], nullable = true): DataType {
  const extras = { description: undefined, defaultValue: undefined };
  return { kind: 'row', nullable, fields: fields.map(([id, name, type]) => ({ id, name, type, ...extras })) };
}

function notNull(type: DataType): DataType {
  return { ...type, nullable: false };
}

/** Each nested kind, in each other, with and without nulls at each level. */
export const nestedTypes: readonly DataType[] = [
  { kind: 'array', element: int, nullable: true },
  { kind: 'array', element: notNull(text), nullable: true },
  { kind: 'array', element: { kind: 'boolean', nullable: true }, nullable: true },
  { kind: 'array', element: { kind: 'timestamp', precision: 9, nullable: true }, nullable: true },
  { kind: 'map', key: notNull(text), value: int, nullable: true },
  {
    kind: 'map',
    key: notNull(int),
    value: { kind: 'decimal', precision: 20, scale: 3, nullable: false },
    nullable: true,
  },
  { kind: 'multiset', element: notNull(text), nullable: true },
  rowOf([
    [100, 'x', int],
    [101, 'y', text],
    [102, 'z', { kind: 'bigint', nullable: false }],
  ]),
  // Lists of structs of maps of lists.
  {
    kind: 'array',
    nullable: true,
    element: rowOf([
      [
        103,
        'm',
        { kind: 'map', key: notNull(text), value: { kind: 'array', element: int, nullable: true }, nullable: true },
      ],
      [104, 'd', { kind: 'date', nullable: true }],
    ]),
  },
  { kind: 'array', element: { kind: 'array', element: int, nullable: true }, nullable: true },
  { kind: 'array', element: notNull({ kind: 'array', element: notNull(int), nullable: false }), nullable: true },
  // What must not be null in what may be.
  rowOf([
    [
      105,
      'in',
      rowOf(
        [
          [106, 's', notNull(text)],
          [107, 'a', notNull({ kind: 'array', element: text, nullable: false })],
        ],
        false,
      ),
    ],
    [108, 'ts', { kind: 'timestamp-ltz', precision: 9, nullable: true }],
    [109, 'b', { kind: 'binary', length: 4, nullable: true }],
  ]),
];

export function rowTypeOf(types: readonly DataType[]): RowType {
  return {
    fields: types.map((type, index) => ({
      id: index,
      name: `c${index}`,
      type,
      description: undefined,
      defaultValue: undefined,
    })),
  };
}

/** A scalar of the type, null now and then. */
export function arbitraryScalar(type: DataType): fc.Arbitrary<Scalar> {
  const value = isAtomic(type) ? arbitraryValue(type) : arbitraryNested(type);
  return type.nullable ? fc.option(value, { freq: 4 }) : value;
}

function arbitraryNested(type: DataType): fc.Arbitrary<Scalar> {
  const countOf = fc.integer({ min: 1, max: 9 });
  switch (type.kind) {
    case 'array':
      return fc.array(arbitraryScalar(type.element), { maxLength: 4 });
    case 'map':
      return arbitraryEntries(arbitraryScalar(type.key), arbitraryScalar(type.value));
    case 'multiset':
      return arbitraryEntries(arbitraryScalar(type.element), countOf);
    case 'row':
      return fc.tuple(...type.fields.map(field => arbitraryScalar(field.type)));
    default:
      throw new Error(`no values of ${type.kind}`);
  }
}

function arbitraryEntries(key: fc.Arbitrary<Scalar>, value: fc.Arbitrary<Scalar>): fc.Arbitrary<Scalar> {
  return fc.uniqueArray(fc.tuple(key, value), { maxLength: 4, selector: entry => String(entry[0]) });
}

function arbitraryValue(type: AtomicType): fc.Arbitrary<Scalar> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean();
    case 'tinyint':
      return fc.integer({ min: -128, max: 127 });
    case 'smallint':
      return fc.integer({ min: -32_768, max: 32_767 });
    case 'int':
      return fc.integer();
    case 'bigint':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'float':
      return fc.float();
    case 'double':
      return fc.double();
    case 'decimal': {
      const bound = 10n ** BigInt(type.precision) - 1n;
      return fc.oneof(fc.bigInt({ min: -bound, max: bound }), fc.bigInt({ min: -99n, max: 99n }));
    }
    case 'char':
    case 'varchar':
      return fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 12 }));
    case 'binary':
    case 'varbinary':
      return fc.uint8Array({ maxLength: 40 });
    case 'date':
      return fc.oneof(
        fc.integer({ min: -800_000, max: 3_000_000 }),
        fc.integer({ min: -400_000_000, max: 400_000_000 }),
      );
    case 'time':
      return fc.integer({ min: 0, max: 86_399_999 });
    case 'timestamp':
    case 'timestamp-ltz':
      return arbitraryNanos(type.precision);
  }
}

/** Whole units of the precision, over what the column reaches within years of nine digits. */
function arbitraryNanos(precision: number): fc.Arbitrary<bigint> {
  const unit = 10n ** BigInt(9 - precision);
  const yearsMax = precision >= 4 && precision <= 6 ? 290_000n : 200_000_000n;
  const bound = (yearsMax * 31_556_952n * 1_000_000_000n) / unit;
  const near = (100n * 31_556_952n * 1_000_000_000n) / unit;
  return fc
    .oneof(fc.bigInt({ min: -near, max: near }), fc.bigInt({ min: -bound, max: bound }))
    .map(steps => steps * unit);
}

/** Rows of these types. */
export function arbitraryRows(types: readonly DataType[], rowsMax = 40): fc.Arbitrary<Scalar[][]> {
  return fc.array(fc.tuple(...types.map(arbitraryScalar)), { maxLength: rowsMax });
}

/** A batch and the rows it was made of. */
export function arbitraryBatch(
  types: readonly DataType[] = sampleTypes,
  rowsMax = 40,
): fc.Arbitrary<{ readonly batch: RowBatch; readonly rows: Scalar[][] }> {
  const rowType = rowTypeOf(types);
  return arbitraryRows(types, rowsMax).map(rows => ({ batch: buildBatch(rowType, rows), rows }));
}
