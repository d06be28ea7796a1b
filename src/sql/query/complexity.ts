/**
 * What of a query takes DuckDB longer to analyse than its length says, by measurement: nested function calls go with the cube
 * of their depth, subqueries inside of expressions double with each level, set operations go with the square of their
 * number. Its analysis cannot be stopped, so a query with too much of that is refused; within the limits none took more
 * than about a second.
 */
import { invalid } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { childrenOf, textAt } from './tree.ts';

/** UNION, INTERSECT and EXCEPT in one query; 5,000 took six seconds. */
export const setOperationsMax = 2_000;
/** Scalar subqueries, EXISTS and IN (SELECT …) inside of one another; 18 took a sixth of a second, 50 did not end. */
export const subqueryNestingMax = 16;
/** Sum over all function calls of the square of the calls nested in each; 400 nested ones, 21 million, took three seconds. */
export const functionCostMax = 6_000_000;
/** Types with fields, which grow with each level. */
const structFunctions: ReadonlySet<string> = new Set(['struct_pack', 'row', 'map', 'struct_insert']);
const structWeight = 8;

type Tally = { setOperations: number; functionCost: number };

/** @throws LakeError `invalid` LAKE_SQL_TOO_COMPLEX */
export function checkComplexity(query: JsonObject): void {
  measure(query, 0, { setOperations: 0, functionCost: 0 });
}

/** @returns how many function calls are nested in the tree */
function measure(tree: JsonObject, subqueries: number, tally: Tally): number {
  const kind = textAt(tree, 'class');
  const inside = kind === 'SUBQUERY' ? subqueries + 1 : subqueries;
  if (inside > subqueryNestingMax) {
    throw tooComplex(`subqueries are nested more than ${subqueryNestingMax} deep in expressions`);
  }
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

function tooComplex(why: string): Error {
  return invalid('LAKE_SQL_TOO_COMPLEX', `SQL: ${why}; make several queries of it, or a simpler one`);
}
