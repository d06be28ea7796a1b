/**
 * The files of a local log, as bytes.
 *
 *     tidelake-log.json              what the log is: incarnation, number of shards, limits; written once
 *     shard-000000/head              where the shard ends and which segment is being written; 64 bytes, replaced in place
 *     shard-000000/{start}.log       a segment: a header of 64 bytes, then frames; `start` is its first place, 20 digits
 *     shard-000000/lock, turn        lock files, always empty
 *
 * A **place** is a byte offset in the endless sequence of a shard's frames, so it is found without an index: place P is
 * byte 64 + P - start of its segment. The position of a record is the place behind its frame: the next record begins
 * there. All integers are little-endian.
 */

import type { LakeError } from '../../base/errors.ts';
import { shownJson } from '../../base/json.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { logCorrupt } from '../log-errors.ts';

export const metaFileName = 'tidelake-log.json';
export const headFileName = 'head';
/** Of a segment, and all there is of a head. */
export const headerBytes = 64;

export type LogMeta = {
  readonly incarnation: string;
  readonly shardCount: number;
  /** A segment that has this many bytes of frames is followed by another. */
  readonly segmentBytesMax: number;
  readonly retentionMs: number | undefined;
};

/** Where a shard ends. Everything before `end` is durable and whole. */
export type LogHead = {
  readonly end: number;
  /** First place of the segment being written. */
  readonly segmentStart: number;
  /** Arrival of the last record; 0 before the first. */
  readonly lastArrivalMs: number;
};

export type SegmentHeader = {
  readonly start: number;
  /** Arrival of the last record before this segment; 0 when there is none. */
  readonly previousArrivalMs: number;
};

const format = 'tidelake-log';
const version = 1;
const headMagic = 'TLLOGHED';
const segmentMagic = 'TLLOGSEG';
const shownLengthMax = 40;
const shardCountMax = 10_000;
const placeDigits = 20;

export function segmentFileName(start: number): string {
  return `${String(start).padStart(placeDigits, '0')}.log`;
}

/** The first place of the segment of this name; undefined for other files. */
export function segmentStartOf(fileName: string): number | undefined {
  if (!/^\d{20}\.log$/.test(fileName)) return undefined;
  const start = Number(fileName.slice(0, placeDigits));
  return Number.isSafeInteger(start) ? start : undefined;
}

export function encodeMeta(meta: LogMeta): Uint8Array {
  const { incarnation, shardCount, segmentBytesMax, retentionMs } = meta;
  const json = { format, version, incarnation, shardCount, segmentBytesMax, retentionMs: retentionMs ?? null };
  return new TextEncoder().encode(`${JSON.stringify(json, undefined, 2)}\n`);
}

/** @throws LakeError `corrupt` LAKE_LOG_CORRUPT */
export function decodeMeta(bytes: Uint8Array, where: string): LogMeta {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw logCorrupt(where, 'it is not JSON');
  }
  const fields = new Map<string, unknown>(Object.entries(Object(json)));
  const incarnation = fields.get('incarnation');
  const retentionMs = fields.get('retentionMs') ?? undefined;
  if (fields.get('format') !== format) throw logCorrupt(where, 'it does not describe a log of Tidelake');
  if (fields.get('version') !== version)
    throw logCorrupt(where, `its version is ${shownJson(fields.get('version'), shownLengthMax)}, not ${version}`);
  if (typeof incarnation !== 'string' || uuidBytes(incarnation) === undefined) {
    throw logCorrupt(where, 'its incarnation is no UUID');
  }
  if (retentionMs !== undefined && !isCount(retentionMs, Number.MAX_SAFE_INTEGER)) {
    throw logCorrupt(where, 'its retentionMs is no number of milliseconds');
  }
  const shardCount = fields.get('shardCount');
  const segmentBytesMax = fields.get('segmentBytesMax');
  if (!isCount(shardCount, shardCountMax)) throw logCorrupt(where, 'its shardCount makes no sense');
  if (!isCount(segmentBytesMax, 2 ** 40)) throw logCorrupt(where, 'its segmentBytesMax makes no sense');
  return { incarnation, shardCount, segmentBytesMax, retentionMs };
}

export function encodeHead(head: LogHead, incarnation: string): Uint8Array {
  return seal(headMagic, incarnation, [head.end, head.segmentStart, head.lastArrivalMs]);
}

/** @returns undefined for bytes that are not whole: a head read while it is being replaced may look like that */
export function decodeHead(bytes: Uint8Array, incarnation: string): LogHead | undefined {
  const words = unseal(bytes, headMagic, incarnation);
  if (words === undefined) return undefined;
  const [end = 0, segmentStart = 0, lastArrivalMs = 0] = words;
  return segmentStart <= end ? { end, segmentStart, lastArrivalMs } : undefined;
}

export function encodeSegmentHeader(header: SegmentHeader, incarnation: string): Uint8Array {
  return seal(segmentMagic, incarnation, [header.start, header.previousArrivalMs]);
}

/** @throws LakeError `corrupt` LAKE_LOG_CORRUPT */
export function decodeSegmentHeader(bytes: Uint8Array, incarnation: string, where: string): SegmentHeader {
  const words = unseal(bytes, segmentMagic, incarnation);
  if (words === undefined) throw brokenHeader(where);
  const [start = 0, previousArrivalMs = 0] = words;
  return { start, previousArrivalMs };
}

function brokenHeader(where: string): LakeError {
  return logCorrupt(where, 'the header is broken, or the file belongs to another log');
}

/** magic (8) · version (4) · checksum of all the rest (4) · incarnation (16) · up to four words of 8 bytes. */
function seal(magic: string, incarnation: string, words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(magic), 0);
  view.setUint32(8, version, true);
  bytes.set(uuidBytes(incarnation) ?? [], 16);
  for (const [index, word] of words.entries()) view.setBigUint64(32 + 8 * index, BigInt(word), true);
  view.setUint32(12, checksum(bytes), true);
  return bytes;
}

function unseal(bytes: Uint8Array, magic: string, incarnation: string): readonly number[] | undefined {
  if (bytes.byteLength !== headerBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12, true) !== checksum(bytes)) return undefined;
  if (new TextDecoder('latin1').decode(bytes.subarray(0, 8)) !== magic) return undefined;
  if (view.getUint32(8, true) !== version) return undefined;
  const owner = uuidBytes(incarnation);
  if (owner === undefined || owner.some((byte, index) => bytes[16 + index] !== byte)) return undefined;
  const words = [0, 1, 2, 3].map(index => Number(view.getBigUint64(32 + 8 * index, true)));
  return words.every(word => Number.isSafeInteger(word)) ? words : undefined;
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12)));
}

function uuidBytes(uuid: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined;
  return new Uint8Array(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= max;
}
