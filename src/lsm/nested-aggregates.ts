/**
 * Aggregates of arrays, maps and arrays of rows. Values are scalars (types/scalar.ts): a map is an array of entries, a row
 * an array of its fields.
 *
 * @see spec 9.3; Paimon 1.4.2 FieldCollectAgg, FieldMergeMapAgg, FieldMergeMapWithKeyTimeAgg, FieldNestedUpdateAgg,
 * FieldNestedPartialUpdateAgg
 */
import { assert } from '../base/assert.ts';
import type { ColumnAggregate } from '../format/aggregate-options.ts';
import { compareTexts } from '../types/compare.ts';
import { type DataField, type DataType, isAtomic } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { javaHashOf, javaHashOfRow, javaHashOrder } from './java-hash.ts';
import type { ValueAggregate } from './value-aggregate.ts';

type Values = readonly Scalar[];

/** All elements; with `distinct` each once. */
export function collectOf(type: DataType, { isDistinct }: ColumnAggregate): ValueAggregate {
  assert(type.kind === 'array', 'an array is collected');
  const { element } = type;
  const distinct = isAtomic(element) ? distinctAtoms(element) : distinctNested;
  const add = (held: Scalar, value: Scalar): Scalar => {
    if (held === null && value === null) return null;
    if (isDistinct) return distinct(valuesOf(held), valuesOf(value));
    return held === null || value === null ? (held ?? value) : [...valuesOf(held), ...valuesOf(value)];
  };
  const retract = (held: Scalar, value: Scalar): Scalar => {
    if (held === null || value === null || valuesOf(value).length === 0) return held;
    const gone = valuesOf(value).map(keyOf);
    return valuesOf(held).filter(item => {
      const at = isBinary(element) ? -1 : gone.indexOf(keyOf(item));
      if (at >= 0) gone.splice(at, 1);
      return at < 0;
    });
  };
  // What comes late is added like everything else: a collection has no order.
  return { add, addOlder: add, retract };
}

/** As a Java HashSet has them. */
function distinctAtoms(element: DataType): (held: Values, value: Values) => Values {
  return (held, value) => {
    const seen = new Map([...held, ...value].map((item, index) => [isBinary(element) ? index : keyOf(item), item]));
    const items = [...seen.values()];
    return javaHashOrder(items.map(item => javaHashOf(element, item))).map(at => items[at] ?? null);
  };
}

function distinctNested(held: Values, value: Values): Values {
  const seen = new Set(held.map(keyOf));
  const more = value.filter(item => {
    const key = keyOf(item);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return [...held, ...more];
}

/** Entries of both maps; of a key in both, the newer one's. */
export function mergeMapOf(type: DataType): ValueAggregate {
  assert(type.kind === 'map', 'a map is merged');
  return {
    add: withNulls((held, value) => mapOf(type.key, [...entriesOf(held), ...entriesOf(value)])),
    retract: (held, value) => {
      if (held === null || value === null || valuesOf(value).length === 0) return held;
      const gone = new Set(entriesOf(value).map(([key]) => keyOf(key)));
      return mapOf(
        type.key,
        entriesOf(held).filter(([key]) => !gone.has(keyOf(key))),
      );
    },
  };
}

/** Entries of both maps; of a key in both, the one whose row has the later time. A null row takes the entry away. */
export function mergeMapWithTimeOf(type: DataType, { timeField }: ColumnAggregate): Pick<ValueAggregate, 'add'> {
  assert(type.kind === 'map' && type.value.kind === 'row', 'a map of rows is merged');
  const names = type.value.fields.map(({ name }) => name);
  const at = timeField === undefined ? names.length - 1 : names.indexOf(timeField);
  const timeOf = (row: Scalar): string | null => {
    const time = row === null ? null : (valuesOf(row)[at] ?? null);
    return time === null ? null : String(time);
  };
  return {
    add: withNulls((held, value) => {
      const merged = new Map(entriesOf(held).map(([key, row]) => [keyOf(key), [key, row] as const]));
      for (const [key, row] of entriesOf(value)) {
        const name = keyOf(key);
        if (row === null) {
          merged.delete(name);
          continue;
        }
        const time = timeOf(row);
        const known = merged.get(name)?.[1] ?? null;
        const knownTime = timeOf(known);
        const isLater = knownTime === null || (time !== null && compareTexts(time, knownTime) > 0);
        if (time !== null && isLater) merged.set(name, [key, row]);
      }
      return mapOf(type.key, [...merged.values()]);
    }),
  };
}

/** Rows of both arrays; with a key, the newest row of each. */
export function nestedUpdateOf(type: DataType, { nestedKey, countLimit }: ColumnAggregate): ValueAggregate {
  const fields = rowFields(type);
  const rowsByKey = keyedRows(fields, nestedKey);
  return {
    add: withNulls((held, value) => {
      if (valuesOf(held).length >= countLimit) return held;
      const more = presentOf(value).slice(0, countLimit - valuesOf(held).length);
      const rows = [...presentOf(held), ...more];
      return nestedKey.length === 0 ? rows : rowsByKey(rows, []);
    }),
    retract: (held, value) => {
      if (held === null || value === null) return held;
      if (nestedKey.length > 0) return rowsByKey(presentOf(held), presentOf(value));
      const gone = new Set(presentOf(value).map(keyOf));
      return presentOf(held).filter(row => !gone.has(keyOf(row)));
    },
  };
}

/** Rows of both arrays by their key, each set to the newest of its fields that are not null. */
export function nestedPartialUpdateOf(type: DataType, { nestedKey }: ColumnAggregate): Pick<ValueAggregate, 'add'> {
  const fields = rowFields(type);
  const rowsByKey = keyedRows(fields, nestedKey);
  const keyPlaces = nestedKey.map(name => fields.findIndex(field => field.name === name));
  return {
    add: withNulls((held, value) => {
      const merged = new Map<string, Values>();
      for (const row of [...presentOf(held), ...presentOf(value)]) {
        const key = keyOf(keyPlaces.map(place => valuesOf(row)[place] ?? null));
        const known = merged.get(key) ?? fields.map(() => null);
        merged.set(
          key,
          known.map((old, index) => valuesOf(row)[index] ?? old),
        );
      }
      return rowsByKey([...merged.values()], []);
    }),
  };
}

/** The last row of each key, without those of `gone`, as a Java HashMap has them. */
function keyedRows(fields: readonly DataField[], nestedKey: readonly string[]): (rows: Values, gone: Values) => Values {
  const places = nestedKey.map(name => fields.findIndex(field => field.name === name));
  const types = places.map(place => fields[place]?.type).filter(type => type !== undefined);
  const keyValues = (row: Scalar): Values => places.map(place => valuesOf(row)[place] ?? null);
  return (rows, gone) => {
    const kept = new Map(rows.map(row => [keyOf(keyValues(row)), row]));
    const putCount = kept.size;
    for (const row of gone) kept.delete(keyOf(keyValues(row)));
    const items = [...kept.values()];
    const hashes = items.map(row => javaHashOfRow(types, keyValues(row)));
    return javaHashOrder(hashes, putCount).map(at => items[at] ?? null);
  };
}

function rowFields(type: DataType): readonly DataField[] {
  assert(type.kind === 'array' && type.element.kind === 'row', 'an array of rows is updated');
  return type.element.fields;
}

/** The last entry of each key, as a Java HashMap has them. */
function mapOf(keyType: DataType, entries: readonly (readonly [Scalar, Scalar])[]): Values {
  const merged = new Map(entries.map(([key, value]) => [keyOf(key), [key, value] as const]));
  const items = [...merged.values()];
  return javaHashOrder(items.map(([key]) => javaHashOf(keyType, key))).map(at => items[at] ?? null);
}

function withNulls(add: (held: NonNullable<Scalar>, value: NonNullable<Scalar>) => Scalar): ValueAggregate['add'] {
  return (held, value) => (held === null || value === null ? (held ?? value) : add(held, value));
}

function valuesOf(value: Scalar): Values {
  assert(value === null || Array.isArray(value), 'a nested value is an array');
  return value ?? [];
}

function presentOf(value: Scalar): Values {
  return valuesOf(value).filter(item => item !== null);
}

function entriesOf(value: Scalar): readonly (readonly [Scalar, Scalar])[] {
  return valuesOf(value).map(entry => {
    const [key = null, item = null] = valuesOf(entry);
    return [key, item] as const;
  });
}

/** Java compares byte arrays by what they are, not by what they hold. */
function isBinary(type: DataType): boolean {
  return type.kind === 'binary' || type.kind === 'varbinary';
}

/** A text that two values have in common only when they are equal. */
function keyOf(value: Scalar): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).join(',')}]`;
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'string') return JSON.stringify(value);
  return `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`;
}
