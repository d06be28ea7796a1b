/**
 * The list of a table's dead letters: an immutable object that names files, and that a snapshot names (DESIGN I7). It is
 * written anew when it changes.
 */
import { type JsonObject, type JsonValue, stringifyJson } from '../../base/json.ts';
import type { PlannedUpload } from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import { deadLetterListNamePrefix, tableObjectKey } from '../../table/table-objects.ts';
import { badLetters, isCount, jsonOf, objectOf } from './letter-objects.ts';

export type DeadLetterFile = { readonly name: string; readonly rowCount: number; readonly entryCount: number };

/**
 * Dead letters on their way back: a file of records with what of them fits the table by now. They are dead letters no
 * more, and not all of them need be in the table yet (RFC 0010).
 */
export type ReplayFile = DeadLetterFile & {
  /** How many records each lane has, numbered from 1. */
  readonly lanes: ReadonlyMap<number, number>;
};

export type DeadLetterList = {
  /** Oldest first. */
  readonly files: readonly DeadLetterFile[];
  readonly replays: readonly ReplayFile[];
};

export type StoredList = {
  /** undefined: there is nothing to list. */
  readonly listName: string | undefined;
  readonly uploads: readonly PlannedUpload[];
};

/** @param listName of the ingest state. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_DEAD_LETTERS */
export async function readDeadLetterList(table: Table, listName: string | undefined): Promise<DeadLetterList> {
  const files: DeadLetterFile[] = [];
  const replays: ReplayFile[] = [];
  if (listName === undefined) return { files, replays };
  const json = await jsonOf(table, listName);
  if (!Array.isArray(json)) throw badLetters(table, listName);
  for (const item of json) {
    const { name, rowCount, entryCount, lanes } = objectOf(table, listName, item);
    if (typeof name !== 'string' || !isCount(rowCount) || !isCount(entryCount)) throw badLetters(table, listName);
    const file = { name, rowCount, entryCount };
    if (lanes === undefined) files.push(file);
    else replays.push({ ...file, lanes: lanesOfJson(table, listName, lanes) });
  }
  return { files, replays };
}

/** Uploads a list; nothing names it yet. */
export async function storeDeadLetterList(table: Table, { files, replays }: DeadLetterList): Promise<StoredList> {
  if (files.length === 0 && replays.length === 0) return { listName: undefined, uploads: [] };
  const uploadBeganMs = table.storeTimeMs();
  const listName = `${deadLetterListNamePrefix}${table.random.uuid()}`;
  const items: readonly JsonObject[] = [
    ...files.map(({ name, rowCount, entryCount }) => ({ name, rowCount, entryCount })),
    ...replays.map(({ lanes, ...file }) => ({ ...file, lanes: Object.fromEntries(lanes) })),
  ];
  await table.store.put(tableObjectKey(table, listName), Buffer.from(stringifyJson(items)));
  return { listName, uploads: [{ name: listName, uploadBeganMs }] };
}

/**
 * Uploads a list that names these files after those of the list before.
 *
 * @param before name of the list so far
 */
export async function addDeadLetterFiles(
  table: Table,
  before: string | undefined,
  added: readonly DeadLetterFile[],
): Promise<StoredList> {
  const { files, replays } = await readDeadLetterList(table, before);
  return storeDeadLetterList(table, { files: [...files, ...added], replays });
}

function lanesOfJson(table: Table, listName: string, json: JsonValue): ReadonlyMap<number, number> {
  return new Map(
    Object.entries(objectOf(table, listName, json)).map(([lane, count]) => {
      if (!/^\d{1,9}$/.test(lane) || !isCount(count)) throw badLetters(table, listName);
      return [Number(lane), count];
    }),
  );
}
