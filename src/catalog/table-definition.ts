/**
 * What a user says of a table to be, and the first schema that comes of it. Pure.
 *
 * @see spec: Paimon 1.4.2 Schema, SchemaManager.createTable, SchemaValidation
 */
import { invalid } from '../base/errors.ts';
import { refusedAggregates } from '../format/aggregate-options.ts';
import { logNameOf } from '../format/log-name.ts';
import { parseMergeOptions } from '../format/merge-options.ts';
import { checkOptionConflicts } from '../format/option-conflicts.ts';
import { schemaEvolution } from '../format/schema-evolution.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { watermarkMisfit } from '../format/watermark-options.ts';
import { defaultValueOf } from '../table/write/input-rows.ts';
import { type DataField, type DataType, isAtomic, withNullable } from '../types/data-type.ts';
import { assignFieldIds, checkNestedTypes } from './nested-type.ts';

export type ColumnDefinition = {
  readonly name: string;
  /** Ids of nested fields are given anew. */
  readonly type: DataType;
  readonly comment?: string | undefined;
  readonly defaultValue?: string | undefined;
};

export type TableDefinition = {
  readonly columns: readonly ColumnDefinition[];
  readonly primaryKeys: readonly string[];
  readonly partitionKeys: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  readonly comment?: string | undefined;
};

const schemaVersion = 3;
const reservedNames: readonly string[] = ['_SEQUENCE_NUMBER', '_VALUE_KIND', '_LEVEL', 'rowkind', '_ROW_ID'];
const keyPrefix = '_KEY_';
const columnsMax = 10_000;
/** Of a column's name, bytes of UTF-8. */
const columnNameBytesMax = 1_024;
/** Of all options together, keys and values, characters: every reader of the table reads them. */
const optionsLengthMax = 1024 * 1024;
/** Buckets of a primary-key table that names none: enough for one function a shard, few enough for small tables. */
const defaultBucketCount = '4';

/** @param id the schema's number: 0, or the one after a dropped table's last */
export function newTableSchema(
  definition: TableDefinition,
  settings: { readonly id: number; readonly timeMillis: number; readonly extra: Readonly<Record<string, string>> },
): TableSchema {
  const options = { ...definition.options };
  const primaryKeys = takeKeys(definition.primaryKeys, options, 'primary-key');
  const partitionKeys = takeKeys(definition.partitionKeys, options, 'partition');
  let highestFieldId = -1;
  const nextId = (): number => {
    highestFieldId += 1;
    return highestFieldId;
  };
  const fields = definition.columns.map((column): DataField => {
    const id = nextId();
    const type = assignFieldIds(column.type, nextId);
    return {
      id,
      name: column.name,
      type: primaryKeys.includes(column.name) ? withNullable(type, false) : type,
      description: column.comment,
      defaultValue: column.defaultValue,
    };
  });
  // Readers of other programs look at these two; saying them costs nothing and leaves no doubt (spec 16).
  options['bucket'] ??= primaryKeys.length > 0 ? defaultBucketCount : '-1';
  options['file.format'] ??= 'parquet';
  const schema: TableSchema = {
    version: schemaVersion,
    id: settings.id,
    fields,
    highestFieldId,
    partitionKeys,
    primaryKeys,
    options,
    comment: definition.comment,
    timeMillis: settings.timeMillis,
    extra: settings.extra,
  };
  validateSchema(schema);
  return schema;
}

/** The rules every schema keeps, whoever made it. @throws LakeError `invalid` LAKE_BAD_SCHEMA */
export function validateSchema(schema: TableSchema): void {
  if (schema.fields.length === 0) throw badSchema('a table has at least one column');
  if (schema.fields.length > columnsMax) throw badSchema(`a table has at most ${columnsMax} columns`);
  const optionsLength = Object.entries(schema.options).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    0,
  );
  if (optionsLength > optionsLengthMax) throw badSchema(`the options have at most ${optionsLengthMax} characters`);
  checkNestedTypes(schema.fields);
  const names = new Set<string>();
  for (const field of schema.fields) {
    checkColumnName(field.name);
    if (names.has(field.name)) throw badSchema(`column \`${field.name}\` is there twice`);
    names.add(field.name);
  }
  checkKeys(schema, 'primary key', schema.primaryKeys);
  checkKeys(schema, 'partition key', schema.partitionKeys);
  const trimmed = schema.primaryKeys.filter(key => !schema.partitionKeys.includes(key));
  if (schema.primaryKeys.length > 0 && trimmed.length === 0) {
    throw badSchema('the primary key must have a column that is not a partition key');
  }
  checkBucket(schema, trimmed);
  checkMerging(schema);
  checkOptionConflicts(schema);
  schemaEvolution(schema.options);
  logNameOf(schema.options);
  const misfit = watermarkMisfit(schema);
  if (misfit !== undefined) throw badSchema(misfit);
  for (const field of schema.fields) defaultValueOf(field);
}

export function checkColumnName(name: string): void {
  if (name === '') throw badSchema('a column name must not be empty');
  if (name.length > columnNameBytesMax || Buffer.byteLength(name) > columnNameBytesMax) {
    throw badSchema(`a column name has at most ${columnNameBytesMax} bytes`);
  }
  if (!name.isWellFormed() || /\p{Cc}/u.test(name)) {
    throw badSchema(`column name ${JSON.stringify(name)} has control characters or is not well-formed Unicode`);
  }
  if (reservedNames.includes(name) || name.startsWith(keyPrefix))
    throw badSchema(`column name \`${name}\` is reserved`);
}

function checkKeys(schema: TableSchema, what: string, keys: readonly string[]): void {
  if (new Set(keys).size !== keys.length) throw badSchema(`the ${what} names a column twice`);
  for (const key of keys) {
    const field = schema.fields.find(candidate => candidate.name === key);
    if (field === undefined) throw badSchema(`${what} column \`${key}\` is not a column of the table`);
    if (!isAtomic(field.type))
      throw badSchema(`${what} column \`${key}\` must not be of type ${field.type.kind.toUpperCase()}`);
  }
}

function checkBucket(schema: TableSchema, trimmed: readonly string[]): void {
  const bucket = schema.options['bucket'];
  if (bucket !== undefined && !/^(-1|-2|[1-9]\d{0,8})$/.test(bucket)) {
    throw badSchema(`option bucket = ${JSON.stringify(bucket)} must be a positive number, -1 or -2`);
  }
  const bucketKey = schema.options['bucket-key'];
  if (bucketKey === undefined) {
    if (schema.primaryKeys.length === 0 && Number(bucket ?? -1) > 0) {
      throw badSchema('a table with fixed buckets and no primary key needs the option bucket-key');
    }
    return;
  }
  if (bucket === '-1') throw badSchema('bucket-key needs a positive bucket');
  for (const key of bucketKey.split(',').map(part => part.trim())) {
    if (!schema.fields.some(field => field.name === key))
      throw badSchema(`bucket-key column \`${key}\` is not a column`);
    if (schema.partitionKeys.includes(key)) throw badSchema(`bucket-key column \`${key}\` is a partition key`);
    if (schema.primaryKeys.length > 0 && !trimmed.includes(key)) {
      throw badSchema(`bucket-key column \`${key}\` is not in the primary key`);
    }
  }
}

/** What the options say of merging, and of columns that they name. */
function checkMerging(schema: TableSchema): void {
  if (schema.primaryKeys.length > 0 && refusedAggregates(schema).length === 0) parseMergeOptions(schema);
  const names = new Set(schema.fields.map(field => field.name));
  for (const key of Object.keys(schema.options)) {
    const [prefix, columns = '', ...rest] = key.split('.');
    if (prefix !== 'fields' || rest.length === 0) continue;
    const unknown = columns.split(',').find(name => name !== 'default-aggregate-function' && !names.has(name.trim()));
    if (unknown !== undefined) throw badSchema(`option ${key} is about a column \`${unknown}\` that is not there`);
  }
  const kindColumn = schema.options['rowkind.field'];
  if (kindColumn === undefined) return;
  const type = schema.fields.find(field => field.name === kindColumn)?.type.kind;
  if (type !== 'varchar' && type !== 'char') {
    throw badSchema(`option rowkind.field = ${kindColumn} must name a column of type STRING`);
  }
}

function takeKeys(given: readonly string[], options: Record<string, string>, option: string): readonly string[] {
  const text = options[option];
  delete options[option];
  if (text === undefined) return given;
  if (given.length > 0) throw badSchema(`keys are given both by the definition and by the option ${option}`);
  return text.split(',').map(part => part.trim());
}

function badSchema(why: string): Error {
  return invalid('LAKE_BAD_SCHEMA', why);
}
