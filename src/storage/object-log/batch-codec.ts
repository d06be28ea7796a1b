/**
 * One batch of records of a log in an object store: an object of its own, written once.
 *
 *     byte  0  "TLLOGBAT"
 *           8  version, u32
 *          12  CRC-32 of the shard's name and of all bytes behind this word, u32
 *          16  number of the batch in its shard, u64: the first has 1
 *          24  arrival of its records, ms since 1970, u64; never before that of the batch before it
 *          32  token of the appender's try, 8 bytes: tells a batch of ours, whose answer was lost, from a rival's
 *          40  kind, u32: 0 records; 1 seal, the end of a shard that was split or merged, which holds none
 *          44  count of records, u32
 *          48  bytes of records together, u64
 *          56  lengths of the records, u32 each
 *              the records, one behind the other
 *
 * All integers are little-endian. The log's incarnation is part of the key, so that no batch of a log that was deleted is
 * taken for one of its successor.
 */
import { assert } from '../../base/assert.ts';
import { crc32 } from '../../bytes/crc32.ts';
import { logCorrupt } from '../log-errors.ts';

export const headerBytes: number = 56;
export const batchRecordsMax: number = 1 << 16;
/** Records of one batch together; what is larger is no batch of ours. */
export const storedBatchBytesMax: number = 32 << 20;

const magic = 0x5441_4247_4f4c_4c54n;
const version = 1;
const tokenBytes = 8;

export type BatchHead = {
  readonly number: number;
  readonly arrivalMs: number;
  /** 16 hexadecimal digits. */
  readonly token: string;
  readonly kind: 'records' | 'seal';
  readonly recordCount: number;
  readonly recordBytes: number;
};
export type Batch = { readonly head: BatchHead; readonly records: readonly Uint8Array[] };

/** Where a batch lies: its shard counts in the checksum, its key is for messages. */
export type BatchPlace = { readonly shardId: string; readonly number: number; readonly where: string };

/** @param head its counts are those of `records` */
export function encodeBatch(
  shardId: string,
  head: Pick<BatchHead, 'number' | 'arrivalMs' | 'token' | 'kind'>,
  records: readonly Uint8Array[],
): Uint8Array {
  assert(records.length <= batchRecordsMax, 'a batch has no more records than its index has room for');
  const recordBytes = records.reduce((sum, record) => sum + record.byteLength, 0);
  const bytes = new Uint8Array(headerBytes + 4 * records.length + recordBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, magic, true);
  view.setUint32(8, version, true);
  view.setBigUint64(16, BigInt(head.number), true);
  view.setBigUint64(24, BigInt(head.arrivalMs), true);
  bytes.set(Buffer.from(head.token, 'hex').subarray(0, tokenBytes), 32);
  view.setUint32(40, head.kind === 'seal' ? 1 : 0, true);
  view.setUint32(44, records.length, true);
  view.setBigUint64(48, BigInt(recordBytes), true);
  let offset = headerBytes + 4 * records.length;
  for (const [index, record] of records.entries()) {
    view.setUint32(headerBytes + 4 * index, record.byteLength, true);
    bytes.set(record, offset);
    offset += record.byteLength;
  }
  view.setUint32(12, checksum(shardId, bytes), true);
  return bytes;
}

/**
 * The first bytes of a batch, without a look at its records (and so without its checksum).
 *
 * @throws LakeError `corrupt` LAKE_LOG_CORRUPT
 */
export function decodeBatchHead(bytes: Uint8Array, place: BatchPlace): BatchHead {
  if (bytes.byteLength < headerBytes) throw logCorrupt(place.where, 'the batch is cut off in its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getBigUint64(0, true) !== magic) throw logCorrupt(place.where, 'it is no batch of a log');
  if (view.getUint32(8, true) !== version)
    throw logCorrupt(place.where, `its version is ${view.getUint32(8, true)}, not ${version}`);
  if (view.getBigUint64(16, true) !== BigInt(place.number)) {
    throw logCorrupt(place.where, `it is batch ${view.getBigUint64(16, true)} of its shard, not ${place.number}`);
  }
  const arrivalMs = Number(view.getBigUint64(24, true));
  const kind = view.getUint32(40, true);
  const recordCount = view.getUint32(44, true);
  const recordBytes = Number(view.getBigUint64(48, true));
  const makesSense =
    Number.isSafeInteger(arrivalMs) &&
    kind <= 1 &&
    recordCount <= batchRecordsMax &&
    recordBytes <= storedBatchBytesMax;
  if (!makesSense) throw logCorrupt(place.where, 'its header makes no sense');
  return {
    number: place.number,
    arrivalMs,
    token: Buffer.from(bytes.subarray(32, 32 + tokenBytes)).toString('hex'),
    kind: kind === 1 ? 'seal' : 'records',
    recordCount,
    recordBytes,
  };
}

/**
 * @returns records that are views of `bytes`
 * @throws LakeError `corrupt` LAKE_LOG_CORRUPT
 */
export function decodeBatch(bytes: Uint8Array, place: BatchPlace): Batch {
  const head = decodeBatchHead(bytes, place);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = headerBytes + 4 * head.recordCount + head.recordBytes;
  if (bytes.byteLength !== end)
    throw logCorrupt(place.where, `it has ${bytes.byteLength} bytes where its header tells of ${end}`);
  if (view.getUint32(12, true) !== checksum(place.shardId, bytes)) {
    throw logCorrupt(place.where, 'its checksum is another: bytes have changed, or it belongs to another shard');
  }
  const records: Uint8Array[] = [];
  let offset = headerBytes + 4 * head.recordCount;
  for (let index = 0; index < head.recordCount; index += 1) {
    const length = view.getUint32(headerBytes + 4 * index, true);
    if (length > end - offset) throw logCorrupt(place.where, `record ${index} ends behind the batch`);
    records.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  if (offset !== end) throw logCorrupt(place.where, 'its records do not fill it');
  return { head, records };
}

function checksum(shardId: string, bytes: Uint8Array): number {
  return crc32(bytes.subarray(16), crc32(new TextEncoder().encode(shardId)));
}
