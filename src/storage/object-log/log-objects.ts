/**
 * What lies where in a log that is kept in an object store, below the prefix that its address names:
 *
 *     tidelake-log.json                         what the log is and its shards; replaced by a conditional PUT
 *     {incarnation}/{shard}/first.json          where retention has come to; not there while nothing was removed
 *     {incarnation}/{shard}/{down}.batch        the batches (batch-codec)
 *
 * `down` is 10^15 - 1 minus the number of the batch, 15 digits: numbers count up and names down, so that the first key of a
 * LIST is the newest batch, however many there are. The next batch of a shard is found by its name alone.
 *
 * A **position** is 2^20 times the number of the batch plus the place of the record in it; the last place of a batch
 * (2^20 - 1) is no record's and means "behind batch N", also of batch 0, which there is none of.
 */
import { shownJson } from '../../base/json.ts';
import { logCorrupt } from '../log-errors.ts';
import type { LogShard } from '../log-store.ts';
import { hashKeyCount } from '../log-store.ts';

export const logKey = 'tidelake-log.json';
/** A log has some hundreds of shards at the most, of 250 bytes each. */
export const logObjectBytesMax: number = 4 << 20;
/** Those that were are counted. */
export const shardsMax = 10_000;
export const firstObjectBytesMax: number = 4 << 10;

const format = 'tidelake-object-log';
const version = 1;
const numberMax = 999_999_999_999_999;
const numberDigits = 15;
const placeBits = 20n;
const placeMax = (1n << placeBits) - 1n;
const shownLengthMax = 40;

/** `closing`: its children are decided and no record goes to them before it has its seal. */
export type ShardState = 'open' | 'closing' | 'closed';
export type ObjectLogShard = Omit<LogShard, 'closed'> & { readonly state: ShardState };
export type ObjectLogMeta = {
  readonly incarnation: string;
  readonly retentionMs: number | undefined;
  /** In the order they were made, so parents before children. */
  readonly shards: readonly ObjectLogShard[];
  /** Of the next one. */
  readonly nextShardIndex: number;
};
/** What retention has left of a shard. */
export type FirstKept = {
  /** Batches before this number are removed. */
  readonly number: number;
  /** Arrival of the newest one removed; 0 when there is none. */
  readonly previousArrivalMs: number;
};

export const nothingRemoved: FirstKept = { number: 1, previousArrivalMs: 0 };

export function shardPrefix(incarnation: string, shardId: string): string {
  return `${incarnation}/${shardId}/`;
}

export function batchKey(incarnation: string, shardId: string, number: number): string {
  return `${shardPrefix(incarnation, shardId)}${String(numberMax - number).padStart(numberDigits, '0')}.batch`;
}

/** @returns undefined for the key of something else */
export function numberOfBatchKey(key: string): number | undefined {
  const down = /\/(\d{15})\.batch$/.exec(key)?.[1];
  return down === undefined ? undefined : numberMax - Number(down);
}

export function firstKey(incarnation: string, shardId: string): string {
  return `${shardPrefix(incarnation, shardId)}first.json`;
}

export function positionOf(number: number, place: number): bigint {
  return (BigInt(number) << placeBits) | BigInt(place);
}

/** The position behind all records of a batch. */
export function positionBehind(number: number): bigint {
  return (BigInt(number) << placeBits) | placeMax;
}

/** @returns undefined for a number that is no position of such a log */
export function placeOf(position: bigint): { readonly number: number; readonly place: number | 'behind' } | undefined {
  if (position < placeMax || position >> placeBits > BigInt(numberMax)) return undefined;
  const place = position & placeMax;
  return { number: Number(position >> placeBits), place: place === placeMax ? 'behind' : Number(place) };
}

export function encodeLogObject(meta: ObjectLogMeta): Uint8Array {
  const json = {
    format,
    version,
    incarnation: meta.incarnation,
    retentionMs: meta.retentionMs ?? null,
    nextShardIndex: meta.nextShardIndex,
    shards: meta.shards.map(({ shardId, parentIds, hashKeyStart, hashKeyEnd, state }) => ({
      shardId,
      parentIds,
      hashKeyStart: hashKeyStart.toString(16),
      hashKeyEnd: hashKeyEnd.toString(16),
      state,
    })),
  };
  return new TextEncoder().encode(`${JSON.stringify(json, undefined, 1)}\n`);
}

/** @throws LakeError `corrupt` LAKE_LOG_CORRUPT */
export function decodeLogObject(bytes: Uint8Array, where: string): ObjectLogMeta {
  const fields = decodeJson(bytes, where);
  const incarnation = fields.get('incarnation');
  const retentionMs = fields.get('retentionMs') ?? undefined;
  const nextShardIndex = fields.get('nextShardIndex');
  const shards = fields.get('shards');
  if (fields.get('format') !== format) throw logCorrupt(where, 'it does not describe a log of Tidelake');
  if (fields.get('version') !== version)
    throw logCorrupt(where, `its version is ${shownJson(fields.get('version'), shownLengthMax)}, not ${version}`);
  if (typeof incarnation !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(incarnation))
    throw logCorrupt(where, 'its incarnation is no UUID');
  if (retentionMs !== undefined && !isCount(retentionMs))
    throw logCorrupt(where, 'its retentionMs is no number of milliseconds');
  if (!isCount(nextShardIndex)) throw logCorrupt(where, 'its nextShardIndex makes no sense');
  if (!Array.isArray(shards) || shards.length === 0 || shards.length > shardsMax)
    throw logCorrupt(where, 'it has no list of shards');
  return { incarnation, retentionMs, nextShardIndex, shards: shards.map(shard => decodeShard(shard, where)) };
}

export function encodeFirstKept(first: FirstKept): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(first)}\n`);
}

/** @throws LakeError `corrupt` LAKE_LOG_CORRUPT */
export function decodeFirstKept(bytes: Uint8Array, where: string): FirstKept {
  const fields = decodeJson(bytes, where);
  const number = fields.get('number');
  const previousArrivalMs = fields.get('previousArrivalMs');
  if (!isCount(number) || number > numberMax || !isCount(previousArrivalMs))
    throw logCorrupt(where, 'it does not tell which batch is the first');
  return { number, previousArrivalMs };
}

function decodeJson(bytes: Uint8Array, where: string): ReadonlyMap<string, unknown> {
  try {
    return new Map(Object.entries(Object(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))));
  } catch {
    throw logCorrupt(where, 'it is not JSON');
  }
}

function decodeShard(value: unknown, where: string): ObjectLogShard {
  const fields = new Map<string, unknown>(Object.entries(Object(value)));
  const shardId = fields.get('shardId');
  const parentIds = fields.get('parentIds');
  const state = fields.get('state');
  const hashKeyStart = hexNumber(fields.get('hashKeyStart'));
  const hashKeyEnd = hexNumber(fields.get('hashKeyEnd'));
  if (!isShardId(shardId) || !Array.isArray(parentIds) || !parentIds.every(isShardId))
    throw logCorrupt(where, 'a shard of it has no name');
  if (hashKeyStart === undefined || hashKeyEnd === undefined || hashKeyStart > hashKeyEnd)
    throw logCorrupt(where, `${shardId} of it has no range of hash keys`);
  if (state !== 'open' && state !== 'closing' && state !== 'closed')
    throw logCorrupt(where, `${shardId} of it is in no state that is known`);
  return { shardId, parentIds, hashKeyStart, hashKeyEnd, state };
}

function isShardId(value: unknown): value is string {
  return typeof value === 'string' && /^shard-\d{6,15}$/.test(value);
}

function hexNumber(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !/^[0-9a-f]{1,32}$/.test(value)) return undefined;
  const number = BigInt(`0x${value}`);
  return number < hashKeyCount ? number : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
