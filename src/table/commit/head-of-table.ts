/** Whether the head that a name has is that of the table that was opened (DESIGN S10, S11), for writers and readers alike. */
import type { Snapshot } from '../../format/snapshot.ts';
import type { Table } from '../table.ts';
import { type BaseDecision, type BaseFacts, decideBase, type HeadFacts } from './decide-base.ts';
import { droppedProperty, tableIdProperty } from './properties.ts';

export type HeadDecision = Exclude<BaseDecision, { readonly kind: 'look' }>;

/**
 * No request where the head names the table, one LIST where it names none or is a marker.
 *
 * @param knownId the newest id the caller has seen; undefined: none
 */
export async function headOfTable(
  table: Pick<Table, 'id' | 'schemas'>,
  knownId: number | undefined,
  head: Snapshot | undefined,
): Promise<HeadDecision> {
  let facts: BaseFacts = {
    tableId: table.id,
    knownId,
    head: head === undefined ? undefined : factsOf(head),
    newestSchemaTableId: 'not-read',
  };
  for (;;) {
    const decision = decideBase(facts);
    if (decision.kind !== 'look') return decision;
    const newest = await table.schemas.newest();
    facts = { ...facts, newestSchemaTableId: newest === undefined ? 'gone' : { tableId: newest.tableId } };
  }
}

function factsOf({ id, properties }: Snapshot): HeadFacts {
  return { id, tableId: properties[tableIdProperty], dropped: properties[droppedProperty] !== undefined };
}

/** Whether a snapshot is surely another table's, by what it says itself. */
export function isOfAnother(table: Pick<Table, 'id'>, { properties }: Snapshot): boolean {
  const named = properties[tableIdProperty];
  return (
    table.id !== undefined && named !== undefined && named !== table.id && properties[droppedProperty] === undefined
  );
}
