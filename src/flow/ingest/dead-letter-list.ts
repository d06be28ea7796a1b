/**
 * The list of a table's dead letters: an immutable object that names files, and that a snapshot names (DESIGN I7). It is
 * written anew when it changes.
 */
import { type JsonObject, type JsonValue, stringifyJson } from '../../base/json.ts';
import type { CommitBase, PlannedUpload } from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import { deadLetterListNamePrefix, tableObjectKey } from '../../table/table-objects.ts';
import { badLetters, isCount, jsonOf, objectOf } from './letter-objects.ts';

export type DeadLetterFile = { readonly name: string; readonly rowCount: number; readonly entryCount: number };

/** A file of letters on a list. */
export type ListedFile = DeadLetterFile & {
  /** The one whose commit put its letters aside; undefined: a list of before this was written down. */
  readonly snapshotId: number | undefined;
};

/**
 * Dead letters on their way back: a file of records with what of them fits the table by now. They are dead letters no
 * more, and not all of them need be in the table yet (RFC 0010).
 */
export type ReplayFile = DeadLetterFile & {
  /** How many records each lane has, numbered from 1. */
  readonly lanes: ReadonlyMap<number, number>;
  /** What its rows were as dead letters: to be shown, nothing else. */
  readonly letters: readonly ListedFile[];
};

export type DeadLetterList = {
  /** Oldest first. */
  readonly files: readonly ListedFile[];
  readonly replays: readonly ReplayFile[];
};

export type StoredList = {
  /** undefined: there is nothing to list. */
  readonly listName: string | undefined;
  readonly uploads: readonly PlannedUpload[];
};

/** @param listName of the ingest state. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_DEAD_LETTERS */
export async function readDeadLetterList(table: Table, listName: string | undefined): Promise<DeadLetterList> {
  const files: ListedFile[] = [];
  const replays: ReplayFile[] = [];
  if (listName === undefined) return { files, replays };
  const json = await jsonOf(table, listName);
  if (!Array.isArray(json)) throw badLetters(table, listName);
  for (const item of json) {
    const { lanes, letters = [] } = objectOf(table, listName, item);
    const { snapshotId, ...file } = listedFile(table, listName, item);
    if (!Array.isArray(letters)) throw badLetters(table, listName);
    if (lanes === undefined) files.push({ ...file, snapshotId });
    else {
      const of = letters.map((letter: JsonValue) => listedFile(table, listName, letter));
      replays.push({ ...file, lanes: lanesOfJson(table, listName, lanes), letters: of });
    }
  }
  return { files, replays };
}

/** Uploads a list; nothing names it yet. */
export async function storeDeadLetterList(table: Table, { files, replays }: DeadLetterList): Promise<StoredList> {
  if (files.length === 0 && replays.length === 0) return { listName: undefined, uploads: [] };
  const uploadBeganMs = table.storeTimeMs();
  const listName = `${deadLetterListNamePrefix}${table.random.uuid()}`;
  const items: readonly JsonObject[] = [
    ...files.map(fileToJson),
    ...replays.map(({ name, rowCount, entryCount, lanes, letters }) => {
      return { name, rowCount, entryCount, lanes: Object.fromEntries(lanes), letters: letters.map(fileToJson) };
    }),
  ];
  await table.store.put(tableObjectKey(table, listName), Buffer.from(stringifyJson(items)));
  return { listName, uploads: [{ name: listName, uploadBeganMs }] };
}

/**
 * Uploads a list that names these files after those of the list before.
 *
 * @param to.listName name of the list so far
 * @param to.base what the commit that puts them aside comes on top of
 */
export async function addDeadLetterFiles(
  table: Table,
  to: { readonly listName: string | undefined; readonly base: Pick<CommitBase, 'snapshot'> },
  added: readonly DeadLetterFile[],
): Promise<StoredList> {
  const { files, replays } = await readDeadLetterList(table, to.listName);
  const snapshotId = (to.base.snapshot?.id ?? 0) + 1;
  const listed = added.map(file => ({ ...file, snapshotId }));
  return storeDeadLetterList(table, { files: [...files, ...listed], replays });
}

function fileToJson({ name, rowCount, entryCount, snapshotId }: ListedFile): JsonObject {
  return { name, rowCount, entryCount, snapshot: snapshotId };
}

function listedFile(table: Table, listName: string, json: JsonValue): ListedFile {
  const { name, rowCount, entryCount, snapshot } = objectOf(table, listName, json);
  const isKnown = snapshot === undefined || isCount(snapshot);
  if (typeof name !== 'string' || !isCount(rowCount) || !isCount(entryCount) || !isKnown)
    throw badLetters(table, listName);
  return { name, rowCount, entryCount, snapshotId: snapshot };
}

function lanesOfJson(table: Table, listName: string, json: JsonValue): ReadonlyMap<number, number> {
  return new Map(
    Object.entries(objectOf(table, listName, json)).map(([lane, count]) => {
      if (!/^\d{1,9}$/.test(lane) || !isCount(count)) throw badLetters(table, listName);
      return [Number(lane), count];
    }),
  );
}
