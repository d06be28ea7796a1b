/**
 * Values of nested types from outside, JSON or objects of the user's, as scalars, with every check they need. What a
 * plain value looks like is the caller's business.
 *
 * | type | taken |
 * |---|---|
 * | ARRAY | an array |
 * | MAP | an array of pairs `[key, value]`, a Map, or with keys of text an object |
 * | MULTISET | an array of pairs `[element, count]` or a Map, counts from 1 |
 * | ROW | an object; fields that are missing are null |
 */
import { badValue, unknownField } from './bad-value.ts';
import type { DataField, DataType } from './data-type.ts';
import { nestedShape } from './nested-shape.ts';
import type { Scalar } from './scalar.ts';

/** Turns a value, not null, into a scalar. @throws LakeError invalid LAKE_BAD_VALUE, naming the path to the value */
export type ValueReader = (value: unknown) => Scalar;

/** The reader of a nested field; `plain` gives those of the plain fields in it, named by their paths. */
export function nestedValueReader(field: DataField, plain: (field: DataField) => ValueReader): ValueReader {
  const { type } = field;
  const shape = nestedShape(type);
  if (shape === undefined) return plain(field);
  if (shape.kind === 'struct') return rowReader(field, shape.fields, plain);
  if (type.kind === 'array') return arrayReader(field, type.element, plain);
  return entriesReader(field, shape.entry, plain);
}

function childField(field: DataField, suffix: string, type: DataType): DataField {
  return { ...field, name: field.name + suffix, type };
}

/** Null is one of the type's values, or is refused. */
function orNull(field: DataField, read: ValueReader): ValueReader {
  return value => {
    if (value !== undefined && value !== null) return read(value);
    if (!field.type.nullable) throw badValue(field, null, 'it is NOT NULL');
    return null;
  };
}

function arrayReader(field: DataField, element: DataType, plain: (field: DataField) => ValueReader): ValueReader {
  const item = childField(field, '[]', element);
  const read = orNull(item, nestedValueReader(item, plain));
  return value => {
    if (!Array.isArray(value)) throw badValue(field, value, 'expected an array');
    return value.map(read);
  };
}

function rowReader(
  field: DataField,
  fields: readonly DataField[],
  plain: (field: DataField) => ValueReader,
): ValueReader {
  const readers = fields.map(child => {
    const named = childField(field, `.${child.name}`, child.type);
    return { name: child.name, read: orNull(named, nestedValueReader(named, plain)) };
  });
  const names = new Set(fields.map(child => child.name));
  return value => {
    if (!isObject(value)) throw badValue(field, value, 'expected an object with the fields as properties');
    for (const name of Object.keys(value)) if (!names.has(name)) throw unknownField(field, name, names);
    return readers.map(({ name, read }) => read(Object.hasOwn(value, name) ? value[name] : undefined));
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(value instanceof Map) &&
    !(value instanceof Date)
  );
}

function entriesReader(field: DataField, entry: DataType, plain: (field: DataField) => ValueReader): ValueReader {
  const shape = nestedShape(entry);
  const [key, item] = shape?.kind === 'struct' ? shape.fields : [];
  if (key === undefined || item === undefined) return plain(field);
  const isMultiset = field.type.kind === 'multiset';
  const keyField = childField(field, '.key', key.type);
  const itemField = childField(field, isMultiset ? '.count' : '.value', item.type);
  const readKey = orNull(keyField, nestedValueReader(keyField, plain));
  const readItem = orNull(itemField, nestedValueReader(itemField, plain));
  const isTextKey = key.type.kind === 'char' || key.type.kind === 'varchar';
  return value => {
    const pairs = pairsOf(value, isTextKey);
    if (pairs === undefined) throw badValue(field, value, 'expected an array of pairs [key, value]');
    const seen = new Set<string>();
    return pairs.map((pair): Scalar => {
      if (!isPair(pair)) throw badValue(field, pair, 'expected a pair [key, value]');
      const entryKey = readKey(pair[0]);
      const keyText = identityOf(entryKey);
      if (seen.has(keyText)) throw badValue(keyField, pair[0], 'the key comes twice');
      seen.add(keyText);
      const entryValue = readItem(pair[1]);
      if (isMultiset && typeof entryValue === 'number' && entryValue < 1) {
        throw badValue(itemField, pair[1], 'expected a count from 1');
      }
      return [entryKey, entryValue];
    });
  };
}

function isPair(pair: unknown): pair is readonly [unknown, unknown] {
  return Array.isArray(pair) && pair.length === 2;
}

function pairsOf(value: unknown, isTextKey: boolean): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value];
  return isTextKey && isObject(value) ? Object.entries(value) : undefined;
}

/** Equal for equal scalars of one type. */
function identityOf(scalar: Scalar): string {
  if (scalar instanceof Uint8Array) return Buffer.from(scalar).toString('hex');
  if (typeof scalar === 'object' && scalar !== null) return JSON.stringify(scalar.map(identityOf));
  return Object.is(scalar, -0) ? '-0' : `${typeof scalar} ${String(scalar)}`;
}
