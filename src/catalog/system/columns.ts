/** Columns of system tables, shortly said. */
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import { lengthMax } from '../../types/data-type.ts';

export const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
export const bigint: DataType = { kind: 'bigint', nullable: true };
export const int: DataType = { kind: 'int', nullable: true };
export const boolean: DataType = { kind: 'boolean', nullable: true };
export const millis: DataType = { kind: 'timestamp', precision: 3, nullable: true };

export function required<T extends DataType>(type: T): T {
  return { ...type, nullable: false };
}

/** Ids count from 0, in the order given. */
export function rowTypeOf(columns: Readonly<Record<string, DataType>>): RowType {
  const fields = Object.entries(columns).map(
    ([name, type], id): DataField => ({ id, name, type, description: undefined, defaultValue: undefined }),
  );
  return { fields };
}

/** A time in milliseconds as a scalar of TIMESTAMP(3). */
export function timestampOf(timeMs: number): bigint {
  return BigInt(timeMs) * 1_000_000n;
}
