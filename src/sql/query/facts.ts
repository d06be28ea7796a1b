/**
 * What the tree of a query says by itself, whatever the tables are. Found once for each tree, which is kept while its query is
 * asked again (`queryTree`): walking it takes longer than all else that is done for a query, until it has been done often.
 */
import type { JsonObject } from '../../base/json.ts';
import { type ColumnsUsed, columnsUsed } from './columns-used.ts';
import { checkComplexity } from './complexity.ts';
import { givesOneRow } from './one-row.ts';
import { type TableReference, tableReferences } from './references.ts';

export type QueryFacts = {
  readonly references: readonly TableReference[];
  readonly used: ReadonlyMap<JsonObject, ColumnsUsed>;
  readonly hasOneRow: boolean;
};

const known = new WeakMap<JsonObject, QueryFacts>();

/** @throws LakeError LAKE_SQL_TOO_COMPLEX, and what `tableReferences` throws */
export function factsOf(query: JsonObject): QueryFacts {
  const there = known.get(query);
  if (there !== undefined) return there;
  checkComplexity(query);
  const references = tableReferences(query);
  const facts = { references, used: columnsUsed(query, references), hasOneRow: givesOneRow(query) };
  known.set(query, facts);
  return facts;
}
