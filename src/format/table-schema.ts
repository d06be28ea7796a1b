/**
 * One version of a table's schema, the JSON file `schema/schema-{id}`.
 *
 * @see spec 2.1, Paimon 1.4.2 TableSchema, SchemaSerializer
 */
import { corrupt, invalid, isLakeError } from '../base/errors.ts';
import { type JsonObject, type JsonValue, stringifyJson } from '../base/json.ts';
import { type DataField, type DataType, withNullable } from '../types/data-type.ts';
import { isJsonObject, parseJsonObject } from './json-file.ts';
import { fieldToJson, parseField } from './type-text.ts';

/** One version of a table's schema, `schema/schema-{id}`. @see spec 2.1 */
export type TableSchema = {
  readonly version: number;
  readonly id: number;
  readonly fields: readonly DataField[];
  /** Highest field id ever given, dropped and nested ones included. */
  readonly highestFieldId: number;
  readonly partitionKeys: readonly string[];
  readonly primaryKeys: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  readonly comment: string | undefined;
  readonly timeMillis: number;
  /** Keys we do not know, kept as they are; ours are `tidelake.…`. */
  readonly extra: Readonly<Record<string, string>>;
};

/** Field ids from here on belong to system columns and never to a table's. */
const systemFieldIdMin = 1_073_741_823;

const knownKeys: ReadonlySet<string> = new Set([
  'version',
  'id',
  'fields',
  'highestFieldId',
  'partitionKeys',
  'primaryKeys',
  'options',
  'comment',
  'timeMillis',
]);

/** The file's bytes, indented for people. */
export function encodeSchema(schema: TableSchema): Uint8Array {
  const json: JsonObject = {
    version: schema.version,
    id: schema.id,
    fields: schema.fields.map(fieldToJson),
    highestFieldId: schema.highestFieldId,
    partitionKeys: schema.partitionKeys,
    primaryKeys: schema.primaryKeys,
    options: schema.options,
    comment: schema.comment,
    timeMillis: schema.timeMillis,
    ...schema.extra,
  };
  return new TextEncoder().encode(stringifyJson(json, 2));
}

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_SCHEMA when it is no schema
 */
export function decodeSchema(bytes: Uint8Array, where: string): TableSchema {
  const json = parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_SCHEMA' });
  const version = json['version'] === undefined ? 1 : integerOf(json, 'version', where);
  const options = withOlderDefaults(version, stringMap(json['options'], `${where}: options`));
  const primaryKeys = movedKeys(namesOf(json, 'primaryKeys', where), options, 'primary-key');
  const partitionKeys = movedKeys(namesOf(json, 'partitionKeys', where), options, 'partition');
  const fields = fieldsOf(json, where).map(field =>
    primaryKeys.includes(field.name) ? { ...field, type: withNullable(field.type, false) } : field,
  );
  const comment = json['comment'];
  const schema: TableSchema = {
    version,
    id: integerOf(json, 'id', where),
    fields,
    highestFieldId: integerOf(json, 'highestFieldId', where),
    partitionKeys,
    primaryKeys,
    options,
    comment: typeof comment === 'string' && comment !== '' ? comment : undefined,
    timeMillis: json['timeMillis'] === undefined ? 0 : integerOf(json, 'timeMillis', where),
    extra: extraOf(json),
  };
  checkNames(schema, where);
  return schema;
}

/** The primary key without the partition keys: what orders rows within a bucket. */
export function trimmedPrimaryKeys(schema: TableSchema): readonly string[] {
  return schema.primaryKeys.filter(name => !schema.partitionKeys.includes(name));
}

/**
 * The columns whose values choose a row's bucket: option `bucket-key`, else the trimmed primary key, else none.
 *
 * @throws LakeError `invalid` LAKE_BAD_OPTION when the option names no column
 */
export function bucketKeys(schema: TableSchema): readonly string[] {
  const option = schema.options['bucket-key'];
  if (option === undefined || option.trim() === '') return trimmedPrimaryKeys(schema);
  const names = option.split(',').map(name => name.trim());
  for (const name of names) {
    if (!schema.fields.some(field => field.name === name)) {
      throw invalid('LAKE_BAD_OPTION', `option bucket-key names \`${name}\`, which is not a column`);
    }
  }
  return names;
}

/** The named columns, in that order. @throws LakeError `corrupt` LAKE_CORRUPT_SCHEMA when one is missing */
export function fieldsNamed(schema: TableSchema, names: readonly string[]): readonly DataField[] {
  return names.map(name => {
    const field = schema.fields.find(candidate => candidate.name === name);
    if (field === undefined) throw corrupt('LAKE_CORRUPT_SCHEMA', `schema ${schema.id} has no column \`${name}\``);
    return field;
  });
}

function fieldsOf(json: JsonObject, where: string): DataField[] {
  const fields = json['fields'];
  if (!Array.isArray(fields) || fields.length === 0) throw corrupt('LAKE_CORRUPT_SCHEMA', `${where} has no fields`);
  try {
    return fields.map(field => parseField(field));
  } catch (cause) {
    if (!isLakeError(cause)) throw cause;
    throw corrupt('LAKE_CORRUPT_SCHEMA', `${where}: ${cause.message}`, { cause });
  }
}

/** What Paimon puts into schemas of before an option had its present default. */
function withOlderDefaults(version: number, options: Record<string, string>): Record<string, string> {
  if (version <= 1) options['bucket'] ??= '1';
  if (version <= 2) options['file.format'] ??= 'orc';
  return options;
}

/** Keys given as an option stand in for an empty list and leave the options. */
function movedKeys(names: readonly string[], options: Record<string, string>, option: string): readonly string[] {
  const text = options[option];
  if (text === undefined) return names;
  delete options[option];
  return names.length > 0 ? names : text.split(',').map(name => name.trim());
}

function checkNames(schema: TableSchema, where: string): void {
  const names = new Set(schema.fields.map(field => field.name));
  if (names.size !== schema.fields.length) throw corrupt('LAKE_CORRUPT_SCHEMA', `${where} has a column twice`);
  for (const key of [...schema.partitionKeys, ...schema.primaryKeys]) {
    if (!names.has(key)) throw corrupt('LAKE_CORRUPT_SCHEMA', `${where}: key \`${key}\` is not a column`);
  }
  const ids = new Set<number>();
  for (const id of schema.fields.flatMap(field => idsOf(field))) {
    if (ids.has(id)) throw corrupt('LAKE_CORRUPT_SCHEMA', `${where} has field id ${id} twice`);
    if (id > schema.highestFieldId && id < systemFieldIdMin) {
      throw corrupt('LAKE_CORRUPT_SCHEMA', `${where} has field id ${id} above its highestFieldId`);
    }
    ids.add(id);
  }
}

function idsOf(field: DataField): number[] {
  return [field.id, ...nestedIds(field.type)];
}

function nestedIds(type: DataType): number[] {
  switch (type.kind) {
    case 'row':
      return type.fields.flatMap(idsOf);
    case 'array':
    case 'multiset':
      return nestedIds(type.element);
    case 'map':
      return [...nestedIds(type.key), ...nestedIds(type.value)];
    default:
      return [];
  }
}

function integerOf(json: JsonObject, key: string, where: string): number {
  const value = json[key];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw corrupt('LAKE_CORRUPT_SCHEMA', `${where}: ${key} is ${value === undefined ? 'missing' : 'not an integer'}`);
}

function namesOf(json: JsonObject, key: string, where: string): readonly string[] {
  const value = json[key];
  if (Array.isArray(value)) {
    const names = value.filter(name => typeof name === 'string');
    if (names.length === value.length) return names;
  }
  throw corrupt('LAKE_CORRUPT_SCHEMA', `${where}: ${key} is not a list of names`);
}

function stringMap(value: JsonValue | undefined, where: string): Record<string, string> {
  if (!isJsonObject(value)) throw corrupt('LAKE_CORRUPT_SCHEMA', `${where} are missing or no object`);
  const map: Record<string, string> = {};
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') throw corrupt('LAKE_CORRUPT_SCHEMA', `${where}: ${key} is not a string`);
    map[key] = item;
  }
  return map;
}

function extraOf(json: JsonObject): Record<string, string> {
  const extra: Record<string, string> = {};
  for (const [key, value] of Object.entries(json)) {
    if (!knownKeys.has(key) && typeof value === 'string') extra[key] = value;
  }
  return extra;
}
