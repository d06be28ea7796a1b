/** How writers take the rows of a caller: what may be left out, and what a row does. */
import { invalid } from '../base/errors.ts';
import type { TableSchema } from '../format/table-schema.ts';
import type { Table } from '../table/table.ts';
import { withNullable } from '../types/data-type.ts';
import { type RowKind, rowKindByte } from '../types/row-kind.ts';
import { type UserRowReader, userRowReader } from '../types/user-row.ts';

/** Of whole rows: a column with a default may be left out. */
export function inputReader({ fields }: TableSchema): UserRowReader {
  return userRowReader({
    fields: fields.map(field =>
      field.defaultValue === undefined ? field : { ...field, type: withNullable(field.type, true) },
    ),
  });
}

/** Of rows that go: the key is enough. */
export function keyReader({ fields, primaryKeys }: TableSchema): UserRowReader {
  return userRowReader({
    fields: fields.map(field =>
      primaryKeys.includes(field.name) ? field : { ...field, type: withNullable(field.type, true) },
    ),
  });
}

/**
 * A kind for each row.
 *
 * @throws LakeError `invalid` LAKE_BAD_BATCH, LAKE_NO_PRIMARY_KEY
 */
export function kindsOf({ schema, label }: Table, kind: RowKind | readonly RowKind[], rowCount: number): Int8Array {
  const kinds =
    typeof kind === 'string'
      ? new Int8Array(rowCount).fill(rowKindByte[kind])
      : Int8Array.from(kind, each => rowKindByte[each]);
  if (kinds.length !== rowCount)
    throw invalid('LAKE_BAD_BATCH', `${label}: ${kinds.length} kinds for ${rowCount} rows`);
  const takesAway = kinds.some(byte => byte === rowKindByte['-U'] || byte === rowKindByte['-D']);
  if (takesAway && schema.primaryKeys.length === 0) {
    throw invalid('LAKE_NO_PRIMARY_KEY', `${label} has no primary key: it takes +I rows only`);
  }
  return kinds;
}

/** The same error, which says of which table it is. */
export function inTable({ label }: Table, error: Error & { readonly code: `LAKE_${string}` }): Error {
  return invalid(error.code, `${label}: ${error.message}`, { cause: error });
}
