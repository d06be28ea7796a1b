/**
 * The Avro record in which rows of a table lie in an Avro data file, as Paimon describes it in the file's header: null
 * comes first in every union, nested records are named by the path to them, maps whose keys are no text are arrays of
 * entries.
 *
 * Avro has no time finer than milliseconds there, no timestamp finer than microseconds, and only names of letters, digits
 * and underscores.
 *
 * @see spec 7.4, Paimon 1.4.2 AvroSchemaConverter
 */
import { unsupported } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import { typeName } from '../../types/type-name.ts';

const recordName = 'record';
/** How often an element is in a multiset. */
const countType: DataType = { kind: 'int', nullable: true };
const nameForm = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws LakeError `unsupported` naming the column that no Avro file can have */
export function avroRecordType(rowType: RowType, where: string): JsonObject {
  const record = recordOf(recordName, rowType.fields, where);
  return { type: 'record', name: recordName, namespace: 'org.apache.paimon.avro.generated', fields: record['fields'] };
}

/** Whether rows of this type can lie in an Avro file. */
export function fitsAvro({ fields }: RowType): boolean {
  return recordFits(recordName, fields, new Set());
}

/** @param names of the records so far: no two may be called alike */
function recordFits(name: string, fields: readonly DataField[], names: Set<string>): boolean {
  if (names.has(name)) return false;
  names.add(name);
  return fields.every(field => nameForm.test(field.name) && typeFits(field.type, `${name}_${field.name}`, names));
}

function typeFits(type: DataType, path: string, names: Set<string>): boolean {
  switch (type.kind) {
    case 'array':
      return typeFits(type.element, path, names);
    case 'multiset':
      return entriesFit(type.element, countType, path, names);
    case 'map':
      return entriesFit(type.key, type.value, path, names);
    case 'row':
      return recordFits(path, type.fields, names);
    default:
      return isPlainInAvro(type);
  }
}

function entriesFit(key: DataType, value: DataType, path: string, names: Set<string>): boolean {
  if (hasTextKeys(key)) return typeFits(value, path, names);
  if (names.has(path)) return false;
  names.add(path);
  return typeFits(key, `${path}_key`, names) && typeFits(value, `${path}_value`, names);
}

/** Of types that are not nested. */
function isPlainInAvro(type: DataType): boolean {
  switch (type.kind) {
    case 'time':
      return type.precision <= 3;
    case 'timestamp':
    case 'timestamp-ltz':
      return type.precision <= 6;
    case 'variant':
    case 'vector':
    case 'blob':
      return false;
    default:
      return true;
  }
}

function recordOf(name: string, fields: readonly DataField[], where: string): JsonObject {
  return { type: 'record', name, fields: fields.map(field => fieldOf(name, field, where)) };
}

function fieldOf(recordPath: string, { name, type }: DataField, where: string): JsonObject {
  if (!nameForm.test(name)) throw unsupported(`a column named \`${name}\` in an Avro file`, where);
  const own = avroType(type, `${recordPath}_${name}`, where);
  return type.nullable ? { name, type: own, default: null } : { name, type: own };
}

/** With null where the type has it. @param path the name of the record that this would be */
function avroType(type: DataType, path: string, where: string): JsonValue {
  const bare = bareType(type, path, where);
  return type.nullable ? ['null', bare] : bare;
}

function bareType(type: DataType, path: string, where: string): JsonValue {
  if (!isPlainInAvro(type)) throw unsupported(`type ${typeName(type)} in an Avro file`, where);
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
      return 'int';
    case 'bigint':
      return 'long';
    case 'boolean':
    case 'float':
    case 'double':
      return type.kind;
    case 'char':
    case 'varchar':
      return 'string';
    case 'binary':
    case 'varbinary':
      return 'bytes';
    case 'decimal':
      return { type: 'bytes', logicalType: 'decimal', precision: type.precision, scale: type.scale };
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'time':
      return { type: 'int', logicalType: 'time-millis' };
    // Which of the two is the local one is the other way round than Avro means it.
    case 'timestamp':
      return { type: 'long', logicalType: type.precision <= 3 ? 'timestamp-millis' : 'timestamp-micros' };
    case 'timestamp-ltz':
      return { type: 'long', logicalType: type.precision <= 3 ? 'local-timestamp-millis' : 'local-timestamp-micros' };
    case 'array':
      return { type: 'array', items: avroType(type.element, path, where) };
    case 'map':
      return mapType(type.key, type.value, { path, where });
    case 'multiset':
      return mapType(type.element, countType, { path, where });
    case 'row':
      return recordOf(path, type.fields, where);
    default:
      throw unsupported(`type ${typeName(type)} in an Avro file`, where);
  }
}

function mapType(key: DataType, value: DataType, { path, where }: { path: string; where: string }): JsonObject {
  if (hasTextKeys(key)) return { type: 'map', values: avroType(value, path, where) };
  const fields = [
    { name: 'key', type: avroType(key, `${path}_key`, where) },
    { name: 'value', type: avroType(value, `${path}_value`, where), ...(value.nullable ? { default: null } : {}) },
  ];
  return { type: 'array', items: { type: 'record', name: path, fields }, logicalType: 'map' };
}

/** Whether a map with such keys is Avro's own. */
export function hasTextKeys(key: DataType): boolean {
  return key.kind === 'char' || key.kind === 'varchar';
}
