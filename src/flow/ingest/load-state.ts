/** Where the ingest state of a table lies: in the properties of its snapshots, or in an object that they name. */
import { corrupt, LakeError } from '../../base/errors.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { propertiesInForce } from '../../table/commit/look-up.ts';
import type { CommitBase, PlannedUpload } from '../../table/commit/request.ts';
import { headSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { stateNamePrefix, stateObjectProperty, stateProperty, tableObjectKey } from '../../table/table-objects.ts';
import { decodeState, emptyState, encodeState, type IngestState, inlineBytesMax, isReplayLane } from './state.ts';

type Properties = Readonly<Record<string, string>>;

/** A base's properties never change, so what they say needs to be read once. */
const statesByProperties = new WeakMap<Properties, IngestState | undefined>();

/** The state a snapshot carries; undefined: it has taken nothing from a log. */
export async function loadState(table: Table, properties: Properties): Promise<IngestState | undefined> {
  const known = statesByProperties.get(properties);
  if (known !== undefined) return known;
  const state = await readState(table, properties);
  statesByProperties.set(properties, state);
  return state;
}

/** The state that the table's newest snapshot stands for; undefined: the table has taken nothing from a log. */
export async function stateOfHead(table: Table, head: Snapshot | undefined): Promise<IngestState | undefined> {
  return head === undefined ? undefined : loadState(table, await propertiesInForce(table, head));
}

async function readState(table: Table, properties: Properties): Promise<IngestState | undefined> {
  const inline = properties[stateProperty];
  if (inline !== undefined) return decodeState(inline, `a snapshot of ${table.label}`);
  const name = properties[stateObjectProperty];
  if (name === undefined) return undefined;
  const key = tableObjectKey(table, name);
  const object = await table.store.get(key, { bytesMax: jsonBytesMax });
  if (object === undefined)
    throw corrupt('LAKE_FILE_MISSING', `${table.store.uri}: ${key}, named by a snapshot, is missing`);
  return decodeState(Buffer.from(object.bytes).toString('utf8'), key);
}

export type StoredState = {
  readonly properties: Readonly<Record<string, string | undefined>>;
  readonly uploads: readonly PlannedUpload[];
};

/**
 * The properties that carry a state; a large one is uploaded under a name of its own first.
 *
 * @throws LakeError `invalid` LAKE_STATE_TOO_LARGE
 */
export async function storeState(table: Table, state: IngestState): Promise<StoredState> {
  const text = encodeState(state);
  if (text.length <= inlineBytesMax) {
    return { properties: { [stateProperty]: text, [stateObjectProperty]: undefined }, uploads: [] };
  }
  const bytes = Buffer.from(text);
  // What nobody would read again must not be committed: the table could take nothing from a log any more.
  if (bytes.byteLength > jsonBytesMax) {
    throw new LakeError(
      'invalid',
      'LAKE_STATE_TOO_LARGE',
      `${table.label}: its ingest state would have ${bytes.byteLength} bytes, at most ${jsonBytesMax}; it knows ` +
        `${state.producers.size} lanes of producers. Nothing is ingested. A log that forgets, and producers that live longer, keep them few`,
    );
  }
  const name = `${stateNamePrefix}${table.random.uuid()}`;
  const uploadBeganMs = table.storeTimeMs();
  await table.store.put(tableObjectKey(table, name), bytes);
  return {
    properties: { [stateProperty]: undefined, [stateObjectProperty]: name },
    uploads: [{ name, uploadBeganMs }],
  };
}

/**
 * The state that a swap on this base starts from.
 *
 * A table that has had a log and whose snapshots say nothing of it must not be taken for new: everything in the log
 * would come in once more. So an object beside the snapshots says that there has been a state. It is made when a base
 * with a state is seen, never before, so wherever it is some snapshot had a state (S11).
 *
 * @returns `stale`: the base is older than the first state there was; look for a newer one
 * @throws LakeError `corrupt` LAKE_POSITIONS_LOST
 */
export async function stateOfBase(table: Table, base: CommitBase, incarnation: string): Promise<IngestState | 'stale'> {
  const state = await loadState(table, base.properties);
  const marker = tableObjectKey(table, `ingested-${table.id ?? ''}`);
  if (state === undefined) {
    if (base.snapshot === undefined || (await table.store.head(marker)) === undefined) return emptyState(incarnation);
    const latest = await headSnapshot(table);
    if (latest === undefined || latest.id > base.snapshot.id) return 'stale';
    throw positionsLost(table, marker);
  }
  if (!state.isMarked) await table.store.put(marker, new Uint8Array());
  if (state.incarnation === incarnation) return { ...state, isMarked: true };
  // Another incarnation's positions and producers mean nothing here (L4); what was counted stays counted. How far a replay
  // of dead letters has come holds in any log: its producer is of no other, and the list names it still.
  const { counters, deadLetters } = state;
  const producers = new Map([...state.producers].filter(([key]) => isReplayLane(key)));
  return { ...emptyState(incarnation), producers, counters, deadLetters, isMarked: true };
}

function positionsLost(table: Table, marker: string): LakeError {
  return new LakeError(
    'corrupt',
    'LAKE_POSITIONS_LOST',
    `${table.label} has taken rows from a log, and none of its snapshots says how far. Nothing is ingested. Restore a ` +
      `snapshot that has the property ${stateProperty}, or, to start from the log's beginning all the same, remove ` +
      marker,
  );
}
