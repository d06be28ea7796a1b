/** The order of keys as manifests hold them: serialized rows. */
import { deserializeRow } from '../format/binary-row.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { compareKeys } from '../types/compare.ts';
import type { DataType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { keyTypes } from './table.ts';

export type KeyComparator = (a: Uint8Array, b: Uint8Array) => number;

/** Compares serialized keys (`_MIN_KEY`, `_MAX_KEY`) in the table's key order; each is read once. */
export function keyComparator(schema: TableSchema): KeyComparator {
  return rowComparator(keyTypes(schema));
}

export function rowComparator(types: readonly DataType[]): KeyComparator {
  const read = new WeakMap<Uint8Array, readonly Scalar[]>();
  const valuesOf = (key: Uint8Array): readonly Scalar[] => {
    let values = read.get(key);
    if (values === undefined) {
      values = deserializeRow(key, types);
      read.set(key, values);
    }
    return values;
  };
  return (a, b) => {
    if (a === b) return 0;
    return compareKeys(types, valuesOf(a), valuesOf(b));
  };
}
