/**
 * Columns that a record brings and that the schema it names does not have, or has of a narrower type: what a table would have
 * to become to hold them (RFC 0019). Pure.
 */
import { isLakeError } from '../base/errors.ts';
import { applySchemaChanges, type SchemaChange } from '../catalog/schema-change.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { bucketKeys } from '../format/table-schema.ts';
import { printType } from '../format/type-text.ts';
import { castability, isBinary, isInteger, isText, sameType } from '../types/castability.ts';
import { type DataField, type DataType, withNullable } from '../types/data-type.ts';
import type { LogColumn, LogRecordHeader } from './log-record.ts';

export type ColumnFit =
  | { readonly kind: 'fits' }
  /** What keeps the first such column out, and the changes that would let all of them in. */
  | {
      readonly kind: 'lacks';
      readonly detail: string;
      readonly changes: readonly SchemaChange[];
      readonly widens: boolean;
    }
  /** No change that a table makes by itself lets them in. */
  | { readonly kind: 'cannot'; readonly detail: string };

/** Columns that a table has when it adopts no more: whoever sends rows must not make its schema grow for ever. */
export const adoptedColumnsMax: number = 1_000;

const fits: ColumnFit = { kind: 'fits' };

/** Whether a table has room for what a record brings. */
export function columnFit(schema: TableSchema, { columns }: Pick<LogRecordHeader, 'columns'>): ColumnFit {
  if (columns === undefined) return fits;
  const needed = columns.flatMap(column => neededChange(schema, column, columns));
  const [first] = needed;
  if (first === undefined) return fits;
  const added = needed.filter(({ change }) => change?.kind === 'add-column').length;
  if (added > 0 && schema.fields.length + added > adoptedColumnsMax)
    return {
      kind: 'cannot',
      detail: `${first.detail}; a table adopts no more than ${adoptedColumnsMax} columns in all`,
    };
  const impossible = needed.find(({ change }) => change === undefined);
  if (impossible !== undefined) return { kind: 'cannot', detail: impossible.detail };
  const changes = needed.flatMap(({ change }) => change ?? []);
  try {
    applySchemaChanges(schema, changes, { timeMillis: schema.timeMillis });
  } catch (error) {
    if (!isLakeError(error)) throw error;
    return { kind: 'cannot', detail: `${first.detail}, and can't: ${error.message}` };
  }
  return { kind: 'lacks', detail: first.detail, changes, widens: changes.some(({ kind }) => kind === 'change-type') };
}

/** The changes that let in what can be let in of these records, one after the other. */
export function adoptedChanges(
  schema: TableSchema,
  headers: Iterable<Pick<LogRecordHeader, 'columns'>>,
): readonly SchemaChange[] {
  const all: SchemaChange[] = [];
  let current = schema;
  for (const header of headers) {
    const fit = columnFit(current, header);
    if (fit.kind !== 'lacks') continue;
    all.push(...fit.changes);
    current = applySchemaChanges(current, fit.changes, { timeMillis: schema.timeMillis });
  }
  return all;
}

/**
 * The columns of a record's rows, in order: those of the schema it names, of the types it says, and what it has besides, under
 * the ids that the table has given such columns by now.
 */
export function recordFields(
  named: TableSchema,
  wanted: Pick<TableSchema, 'fields'>,
  { columns = [] }: Pick<LogRecordHeader, 'columns'>,
): readonly DataField[] {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const own = named.fields.map(field => ({ ...field, type: types.get(field.name) ?? field.type }));
  const names = new Set(named.fields.map(({ name }) => name));
  const besides = columns
    .filter(({ name }) => !names.has(name))
    .map(({ name, type }, index): DataField => {
      // An id that no column has: nobody asks for it.
      const id = wanted.fields.find(field => field.name === name)?.id ?? -1 - index;
      return { id, name, type, description: undefined, defaultValue: undefined };
    });
  return [...own, ...besides];
}

/**
 * What keeps a record's columns from being read as the table's: one that it widens, or has besides, has got another name in the
 * table since, or its name is another's there. undefined: nothing.
 */
export function renamedColumn(
  named: TableSchema,
  wanted: Pick<TableSchema, 'fields'>,
  { columns = [] }: Pick<LogRecordHeader, 'columns'>,
): string | undefined {
  for (const { name, type } of columns) {
    const own = named.fields.find(field => field.name === name);
    const now = wanted.fields.find(field => (own === undefined ? field.name === name : field.id === own.id));
    if (now === undefined) continue;
    const isOther = own === undefined && named.fields.some(field => field.id === now.id);
    if (isOther || !isWithin(type, now.type))
      return `it brings column \`${name}\` ${printType(type)}, which by now is \`${now.name}\` ${printType(now.type)}`;
  }
  return undefined;
}

function neededChange(
  schema: TableSchema,
  { name, type }: LogColumn,
  columns: readonly LogColumn[],
): readonly { readonly detail: string; readonly change: SchemaChange | undefined }[] {
  const field = schema.fields.find(candidate => candidate.name === name);
  if (field === undefined) {
    const detail = `it brings column \`${name}\` ${printType(type)}, which the table does not have`;
    // SQL takes no table whose columns differ in case only.
    const isTwin = (other: string): boolean => other !== name && other.toLowerCase() === name.toLowerCase();
    const twin = [...schema.fields, ...columns].find(other => isTwin(other.name));
    if (twin !== undefined) return [{ detail: `${detail}: but for case it is \`${twin.name}\``, change: undefined }];
    return [{ detail, change: { kind: 'add-column', name, type: withNullable(type, true) } }];
  }
  if (isWithin(type, field.type)) return [];
  const detail = `it brings column \`${name}\` as ${printType(type)}, the table has it as ${printType(field.type)}`;
  const isFixed = bucketKeys(schema).includes(name) || !isWithin(field.type, type);
  if (isFixed) return [{ detail, change: undefined }];
  return [{ detail, change: { kind: 'change-type', name, type: withNullable(type, field.type.nullable) } }];
}

/** Whether every value of a type is one of the other, and means the same there: of one family, no narrower. */
export function isWithin(from: DataType, to: DataType): boolean {
  const [a, b] = [withNullable(from, true), withNullable(to, true)];
  if (sameType(a, b)) return true;
  if (castability(a, b) !== 'implicit') return false;
  if (isInteger(a.kind)) return isInteger(b.kind);
  if (a.kind === 'float') return b.kind === 'double';
  if (a.kind === 'varchar') return b.kind === 'varchar' && a.length <= b.length;
  if (a.kind === 'varbinary') return b.kind === 'varbinary' && a.length <= b.length;
  if (isText(a.kind) || isBinary(a.kind)) return false;
  if (a.kind === 'decimal' && b.kind === 'decimal')
    return a.scale <= b.scale && a.precision - a.scale <= b.precision - b.scale;
  return a.kind === b.kind && 'precision' in a && 'precision' in b && a.precision <= b.precision;
}
