/**
 * Records of Avro files from and to plain objects.
 *
 * Avro's types come out as: int and long number, long beyond 2^53 bigint; bytes Uint8Array (a view of the block);
 * string; array; map an array of pairs; nullable undefined for null. So they go in, and bigint for any long. avsc alone
 * loses 64-bit numbers, copies each byte string, and takes array lengths on trust; those of `avro-types.ts` do not.
 */
import { assert } from '../base/assert.ts';
import { corrupt } from '../base/errors.ts';
import { type JsonObject, parseJson } from '../base/json.ts';
import { type AvroBlock, type AvroCodec, openContainer, readContainer, writeContainer } from './avro-container.ts';
import { type AvroType, beginCounting, countValues, preparedType, valueCountOf } from './avro-types.ts';
import { isJsonObject } from './json-file.ts';

/** A decoded record, by the field names of the file's own schema; fields a file lacks are undefined. */
export type AvroRecord = { readonly [field: string]: unknown };

/** A kind of file that we write. */
export type AvroFormat = { readonly schemaText: string; readonly type: AvroType };

/** Records are gathered into blocks of about this many bytes before compression. */
const blockBytes = 256 * 1024;
/** How many schemas of files read are kept prepared; a table's files share one or two. */
const readTypesMax = 32;

/** @param schema as it is to stand in the header */
export function avroFormat(schema: JsonObject): AvroFormat {
  return { schemaText: JSON.stringify(schema), type: preparedType(schema) };
}

/** Where records are put together. Kept, since making it anew costs more than most files; encoding never waits in between. */
const keptScratch = Buffer.allocUnsafeSlow(blockBytes * 2);
/** The same, or a larger one while a record needs it. */
let scratch: Buffer = keptScratch;

/** The bytes of one record, as they lie in a file. */
export function encodeAvroRecord(format: AvroFormat, record: AvroRecord): Uint8Array {
  scratch = keptScratch;
  return Uint8Array.prototype.slice.call(scratch, 0, writeRecord(format, record, 0));
}

/** @param records as they are, or encoded before: whoever writes a record again keeps its bytes */
export function encodeAvro(
  format: AvroFormat,
  records: readonly (AvroRecord | Uint8Array)[],
  codec: AvroCodec,
): Uint8Array {
  scratch = keptScratch;
  const blocks: AvroBlock[] = [];
  let recordCount = 0;
  let at = 0;
  for (const record of records) {
    at = record instanceof Uint8Array ? writeEncoded(record, at) : writeRecord(format, record, at);
    recordCount += 1;
    if (at >= blockBytes) {
      blocks.push({ recordCount, bytes: Uint8Array.prototype.slice.call(scratch, 0, at) });
      recordCount = 0;
      at = 0;
    }
  }
  if (recordCount > 0) blocks.push({ recordCount, bytes: scratch.subarray(0, at) });
  return writeContainer({ schemaText: format.schemaText, blocks }, codec);
}

function writeRecord(format: AvroFormat, record: AvroRecord, at: number): number {
  let end = format.type.encode(record, scratch, at);
  if (end < 0) {
    growScratch(at, scratch.length - end);
    end = format.type.encode(record, scratch, at);
    assert(end > 0, 'the record fits');
  }
  return end;
}

function writeEncoded(record: Uint8Array, at: number): number {
  const end = at + record.length;
  if (end > scratch.length) growScratch(at, end);
  scratch.set(record, at);
  return end;
}

function growScratch(usedBytes: number, bytesMin: number): void {
  const larger = Buffer.allocUnsafeSlow(scratch.length + bytesMin);
  scratch.copy(larger, 0, 0, usedBytes);
  scratch = larger;
}

/**
 * All records of a file, read by the schema in the file.
 *
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec that we do not know
 */
export function decodeAvro(bytes: Uint8Array, where: string): AvroRecord[] {
  return decodeAvroAs(bytes, where, record => record);
}

/** The same, with each record made into something else at once: of one that is wrong nothing behind it is decoded. */
export function decodeAvroAs<T>(bytes: Uint8Array, where: string, take: (record: AvroRecord) => T): T[] {
  const container = readContainer(bytes, where);
  const read = readType(container.schemaText, where);
  beginCounting(bytes.length);
  const records: T[] = [];
  for (const block of container.blocks) decodeBlock(read, block, { take: record => records.push(take(record)), where });
  return records;
}

/** A file of which not all is in memory at a time. */
export type AvroFile = {
  readonly recordCount: number;
  /** The records, block by block in their order. */
  blocks(): Generator<readonly AvroRecord[], void, undefined>;
};

/**
 * As `decodeAvro`, for files of many records.
 *
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported`; also from `blocks`, at the block that is wrong
 */
export function openAvro(bytes: Uint8Array, where: string): AvroFile {
  const container = openContainer(bytes, where);
  const read = readType(container.schemaText, where);
  return {
    recordCount: container.recordCount,
    *blocks() {
      for (const block of container.blocks()) {
        beginCounting(block.bytes.length);
        const records: AvroRecord[] = [];
        decodeBlock(read, block, { take: record => records.push(record), where });
        yield records;
      }
    },
  };
}

/** A file of which single records are decoded, wherever they lie. */
export type AvroRecords = {
  readonly type: AvroType;
  readonly blockCount: number;
  block(index: number): AvroBlock;
  /** Decodes the record that begins there in the block; to be used at once, one block after the other. */
  decoderOf(index: number): (at: number) => AvroRecord;
};

/** As `openAvro`, for files of which little is wanted. @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` */
export function openAvroRecords(bytes: Uint8Array, where: string): AvroRecords {
  const container = openContainer(bytes, where);
  const { type, valueCount } = readType(container.schemaText, where);
  return {
    type,
    blockCount: container.blockCount,
    block: index => container.block(index),
    decoderOf(index) {
      const { bytes: block } = container.block(index);
      const buffer = Buffer.from(block.buffer, block.byteOffset, block.length);
      return at => {
        beginCounting(block.length);
        const { value, offset } = decodeOne(type, buffer, { at, where, valueCount });
        if (offset < 0) throw corrupt('LAKE_CORRUPT_AVRO', `${where}: a block ends within a record`);
        return value;
      };
    },
  };
}

type DecodeTarget = { readonly take: (record: AvroRecord) => void; readonly where: string };

function decodeBlock({ type, valueCount }: ReadType, block: AvroBlock, { take, where }: DecodeTarget): void {
  const buffer = Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.bytes.length);
  let at = 0;
  for (let i = 0; i < block.recordCount; i += 1) {
    const decoded = decodeOne(type, buffer, { at, where, valueCount });
    if (decoded.offset < 0) throw corrupt('LAKE_CORRUPT_AVRO', `${where}: a block ends within a record`);
    at = decoded.offset;
    take(decoded.value);
  }
  if (at !== buffer.length) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: ${buffer.length - at} bytes after the last record of a block`);
  }
}

type DecodePlace = { readonly at: number; readonly where: string; readonly valueCount: number };

function decodeOne(type: AvroType, buffer: Buffer, place: DecodePlace): { value: AvroRecord; offset: number } {
  try {
    countValues(place.valueCount);
    return type.decode(buffer, place.at);
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${place.where}: a record does not decode`, { cause });
  }
}

/** The type of a file's records, and how many values one has outside of lists. */
type ReadType = { readonly type: AvroType; readonly valueCount: number };

const readTypes = new Map<string, ReadType>();

function readType(schemaText: string, where: string): ReadType {
  const known = readTypes.get(schemaText);
  if (known !== undefined) return known;
  let read: ReadType;
  try {
    const schema = parseJson(schemaText);
    if (!isJsonObject(schema) || schema['type'] !== 'record') throw new TypeError('not a record');
    const type = preparedType(schema);
    read = { type, valueCount: valueCountOf(type, new Map()) };
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: its schema cannot be used`, { cause });
  }
  if (readTypes.size >= readTypesMax) readTypes.clear();
  readTypes.set(schemaText, read);
  return read;
}
