/** Where the ingest state of a table lies: in the properties of its snapshots, or in an object that they name. */
import { corrupt, LakeError } from '../../base/errors.ts';
import type { PlannedUpload } from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import {
  decodeState,
  encodeState,
  type IngestState,
  inlineBytesMax,
  stateObjectProperty,
  stateProperty,
} from './state.ts';

type Properties = Readonly<Record<string, string>>;

/** Folder of a table's own objects that are not Paimon's: states, dead letters. */
export const tableObjectsFolder = 'tidelake';

export function tableObjectKey(table: Table, name: string): string {
  return `${table.path}/${tableObjectsFolder}/${name}`;
}

/** The state a snapshot carries; undefined: it has taken nothing from a log. */
export async function loadState(table: Table, properties: Properties): Promise<IngestState | undefined> {
  const inline = properties[stateProperty];
  if (inline !== undefined) return decodeState(inline, `a snapshot of ${table.label}`);
  const name = properties[stateObjectProperty];
  if (name === undefined) return undefined;
  const key = tableObjectKey(table, name);
  const object = await table.store.get(key);
  if (object === undefined)
    throw corrupt('LAKE_FILE_MISSING', `${table.store.uri}: ${key}, named by a snapshot, is missing`);
  return decodeState(Buffer.from(object.bytes).toString('utf8'), key);
}

export type StoredState = {
  readonly properties: Readonly<Record<string, string | undefined>>;
  readonly uploads: readonly PlannedUpload[];
};

/** The properties that carry a state; a large one is uploaded under a name of its own first. */
export async function storeState(table: Table, state: IngestState): Promise<StoredState> {
  const text = encodeState(state);
  if (text.length <= inlineBytesMax) {
    return { properties: { [stateProperty]: text, [stateObjectProperty]: undefined }, uploads: [] };
  }
  const name = `state-${table.random.uuid()}`;
  const uploadBeganMs = table.storeTimeMs();
  await table.store.put(tableObjectKey(table, name), Buffer.from(text));
  return {
    properties: { [stateProperty]: undefined, [stateObjectProperty]: name },
    uploads: [{ name, uploadBeganMs }],
  };
}

/** Says, beside the snapshots, that the table takes rows from a log (DESIGN S11). */
const takenFromLogName = 'ingested';

export async function markTakenFromLog(table: Table): Promise<void> {
  await table.store.put(tableObjectKey(table, takenFromLogName), new Uint8Array());
}

/**
 * A table that has had a log and whose snapshots say nothing of it must not be taken for new: everything in the log
 * would come in once more.
 *
 * @throws LakeError `corrupt` LAKE_POSITIONS_LOST
 */
export async function checkPositionsNotLost(table: Table): Promise<void> {
  if ((await table.store.head(tableObjectKey(table, takenFromLogName))) === undefined) return;
  throw new LakeError(
    'corrupt',
    'LAKE_POSITIONS_LOST',
    `${table.label} has taken rows from a log, and none of its snapshots says how far. Nothing is ingested. Restore a ` +
      `snapshot that has the property ${stateProperty}, or, to start from the log's beginning all the same, remove ` +
      tableObjectKey(table, takenFromLogName),
  );
}
