/**
 * Data types as they stand in schema files: a string for an atomic type (`DECIMAL(10, 2) NOT NULL`), an object for a
 * nested one (`{"type":"ARRAY NOT NULL","element":"INT"}`).
 *
 * @see spec 2.2, Paimon 1.4.2 DataTypeJsonParser
 */
import { invalid } from '../base/errors.ts';
import { type JsonObject, type JsonValue, shownJson } from '../base/json.ts';
import { type AtomicType, type DataField, type DataType, lengthMax, withNullable } from '../types/data-type.ts';
import { isJsonObject } from './json-file.ts';

/** Types inside types deeper than this are refused rather than exhaust the stack. */
const nestingDepthMax = 64;
const quotedLengthMax = 120;

/** @throws LakeError `invalid` LAKE_BAD_TYPE that quotes the type */
export function parseType(json: JsonValue): DataType {
  return parseAtDepth(json, 0);
}

/** The JSON that `parseType` reads; strings for atomic types. */
export function typeToJson(type: DataType): JsonValue {
  const suffix = type.nullable ? '' : ' NOT NULL';
  switch (type.kind) {
    case 'array':
    case 'multiset':
      return { type: type.kind.toUpperCase() + suffix, element: typeToJson(type.element) };
    case 'map':
      return { type: `MAP${suffix}`, key: typeToJson(type.key), value: typeToJson(type.value) };
    case 'vector':
      return { type: `VECTOR${suffix}`, element: typeToJson(type.element), length: type.length };
    case 'row':
      return { type: `ROW${suffix}`, fields: type.fields.map(fieldToJson) };
    default:
      return atomicText(type) + suffix;
  }
}

/** A type as SQL writes it, for people: `ARRAY<INT NOT NULL>`, `ROW<city STRING>`. */
export function printType(type: DataType): string {
  return printNested(type, field => `${printName(field.name)} ${printType(field.type)}`);
}

/** A type as Paimon's Java prints it: all names in backticks, fields with their comments and defaults. */
export function printJavaType(type: DataType): string {
  return printNested(type, ({ name, type: inner, description = '', defaultValue }) => {
    const comment = description === '' ? '' : ` COMMENT '${description.replaceAll("'", "''")}'`;
    const otherwise = defaultValue === undefined ? '' : ` DEFAULT ${defaultValue}`;
    return `${quotedName(name)} ${printJavaType(inner)}${comment}${otherwise}`;
  });
}

function printNested(type: DataType, printField: (field: DataField) => string): string {
  const suffix = type.nullable ? '' : ' NOT NULL';
  const print = (inner: DataType): string => printNested(inner, printField);
  switch (type.kind) {
    case 'array':
    case 'multiset':
      return `${type.kind.toUpperCase()}<${print(type.element)}>${suffix}`;
    case 'map':
      return `MAP<${print(type.key)}, ${print(type.value)}>${suffix}`;
    case 'vector':
      return `VECTOR<${print(type.element)}, ${type.length}>${suffix}`;
    case 'row':
      return `ROW<${type.fields.map(printField).join(', ')}>${suffix}`;
    default:
      return atomicText(type) + suffix;
  }
}

/** In backticks where it is no plain word. */
function printName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : quotedName(name);
}

function quotedName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** @throws LakeError `invalid` LAKE_BAD_TYPE */
export function parseField(json: JsonValue, depth = 0): DataField {
  if (!isJsonObject(json)) throw badType(json, 'a field is an object with id, name and type');
  const { id, name, type, description, defaultValue } = json;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) throw badType(json, 'a field needs a numeric id');
  if (typeof name !== 'string' || name === '') throw badType(json, 'a field needs a name');
  if (type === undefined) throw badType(json, 'a field needs a type');
  return {
    id,
    name,
    type: parseAtDepth(type, depth),
    description: typeof description === 'string' ? description : undefined,
    defaultValue: typeof defaultValue === 'string' ? defaultValue : undefined,
  };
}

export function fieldToJson(field: DataField): JsonObject {
  return {
    id: field.id,
    name: field.name,
    type: typeToJson(field.type),
    description: field.description,
    defaultValue: field.defaultValue,
  };
}

function parseAtDepth(json: JsonValue, depth: number): DataType {
  if (depth > nestingDepthMax) throw badType('…', `types nest deeper than ${nestingDepthMax}`);
  if (typeof json === 'string') return parseAtomicText(json);
  if (isJsonObject(json)) return parseNested(json, depth);
  throw badType(json, 'a type is a string or an object');
}

function parseNested(json: JsonObject, depth: number): DataType {
  const tokens = typeof json['type'] === 'string' ? tokensOf(json['type']) : [];
  const nullable = parseNullability(tokens.slice(1), json);
  const child = (key: string): DataType => {
    const value = json[key];
    if (value === undefined) throw badType(json, `${key} is missing`);
    return parseAtDepth(value, depth + 1);
  };
  switch (tokens[0]) {
    case 'ARRAY':
      return { kind: 'array', element: child('element'), nullable };
    case 'MULTISET':
      return { kind: 'multiset', element: child('element'), nullable };
    case 'MAP':
      return { kind: 'map', key: child('key'), value: child('value'), nullable };
    case 'VECTOR': {
      const length = json['length'];
      if (typeof length !== 'number' || !Number.isInteger(length) || length < 1)
        throw badType(json, 'length is 1 or more');
      return { kind: 'vector', element: child('element'), length, nullable };
    }
    case 'ROW': {
      const fields = json['fields'];
      if (!Array.isArray(fields)) throw badType(json, 'fields are missing');
      return { kind: 'row', fields: fields.map(field => parseField(field, depth + 1)), nullable };
    }
    default:
      throw badType(json, 'the type is not known');
  }
}

function parseAtomicText(text: string): DataType {
  const tokens = tokensOf(text);
  const { parameters, rest } = splitParameters(tokens, text);
  const words = rest.join(' ');
  const [nullable, keywords] = words.endsWith(' NOT NULL')
    ? [false, words.slice(0, -9)]
    : [true, words.endsWith(' NULL') ? words.slice(0, -5) : words];
  const type = typeOf(keywords, parameters, text);
  return withNullable(type, nullable);
}

function typeOf(keywords: string, parameters: readonly number[], text: string): DataType {
  const nullable = true;
  const one = (bounds: Bounds): number => oneParameter(parameters, bounds, text);
  const none = <T extends DataType>(type: T): T => {
    if (parameters.length > 0) throw badType(text, `${keywords} takes no parameter`);
    return type;
  };
  switch (keywords) {
    case 'BOOLEAN':
      return none({ kind: 'boolean', nullable });
    case 'TINYINT':
      return none({ kind: 'tinyint', nullable });
    case 'SMALLINT':
      return none({ kind: 'smallint', nullable });
    case 'INT':
    case 'INTEGER':
      return none({ kind: 'int', nullable });
    case 'BIGINT':
      return none({ kind: 'bigint', nullable });
    case 'FLOAT':
      return none({ kind: 'float', nullable });
    case 'DOUBLE':
    case 'DOUBLE PRECISION':
      return none({ kind: 'double', nullable });
    case 'DATE':
      return none({ kind: 'date', nullable });
    case 'STRING':
      return none({ kind: 'varchar', length: lengthMax, nullable });
    case 'BYTES':
      return none({ kind: 'varbinary', length: lengthMax, nullable });
    case 'VARIANT':
      return none({ kind: 'variant', nullable });
    case 'BLOB':
      return none({ kind: 'blob', nullable });
    case 'CHAR':
    case 'VARCHAR':
      return {
        kind: keywords === 'CHAR' ? 'char' : 'varchar',
        length: one({ byDefault: 1, min: 1, max: lengthMax }),
        nullable,
      };
    case 'BINARY':
    case 'VARBINARY':
      return {
        kind: keywords === 'BINARY' ? 'binary' : 'varbinary',
        length: one({ byDefault: 1, min: 1, max: lengthMax }),
        nullable,
      };
    case 'DECIMAL':
    case 'NUMERIC':
    case 'DEC':
      return decimalOf(parameters, text);
    case 'TIME':
    case 'TIME WITHOUT TIME ZONE':
      return { kind: 'time', precision: one({ byDefault: 0, min: 0, max: 9 }), nullable };
    case 'TIMESTAMP':
    case 'TIMESTAMP WITHOUT TIME ZONE':
      return { kind: 'timestamp', precision: one({ byDefault: 6, min: 0, max: 9 }), nullable };
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP WITH LOCAL TIME ZONE':
      return { kind: 'timestamp-ltz', precision: one({ byDefault: 6, min: 0, max: 9 }), nullable };
    default:
      throw badType(text, 'the type is not known');
  }
}

function decimalOf(parameters: readonly number[], text: string): AtomicType {
  const [precision = 10, scale = 0] = parameters;
  if (parameters.length > 2) throw badType(text, 'a decimal has a precision and a scale');
  if (precision < 1 || precision > 38) throw badType(text, 'the precision of a decimal is 1 to 38');
  if (scale > precision) throw badType(text, 'the scale of a decimal is at most its precision');
  return { kind: 'decimal', precision, scale, nullable: true };
}

type Bounds = { readonly byDefault: number; readonly min: number; readonly max: number };

function oneParameter(parameters: readonly number[], bounds: Bounds, text: string): number {
  const [value = bounds.byDefault] = parameters;
  if (parameters.length > 1) throw badType(text, 'one parameter at most');
  if (value < bounds.min || value > bounds.max) throw badType(text, `the parameter is ${bounds.min} to ${bounds.max}`);
  return value;
}

function atomicText(type: Exclude<DataType, { kind: 'array' | 'multiset' | 'map' | 'row' | 'vector' }>): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'varchar':
      return type.length === lengthMax ? 'STRING' : `VARCHAR(${type.length})`;
    case 'varbinary':
      return type.length === lengthMax ? 'BYTES' : `VARBINARY(${type.length})`;
    case 'char':
    case 'binary':
      return `${type.kind.toUpperCase()}(${type.length})`;
    case 'time':
    case 'timestamp':
      return `${type.kind.toUpperCase()}(${type.precision})`;
    case 'timestamp-ltz':
      return `TIMESTAMP(${type.precision}) WITH LOCAL TIME ZONE`;
    default:
      return type.kind.toUpperCase();
  }
}

/** Upper-case words, numbers, brackets and commas. */
function tokensOf(text: string): string[] {
  const tokens = text.toUpperCase().match(/[A-Z_]+|\d+|[(),]|\S/g) ?? [];
  if (tokens.some(token => !/^([A-Z_]+|\d+|[(),])$/.test(token))) throw badType(text, 'the type is not known');
  return tokens;
}

/** Takes `( n , m )` after the first word out of the tokens. */
function splitParameters(tokens: readonly string[], text: string): { parameters: number[]; rest: string[] } {
  const open = tokens.indexOf('(');
  if (open < 0) return { parameters: [], rest: [...tokens] };
  const close = tokens.indexOf(')');
  const inside = tokens.slice(open + 1, close);
  const numbers = inside.filter((_, i) => i % 2 === 0);
  const separators = inside.filter((_, i) => i % 2 === 1);
  const wellFormed =
    open === 1 &&
    close > open + 1 &&
    inside.length % 2 === 1 &&
    numbers.every(token => /^\d{1,10}$/.test(token)) &&
    separators.every(token => token === ',');
  if (!wellFormed) throw badType(text, 'the parameters are not well formed');
  return { parameters: numbers.map(Number), rest: [...tokens.slice(0, open), ...tokens.slice(close + 1)] };
}

function parseNullability(tokens: readonly string[], json: JsonValue): boolean {
  const words = tokens.join(' ');
  if (words === 'NOT NULL') return false;
  if (words === '' || words === 'NULL') return true;
  throw badType(json, 'after the type comes NOT NULL or nothing');
}

function badType(json: JsonValue, why: string): Error {
  const quoted = typeof json === 'string' ? cut(json) : shownJson(json, quotedLengthMax);
  return invalid('LAKE_BAD_TYPE', `data type ${quoted}: ${why}`);
}

function cut(text: string): string {
  return text.length > quotedLengthMax ? `${text.slice(0, quotedLengthMax)}…` : text;
}
