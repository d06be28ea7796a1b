/**
 * What a table has taken from the log: the ingest state, carried by every snapshot (DESIGN I1). Pure codec.
 *
 * It names one incarnation of the log (L4), and in it for each shard the last position taken, for each producer's lane
 * the last number, and counters of rows that add up: in = written + merged away + dead-lettered + duplicates. Dead letters
 * that are brought again come in once more: as many as were dead-lettered and not replayed since are dead letters now.
 */
import { corrupt } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../../base/json.ts';
import { type EventsByShard, eventsOfJson, eventsToJson } from '../shard-events.ts';

export type ShardState = {
  /** Everything at or below is taken. */
  readonly position: bigint;
  /** Rows taken of the record above `position`, when a claim check was taken in parts. */
  readonly row: number;
  /** When the log took the record at `position`. */
  readonly arrivalMs: number;
  /** The shard is closed and taken to its end. */
  readonly ended: boolean;
};

export type ProducerState = { readonly lastNumber: number; readonly arrivalMs: number; readonly named: boolean };

export type IngestCounters = {
  readonly rowsIn: bigint;
  readonly written: bigint;
  readonly mergedAway: bigint;
  readonly deadLettered: bigint;
  readonly duplicates: bigint;
  /** Producer numbers that were skipped: what the log has lost (I4). */
  readonly gaps: bigint;
  /** Of the rows that came in, those that had been dead letters and were brought again (RFC 0010). */
  readonly replayed: bigint;
};

export type IngestState = {
  readonly incarnation: string;
  readonly shards: ReadonlyMap<string, ShardState>;
  /** By `producerKey`. */
  readonly producers: ReadonlyMap<string, ProducerState>;
  /** Of a table with a watermark, how far event time has come in the shards that rows may still come from. */
  readonly events: EventsByShard;
  readonly counters: IngestCounters;
  /** Name of the dead-letter list, whole (I7). */
  readonly deadLetters: string | undefined;
  /** Beside the snapshots, too, it is written that the table takes rows from a log (S11). */
  readonly isMarked: boolean;
};

/** A state that is larger than this lies in an object of its own. */
export const inlineBytesMax: number = 8 * 1024;

export const noCounters: IngestCounters = {
  rowsIn: 0n,
  written: 0n,
  mergedAway: 0n,
  deadLettered: 0n,
  duplicates: 0n,
  gaps: 0n,
  replayed: 0n,
};

export function emptyState(incarnation: string): IngestState {
  return {
    incarnation,
    shards: new Map(),
    producers: new Map(),
    events: new Map(),
    counters: noCounters,
    deadLetters: undefined,
    isMarked: false,
  };
}

/** A producer's lane: numbers count up in each by themselves (L1). */
export function producerKey(producerId: string, bucket: number): string {
  return `${bucket}/${producerId}`;
}

/** The bucket of a lane, which tells its shard. */
export function bucketOfProducerKey(key: string): number {
  return Number.parseInt(key, 10);
}

export function producerIdOfKey(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

const replayProducerPrefix = 'dead-letter/';

/** The producer that brings dead letters again, of one replay (RFC 0010). */
export function replayProducerId(replayName: string): string {
  return `${replayProducerPrefix}${replayName}`;
}

export function isReplayProducer(producerId: string): boolean {
  return producerId.startsWith(replayProducerPrefix);
}

/** @param key of `producerKey` */
export function isReplayLane(key: string): boolean {
  return isReplayProducer(producerIdOfKey(key));
}

export function addCounters(a: IngestCounters, b: IngestCounters): IngestCounters {
  return {
    rowsIn: a.rowsIn + b.rowsIn,
    written: a.written + b.written,
    mergedAway: a.mergedAway + b.mergedAway,
    deadLettered: a.deadLettered + b.deadLettered,
    duplicates: a.duplicates + b.duplicates,
    gaps: a.gaps + b.gaps,
    replayed: a.replayed + b.replayed,
  };
}

export function encodeState(state: IngestState): string {
  const { incarnation, shards, producers, events, counters, deadLetters, isMarked } = state;
  const json: JsonObject = {
    v: 1,
    inc: incarnation,
    shards: Object.fromEntries(
      [...shards].map(([id, s]) => [id, [s.position.toString(), s.row, s.arrivalMs, s.ended ? 1 : 0]]),
    ),
    producers: Object.fromEntries(
      [...producers].map(([key, p]) => [key, [p.lastNumber, p.arrivalMs, p.named ? 1 : 0]]),
    ),
    ...(events.size === 0 ? {} : { events: eventsToJson(events) }),
    rows: [
      counters.rowsIn,
      counters.written,
      counters.mergedAway,
      counters.deadLettered,
      counters.duplicates,
      counters.gaps,
      // Most tables never have any, and what read states before there were replays reads theirs.
      ...(counters.replayed === 0n ? [] : [counters.replayed]),
    ].map(String),
    dead: deadLetters,
    ...(isMarked ? { marked: 1 } : {}),
  };
  return stringifyJson(json);
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_STATE */
export function decodeState(text: string, where: string): IngestState {
  const json = objectOf(parse(text, where), where);
  if (json['v'] !== 1) throw bad(where, 'its version is not 1');
  const shards = new Map<string, ShardState>();
  for (const [id, value] of Object.entries(objectOf(json['shards'], where))) {
    const [position, row, arrivalMs, ended] = listOf(value, 4, where);
    shards.set(id, {
      position: integer(position, where),
      row: count(row, where),
      arrivalMs: count(arrivalMs, where),
      ended: ended === 1,
    });
  }
  const producers = new Map<string, ProducerState>();
  for (const [key, value] of Object.entries(objectOf(json['producers'], where))) {
    const [lastNumber, arrivalMs, named] = listOf(value, 3, where);
    producers.set(key, {
      lastNumber: count(lastNumber, where),
      arrivalMs: count(arrivalMs, where),
      named: named === 1,
    });
  }
  const events = eventsOfJson(json['events'] ?? {});
  if (events === undefined) throw bad(where, 'its event times are none');
  const counters = countersOf(json['rows'], where);
  const { inc, dead } = json;
  if (typeof inc !== 'string') throw bad(where, 'it names no incarnation');
  const deadLetters = typeof dead === 'string' ? dead : undefined;
  return { incarnation: inc, shards, producers, events, counters, deadLetters, isMarked: json['marked'] === 1 };
}

function countersOf(json: JsonValue | undefined, where: string): IngestCounters {
  const length = Array.isArray(json) && json.length === 7 ? 7 : 6;
  const [rowsIn, written, mergedAway, deadLettered, duplicates, gaps, replayed = 0n] = listOf(json, length, where).map(
    value => integer(value, where),
  );
  return Object.assign({ ...noCounters }, { rowsIn, written, mergedAway, deadLettered, duplicates, gaps, replayed });
}

/** DESIGN L2: an anonymous producer is forgotten this long, in log time, after its last record. */
const anonymousMs = 60 * 60_000;

/**
 * Whether a lane may be forgotten.
 *
 * @param nowMs arrival time of the newest record taken from the lane's own shard: a lane of a shard that lags behind the
 * others is not silent, its records are only not read yet
 * @param namedMs how long named ones are kept: the log's retention; undefined: for ever
 */
export function isForgotten({ arrivalMs, named }: ProducerState, nowMs: number, namedMs: number | undefined): boolean {
  const keptMs = named ? namedMs : anonymousMs;
  return keptMs !== undefined && nowMs - arrivalMs > keptMs;
}

/** When the newest record came that was taken, of whatever shard; 0: none was. */
export function newestArrivalMs({ shards }: Pick<IngestState, 'shards'>): number {
  return [...shards.values()].reduce((ms, { arrivalMs }) => Math.max(ms, arrivalMs), 0);
}

/** The lanes that stay known. */
export function withoutForgotten(
  producers: ReadonlyMap<string, ProducerState>,
  forgotten: readonly string[],
): ReadonlyMap<string, ProducerState> {
  const kept = new Map(producers);
  for (const key of forgotten) kept.delete(key);
  return kept;
}

function parse(text: string, where: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    throw bad(where, 'it is not JSON', error);
  }
}

function objectOf(value: JsonValue | undefined, where: string): JsonObject {
  if (isJsonObject(value)) return value;
  throw bad(where, 'an object is missing');
}

function listOf(value: JsonValue | undefined, length: number, where: string): readonly JsonValue[] {
  if (Array.isArray(value) && value.length === length) return value;
  throw bad(where, `a list of ${length} is missing`);
}

function integer(value: JsonValue | undefined, where: string): bigint {
  if (typeof value === 'string' && /^-?\d{1,80}$/.test(value)) return BigInt(value);
  throw bad(where, 'a number is missing');
}

function count(value: JsonValue | undefined, where: string): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw bad(where, 'a count is missing');
}

function bad(where: string, why: string, cause?: unknown): Error {
  return corrupt('LAKE_CORRUPT_STATE', `ingest state in ${where}: ${why}`, { cause });
}
