/**
 * Changes of a table's schema as values, and the next schema that comes of them. Pure; the conditional PUT that makes
 * it so is in `catalog.ts`.
 *
 * @see spec 2.4: Paimon 1.4.2 SchemaManager.generateTableSchema
 */
import { unreachable } from '../base/assert.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { type DataField, type DataType, withNullable } from '../types/data-type.ts';
import {
  addedField,
  changedType,
  editNested,
  fieldOf,
  type NestedEdit,
  refusedChange as refused,
} from './nested-change.ts';
import { assignFieldIds } from './nested-type.ts';
import { whyFixed } from './option-change.ts';
import { checkColumnName, validateSchema } from './table-definition.ts';

/** `path`: steps from the column to what is within it (`nested-change.ts`); none: the column itself. */
type Place = { readonly name: string; readonly path?: readonly string[] | undefined };

export type SchemaChange =
  | (Place & {
      readonly kind: 'add-column';
      readonly type: DataType;
      readonly comment?: string | undefined;
      readonly position?: ColumnPosition | undefined;
    })
  | (Place & { readonly kind: 'drop-column' })
  | (Place & { readonly kind: 'rename-column'; readonly newName: string })
  | (Place & { readonly kind: 'change-type'; readonly type: DataType })
  | (Place & { readonly kind: 'change-nullability'; readonly nullable: boolean })
  | (Place & { readonly kind: 'change-comment'; readonly comment: string | undefined })
  /** Of columns only: within them nothing is filled in. */
  | { readonly kind: 'change-default'; readonly name: string; readonly value: string }
  | { readonly kind: 'move-column'; readonly name: string; readonly position: ColumnPosition }
  | { readonly kind: 'set-option'; readonly key: string; readonly value: string }
  | { readonly kind: 'remove-option'; readonly key: string }
  | { readonly kind: 'set-table-comment'; readonly comment: string | undefined };

export type ColumnPosition =
  | { readonly kind: 'first' | 'last' }
  | { readonly kind: 'after' | 'before'; readonly column: string };

/** @throws LakeError `invalid` LAKE_BAD_SCHEMA_CHANGE, naming the change and the rule it breaks */
export function applySchemaChanges(
  schema: TableSchema,
  changes: readonly SchemaChange[],
  settings: { readonly timeMillis: number },
): TableSchema {
  const next = changes.reduce(applyChange, schema);
  const result = { ...next, id: schema.id + 1, timeMillis: settings.timeMillis };
  validateSchema(result);
  return result;
}

function applyChange(schema: TableSchema, change: SchemaChange): TableSchema {
  const path = 'path' in change ? (change.path ?? []) : [];
  if (path.length > 0) return changeWithin(schema, change, path);
  switch (change.kind) {
    case 'add-column':
      return addColumn(schema, change);
    case 'drop-column':
      return dropColumn(schema, change.name);
    case 'rename-column':
      return renameColumn(schema, change);
    case 'change-type':
      return changeType(schema, change);
    case 'change-nullability':
      return changeNullability(schema, change);
    case 'change-comment':
      return mapField(schema, change.name, field => ({ ...field, description: change.comment }));
    case 'change-default':
      return mapField(schema, change.name, field => ({ ...field, defaultValue: change.value }));
    case 'move-column':
      return moveColumn(schema, change);
    case 'set-option':
      return setOption(schema, change.key, change.value);
    case 'remove-option':
      return setOption(schema, change.key, undefined);
    case 'set-table-comment':
      return { ...schema, comment: change.comment };
    default:
      return unreachable(change);
  }
}

function addColumn(schema: TableSchema, change: SchemaChange & { kind: 'add-column' }): TableSchema {
  checkColumnName(change.name);
  if (schema.fields.some(field => field.name === change.name))
    throw refused(`column \`${change.name}\` is already there`);
  if (!change.type.nullable) {
    throw refused(`a new column must be nullable, since rows written before have no value for \`${change.name}\``);
  }
  const { field, highestFieldId } = newField(schema, change.name, change);
  const fields = addedField(schema.fields, field, change.position ?? { kind: 'last' });
  return { ...schema, fields, highestFieldId };
}

/** A field with the next ids. */
function newField(
  schema: TableSchema,
  name: string,
  { type, comment }: { readonly type: DataType; readonly comment?: string | undefined },
): { readonly field: DataField; readonly highestFieldId: number } {
  let highestFieldId = schema.highestFieldId;
  const nextId = (): number => {
    highestFieldId += 1;
    return highestFieldId;
  };
  const id = nextId();
  const field = { id, name, type: assignFieldIds(type, nextId), description: comment, defaultValue: undefined };
  return { field, highestFieldId };
}

function dropColumn(schema: TableSchema, name: string): TableSchema {
  existing(schema, name);
  if (isKey(schema, name)) throw refused(`column \`${name}\` is a primary or partition key and can't be dropped`);
  if (schema.fields.length === 1) throw refused(`column \`${name}\` is the last one`);
  const user = optionUsing(schema, name);
  if (user !== undefined) throw refused(`column \`${name}\` is used by the option ${user}`);
  return { ...schema, fields: schema.fields.filter(field => field.name !== name) };
}

function renameColumn(schema: TableSchema, change: SchemaChange & { kind: 'rename-column' }): TableSchema {
  const { name, newName } = change;
  existing(schema, name);
  checkColumnName(newName);
  if (schema.partitionKeys.includes(name)) throw refused(`partition key \`${name}\` can't be renamed`);
  if (schema.fields.some(field => field.name === newName)) throw refused(`column \`${newName}\` is already there`);
  const renamed = mapField(schema, name, field => ({ ...field, name: newName }));
  const options = Object.fromEntries(
    Object.entries(schema.options).map(([key, value]) => renameInOption(key, value, name, newName)),
  );
  return { ...renamed, primaryKeys: schema.primaryKeys.map(key => (key === name ? newName : key)), options };
}

function changeType(schema: TableSchema, change: SchemaChange & { kind: 'change-type' }): TableSchema {
  const field = existing(schema, change.name);
  if (isKey(schema, change.name)) throw refused(`the type of key column \`${change.name}\` can't be changed`);
  const type = changedType(field.type, change.type, { ...typeRules(schema), where: change.name });
  return mapField(schema, change.name, current => ({ ...current, type }));
}

function typeRules(schema: TableSchema): { readonly explicitOff: boolean } {
  return { explicitOff: schema.options['disable-explicit-type-casting'] === 'true' };
}

function changeNullability(schema: TableSchema, change: SchemaChange & { kind: 'change-nullability' }): TableSchema {
  existing(schema, change.name);
  if (schema.primaryKeys.includes(change.name)) throw refused(`primary key \`${change.name}\` is always NOT NULL`);
  checkNullability(schema, change.nullable, change.name);
  return mapField(schema, change.name, field => ({ ...field, type: withNullable(field.type, change.nullable) }));
}

function checkNullability(schema: TableSchema, nullable: boolean, where: string): void {
  if (!nullable && schema.options['alter-column-null-to-not-null.disabled'] !== 'false') {
    throw refused(`column \`${where}\` may hold nulls already, so it can't become NOT NULL`);
  }
}

type NestedChange = Extract<SchemaChange, { readonly path?: readonly string[] | undefined }>;

/** As the changes of columns, for what is within one. */
function changeWithin(schema: TableSchema, change: SchemaChange, path: readonly string[]): TableSchema {
  if (!('path' in change)) return schema;
  let highestFieldId = schema.highestFieldId;
  const taken = (id: number): void => {
    highestFieldId = id;
  };
  const edit = nestedEdit(schema, change, taken);
  const fields = mapField(schema, change.name, field => editNested(field, path, edit)).fields;
  return { ...schema, fields, highestFieldId };
}

function nestedEdit(schema: TableSchema, change: NestedChange, taken: (highestFieldId: number) => void): NestedEdit {
  switch (change.kind) {
    case 'add-column':
      return {
        fields: (fields, name, where) => {
          if (!change.type.nullable) throw refused(`a new field must be nullable: \`${where}.${name}\``);
          checkFreeField(fields, name, where);
          const { field, highestFieldId } = newField(schema, name, change);
          taken(highestFieldId);
          return addedField(fields, field, change.position ?? { kind: 'last' });
        },
      };
    case 'drop-column':
      return {
        fields: (fields, name, where) => {
          fieldOf(fields, name, where);
          const user = schema.options[`fields.${change.name}.nested-key`];
          if (user !== undefined && splitList(user).includes(name)) {
            throw refused(`field \`${where}.${name}\` is used by the option fields.${change.name}.nested-key`);
          }
          if (fields.length === 1) throw refused(`field \`${name}\` is the last one of \`${where}\``);
          return fields.filter(field => field.name !== name);
        },
      };
    case 'rename-column':
      return {
        fields: (fields, name, where) => {
          fieldOf(fields, name, where);
          checkFreeField(fields, change.newName, where);
          return fields.map(field => (field.name === name ? { ...field, name: change.newName } : field));
        },
      };
    case 'change-type':
      return ofType((type, where) => changedType(type, change.type, { ...typeRules(schema), where }));
    case 'change-nullability':
      return ofType((type, where) => {
        if (type.nullable) checkNullability(schema, change.nullable, where);
        return withNullable(type, change.nullable);
      });
    case 'change-comment':
      return {
        fields: (fields, name, where) => {
          fieldOf(fields, name, where);
          return fields.map(field => (field.name === name ? { ...field, description: change.comment } : field));
        },
      };
    default:
      return unreachable(change);
  }
}

/** An edit of a type, be it a field's or that of elements. */
function ofType(inner: (type: DataType, where: string) => DataType): NestedEdit {
  return {
    fields: (fields, name, where) => {
      const type = inner(fieldOf(fields, name, where).type, `${where}.${name}`);
      return fields.map(field => (field.name === name ? { ...field, type } : field));
    },
    inner,
  };
}

function checkFreeField(fields: readonly DataField[], name: string, where: string): void {
  if (fields.some(field => field.name === name)) throw refused(`field \`${where}.${name}\` is already there`);
}

function moveColumn(schema: TableSchema, change: SchemaChange & { kind: 'move-column' }): TableSchema {
  const field = existing(schema, change.name);
  if ('column' in change.position && change.position.column === change.name) {
    throw refused(`column \`${change.name}\` can't be moved next to itself`);
  }
  const others = schema.fields.filter(other => other.name !== change.name);
  return { ...schema, fields: addedField(others, field, change.position) };
}

function setOption(schema: TableSchema, key: string, value: string | undefined): TableSchema {
  const current = schema.options[key];
  if (current === value) return schema;
  const why = whyFixed(schema.options, key, value);
  if (why !== undefined) throw refused(why);
  const { [key]: _, ...rest } = schema.options;
  return { ...schema, options: value === undefined ? rest : { ...rest, [key]: value } };
}

function existing(schema: TableSchema, name: string): DataField {
  const field = schema.fields.find(candidate => candidate.name === name);
  if (field !== undefined) return field;
  throw refused(`column \`${name}\` is not there; the table has ${schema.fields.map(f => f.name).join(', ')}`);
}

function mapField(schema: TableSchema, name: string, change: (field: DataField) => DataField): TableSchema {
  existing(schema, name);
  return { ...schema, fields: schema.fields.map(field => (field.name === name ? change(field) : field)) };
}

function isKey(schema: TableSchema, name: string): boolean {
  return schema.primaryKeys.includes(name) || schema.partitionKeys.includes(name);
}

/** Options whose value is a list of columns. */
const columnListOptions: readonly string[] = [
  'bucket-key',
  'sequence.field',
  'rowkind.field',
  'record-level.time-field',
  'partial-update.remove-record-on-sequence-group',
];

/** `fields.a,b.sequence-group`, whose value is a list of columns as well. */
const groupSuffix = '.sequence-group';

function optionUsing(schema: TableSchema, name: string): string | undefined {
  return Object.entries(schema.options).find(
    ([key, value]) => (hasColumnList(key) && splitList(value).includes(name)) || columnsOfKey(key).includes(name),
  )?.[0];
}

function renameInOption(key: string, value: string, name: string, newName: string): readonly [string, string] {
  const renamed = (names: readonly string[]): string => names.map(part => (part === name ? newName : part)).join(',');
  const columns = columnsOfKey(key);
  const newKey = columns.includes(name)
    ? `fields.${renamed(columns)}${key.slice(`fields.${columns.join(',')}`.length)}`
    : key;
  return [newKey, hasColumnList(key) && splitList(value).includes(name) ? renamed(splitList(value)) : value];
}

function hasColumnList(key: string): boolean {
  return columnListOptions.includes(key) || (key.startsWith('fields.') && key.endsWith(groupSuffix));
}

/** The columns that an option `fields.a,b.x` is about. */
function columnsOfKey(key: string): readonly string[] {
  const [prefix, columns, ...rest] = key.split('.');
  return prefix === 'fields' && columns !== undefined && rest.length > 0 ? columns.split(',') : [];
}

function splitList(value: string): readonly string[] {
  return value.split(',').map(part => part.trim());
}
