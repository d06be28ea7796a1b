/**
 * Dead letters: records and rows that a table can not take, kept with the reason so that they can be brought again
 * (DESIGN I7). Files of JSON lines, named by a list object; the snapshot names the list, so a dead letter is there
 * exactly when the position that passes over it is.
 */
import { type JsonObject, type JsonValue, stringifyJson } from '../../base/json.ts';
import type { Table } from '../../table/table.ts';
import { deadLettersNamePrefix, tableObjectKey } from '../../table/table-objects.ts';
import type { MisfitReason } from '../../table/write/row-misfits.ts';
import { type DeadLetterFile, readDeadLetterList } from './dead-letter-list.ts';
import { badLetters, isCount, jsonLinesOf, objectOf } from './letter-objects.ts';

export type DeadLetterReason = 'unreadable' | 'unknown-schema' | 'schema-change' | 'bucket-count' | MisfitReason;

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

/** Uploads letters as a file of their own; nothing names it yet. */
export async function storeDeadLetterFile(table: Table, letters: readonly DeadLetter[]): Promise<DeadLetterFile> {
  const name = `${deadLettersNamePrefix}${table.random.uuid()}`;
  const text = letters.map(letter => `${stringifyJson(letterToJson(letter))}\n`).join('');
  await table.store.put(tableObjectKey(table, name), Buffer.from(text));
  const rowCount = letters.reduce((sum, letter) => sum + letter.rowCount, 0);
  return { name, rowCount, entryCount: letters.length };
}

/** Every dead letter a list names, oldest first; those on their way back are none. */
export async function* readDeadLetters(table: Table, listName: string): AsyncGenerator<DeadLetter, void, undefined> {
  for (const { name } of (await readDeadLetterList(table, listName)).files) yield* readDeadLetterFile(table, name);
}

/** The dead letters of one file. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_DEAD_LETTERS */
export async function* readDeadLetterFile(table: Table, name: string): AsyncGenerator<DeadLetter, void, undefined> {
  for await (const json of jsonLinesOf(table, name)) yield letterOfJson(table, name, json);
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
    !isDeadLetterReason(reason)
  ) {
    throw badLetters(table, name);
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
  'schema-change': true,
  'bucket-count': true,
  'null-value': true,
  'not-appendable': true,
  'row-kind': true,
  'delete-not-merged': true,
};

export const deadLetterReasons: readonly string[] = Object.keys(reasons);

export function isDeadLetterReason(value: unknown): value is DeadLetterReason {
  return typeof value === 'string' && Object.hasOwn(reasons, value);
}

function isCounts(value: JsonValue): value is readonly number[] {
  return Array.isArray(value) && value.every((item: JsonValue) => isCount(item));
}
