/**
 * Which snapshot a commit builds on (DESIGN S1, S10, S11), as pure decisions.
 */
import { baseLookAgainMs } from './limits.ts';

/** What a lookup found. Plain data, so that a model can make it up. */
export type BaseFacts = {
  /** The id in the schema we opened the table with; undefined: the table was made by Java and has none. */
  readonly tableId: string | undefined;
  /** The newest id we have seen or committed before, if any. */
  readonly knownId: number | undefined;
  /** The snapshot with the largest id; undefined: there is none. */
  readonly head: HeadFacts | undefined;
  /** The table id that the schema files carry now; asked for by `look`. `gone`: there is no schema file. */
  readonly newestSchemaTableId: 'not-read' | 'gone' | { readonly tableId: string | undefined };
};

export type HeadFacts = {
  readonly id: number;
  readonly tableId: string | undefined;
  readonly dropped: boolean;
};

export type FenceReason =
  /** Another table has the name now, or none. */
  | 'table-gone'
  /** The table was dropped. */
  | 'dropped'
  /** Snapshots we know of have been taken away from the top: somebody rolled the numbers back. */
  | 'history-rewritten';

export type BaseDecision =
  /** Build on the head (or on nothing). `fresh`: it is the marker of a former table; carry none of its state. */
  | { readonly kind: 'use'; readonly fresh: boolean }
  | { readonly kind: 'look'; readonly at: 'newest-schema' }
  | { readonly kind: 'fenced'; readonly reason: FenceReason };

/** S1 with S10's marker and S11's foreign heads. */
export function decideBase(facts: BaseFacts): BaseDecision {
  const { head, tableId, knownId } = facts;
  if (head === undefined) {
    return knownId === undefined ? { kind: 'use', fresh: false } : { kind: 'fenced', reason: 'table-gone' };
  }
  if (knownId !== undefined && head.id < knownId) return { kind: 'fenced', reason: 'history-rewritten' };
  if (!head.dropped) {
    if (tableId === undefined || head.tableId === tableId) return { kind: 'use', fresh: false };
    if (head.tableId !== undefined) return { kind: 'fenced', reason: 'table-gone' };
    // Another writer's head names no table (S11). It may stand on ours or on one that was made after ours had gone.
    const newest = facts.newestSchemaTableId;
    if (newest === 'not-read') return { kind: 'look', at: 'newest-schema' };
    const isGone = newest === 'gone' || (newest.tableId !== undefined && newest.tableId !== tableId);
    return isGone ? { kind: 'fenced', reason: 'table-gone' } : { kind: 'use', fresh: false };
  }
  if (head.tableId === tableId) return { kind: 'fenced', reason: 'dropped' };
  // The marker of another table. Either ours was made after it under the same name, or ours is older still and gone:
  // only the newest schema file tells, since a drop removes the schemas of the dropped table (S10).
  const newest = facts.newestSchemaTableId;
  if (newest === 'not-read') return { kind: 'look', at: 'newest-schema' };
  if (newest === 'gone' || newest.tableId !== tableId) return { kind: 'fenced', reason: 'table-gone' };
  return { kind: 'use', fresh: true };
}

/** S1: whether a base must be looked up again, given the store time of the newest answer. */
export function baseIsStale(baseStoreTimeMs: number, newestStoreTimeMs: number): boolean {
  return newestStoreTimeMs - baseStoreTimeMs > baseLookAgainMs;
}
