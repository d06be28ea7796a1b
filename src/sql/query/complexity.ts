/**
 * What of a query takes DuckDB longer to analyse than its length says, by measurement: nested function calls go with the cube
 * of their depth, subqueries inside of expressions double with each level, and so does a column that is made of the one
 * before (`1 AS a, a + a AS b, …`); set operations and subqueries go with the square of their number. Its analysis cannot
 * be stopped, so a query with too much of that is refused; within the limits none took more than about a second.
 */
import { invalid } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { childrenOf, objectsAt, textAt, textsAt } from './tree.ts';

/** UNION, INTERSECT and EXCEPT in one query; 5,000 took six seconds. */
export const setOperationsMax = 1_000;
/** Scalar subqueries, EXISTS and IN (SELECT …) inside of one another; 18 took a sixth of a second, 50 did not end. */
export const subqueryNestingMax = 16;
/** Subqueries in expressions of one query, wherever they stand; 500 took four seconds. */
export const subqueriesMax = 200;
/** What columns named by an alias of the same SELECT stand for, when they are put in; 16 doublings took half a minute. */
export const aliasedValuesMax = 4_000;
/** Sum over all function calls of the square of the calls nested in each; 400 nested ones, 21 million, took three seconds. */
export const functionCostMax = 4_000_000;
/** Columns of all tables that are named, each time they are, and again for each `*`; twice as many took a second and more. */
export const boundColumnsMax = 60_000;
/** Tables of one query, each point in time of one by itself: every one is opened, and becomes a view. */
export const relationsMax = 500;
/** Types with fields, which grow with each level. */
const structFunctions: ReadonlySet<string> = new Set(['struct_pack', 'row', 'map', 'struct_insert']);
const structWeight = 8;

type Tally = { setOperations: number; subqueries: number; functionCost: number; aliasedValues: number };

/** @throws LakeError `invalid` LAKE_SQL_TOO_COMPLEX */
export function checkComplexity(query: JsonObject): void {
  measure(query, 0, { setOperations: 0, subqueries: 0, functionCost: 0, aliasedValues: 0 });
}

/**
 * @param columnCounts for each table where it is named, the columns that the query can look at
 * @throws LakeError `invalid` LAKE_SQL_TOO_COMPLEX
 */
export function checkColumnCounts(query: JsonObject, columnCounts: readonly number[]): void {
  const widest = columnCounts.reduce((most, count) => Math.max(most, count), 0);
  const named = columnCounts.reduce((sum, count) => sum + count, 0);
  if (named + starsIn(query) * widest <= boundColumnsMax) return;
  throw tooComplex(`it looks at more than ${boundColumnsMax} columns, counted each time; name those that are wanted`);
}

/** @throws LakeError `invalid` LAKE_SQL_TOO_COMPLEX */
export function checkRelationCount(count: number): void {
  if (count > relationsMax) throw tooComplex(`it names ${count} tables, at most ${relationsMax}`);
}

function starsIn(tree: JsonObject): number {
  let count = textAt(tree, 'class') === 'STAR' ? 1 : 0;
  for (const child of childrenOf(tree)) count += starsIn(child);
  return count;
}

/** @returns how many function calls are nested in the tree */
function measure(tree: JsonObject, subqueries: number, tally: Tally): number {
  const kind = textAt(tree, 'class');
  const isSubquery = kind === 'SUBQUERY';
  const inside = isSubquery ? subqueries + 1 : subqueries;
  if (inside > subqueryNestingMax) {
    throw tooComplex(`subqueries are nested more than ${subqueryNestingMax} deep in expressions`);
  }
  if (isSubquery) tally.subqueries += 1;
  if (tally.subqueries > subqueriesMax) throw tooComplex(`it has more than ${subqueriesMax} subqueries in expressions`);
  if (Array.isArray(tree['select_list'])) tally.aliasedValues += aliasedValuesOf(tree);
  if (tally.aliasedValues > aliasedValuesMax) throw tooComplex('its columns are made of one another too often');
  if (textAt(tree, 'type') === 'SET_OPERATION_NODE') tally.setOperations += 1;
  if (tally.setOperations > setOperationsMax) throw tooComplex(`it has more than ${setOperationsMax} set operations`);
  let height = 0;
  for (const child of childrenOf(tree)) height = Math.max(height, measure(child, inside, tally));
  if (kind !== 'FUNCTION') return height;
  height += 1;
  tally.functionCost += height * height * (structFunctions.has(textAt(tree, 'function_name')) ? structWeight : 1);
  if (tally.functionCost > functionCostMax) throw tooComplex('too many function calls are nested too deep');
  return height;
}

/** How much is put in for the aliases of a SELECT where it names them itself. */
function aliasedValuesOf(select: JsonObject): number {
  const sizes = new Map<string, number>();
  let sum = 0;
  const items = objectsAt(select, 'select_list');
  for (const item of items) {
    const aliased = putIn(item, sizes);
    sum += aliased;
    const alias = textAt(item, 'alias').toLowerCase();
    if (alias !== '') sizes.set(alias, sizeOf(item) + aliased);
    if (sum > aliasedValuesMax) return sum;
  }
  if (sizes.size === 0) return sum;
  for (const [key, value] of Object.entries(select)) {
    if (key === 'select_list' || key === 'from_table' || key === 'cte_map') continue;
    sum += putIn({ value }, sizes);
  }
  return sum;
}

function putIn(tree: JsonObject, sizes: ReadonlyMap<string, number>): number {
  const [name, ...rest] = textsAt(tree, 'column_names');
  let sum = name === undefined || rest.length > 0 ? 0 : (sizes.get(name.toLowerCase()) ?? 0);
  for (const child of childrenOf(tree)) sum += putIn(child, sizes);
  return sum;
}

function sizeOf(tree: JsonObject): number {
  let size = tree['class'] === undefined ? 0 : 1;
  for (const child of childrenOf(tree)) size += sizeOf(child);
  return size;
}

function tooComplex(why: string): Error {
  return invalid('LAKE_SQL_TOO_COMPLEX', `SQL: ${why}; make several queries of it, or a simpler one`);
}
