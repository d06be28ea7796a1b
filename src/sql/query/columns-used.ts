/**
 * Which columns of its tables a query can look at. Says "all" wherever that is not plain: `*`, a row as a whole, columns
 * by position, natural joins, pivots, renamed columns. Names are collected over the whole query, so a name too many is
 * all that can happen.
 */
import type { JsonObject } from '../../base/json.ts';
import { joinedTables, selectNodes, type TableReference } from './references.ts';
import { childrenOf, objectAt, sameName, textAt, textsAt } from './tree.ts';

/** Column names in lower case, or all. */
export type ColumnsUsed = 'all' | ReadonlySet<string>;

/** For each reference, by its tree. */
export function columnsUsed(
  query: JsonObject,
  references: readonly TableReference[],
): ReadonlyMap<JsonObject, ColumnsUsed> {
  const names = new Set<string>();
  const lastNames = new Set<string>();
  collectNames(query, names, lastNames);
  const whole = new Set<JsonObject>();
  for (const { tree, isPlain, as } of references) {
    // A column reference that ends in its name may mean the row.
    if (!isPlain || lastNames.has(as.toLowerCase())) whole.add(tree);
  }
  for (const node of selectNodes(query)) addWhole(node, references, whole);
  markUnderPivots(query, whole);
  return new Map(references.map(({ tree }) => [tree, whole.has(tree) ? 'all' : names]));
}

/** Every part of every column reference, and the columns of USING. */
function collectNames(tree: JsonObject, names: Set<string>, lastNames: Set<string>): void {
  const last = textsAt(tree, 'column_names').at(-1);
  if (last !== undefined) lastNames.add(last.toLowerCase());
  for (const name of [...textsAt(tree, 'column_names'), ...textsAt(tree, 'using_columns')]) {
    names.add(name.toLowerCase());
  }
  for (const child of childrenOf(tree)) collectNames(child, names, lastNames);
}

/** The tables that a SELECT looks at as a whole. */
function addWhole(node: JsonObject, references: readonly TableReference[], whole: Set<JsonObject>): void {
  const own = joinedTables(objectAt(node, 'from_table')).filter(table => table !== undefined);
  const addAll = (): void => {
    for (const table of own) whole.add(table);
  };
  for (const tree of withinNode(node)) {
    const type = textAt(tree, 'type');
    if (type === 'POSITIONAL_REFERENCE' || textAt(tree, 'ref_type') === 'NATURAL') addAll();
    if (type !== 'STAR') continue;
    const qualifier = textAt(tree, 'relation_name');
    const named = own.filter(table => sameName(nameOf(table), qualifier));
    if (qualifier === '') addAll();
    else if (named.length > 0) for (const table of named) whole.add(table);
    // Of an outer query's table, perhaps.
    else for (const reference of references) whole.add(reference.tree);
  }
}

function nameOf(table: JsonObject): string {
  const alias = textAt(table, 'alias');
  return alias === '' ? textAt(table, 'table_name') : alias;
}

/** Everything in a node that is not in a query below it. */
function* withinNode(tree: JsonObject): Generator<JsonObject, void, undefined> {
  for (const child of childrenOf(tree)) {
    if (textAt(child, 'type').endsWith('_NODE')) continue;
    yield child;
    yield* withinNode(child);
  }
}

function markUnderPivots(tree: JsonObject, whole: Set<JsonObject>, isInside = false): void {
  const inside = isInside || textAt(tree, 'type') === 'PIVOT';
  if (inside && textAt(tree, 'type') === 'BASE_TABLE') whole.add(tree);
  for (const child of childrenOf(tree)) markUnderPivots(child, whole, inside);
}
