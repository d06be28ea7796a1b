/**
 * What of a query's WHERE clauses may be asked of its tables beforehand. Always safe, since DuckDB evaluates all of it
 * again: a row is left out only where every row of the result that it would take part in fails the WHERE anyway.
 *
 * Taken are conjuncts over one column and literals. Under an outer join only those that no null passes; none where the
 * number or order of a table's rows matters by itself (samples, positional and as-of joins).
 */
import type { JsonObject } from '../../base/json.ts';
import type { DataField } from '../../types/data-type.ts';
import type { CompareOp, Predicate } from '../../types/predicate.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { SqlParameter } from '../parameters.ts';
import { literalFor } from './literal.ts';
import { joinedTables, selectNodes } from './references.ts';
import { childrenOf, objectAt, objectsAt, sameName, textAt, textsAt } from './tree.ts';

/** Columns of the tables a query names, by the tree of the reference. */
export type TableColumns = ReadonlyMap<JsonObject, readonly DataField[]>;

/** Filters for references, by their trees; those without any are not in it. */
export function pushedFilters(
  query: JsonObject,
  tables: TableColumns,
  parameters: readonly SqlParameter[],
): ReadonlyMap<JsonObject, Predicate> {
  const filters = new Map<JsonObject, Predicate>();
  for (const node of selectNodes(query)) {
    const where = objectAt(node, 'where_clause');
    const joins = joinKinds(objectAt(node, 'from_table'));
    if (where === undefined || joins === 'odd' || objectAt(node, 'sample') !== undefined) continue;
    const scope: Scope = { sources: joinedTables(objectAt(node, 'from_table')), tables, parameters, joins };
    const found = new Map<JsonObject, Predicate[]>();
    for (const part of conjunctsOf(where)) {
      const target = filterOf(part, scope);
      if (target === undefined || objectAt(target.table, 'sample') !== undefined) continue;
      const parts = found.get(target.table);
      if (parts === undefined) found.set(target.table, [target.predicate]);
      else parts.push(target.predicate);
    }
    for (const [table, parts] of found) {
      const [first] = parts;
      if (first !== undefined) filters.set(table, parts.length === 1 ? first : { kind: 'and', children: parts });
    }
  }
  return filters;
}

type Scope = {
  readonly sources: readonly (JsonObject | undefined)[];
  readonly tables: TableColumns;
  readonly parameters: readonly SqlParameter[];
  readonly joins: 'inner' | 'outer';
};

type Filter = { readonly table: JsonObject; readonly predicate: Predicate };

function joinKinds(from: JsonObject | undefined): 'inner' | 'outer' | 'odd' {
  if (from === undefined || textAt(from, 'type') !== 'JOIN') return 'inner';
  const below = [joinKinds(objectAt(from, 'left')), joinKinds(objectAt(from, 'right'))];
  if (!['REGULAR', 'CROSS', 'NATURAL'].includes(textAt(from, 'ref_type')) || below.includes('odd')) return 'odd';
  switch (textAt(from, 'join_type')) {
    case 'INNER':
      return below.includes('outer') ? 'outer' : 'inner';
    case 'LEFT':
    case 'RIGHT':
    case 'OUTER':
      return 'outer';
    default:
      return 'odd';
  }
}

function conjunctsOf(tree: JsonObject): readonly JsonObject[] {
  return textAt(tree, 'type') === 'CONJUNCTION_AND' ? objectsAt(tree, 'children').flatMap(conjunctsOf) : [tree];
}

function filterOf(tree: JsonObject, scope: Scope): Filter | undefined {
  switch (textAt(tree, 'type')) {
    case 'CONJUNCTION_OR':
      return eitherOf(objectsAt(tree, 'children'), scope);
    case 'CONJUNCTION_AND':
      return allOf(objectsAt(tree, 'children'), scope);
    case 'COMPARE_BETWEEN':
      return betweenOf(tree, scope);
    case 'COMPARE_IN':
      return inOf(tree, scope);
    case 'OPERATOR_IS_NULL':
      return scope.joins === 'inner' ? nullTestOf(tree, 'is-null', scope) : undefined;
    case 'OPERATOR_IS_NOT_NULL':
      return nullTestOf(tree, 'is-not-null', scope);
    default:
      return comparisonOf(tree, scope);
  }
}

/** Alternatives must all speak of one table. */
function eitherOf(children: readonly JsonObject[], scope: Scope): Filter | undefined {
  const filters = children.map(child => filterOf(child, scope));
  const [first] = filters;
  const predicates = filters.flatMap(filter => (filter?.table === first?.table ? (filter?.predicate ?? []) : []));
  if (first === undefined || predicates.length !== children.length) return undefined;
  return { table: first.table, predicate: { kind: 'or', children: predicates } };
}

/** Inside an alternative: what is known of one table. Others may say more, which DuckDB looks at. */
function allOf(children: readonly JsonObject[], scope: Scope): Filter | undefined {
  const filters = children.flatMap(child => filterOf(child, scope) ?? []);
  const [first] = filters;
  if (first === undefined) return undefined;
  const own = filters.filter(filter => filter.table === first.table).map(filter => filter.predicate);
  return { table: first.table, predicate: { kind: 'and', children: own } };
}

const comparisons: Readonly<Record<string, CompareOp>> = {
  COMPARE_EQUAL: '=',
  COMPARE_NOTEQUAL: '<>',
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_GREATERTHANOREQUALTO: '>=',
};

const mirrored: Readonly<Record<CompareOp, CompareOp>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

function comparisonOf(tree: JsonObject, scope: Scope): Filter | undefined {
  const op = comparisons[textAt(tree, 'type')];
  const [left, right] = [objectAt(tree, 'left'), objectAt(tree, 'right')];
  if (op === undefined || left === undefined || right === undefined) return undefined;
  return compared(left, op, right, scope) ?? compared(right, mirrored[op], left, scope);
}

function compared(column: JsonObject, op: CompareOp, literal: JsonObject, scope: Scope): Filter | undefined {
  const target = columnOf(column, scope);
  if (target === undefined) return undefined;
  const value = literalFor(target.field.type, literal, scope.parameters);
  if (value === undefined) return undefined;
  return { table: target.table, predicate: { kind: 'compare', op, column: target.field.name, value } };
}

function betweenOf(tree: JsonObject, scope: Scope): Filter | undefined {
  const [input, lower, upper] = [objectAt(tree, 'input'), objectAt(tree, 'lower'), objectAt(tree, 'upper')];
  if (input === undefined || lower === undefined || upper === undefined) return undefined;
  const low = compared(input, '>=', lower, scope);
  const high = compared(input, '<=', upper, scope);
  if (low === undefined || high === undefined) return low ?? high;
  return { table: low.table, predicate: { kind: 'and', children: [low.predicate, high.predicate] } };
}

function inOf(tree: JsonObject, scope: Scope): Filter | undefined {
  const [column, ...literals] = objectsAt(tree, 'children');
  const target = column === undefined ? undefined : columnOf(column, scope);
  if (target === undefined) return undefined;
  const values: Scalar[] = [];
  for (const literal of literals) {
    const value = literalFor(target.field.type, literal, scope.parameters);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return { table: target.table, predicate: { kind: 'in', column: target.field.name, values } };
}

function nullTestOf(tree: JsonObject, kind: 'is-null' | 'is-not-null', scope: Scope): Filter | undefined {
  const [column] = childrenOf(tree);
  const target = column === undefined ? undefined : columnOf(column, scope);
  return target === undefined ? undefined : { table: target.table, predicate: { kind, column: target.field.name } };
}

const byName = new WeakMap<readonly DataField[], ReadonlyMap<string, readonly DataField[]>>();
const noFields: readonly DataField[] = [];

/** Fields of that name in any case. A query may name as many columns as its table has, so none is searched for. */
function fieldsOfName(fields: readonly DataField[], name: string): readonly DataField[] {
  let known = byName.get(fields);
  if (known === undefined) {
    known = Map.groupBy(fields, field => field.name.toLowerCase());
    byName.set(fields, known);
  }
  return known.get(name.toLowerCase()) ?? noFields;
}

type ColumnTarget = { readonly table: JsonObject; readonly field: DataField };

/** The one table and column that a reference can mean; undefined when it could be another's. */
export function columnOf(tree: JsonObject, scope: Pick<Scope, 'sources' | 'tables'>): ColumnTarget | undefined {
  if (textAt(tree, 'type') !== 'COLUMN_REF') return undefined;
  const names = textsAt(tree, 'column_names');
  const column = names.at(-1);
  if (column === undefined || names.length > 3) return undefined;
  const [qualifier, database] = [names.at(-2), names.at(-3)];
  const targets: ColumnTarget[] = [];
  for (const table of scope.sources) {
    const fields = table === undefined ? undefined : scope.tables.get(table);
    if (table === undefined || fields === undefined) {
      // Its columns are not known here: without a qualifier the name could be one of them.
      if (qualifier === undefined) return undefined;
      continue;
    }
    const alias = textAt(table, 'alias');
    if (qualifier !== undefined && !sameName(alias === '' ? textAt(table, 'table_name') : alias, qualifier)) continue;
    if (database !== undefined && !(alias === '' && sameName(textAt(table, 'schema_name'), database))) continue;
    if (textsAt(table, 'column_name_alias').length > 0) return undefined;
    for (const field of fieldsOfName(fields, column)) targets.push({ table, field });
  }
  const [target] = targets;
  return targets.length === 1 ? target : undefined;
}
