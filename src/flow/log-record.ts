/**
 * The log record: one batch of rows of one table and one lane, which is a bucket where these are fixed (DESIGN 2.2). Pure
 * codec, no I/O.
 *
 * ```
 * "TLOG"                 4 bytes
 * version 1              1 byte
 * body encoding          1 byte: 0 rows, 1 rows under zstd, 2 claim check (the header names the object)
 * header length          uint32 LE
 * header                 JSON: table, producer, schema, counts
 * body length            uint32 LE, as stored
 * body                   the columns as an Arrow IPC stream, then one kind byte a row
 * crc-32                 uint32 LE of everything before
 * ```
 * A reader looks at the header first and decodes the rows only when it needs them, under the schema the header names.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { corrupt, LakeError } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from '../base/json.ts';
import { crc32 } from '../bytes/crc32.ts';
import { parseType, typeToJson } from '../format/type-text.ts';
import type { DataType, RowType } from '../types/data-type.ts';
import { decodeIpc, encodeIpc } from '../types/ipc.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { RecordHeaders } from './record-headers.ts';

export type LogRecordHeader = {
  readonly tableId: string;
  /** `db.t` when it was written; the id decides. */
  readonly tableName: string;
  readonly schemaId: number;
  /** Hash bucket; for tables without fixed buckets the lane, of the keys' hashes or the producer's own. */
  readonly bucket: number;
  /** Bucket count the rows were hashed under; -1 for tables without fixed buckets. */
  readonly bucketCount: number;
  /** Lanes that keys were spread over, where their buckets are given when they are committed (RFC 0007). */
  readonly laneCount: number | undefined;
  readonly producerId: string;
  /** True when the producer may come back under this id (L2). */
  readonly producerNamed: boolean;
  /** 1, 2, 3 … per producer, table and bucket (L1). */
  readonly producerNumber: number;
  readonly rowCount: number;
  /** Uncompressed body, bytes. */
  readonly bodyBytes: number;
  readonly claim: LogClaim | undefined;
  /** What the rows have besides the columns of that schema, or of a wider type than there (RFC 0019); undefined: nothing. */
  readonly columns?: readonly LogColumn[] | undefined;
  /** What the producer gave with the rows (RFC 0022); undefined: nothing. */
  readonly headers?: RecordHeaders | undefined;
};

export type LogColumn = { readonly name: string; readonly type: DataType };

/** Where the body is when it is not in the record (L3): the object holds it as the record would. */
export type LogClaim = { readonly name: string; readonly sizeBytes: number; readonly sha256: string };

export type LogRows = { readonly rows: RowBatch; readonly kinds: Int8Array };

/** A record taken apart, its rows still encoded. */
export type LogRecord = {
  readonly header: LogRecordHeader;
  readonly encoding: BodyEncoding;
  /** Body as stored; empty for a claim check. */
  readonly body: Uint8Array;
};

export type BodyEncoding = 'plain' | 'zstd' | 'claim';

const magic = 0x474f4c54; // "TLOG", little-endian
const version = 1;
const encodings: readonly BodyEncoding[] = ['plain', 'zstd', 'claim'];
const fixedBytes = 4 + 1 + 1 + 4 + 4 + 4;
const headerBytesMax = 64 * 1024;
/** Bodies below this are not worth a compressor's start. */
const compressBytesMin = 512;
/** Room made at once for what a body unpacks to: so much always, and so many times its length; zlib wants to see some left. */
const roomBytesMin = 1024 * 1024;
const roomFactor = 16;
const roomBytesSpare = 64;
/** DESIGN L3: largest claim check. */
export const recordBodyBytesMax: number = 64 * 1024 * 1024;
/**
 * What producers make: a row of 16 MiB and what is around it. Readers take larger bodies; an ingest function of 512 MB does not,
 * and would try such a record for ever.
 */
export const madeBodyBytesMax: number = 17 * 1024 * 1024;
export const recordRowsMax = 1_000_000;

/** The rows as a body: columns, then kinds; compressed where that makes it smaller. */
export function encodeBody(rows: LogRows): {
  readonly encoding: 'plain' | 'zstd';
  readonly body: Uint8Array;
  readonly bodyBytes: number;
} {
  assert(rows.kinds.length === rows.rows.rowCount, 'one kind a row');
  const ipc = encodeIpc(rows.rows);
  const plain = new Uint8Array(rows.kinds.length + ipc.length);
  plain.set(ipc);
  plain.set(new Uint8Array(rows.kinds.buffer, rows.kinds.byteOffset, rows.kinds.length), ipc.length);
  if (plain.length >= compressBytesMin) {
    const packed = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
    if (packed.length < plain.length) return { encoding: 'zstd', body: packed, bodyBytes: plain.length };
  }
  return { encoding: 'plain', body: plain, bodyBytes: plain.length };
}

/** Length of a body of this one row before it is compressed. */
export function plainBodyBytes(row: RowBatch): number {
  return encodeIpc(row).length + row.rowCount;
}

export function encodeRecord(record: LogRecord): Uint8Array {
  const header = Buffer.from(stringifyJson(headerToJson(record.header)));
  assert(header.length <= headerBytesMax, 'a header that readers take');
  const bytes = new Uint8Array(fixedBytes + header.length + record.body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint8(4, version);
  view.setUint8(5, encodings.indexOf(record.encoding));
  view.setUint32(6, header.length, true);
  bytes.set(header, 10);
  view.setUint32(10 + header.length, record.body.length, true);
  bytes.set(record.body, 14 + header.length);
  const end = bytes.length - 4;
  view.setUint32(end, crc32(bytes.subarray(0, end)), true);
  return bytes;
}

/**
 * @param where for messages: log and position
 * @throws LakeError `corrupt` LAKE_RECORD_CORRUPT; `unsupported` LAKE_RECORD_VERSION for a version to come
 */
export function decodeRecord(bytes: Uint8Array, where: string): LogRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < fixedBytes || view.getUint32(0, true) !== magic) throw bad(where, 'it does not begin with TLOG');
  if (view.getUint8(4) !== version) {
    throw new LakeError(
      'unsupported',
      'LAKE_RECORD_VERSION',
      `${where}: record version ${view.getUint8(4)}; this reads ${version}`,
    );
  }
  const encoding = encodings[view.getUint8(5)];
  const headerBytes = view.getUint32(6, true);
  if (encoding === undefined || headerBytes > headerBytesMax || fixedBytes + headerBytes > bytes.length) {
    throw bad(where, 'its header is broken');
  }
  const bodyBytes = view.getUint32(10 + headerBytes, true);
  if (fixedBytes + headerBytes + bodyBytes !== bytes.length)
    throw bad(where, `its lengths do not add up to ${bytes.length}`);
  const end = bytes.length - 4;
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end, true)) throw bad(where, 'its checksum is wrong');
  const header = headerOfJson(bytes.subarray(10, 10 + headerBytes), where);
  if ((encoding === 'claim') !== (header.claim !== undefined)) throw bad(where, 'its claim and encoding disagree');
  return { header, encoding, body: bytes.subarray(14 + headerBytes, end) };
}

/**
 * The rows of a record, under the schema its header names.
 *
 * @param body the record's own, or the claimed object's bytes (both may be compressed)
 * @throws LakeError `corrupt`
 */
export function decodeBody(record: LogRecord, body: Uint8Array, rowType: RowType, where: string): LogRows {
  const { rowCount, bodyBytes } = record.header;
  const plain = record.encoding === 'plain' ? body : inflate(body, bodyBytes, where);
  if (plain.length !== bodyBytes) throw bad(where, `its body has ${plain.length} bytes, the header says ${bodyBytes}`);
  if (rowCount > plain.length) throw bad(where, `${rowCount} rows do not fit a body of ${plain.length} bytes`);
  const kinds = new Int8Array(plain.subarray(plain.length - rowCount));
  if (kinds.some(kind => kind < 0 || kind > 3)) throw bad(where, 'a row kind is not 0 to 3');
  const rows = columnsOf(aligned(plain.subarray(0, plain.length - rowCount)), rowType, where);
  if (rows.rowCount !== rowCount) throw bad(where, `it holds ${rows.rowCount} rows, the header says ${rowCount}`);
  return { rows, kinds };
}

/** Arrow's buffers are views of 8-byte words: the stream must begin at one. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : Uint8Array.from(bytes);
}

function columnsOf(bytes: Uint8Array, rowType: RowType, where: string): RowBatch {
  try {
    return decodeIpc(bytes, rowType);
  } catch (error) {
    throw bad(where, error instanceof LakeError ? error.message : 'its columns are broken', error);
  }
}

/** A claimed object is always compressed or plain as its first bytes say: zstd frames begin with 0xFD2FB528. */
function inflate(body: Uint8Array, bodyBytes: number, where: string): Uint8Array {
  const compressed = body.length >= 4 && new DataView(body.buffer, body.byteOffset).getUint32(0, true) === 0xfd2fb528;
  if (!compressed) return body;
  // One chunk with room to spare, or output is gathered in pieces of 16 KB and copied together. How long it will be is only
  // said: room for more than is likely is made when it is there.
  const roomBytes = Math.min(bodyBytes, Math.max(roomBytesMin, body.length * roomFactor));
  try {
    return zstdDecompressSync(body, { maxOutputLength: Math.max(1, bodyBytes), chunkSize: roomBytes + roomBytesSpare });
  } catch (error) {
    throw bad(where, 'its body can not be decompressed', error);
  }
}

/**
 * The name of the table that a record says it is of, from its header alone and unchecked: for figures, not for decisions.
 *
 * @returns undefined for what is no record of ours
 */
export function tableOfRecord(bytes: Uint8Array): string | undefined {
  if (bytes.length < fixedBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getUint32(6, true);
  if (view.getUint32(0, true) !== magic || headerBytes > headerBytesMax) return undefined;
  try {
    const json = parseJson(Buffer.from(bytes.subarray(10, 10 + headerBytes)).toString('utf8'));
    const name = isJsonObject(json) ? json['n'] : undefined;
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

function headerToJson(header: LogRecordHeader): JsonObject {
  const { claim } = header;
  return {
    t: header.tableId,
    n: header.tableName,
    s: header.schemaId,
    b: header.bucket,
    c: header.bucketCount,
    ...(header.laneCount === undefined ? {} : { w: header.laneCount }),
    p: header.producerId,
    ...(header.producerNamed ? { k: true } : {}),
    q: header.producerNumber,
    r: header.rowCount,
    l: header.bodyBytes,
    ...(claim === undefined ? {} : { o: { n: claim.name, l: claim.sizeBytes, h: claim.sha256 } }),
    ...(header.columns === undefined ? {} : { x: header.columns.map(({ name, type }) => [name, typeToJson(type)]) }),
    ...(header.headers === undefined ? {} : { h: header.headers }),
  };
}

function headerOfJson(bytes: Uint8Array, where: string): LogRecordHeader {
  const json = parseObject(bytes, where);
  const claim = json['o'];
  const header: LogRecordHeader = {
    tableId: text(json, 't', where),
    tableName: text(json, 'n', where),
    schemaId: count(json, 's', where, 0),
    bucket: count(json, 'b', where, 0),
    bucketCount: count(json, 'c', where, -1),
    laneCount: json['w'] === undefined ? undefined : count(json, 'w', where, 1),
    producerId: text(json, 'p', where),
    producerNamed: json['k'] === true,
    producerNumber: count(json, 'q', where, 1),
    rowCount: count(json, 'r', where, 1),
    bodyBytes: count(json, 'l', where, 1),
    claim: claim === undefined ? undefined : claimOfJson(claim, where),
    ...(json['x'] === undefined ? {} : { columns: columnsOfJson(json['x'], where) }),
    ...(json['h'] === undefined ? {} : { headers: headersOfJson(json['h'], where) }),
  };
  if (header.rowCount > recordRowsMax) throw bad(where, `${header.rowCount} rows, at most ${recordRowsMax}`);
  if (header.bodyBytes > recordBodyBytesMax)
    throw bad(where, `a body of ${header.bodyBytes} bytes, at most ${recordBodyBytesMax}`);
  return header;
}

function claimOfJson(json: JsonValue, where: string): LogClaim {
  if (!isJsonObject(json)) throw bad(where, 'its claim is broken');
  const name = text(json, 'n', where);
  if (!/^[\w-]{1,128}$/.test(name)) throw bad(where, 'its claim names no object');
  const sizeBytes = count(json, 'l', where, 1);
  if (sizeBytes > recordBodyBytesMax) throw bad(where, `a claim of ${sizeBytes} bytes, at most ${recordBodyBytesMax}`);
  return { name, sizeBytes, sha256: text(json, 'h', where) };
}

/** Any texts: what a writer of a later version takes is bounded by the length of the header. */
function headersOfJson(json: JsonValue, where: string): RecordHeaders {
  const entries = Object.entries(isJsonObject(json) ? json : { '': json });
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (name === '' || typeof value !== 'string') throw bad(where, 'its headers are not texts by name');
      return [name, value];
    }),
  );
}

function columnsOfJson(json: JsonValue, where: string): readonly LogColumn[] {
  if (!Array.isArray(json)) throw bad(where, 'its columns are broken');
  const columns = json.map((item: JsonValue): LogColumn => {
    const [name, type] = Array.isArray(item) ? item : [];
    if (typeof name !== 'string' || name === '' || type === undefined) throw bad(where, 'its columns are broken');
    try {
      return { name, type: parseType(type) };
    } catch (error) {
      throw bad(where, `its column ${JSON.stringify(name)} has no type`, error);
    }
  });
  if (new Set(columns.map(({ name }) => name)).size < columns.length) throw bad(where, 'it has a column twice');
  return columns;
}

function parseObject(bytes: Uint8Array, where: string): JsonObject {
  try {
    const json = parseJson(Buffer.from(bytes).toString('utf8'));
    if (isJsonObject(json)) return json;
  } catch (error) {
    throw bad(where, 'its header is not JSON', error);
  }
  throw bad(where, 'its header is not a JSON object');
}

function text(json: JsonObject, key: string, where: string): string {
  const value = json[key];
  if (typeof value === 'string' && value.length > 0 && value.length <= 1_024) return value;
  throw bad(where, `header field ${key} is not a text`);
}

function count(json: JsonObject, key: string, where: string, min: number): number {
  const value = json[key];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
  throw bad(where, `header field ${key} is not a whole number from ${min} up`);
}

function bad(where: string, why: string, cause?: unknown): LakeError {
  return corrupt('LAKE_RECORD_CORRUPT', `log record at ${where}: ${why}`, { cause });
}
