/**
 * Deletion vectors: which rows of a data file are no more, by their positions in the file, counted from 0. They lie one
 * after the other in index files; an index manifest says where.
 *
 * An index file is the byte 1 and a record for each vector: the length of what follows without the checksum (big-endian), a
 * magic number, the positions, the CRC-32 of magic and positions (big-endian). A 32-bit record has its magic big-endian
 * and one Roaring bitmap; its range in the index manifest counts magic and bitmap only. A 64-bit record has its magic
 * little-endian, a count of bitmaps, and each with the high 32 bits of its positions before it; its range counts the
 * whole record. That difference is Paimon's.
 *
 * @see spec 8.6; Paimon 1.4.2 BitmapDeletionVector, Bitmap64DeletionVector, DeletionVectorsIndexFile
 */
import { assert } from '../base/assert.ts';
import { corrupt } from '../base/errors.ts';
import { concatBytes } from '../bytes/concat.ts';
import { crc32 } from '../bytes/crc32.ts';
import type { VectorRange } from './index-manifest.ts';
import { decodeRoaring, encodeRoaring, numbersEnd, numbersIn, type RoaringBitmap } from './roaring.ts';

export type DeletionVector = {
  /** How many rows are deleted. */
  readonly cardinality: number;
  /** Ascending by `base`, which is added to the bitmap's numbers. */
  readonly parts: readonly { readonly base: number; readonly bitmap: RoaringBitmap }[];
};

/** `32`: positions below 2^31, what Paimon takes by default. */
export type VectorBits = 32 | 64;

const fileVersion = 1;
const magic32 = 1_581_511_376;
const magic64 = 1_681_511_377;
/** Length and checksum. */
const frameBytes = 8;
const positions32 = 2 ** 32;
/** Positions are exact as numbers. */
const highMax = 2 ** 20;

/** The bytes of an index file that a vector is read from. @param fileSize of the index file */
export function vectorBytes(range: VectorRange, fileSize: number): { readonly start: number; readonly end: number } {
  return { start: range.offset, end: Math.min(fileSize, range.offset + range.length + frameBytes) };
}

/**
 * @param bytes what `vectorBytes` says, or more
 * @throws LakeError `corrupt` LAKE_CORRUPT_VECTOR when it is not the vector that the range announces
 */
export function decodeDeletionVector(bytes: Uint8Array, range: VectorRange, where: string): DeletionVector {
  const broken = (what: string): Error => corrupt('LAKE_CORRUPT_VECTOR', `${where}: deletion vector: ${what}`);
  if (bytes.length < frameBytes + 4) throw broken(`${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getInt32(0);
  const is32 = view.getInt32(4) === magic32;
  if (!(is32 || view.getInt32(4, true) === magic64)) throw broken('its magic number is unknown');
  if (length < 4 || length + frameBytes > bytes.length) throw broken(`it claims ${length} of ${bytes.length} bytes`);
  if ((is32 ? length : length + frameBytes) !== range.length) {
    throw broken(`it has ${length} bytes, its index manifest says ${range.length}`);
  }
  const body = bytes.subarray(4, 4 + length);
  if (crc32(body) !== view.getUint32(4 + length)) throw broken('its checksum is another');
  const parts = is32 ? parts32(body, where) : parts64(body, where);
  if (parts.end !== body.length) throw broken(`${body.length - parts.end} bytes too many`);
  const cardinality = parts.parts.reduce((sum, part) => sum + part.bitmap.cardinality, 0);
  if (range.cardinality !== undefined && range.cardinality !== cardinality) {
    throw broken(`it deletes ${cardinality} rows, its index manifest says ${range.cardinality}`);
  }
  return { cardinality, parts: parts.parts };
}

type Parts = { readonly parts: DeletionVector['parts']; readonly end: number };

function parts32(body: Uint8Array, where: string): Parts {
  const { bitmap, end } = decodeRoaring(body, 4, where);
  return { parts: [{ base: 0, bitmap }], end };
}

function parts64(body: Uint8Array, where: string): Parts {
  const broken = (what: string): Error => corrupt('LAKE_CORRUPT_VECTOR', `${where}: deletion vector: ${what}`);
  if (body.length < 12) throw broken('it is cut short');
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const count = view.getBigUint64(4, true);
  const parts: { base: number; bitmap: RoaringBitmap }[] = [];
  let at = 12;
  let highBefore = -1;
  for (let index = 0n; index < count; index += 1n) {
    if (at + 4 > body.length) throw broken('it is cut short');
    const high = view.getUint32(at, true);
    if (high <= highBefore || high > highMax) throw broken('bitmaps out of order');
    const { bitmap, end } = decodeRoaring(body, at + 4, where);
    parts.push({ base: high * positions32, bitmap });
    highBefore = high;
    at = end;
  }
  return { parts, end: at };
}

/** Deleted positions from `start` up to but without `end`, ascending. */
export function* deletedPositions(
  vector: DeletionVector,
  start: number,
  end: number,
): Generator<number, void, undefined> {
  for (const { base, bitmap } of vector.parts) {
    if (base >= end) return;
    for (const number of numbersIn(bitmap, start - base, end - base)) yield base + number;
  }
}

/** One past the last deleted position; 0 for none. */
export function positionsEnd(vector: DeletionVector): number {
  return vector.parts.reduce((end, { base, bitmap }) => {
    const partEnd = numbersEnd(bitmap);
    return partEnd === 0 ? end : base + partEnd;
  }, 0);
}

export type FileVector = {
  /** The data file. */
  readonly fileName: string;
  /** Ascending, each once, one at least. */
  readonly positions: readonly number[];
};

/** The bytes of an index file and where in it each vector is, in the order given. */
export function encodeVectorFile(
  vectors: readonly FileVector[],
  bits: VectorBits,
): { readonly bytes: Uint8Array; readonly ranges: readonly VectorRange[] } {
  const parts: Uint8Array[] = [Uint8Array.of(fileVersion)];
  const ranges: VectorRange[] = [];
  let offset = 1;
  for (const { fileName, positions } of vectors) {
    assert(positions.length > 0, () => `a vector of ${fileName} that deletes nothing`);
    const record = encodeVector(positions, bits);
    const length = bits === 32 ? record.length - frameBytes : record.length;
    ranges.push({ fileName, offset, length, cardinality: positions.length });
    parts.push(record);
    offset += record.length;
  }
  return { bytes: concatBytes(parts), ranges };
}

/** A whole record: length, magic, positions, checksum. */
function encodeVector(positions: readonly number[], bits: VectorBits): Uint8Array {
  const body = bits === 32 ? body32(positions) : body64(positions);
  const frame = new Uint8Array(frameBytes);
  const view = new DataView(frame.buffer);
  view.setInt32(0, body.length);
  view.setUint32(4, crc32(body));
  return concatBytes([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function body32(positions: readonly number[]): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setInt32(0, magic32);
  return concatBytes([head, encodeRoaring(positions)]);
}

function body64(positions: readonly number[]): Uint8Array {
  const byHigh = Map.groupBy(positions, position => Math.floor(position / positions32));
  const count = Math.floor((positions.at(-1) ?? 0) / positions32) + 1;
  assert(count <= highMax, 'positions are exact as numbers');
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  view.setInt32(0, magic64, true);
  view.setBigInt64(4, BigInt(count), true);
  const parts: Uint8Array[] = [head];
  // Paimon has a bitmap for each, empty or not.
  for (let high = 0; high < count; high += 1) {
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, high, true);
    parts.push(key, encodeRoaring((byHigh.get(high) ?? []).map(position => position % positions32)));
  }
  return concatBytes(parts);
}
