/**
 * Dead letters: records and rows that a table can not take, kept with the reason so that they can be brought again
 * (DESIGN I7). Files of JSON lines, named by a list object; the snapshot names the list, so a dead letter is there
 * exactly when the position that passes over it is.
 */
import { corrupt } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../base/json.ts';
import { deadLettersBytesMax, jsonBytesMax } from '../../format/metadata-limits.ts';
import type { PlannedUpload } from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import { deadLetterListNamePrefix, deadLettersNamePrefix, tableObjectKey } from '../../table/table-objects.ts';
import type { MisfitReason } from '../../table/write/row-misfits.ts';

export type DeadLetterReason = 'unreadable' | 'unknown-schema' | 'bucket-count' | MisfitReason;

export type DeadLetter = {
  readonly shardId: string;
  readonly position: bigint;
  readonly arrivalMs: number;
  readonly reason: DeadLetterReason;
  readonly detail: string;
  /** Rows of the record that this is about; undefined: all of them. */
  readonly rows: readonly number[] | undefined;
  readonly rowCount: number;
  /** The whole record as the log had it. */
  readonly data: Uint8Array;
};

export type DeadLetterFile = { readonly name: string; readonly rowCount: number; readonly entryCount: number };

/** Uploads letters as a file of their own; nothing names it yet. */
export async function storeDeadLetterFile(table: Table, letters: readonly DeadLetter[]): Promise<DeadLetterFile> {
  const name = `${deadLettersNamePrefix}${table.random.uuid()}`;
  const text = letters.map(letter => `${stringifyJson(letterToJson(letter))}\n`).join('');
  await table.store.put(tableObjectKey(table, name), Buffer.from(text));
  const rowCount = letters.reduce((sum, letter) => sum + letter.rowCount, 0);
  return { name, rowCount, entryCount: letters.length };
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
): Promise<{ readonly listName: string; readonly uploads: readonly PlannedUpload[] }> {
  const uploadBeganMs = table.storeTimeMs();
  const files = before === undefined ? [] : await readDeadLetterList(table, before);
  const listName = `${deadLetterListNamePrefix}${table.random.uuid()}`;
  await table.store.put(tableObjectKey(table, listName), Buffer.from(stringifyJson([...files, ...added])));
  return { listName, uploads: [{ name: listName, uploadBeganMs }] };
}

/** The files of a list, oldest first. @throws LakeError `corrupt` */
export async function readDeadLetterList(table: Table, listName: string): Promise<readonly DeadLetterFile[]> {
  const json = await readJson(table, listName);
  if (!Array.isArray(json)) throw bad(table, listName);
  return json.map((item: JsonValue): DeadLetterFile => {
    const { name, rowCount, entryCount } = objectOf(table, listName, item);
    if (typeof name !== 'string' || !isCount(rowCount) || !isCount(entryCount)) throw bad(table, listName);
    return { name, rowCount, entryCount };
  });
}

/** Every dead letter a list names, oldest first. */
export async function* readDeadLetters(table: Table, listName: string): AsyncGenerator<DeadLetter, void, undefined> {
  for (const { name } of await readDeadLetterList(table, listName)) {
    const bytes = await readObject(table, name, deadLettersBytesMax);
    for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
      if (line !== '') yield letterOfJson(table, name, parsed(table, name, line));
    }
  }
}

function letterToJson(letter: DeadLetter): JsonObject {
  return {
    shard: letter.shardId,
    position: letter.position.toString(),
    arrivalMs: letter.arrivalMs,
    reason: letter.reason,
    detail: letter.detail,
    rows: letter.rows,
    rowCount: letter.rowCount,
    data: Buffer.from(letter.data).toString('base64'),
  };
}

function letterOfJson(table: Table, name: string, json: JsonValue): DeadLetter {
  const { shard, position, arrivalMs, reason, detail, rows, rowCount, data } = objectOf(table, name, json);
  if (
    typeof shard !== 'string' ||
    typeof position !== 'string' ||
    !/^\d{1,80}$/.test(position) ||
    !isCount(arrivalMs) ||
    typeof detail !== 'string' ||
    !isCount(rowCount) ||
    typeof data !== 'string' ||
    (rows !== undefined && !isCounts(rows)) ||
    !isReason(reason)
  ) {
    throw bad(table, name);
  }
  return {
    shardId: shard,
    position: BigInt(position),
    arrivalMs,
    reason,
    detail,
    rows,
    rowCount,
    data: new Uint8Array(Buffer.from(data, 'base64')),
  };
}

const reasons: Readonly<Record<DeadLetterReason, true>> = {
  unreadable: true,
  'unknown-schema': true,
  'bucket-count': true,
  'null-value': true,
  'not-appendable': true,
  'row-kind': true,
  'delete-not-merged': true,
};

function isReason(value: unknown): value is DeadLetterReason {
  return typeof value === 'string' && Object.hasOwn(reasons, value);
}

async function readObject(table: Table, name: string, bytesMax: number): Promise<Uint8Array> {
  const object = await table.store.get(tableObjectKey(table, name), { bytesMax });
  if (object === undefined) {
    throw corrupt(
      'LAKE_FILE_MISSING',
      `${table.store.uri}: ${tableObjectKey(table, name)} of ${table.label} is missing`,
    );
  }
  return object.bytes;
}

async function readJson(table: Table, name: string): Promise<JsonValue> {
  return parsed(table, name, Buffer.from(await readObject(table, name, jsonBytesMax)).toString('utf8'));
}

function parsed(table: Table, name: string, text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw bad(table, name, cause);
  }
}

function isCount(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isCounts(value: JsonValue): value is readonly number[] {
  return Array.isArray(value) && value.every((item: JsonValue) => isCount(item));
}

function objectOf(table: Table, name: string, json: JsonValue): JsonObject {
  if (isJsonObject(json)) return json;
  throw bad(table, name);
}

function bad(table: Table, name: string, cause?: unknown): Error {
  return corrupt('LAKE_CORRUPT_DEAD_LETTERS', `${tableObjectKey(table, name)} is not what dead letters look like`, {
    cause,
  });
}
