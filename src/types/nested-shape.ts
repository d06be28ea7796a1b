/**
 * What a nested type is made of. There are two shapes only, so that whatever walks over columns has two cases: a **list**
 * has offsets into one child column of entries, a **struct** has a child column for each field.
 *
 * | type | shape | Arrow |
 * |---|---|---|
 * | ARRAY<T> | list of T | List |
 * | MAP<K, V> | list of structs `key`, `value` | Map |
 * | MULTISET<T> | list of structs `key`, `value`, the value an INT that counts | Map |
 * | ROW<…> | struct | Struct |
 *
 * A null list is empty. Under a null struct a child has nulls, or if it is NOT NULL, any values: a column of a NOT NULL
 * type holds no nulls wherever it stands.
 */
import type { DataField, DataType } from './data-type.ts';

export type NestedShape =
  | { readonly kind: 'list'; readonly entry: DataType }
  | { readonly kind: 'struct'; readonly fields: readonly DataField[] };

/** @returns undefined for types of plain values, and for those that no column holds */
export function nestedShape(type: DataType): NestedShape | undefined {
  switch (type.kind) {
    case 'array':
      return { kind: 'list', entry: type.element };
    case 'map':
      return { kind: 'list', entry: entryType(type.key, type.value) };
    case 'multiset':
      return { kind: 'list', entry: entryType(type.element, countType) };
    case 'row':
      return { kind: 'struct', fields: type.fields };
    default:
      return undefined;
  }
}

const countType: DataType = { kind: 'int', nullable: false };

/** Keys are never null, whatever the type says: no file can hold a null key. */
function entryType(key: DataType, value: DataType): DataType {
  return {
    kind: 'row',
    nullable: false,
    fields: [entryField(-1, 'key', { ...key, nullable: false }), entryField(-2, 'value', value)],
  };
}

/** Entries are no fields of the schema and have no ids there, these are ours; those in files are derived (spec 7.4). */
function entryField(id: number, name: string, type: DataType): DataField {
  return { id, name, type, description: undefined, defaultValue: undefined };
}
