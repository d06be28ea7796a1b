/** Random types, values and batches for property tests. */
import fc from 'fast-check';
import { buildBatch } from '../src/types/column-builder.ts';
import { type AtomicType, lengthMax, type RowType } from '../src/types/data-type.ts';
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

export function rowTypeOf(types: readonly AtomicType[]): RowType {
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
export function arbitraryScalar(type: AtomicType): fc.Arbitrary<Scalar> {
  const value = arbitraryValue(type);
  return type.nullable ? fc.option(value, { freq: 4 }) : value;
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
export function arbitraryRows(types: readonly AtomicType[], rowsMax = 40): fc.Arbitrary<Scalar[][]> {
  return fc.array(fc.tuple(...types.map(arbitraryScalar)), { maxLength: rowsMax });
}

/** A batch and the rows it was made of. */
export function arbitraryBatch(
  types: readonly AtomicType[] = sampleTypes,
  rowsMax = 40,
): fc.Arbitrary<{ readonly batch: RowBatch; readonly rows: Scalar[][] }> {
  const rowType = rowTypeOf(types);
  return arbitraryRows(types, rowsMax).map(rows => ({ batch: buildBatch(rowType, rows), rows }));
}
