/**
 * Changes of what is within a column's type, by a path of steps: the name of a ROW's field, `element` into an ARRAY, `value`
 * into a MAP. Keys of maps, which files are sorted and matched by, don't change. Pure.
 *
 * @see Paimon 1.4.2 SchemaManager.NestedColumnModifier, flink NestedSchemaUtils
 */
import { present } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import { castability } from '../types/castability.ts';
import { type DataField, type DataType, withNullable } from '../types/data-type.ts';
import type { ColumnPosition, SchemaChange } from './schema-change.ts';

/** What is done at the end of a path. */
export type NestedEdit = {
  /** The fields of the ROW in which the last step is a field, there or not there yet. */
  readonly fields: (fields: readonly DataField[], name: string, where: string) => readonly DataField[];
  /** The type that the last step leads to, where that is an `element` or a `value`; undefined: those have no such thing. */
  readonly inner?: ((type: DataType, where: string) => DataType) | undefined;
};

/** The column with the edit made at the end of the path, which has a step at least. @throws LakeError as `refusedChange` */
export function editNested(field: DataField, path: readonly string[], edit: NestedEdit): DataField {
  return { ...field, type: editType(field.type, { path, edit, where: field.name }) };
}

type Place = { readonly path: readonly string[]; readonly edit: NestedEdit; readonly where: string };

function editType(type: DataType, { path, edit, where }: Place): DataType {
  const [step, ...rest] = path;
  const name = present(step, 'a step');
  const here = `${where}.${name}`;
  if (type.kind === 'row') {
    if (rest.length === 0) return { ...type, fields: edit.fields(type.fields, name, where) };
    const fields = type.fields.map(field =>
      field.name === name ? { ...field, type: editType(field.type, { path: rest, edit, where: here }) } : field,
    );
    fieldOf(type.fields, name, where);
    return { ...type, fields };
  }
  const below = (inner: DataType): DataType => {
    if (rest.length > 0) return editType(inner, { path: rest, edit, where: here });
    if (edit.inner === undefined) throw refusedChange(`\`${here}\` is no field of a ROW`);
    return edit.inner(inner, here);
  };
  if (type.kind === 'array' && name === 'element') return { ...type, element: below(type.element) };
  if (type.kind === 'map' && name === 'value') return { ...type, value: below(type.value) };
  if (type.kind === 'map' && name === 'key') throw refusedChange(`\`${here}\`: keys of a MAP can't be changed`);
  const steps = type.kind === 'array' ? ', only `element`' : type.kind === 'map' ? ', only `value`' : '';
  throw refusedChange(`there is no \`${name}\` in \`${where}\`${steps}`);
}

/** @throws LakeError */
export function fieldOf(fields: readonly DataField[], name: string, where: string): DataField {
  const field = fields.find(candidate => candidate.name === name);
  if (field !== undefined) return field;
  throw refusedChange(`\`${where}\` has no field \`${name}\`; it has ${fields.map(other => other.name).join(', ')}`);
}

/** The type that the path leads to; undefined where it leads nowhere. */
export function typeAt(type: DataType, path: readonly string[]): DataType | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return type;
  const next =
    type.kind === 'row'
      ? type.fields.find(field => field.name === step)?.type
      : type.kind === 'array' && step === 'element'
        ? type.element
        : type.kind === 'map' && step === 'value'
          ? type.value
          : undefined;
  return next === undefined ? undefined : typeAt(next, rest);
}

export function addedField(
  fields: readonly DataField[],
  field: DataField,
  position: ColumnPosition,
): readonly DataField[] {
  const at = (column: string): number => {
    const index = fields.findIndex(other => other.name === column);
    if (index < 0) throw refusedChange(`column \`${column}\`, which the place refers to, is not there`);
    return index;
  };
  switch (position.kind) {
    case 'first':
      return [field, ...fields];
    case 'last':
      return [...fields, field];
    case 'after':
      return fields.toSpliced(at(position.column) + 1, 0, field);
    case 'before':
      return fields.toSpliced(at(position.column), 0, field);
    default:
      return position;
  }
}

export type TypeRules = {
  /** The option `disable-explicit-type-casting`. */
  readonly explicitOff: boolean;
};

/** @throws LakeError unless values of the one type can be read as the other; nullability is kept */
export function changedType(
  from: DataType,
  to: DataType,
  { explicitOff, where }: TypeRules & { where: string },
): DataType {
  const kept = withNullable(to, from.nullable);
  const cast = castability(from, kept);
  if (cast !== 'none' && (cast !== 'explicit' || !explicitOff)) return kept;
  throw refusedChange(`column \`${where}\`: values of its type can't be read as the new type`);
}

/**
 * The changes that make one nested type the other, as for MODIFY, which says the whole column: fields of a ROW are taken for
 * the same by their names and keep their order.
 *
 * @param at the column and the steps to what is compared
 */
export function changesBetween(
  from: DataType,
  to: DataType,
  at: { name: string; path: readonly string[] },
): readonly SchemaChange[] {
  const { name, path } = at;
  const below = (step: string) => ({ name, path: [...path, step] });
  const own: readonly SchemaChange[] =
    path.length > 0 && from.nullable !== to.nullable
      ? [{ kind: 'change-nullability', ...at, nullable: to.nullable }]
      : [];
  if (from.kind === 'array' && to.kind === 'array') {
    return [...changesBetween(from.element, to.element, below('element')), ...own];
  }
  if (from.kind === 'map' && to.kind === 'map') {
    if (!isSame(from.key, to.key))
      throw refusedChange(`\`${[name, ...path].join('.')}\`: keys of a MAP can't be changed`);
    return [...changesBetween(from.value, to.value, below('value')), ...own];
  }
  if (from.kind === 'row' && to.kind === 'row') return [...rowChanges(from.fields, to.fields, at), ...own];
  return isSame(from, to) ? own : [{ kind: 'change-type', ...at, type: to }, ...own];
}

/** Equal but for nullability, and for the ids and comments of fields, which a statement does not say. */
function isSame(a: DataType, b: DataType): boolean {
  const said = (type: DataType): string =>
    JSON.stringify(withNullable(type, true), (key, value: unknown) =>
      key === 'id' || key === 'description' ? undefined : value,
    );
  return said(a) === said(b);
}

function rowChanges(
  from: readonly DataField[],
  to: readonly DataField[],
  { name, path }: { readonly name: string; readonly path: readonly string[] },
): readonly SchemaChange[] {
  const kept = from.filter(field => to.some(other => other.name === field.name));
  const keptThen = to.filter(field => from.some(other => other.name === field.name));
  const moved = kept.find((field, index) => field.name !== keptThen[index]?.name);
  if (moved !== undefined)
    throw refusedChange(`\`${[name, ...path].join('.')}\`: fields keep their order, \`${moved.name}\` has another`);
  // Those that stay first: what is dropped may not leave the ROW without fields.
  const changes: SchemaChange[] = to.flatMap((field, index): readonly SchemaChange[] => {
    const place = { name, path: [...path, field.name] };
    const old = from.find(other => other.name === field.name);
    if (old === undefined) {
      const before = to[index - 1];
      const position: ColumnPosition =
        before === undefined ? { kind: 'first' } : { kind: 'after', column: before.name };
      return [{ kind: 'add-column', ...place, type: field.type, comment: field.description, position }];
    }
    const comment: readonly SchemaChange[] =
      field.description === undefined || field.description === old.description
        ? []
        : [{ kind: 'change-comment', ...place, comment: field.description }];
    return [...changesBetween(old.type, field.type, place), ...comment];
  });
  const dropped = from.filter(field => !kept.includes(field));
  return [
    ...changes,
    ...dropped.map((field): SchemaChange => ({ kind: 'drop-column', name, path: [...path, field.name] })),
  ];
}

/** The error of a change that breaks a rule. */
export function refusedChange(reason: string): Error {
  return invalid('LAKE_BAD_SCHEMA_CHANGE', reason);
}
