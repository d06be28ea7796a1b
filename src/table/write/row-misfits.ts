/**
 * Rows that a table does not take: a null where none may be, a delete that could never be merged. They are found at the
 * door, row by row, since one of them in a file would make the table unreadable.
 */
import type { TableSchema } from '../../format/table-schema.ts';
import { type Column, isValid, type RowBatch } from '../../types/row-batch.ts';
import { isAdd, rowKindByte } from '../../types/row-kind.ts';
import { mergeOptionsOf } from '../merge-spec.ts';

export type MisfitReason = 'null-value' | 'not-appendable' | 'row-kind' | 'delete-not-merged';

export type Misfit = { readonly reason: MisfitReason; readonly detail: string };

/** What is wrong with which rows; a row that only its key is asked of, one that goes, may have nulls everywhere else. */
export function findMisfits(
  schema: TableSchema,
  { rows, kinds }: { readonly rows: RowBatch; readonly kinds: Int8Array },
): Map<number, Misfit> {
  const misfits = new Map<number, Misfit>();
  for (const [index, field] of schema.fields.entries()) {
    const column = rows.columns[index];
    if (column === undefined || field.type.nullable || column.nullCount === 0) continue;
    const isKey = schema.primaryKeys.includes(field.name);
    const misfit: Misfit = { reason: 'null-value', detail: `column \`${field.name}\` is NOT NULL` };
    for (const row of nullRows(column)) if (isKey || isAdd(kinds[row] ?? 0)) misfits.set(row, misfit);
  }
  if (kinds.every(isAdd)) return misfits;
  for (const kind of [rowKindByte['-U'], rowKindByte['-D']]) {
    const misfit = misfitOfDelete(schema, kind);
    if (misfit === undefined) continue;
    for (const [row, found] of kinds.entries()) if (found === kind) misfits.set(row, misfit);
  }
  return misfits;
}

function* nullRows(column: Column): Generator<number> {
  for (let row = 0; row < column.length; row += 1) if (!isValid(column, row)) yield row;
}

/** Why a table has no use for rows of the kind, -U or -D, if it has none. */
export function misfitOfDelete(schema: TableSchema, kind: number): Misfit | undefined {
  if (schema.primaryKeys.length === 0) {
    return { reason: 'not-appendable', detail: 'the table has no primary key: it takes +I rows only' };
  }
  const why = whyNotMerged(schema, kind);
  return why === undefined ? undefined : { reason: 'delete-not-merged', detail: why };
}

function whyNotMerged(schema: TableSchema, kind: number): string | undefined {
  const { engine } = mergeOptionsOf(schema);
  switch (engine.kind) {
    case 'deduplicate':
      return undefined;
    case 'first-row':
      return 'merge-engine=first-row keeps the first row of a key and takes no -U and -D rows; ignore-delete has them passed over';
    case 'partial-update':
      if (engine.removesOnDelete || engine.groups.length > 0) return undefined;
      return (
        'merge-engine=partial-update takes no -U and -D rows as it is set: ignore-delete has them passed over, ' +
        'partial-update.remove-record-on-delete takes the row away, sequence groups retract columns'
      );
    case 'aggregation': {
      if (engine.removesOnDelete && kind === rowKindByte['-D']) return undefined;
      const stuck = [...engine.aggregates].find(([, of]) => !of.ignoresRetract && !retractable.has(of.name));
      if (stuck === undefined) return undefined;
      const [column, { name }] = stuck;
      return `aggregate function ${name} of column \`${column}\` can't take the value of a -U or -D row back; fields.${column}.ignore-retract has them passed over`;
    }
  }
}

const retractable: ReadonlySet<string> = new Set([
  'sum',
  'product',
  'last_value',
  'last_non_null_value',
  'collect',
  'merge_map',
  'nested_update',
]);
