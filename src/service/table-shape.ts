/** What the compiler knows of a table: the types of its rows. */
import type { RowBatch } from '../types/row-batch.ts';
import type { RowKind } from '../types/row-kind.ts';
import type { UserRow } from '../types/user-row.ts';
import { userRows } from '../types/user-rows.ts';
import type { Columns, RowInputOf, RowOf } from './column-types.ts';

export type TableShape = {
  /** As reads give it. */
  readonly row: object;
  /** As writers take it. */
  readonly input: object;
  /** The columns of the primary key. */
  readonly key: object;
};

/** Of a table opened by name alone. */
export type AnyShape = {
  readonly row: Record<string, unknown>;
  readonly input: UserRow;
  readonly key: UserRow;
};

export type ShapeOf<C extends Columns, K extends keyof C> = {
  readonly row: RowOf<C>;
  readonly input: RowInputOf<C>;
  readonly key: { readonly [N in K]: N extends keyof RowInputOf<C> ? RowInputOf<C>[N] : never };
};

/** A change of a row. */
export type RowChange<Row> = {
  /** `+I` and `+U` put the row there, `-U` and `-D` take it away. */
  readonly kind: RowKind;
  readonly row: Row;
};

/**
 * The rows of a batch as the shape has them. That columns and shape belong together was checked when the table was opened
 * or made, or, for results of SQL, is the caller's word.
 */
export function rowsAs<Row extends object>(batch: RowBatch): (row: number) => Row {
  return userRows(batch) as (row: number) => Row;
}

/** The other way: what the compiler has let through is checked value by value by whoever takes it. */
export function asUserRow(row: object): UserRow {
  return row as UserRow;
}

/** As `asUserRow`, for many. */
export function asUserRows(rows: Iterable<object> | AsyncIterable<object>): Iterable<UserRow> | AsyncIterable<UserRow> {
  return rows as Iterable<UserRow> | AsyncIterable<UserRow>;
}
