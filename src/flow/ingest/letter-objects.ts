/** How the objects of dead letters are read: JSON, one value or one a line, of which nothing is trusted. */
import { corrupt } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../base/json.ts';
import { deadLettersBytesMax, jsonBytesMax } from '../../format/metadata-limits.ts';
import type { Table } from '../../table/table.ts';
import { tableObjectKey } from '../../table/table-objects.ts';

/** The one value of a small object. @throws LakeError `corrupt` LAKE_FILE_MISSING, LAKE_CORRUPT_DEAD_LETTERS */
export async function jsonOf(table: Table, name: string): Promise<JsonValue> {
  return parsed(table, name, Buffer.from(await bytesOf(table, name, jsonBytesMax)).toString('utf8'));
}

/** The values of an object that has one a line. @throws LakeError as `jsonOf` */
export async function* jsonLinesOf(table: Table, name: string): AsyncGenerator<JsonValue, void, undefined> {
  const bytes = await bytesOf(table, name, deadLettersBytesMax);
  for (const line of Buffer.from(bytes).toString('utf8').split('\n')) if (line !== '') yield parsed(table, name, line);
}

export function objectOf(table: Table, name: string, json: JsonValue | undefined): JsonObject {
  if (isJsonObject(json)) return json;
  throw badLetters(table, name);
}

export function isCount(value: JsonValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function badLetters(table: Table, name: string, cause?: unknown): Error {
  return corrupt('LAKE_CORRUPT_DEAD_LETTERS', `${tableObjectKey(table, name)} is not what dead letters look like`, {
    cause,
  });
}

async function bytesOf(table: Table, name: string, bytesMax: number): Promise<Uint8Array> {
  const object = await table.store.get(tableObjectKey(table, name), { bytesMax });
  if (object === undefined) {
    throw corrupt(
      'LAKE_FILE_MISSING',
      `${table.store.uri}: ${tableObjectKey(table, name)} of ${table.label} is missing`,
    );
  }
  return object.bytes;
}

function parsed(table: Table, name: string, text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (cause) {
    throw badLetters(table, name, cause);
  }
}
