/**
 * The fields within a column's type: their ids, and the rules they keep. Pure.
 *
 * @see Paimon 1.4.2 ReassignFieldId, RowType
 */
import { invalid } from '../base/errors.ts';
import type { DataField, DataType } from '../types/data-type.ts';

/** So deep that every schema file can be read again. */
const typeDepthMax = 32;
/** Columns, and what is within them: as an Arrow stream counts them, in which a log record has to have room for them. */
const tableFieldsMax = 20_000;

/**
 * Gives ids to the fields within a type, as Paimon does: a column has its id before those within it, but a field of a ROW
 * comes after the fields within it.
 */
export function assignFieldIds(type: DataType, nextId: () => number): DataType {
  switch (type.kind) {
    case 'array':
    case 'multiset':
      return { ...type, element: assignFieldIds(type.element, nextId) };
    case 'map':
      return { ...type, key: assignFieldIds(type.key, nextId), value: assignFieldIds(type.value, nextId) };
    case 'row':
      return {
        ...type,
        fields: type.fields.map(field => {
          const fieldType = assignFieldIds(field.type, nextId);
          return { ...field, id: nextId(), type: fieldType };
        }),
      };
    default:
      return type;
  }
}

/** @throws LakeError `invalid` LAKE_BAD_SCHEMA, naming the path to what breaks a rule */
export function checkNestedTypes(fields: readonly DataField[]): void {
  let count = fields.length;
  for (const { name, type } of fields) {
    count += checkBelow(type, `column \`${name}\``, 0);
    if (count > tableFieldsMax) throw badSchema(`a table has at most ${tableFieldsMax} columns and fields within them`);
  }
}

function checkBelow(type: DataType, path: string, depth: number): number {
  if (depth > typeDepthMax) throw badSchema(`${path}: types nest at most ${typeDepthMax} deep`);
  switch (type.kind) {
    case 'array':
      return 1 + checkBelow(type.element, `${path}.element`, depth + 1);
    case 'multiset':
      return 3 + checkBelow(type.element, `${path}.element`, depth + 1);
    case 'map':
      return 3 + checkBelow(type.key, `${path}.key`, depth + 1) + checkBelow(type.value, `${path}.value`, depth + 1);
    case 'row': {
      if (type.fields.length === 0) throw badSchema(`${path}: a ROW has at least one field`);
      const names = new Set<string>();
      let count = type.fields.length;
      for (const field of type.fields) {
        if (field.name.trim() === '') throw badSchema(`${path}: a field has no name`);
        if (names.has(field.name)) throw badSchema(`${path}: field \`${field.name}\` is there twice`);
        names.add(field.name);
        count += checkBelow(field.type, `${path}.${field.name}`, depth + 1);
      }
      return count;
    }
    default:
      return 0;
  }
}

function badSchema(reason: string): Error {
  return invalid('LAKE_BAD_SCHEMA', reason);
}
