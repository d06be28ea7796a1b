/**
 * The marker of a dropped table: the empty snapshot that ended it (DESIGN S10). It is the one thing that stays under the
 * name, so that no number is ever given twice.
 */
import type { Snapshot } from '../format/snapshot.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { droppedProperty } from '../table/commit/properties.ts';
import { headSnapshot, listSnapshotIds, readSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { type Identifier, printIdentifier, tablePath } from './identifier.ts';

/** Lookups of a head that keeps vanishing between LIST and GET: a drop that removes older snapshots cannot take the marker. */
const lookupTriesMax = 5;

/** The marker at the head of the name's snapshots; undefined when nothing was dropped here, or it was made again. */
export async function readDropMarker(store: ObjectStore, identifier: Identifier): Promise<Snapshot | undefined> {
  const home = { store, metaPath: tablePath(identifier), label: printIdentifier(identifier) };
  for (let tries = 0; tries < lookupTriesMax; tries += 1) {
    const id = (await listSnapshotIds(home)).ids.at(-1);
    if (id === undefined) return undefined;
    const snapshot = await readSnapshot(home, id);
    if (snapshot !== undefined) return snapshot.properties[droppedProperty] === undefined ? undefined : snapshot;
  }
  return undefined;
}

/** Whether the drop of this very table has begun and not come to its end: it is fenced, and its name is not free yet. */
export async function isHalfDropped(table: Table): Promise<boolean> {
  return endsTable(table, await headSnapshot(table));
}

/** Whether a snapshot is the marker of this table, not of one that had the name before. */
export function endsTable(table: Pick<Table, 'id'>, snapshot: Snapshot | undefined): boolean {
  return snapshot?.properties[droppedProperty] === dropMarkOf(table);
}

/** What the marker of a table's drop says. */
export function dropMarkOf({ id }: Pick<Table, 'id'>): string {
  return id ?? 'true';
}
