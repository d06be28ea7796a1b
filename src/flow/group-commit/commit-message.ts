/**
 * The commit message: what one ingest has written of one shard for one table and wants committed (DESIGN I8). Pure
 * codec.
 *
 * ```
 * "TCMT"           4 bytes
 * version 1        1 byte, then 3 zero bytes
 * header length    uint32 LE
 * header           JSON
 * manifest         the files, then the changelog files, as a Paimon manifest; nothing where there are none
 * crc-32           uint32 LE of everything before
 * ```
 */
import { corrupt } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../base/json.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { decodeManifest, encodeManifest } from '../../format/manifest.ts';
import type { PlannedFile } from '../../table/commit/request.ts';
import { decodeRowOrigins, encodeRowOrigins, type RowOrigins } from '../ingest/row-origins.ts';
import { type IngestCounters, noCounters, type ProducerState } from '../ingest/state.ts';
import { type EventsTaken, eventsOfJson, eventsToJson } from '../shard-events.ts';

export type CommitMessage = {
  readonly tableId: string;
  readonly tableName: string;
  readonly schemaId: number;
  /** Of the log whose rows these are. */
  readonly incarnation: string;
  readonly shardId: string;
  /** The position recorded when the sender began; the condition. */
  readonly from: bigint | undefined;
  readonly to: { readonly position: bigint; readonly arrivalMs: number };
  readonly ended: boolean;
  readonly files: readonly PlannedFile[];
  /** Changelog files, of a table whose writers produce them. */
  readonly changelog: readonly PlannedFile[];
  /** Lanes with a new last number. */
  readonly producers: ReadonlyMap<string, ProducerState>;
  /** Lanes of the shard that need not be known any more. */
  readonly forgotten: readonly string[];
  readonly counters: IngestCounters;
  /** Of a table with a watermark. */
  readonly events: EventsTaken | undefined;
  /** Dead-letter files of this batch. */
  readonly deadLetters: readonly { readonly name: string; readonly rowCount: number; readonly entryCount: number }[];
  /** Of the rows in `files`, where they are kept. */
  readonly origins: RowOrigins;
  /** Store time when the oldest upload began (S7). */
  readonly uploadBeganMs: number;
};

const magic = 0x544d4354; // "TCMT", little-endian
const headBytes = 12;
const counterNames = ['rowsIn', 'written', 'mergedAway', 'deadLettered', 'duplicates', 'gaps'] as const;
/** Only there when they say something, so that what is deployed before and after a change of version understands each other. */
const replayedName = 'replayed';
const originsName = 'origins';

export function encodeCommitMessage(message: CommitMessage): Uint8Array {
  const header = Buffer.from(stringifyJson(headerToJson(message)));
  const entries = [...message.files, ...message.changelog].map(
    ({ uploadBeganMs: _, ...file }) => ({ ...file, kind: 'add' }) as const,
  );
  const manifest = entries.length === 0 ? new Uint8Array() : encodeManifest(entries);
  const bytes = new Uint8Array(headBytes + header.length + manifest.length + 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint8(4, 1);
  view.setUint32(8, header.length, true);
  bytes.set(header, headBytes);
  bytes.set(manifest, headBytes + header.length);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

/** @throws LakeError `corrupt` LAKE_COMMIT_MESSAGE_CORRUPT */
export function decodeCommitMessage(bytes: Uint8Array, where: string): CommitMessage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headBytes + 4 || view.getUint32(0, true) !== magic || view.getUint8(4) !== 1) {
    throw bad(where, 'it does not begin as one');
  }
  const manifestStart = headBytes + view.getUint32(8, true);
  if (manifestStart > bytes.length - 4) throw bad(where, 'its header is longer than it is');
  if (crc32(bytes.subarray(0, -4)) !== view.getUint32(bytes.length - 4, true))
    throw bad(where, 'its checksum is wrong');
  const json = parseHeader(bytes.subarray(headBytes, manifestStart), where);
  const uploadBeganMs = count(json['began'], where);
  const manifest = bytes.subarray(manifestStart, -4);
  const entries = manifest.length === 0 ? [] : decodeManifest(manifest, where);
  const files = entries.map(({ kind, ...file }): PlannedFile => {
    const isLevel0 = kind === 'add' && file.file.level === 0;
    if (!isLevel0) throw bad(where, `${file.file.fileName} is no new file of level 0`);
    return { ...file, uploadBeganMs };
  });
  const changelogCount = json['changelog'] === undefined ? 0 : count(json['changelog'], where);
  if (changelogCount > files.length)
    throw bad(where, `it has ${files.length} files, and ${changelogCount} changelog files`);
  const message: CommitMessage = {
    ...headerOfJson(json, where),
    uploadBeganMs,
    files: files.slice(0, files.length - changelogCount),
    changelog: files.slice(files.length - changelogCount),
  };
  const { from, to } = message;
  if (from !== undefined && to.position <= from) throw bad(where, `it goes from ${from} to ${to.position}`);
  if (new Set(files.map(({ file }) => file.fileName)).size < files.length) throw bad(where, 'it names a file twice');
  return message;
}

function parseHeader(bytes: Uint8Array, where: string): JsonObject {
  try {
    const json = parseJson(Buffer.from(bytes).toString('utf8'));
    if (isJsonObject(json)) return json;
  } catch (error) {
    throw bad(where, 'its header is not JSON', error);
  }
  throw bad(where, 'its header is not an object');
}

function headerToJson(message: CommitMessage): JsonObject {
  const origins = encodeRowOrigins(message.origins);
  return {
    table: message.tableId,
    name: message.tableName,
    schema: message.schemaId,
    inc: message.incarnation,
    shard: message.shardId,
    from: message.from?.toString() ?? null,
    to: [message.to.position.toString(), message.to.arrivalMs],
    ended: message.ended,
    producers: Object.fromEntries(
      [...message.producers].map(([key, { lastNumber, arrivalMs, named }]) => [
        key,
        [lastNumber, arrivalMs, named ? 1 : 0],
      ]),
    ),
    forgotten: message.forgotten,
    rows: counterNames.map(name => message.counters[name].toString()),
    ...(message.counters.replayed === 0n ? {} : { [replayedName]: message.counters.replayed.toString() }),
    dead: message.deadLetters.map(({ name, rowCount, entryCount }) => [name, rowCount, entryCount]),
    ...(origins === undefined ? {} : { [originsName]: Buffer.from(origins).toString('base64') }),
    began: message.uploadBeganMs,
    changelog: message.changelog.length === 0 ? undefined : message.changelog.length,
    ...(message.events === undefined ? {} : eventsTakenToJson(message.events)),
  };
}

function headerOfJson(json: JsonObject, where: string): Omit<CommitMessage, 'files' | 'changelog' | 'uploadBeganMs'> {
  const [position, arrivalMs] = list(json['to'], 2, where);
  const rows = list(json['rows'], counterNames.length, where);
  const counters = { ...noCounters };
  for (const [index, name] of counterNames.entries()) counters[name] = integer(rows[index], where);
  if (json[replayedName] !== undefined) counters.replayed = integer(json[replayedName], where);
  const producers = isJsonObject(json['producers']) ? json['producers'] : {};
  const dead = Array.isArray(json['dead']) ? json['dead'] : [];
  const forgotten = Array.isArray(json['forgotten']) ? json['forgotten'] : [];
  return {
    tableId: text(json['table'], where),
    tableName: text(json['name'], where),
    schemaId: count(json['schema'], where),
    incarnation: text(json['inc'], where),
    shardId: text(json['shard'], where),
    from: json['from'] === null ? undefined : integer(json['from'], where),
    to: { position: integer(position, where), arrivalMs: count(arrivalMs, where) },
    ended: json['ended'] === true,
    producers: new Map(
      Object.entries(producers).map(([key, value]): [string, ProducerState] => {
        const [lastNumber, seenMs, named] = list(value, 3, where);
        return [key, { lastNumber: count(lastNumber, where), arrivalMs: count(seenMs, where), named: named === 1 }];
      }),
    ),
    forgotten: forgotten.map((value: JsonValue) => text(value, where)),
    counters,
    events: json['events'] === undefined ? undefined : eventsTaken(json, where),
    deadLetters: dead.map((value: JsonValue) => {
      const [name, rowCount, entryCount] = list(value, 3, where);
      return { name: text(name, where), rowCount: count(rowCount, where), entryCount: count(entryCount, where) };
    }),
    origins:
      json[originsName] === undefined
        ? new Map()
        : decodeRowOrigins(Buffer.from(text(json[originsName], where), 'base64'), where),
  };
}

function eventsTakenToJson({ seen, openShardIds, overShardIds }: EventsTaken): JsonObject {
  return { events: eventsToJson(seen), open: openShardIds, over: overShardIds };
}

function eventsTaken(json: JsonObject, where: string): EventsTaken {
  const seen = eventsOfJson(json['events']);
  if (seen === undefined) throw bad(where, 'its event times are none');
  const ids = (value: JsonValue | undefined): readonly string[] =>
    (Array.isArray(value) ? value : []).map((id: JsonValue) => text(id, where));
  return { seen, openShardIds: ids(json['open']), overShardIds: ids(json['over']) };
}

function list(value: JsonValue | undefined, length: number, where: string): readonly JsonValue[] {
  if (Array.isArray(value) && value.length === length) return value;
  throw bad(where, `a list of ${length} is missing`);
}

function text(value: JsonValue | undefined, where: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw bad(where, 'a text is missing');
}

function count(value: JsonValue | undefined, where: string): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw bad(where, 'a count is missing');
}

function integer(value: JsonValue | undefined, where: string): bigint {
  if (typeof value === 'string' && /^-?\d{1,80}$/.test(value)) return BigInt(value);
  throw bad(where, 'a number is missing');
}

function bad(where: string, why: string, cause?: unknown): Error {
  return corrupt('LAKE_COMMIT_MESSAGE_CORRUPT', `commit message at ${where}: ${why}`, { cause });
}
