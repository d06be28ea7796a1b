/**
 * Which records of the log the rows of a commit's files come from, file by file in the order of the rows: so whoever stands at a
 * position within what the commit took can tell the rows of before it from those behind (RFC 0017). Pure codec.
 *
 * Of tables without keys alone: there every row of a record is a row of a file, and stays the same row until a compaction writes
 * other files, which are no longer this commit's.
 *
 * As bytes it is JSON, deflated: `shards` has for each shard its id, the position of the first record and the differences to the
 * ones that follow; all these records count as one list. `files` has for each file, in pairs, how far in that list it is
 * to the next record, and how many rows of that follow.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { present } from '../../base/assert.ts';
import { corrupt } from '../../base/errors.ts';
import { isJsonObject, type JsonValue, parseJson, stringifyJson } from '../../base/json.ts';

export type RecordPlace = { readonly shardId: string; readonly position: bigint };
/** Rows of a file that follow one another. */
export type RowOrigin = RecordPlace & { readonly rowCount: number };
/** By the name of the file. */
export type RowOrigins = ReadonlyMap<string, readonly RowOrigin[]>;

/** Of the JSON. A commit of 100,000 one-row records of Kinesis takes 4 MB. */
export const originsBytesMax: number = 16 * 1024 * 1024;
/** Of its values: few bytes can be many. A one-row record takes three. */
export const originsValuesMax: number = 600_000;

/** @returns undefined: there is nothing to tell, or it would be more than is read */
export function encodeRowOrigins(origins: RowOrigins): Uint8Array | undefined {
  if (origins.size === 0) return undefined;
  const positions = new Map<string, Set<bigint>>();
  for (const { shardId, position } of [...origins.values()].flat()) {
    const ofShard = positions.get(shardId);
    if (ofShard === undefined) positions.set(shardId, new Set([position]));
    else ofShard.add(position);
  }
  const places = new Map<string, ReadonlyMap<bigint, number>>();
  let count = 0;
  const shards = [...positions].map(([shardId, ofShard]) => {
    const ascending = [...ofShard].toSorted((a, b) => (a < b ? -1 : 1));
    places.set(shardId, new Map(ascending.map((position, index) => [position, count + index])));
    count += ascending.length;
    return [shardId, ...ascending.map((position, index) => position - (ascending[index - 1] ?? 0n))];
  });
  const files = [...origins].map(([fileName, runs]) => {
    let at = 0;
    const pairs = runs.flatMap(({ shardId, position, rowCount }) => {
      const place = present(places.get(shardId)?.get(position), 'a record of the list');
      const step = place - at;
      at = place;
      return [step, rowCount];
    });
    return [fileName, pairs] as const;
  });
  const text = Buffer.from(stringifyJson({ v: 1, shards, files: Object.fromEntries(files) }));
  return text.length > originsBytesMax || isLong(text) ? undefined : deflateRawSync(text);
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_ORIGINS */
export function decodeRowOrigins(bytes: Uint8Array, where: string): RowOrigins {
  const json = parse(bytes, where);
  if (!isJsonObject(json) || json['v'] !== 1) throw bad(where, 'its version is not 1');
  const { shards, files } = json;
  if (!Array.isArray(shards) || !isJsonObject(files)) throw bad(where, 'it has no shards or no files');
  const records = shards.flatMap((shard: JsonValue) => recordsOf(shard, where));
  return new Map(Object.entries(files).map(([fileName, pairs]) => [fileName, runsOf(pairs, records, where)]));
}

function recordsOf(shard: JsonValue, where: string): readonly RecordPlace[] {
  if (!Array.isArray(shard)) throw bad(where, 'a shard is no list');
  const [shardId, ...steps] = shard;
  if (typeof shardId !== 'string') throw bad(where, 'a shard has no id');
  let position = 0n;
  return steps.map((step: JsonValue) => {
    position += integer(step, where);
    return { shardId, position };
  });
}

function runsOf(pairs: JsonValue | undefined, records: readonly RecordPlace[], where: string): readonly RowOrigin[] {
  if (!Array.isArray(pairs) || pairs.length % 2 !== 0) throw bad(where, 'a file has no pairs');
  let at = 0;
  return Array.from({ length: pairs.length / 2 }, (_, index) => {
    at += Number(integer(pairs[2 * index], where));
    const [record, rowCount] = [records[at], pairs[2 * index + 1]];
    if (record === undefined) throw bad(where, `it has no record ${at}`);
    if (typeof rowCount !== 'number' || !Number.isSafeInteger(rowCount) || rowCount < 1)
      throw bad(where, 'a count is none');
    return { ...record, rowCount };
  });
}

function integer(value: JsonValue | undefined, where: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw bad(where, 'a number is missing');
}

function parse(bytes: Uint8Array, where: string): JsonValue {
  const text = unpack(bytes, where);
  if (isLong(text)) throw bad(where, `it has more than ${originsValuesMax} values`);
  try {
    return parseJson(text.toString('utf8'));
  } catch (error) {
    throw bad(where, 'it is not JSON', error);
  }
}

function unpack(bytes: Uint8Array, where: string): Buffer {
  try {
    return inflateRawSync(bytes, { maxOutputLength: originsBytesMax });
  } catch (error) {
    throw bad(where, 'it does not unpack', error);
  }
}

/** Whether JSON has more values than are parsed: before each but the first is one of these signs. */
function isLong(text: Uint8Array): boolean {
  let count = 1;
  for (const byte of text) if (byte === comma || byte === bracket || byte === brace) count += 1;
  return count > originsValuesMax;
}

const [comma, bracket, brace] = [0x2c, 0x5b, 0x7b];

function bad(where: string, why: string, cause?: unknown): Error {
  return corrupt('LAKE_CORRUPT_ORIGINS', `origins of rows in ${where}: ${why}`, { cause });
}
