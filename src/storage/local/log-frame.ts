/**
 * A frame: one record in a segment of a local log.
 *
 *     0  checksum of everything behind it, padding apart (CRC-32, 4 bytes)
 *     4  length of the data (4)
 *     8  the record's position: the place behind the frame (8)
 *     16 arrival, ms since 1970 (8)
 *     24 the data, then zeros up to a multiple of 8
 *
 * Since a frame names its own place, bytes at the wrong place never pass for a record, whatever their checksum.
 */
import { assert } from '../../base/assert.ts';
import { crc32 } from '../../bytes/crc32.ts';
import type { LogRecordEnvelope } from '../log-store.ts';

export const frameHeaderBytes = 24;
/** Largest record of a local log. */
export const recordBytesMax: number = 16 << 20;

export type FrameRead =
  | { readonly kind: 'record'; readonly record: LogRecordEnvelope; readonly frameBytes: number }
  /** The chunk ends before the frame does; it takes this many bytes from its beginning to read it. */
  | { readonly kind: 'short'; readonly bytesNeeded: number }
  | { readonly kind: 'bad'; readonly why: string };

export function frameBytesOf(dataBytes: number): number {
  return frameHeaderBytes + Math.ceil(dataBytes / 8) * 8;
}

/** Frames of some records, one behind the other, the first at `start`; and the position of each record. */
export function encodeFrames(
  records: readonly Uint8Array[],
  place: { readonly start: number; readonly arrivalMs: number },
): { readonly bytes: Uint8Array; readonly positions: readonly number[] } {
  const bytes = new Uint8Array(records.reduce((sum, data) => sum + frameBytesOf(data.byteLength), 0));
  const view = new DataView(bytes.buffer);
  const arrival = BigInt(place.arrivalMs);
  const positions: number[] = [];
  let offset = 0;
  for (const data of records) {
    assert(data.byteLength <= recordBytesMax, 'the size of a record is checked before it is framed');
    const end = offset + frameBytesOf(data.byteLength);
    view.setUint32(offset + 4, data.byteLength, true);
    view.setBigUint64(offset + 8, BigInt(place.start + end), true);
    view.setBigUint64(offset + 16, arrival, true);
    bytes.set(data, offset + frameHeaderBytes);
    view.setUint32(offset, crc32(bytes.subarray(offset + 4, offset + frameHeaderBytes + data.byteLength)), true);
    positions.push(place.start + end);
    offset = end;
  }
  return { bytes, positions };
}

/** The frame at `offset` of a chunk whose first byte is at place `chunkStart`. The data is a view into the chunk. */
export function readFrame(chunk: Uint8Array, offset: number, chunkStart: number): FrameRead {
  const bytesLeft = chunk.byteLength - offset;
  if (bytesLeft < frameHeaderBytes) return { kind: 'short', bytesNeeded: frameHeaderBytes };
  const view = new DataView(chunk.buffer, chunk.byteOffset + offset, bytesLeft);
  const dataBytes = view.getUint32(4, true);
  const frameBytes = frameBytesOf(dataBytes);
  const position = view.getBigUint64(8, true);
  if (dataBytes > recordBytesMax) return { kind: 'bad', why: `a record of ${dataBytes} bytes` };
  if (position !== BigInt(chunkStart + offset + frameBytes)) return { kind: 'bad', why: 'no record begins here' };
  if (bytesLeft < frameBytes) return { kind: 'short', bytesNeeded: frameBytes };
  const data = chunk.subarray(offset + frameHeaderBytes, offset + frameHeaderBytes + dataBytes);
  if (crc32(chunk.subarray(offset + 4, offset + frameHeaderBytes + dataBytes)) !== view.getUint32(0, true)) {
    return { kind: 'bad', why: 'the checksum of a record is wrong' };
  }
  return { kind: 'record', record: { position, arrivalMs: Number(view.getBigUint64(16, true)), data }, frameBytes };
}
