/** Which queries give one row whatever the tables hold, by what is plain in their tree: sums over all there is. */
import type { JsonObject } from '../../base/json.ts';
import { childrenOf, listAt, objectsAt, textAt } from './tree.ts';

const aggregates: ReadonlySet<string> = new Set(['count_star', 'count', 'sum', 'avg', 'min', 'max']);

/** One row at most. False where it is not known. */
export function givesOneRow(query: JsonObject): boolean {
  if (textAt(query, 'type') !== 'SELECT_NODE' || textAt(query, 'aggregate_handling') !== 'STANDARD_HANDLING')
    return false;
  const isGrouped = listAt(query, 'group_expressions').length > 0 || listAt(query, 'group_sets').length > 0;
  if (isGrouped) return false;
  const items = objectsAt(query, 'select_list');
  return items.some(hasAggregate) && !items.some(mayMakeRows);
}

/** An aggregate of the query itself; a subquery's, and one over a window, are none. */
function hasAggregate(tree: JsonObject): boolean {
  const kind = textAt(tree, 'class');
  if (kind === 'FUNCTION' && aggregates.has(textAt(tree, 'function_name'))) return true;
  return kind !== 'SUBQUERY' && kind !== 'WINDOW' && childrenOf(tree).some(hasAggregate);
}

/** `unnest` gives a row for each element. */
function mayMakeRows(tree: JsonObject): boolean {
  if (textAt(tree, 'class') === 'FUNCTION' && textAt(tree, 'function_name').toLowerCase() === 'unnest') return true;
  return childrenOf(tree).some(mayMakeRows);
}
