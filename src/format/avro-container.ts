/**
 * Avro object container files: a header with the schema and the codec, then blocks of records, each with its count, its
 * length and the file's sync marker. Here are the frame and the codecs; `avro.ts` knows what is in the blocks.
 *
 * Whatever does not fit exactly is an error: a file that was cut short must not read as a shorter list. One cut exactly
 * after a block is whole by itself; only who knows its length or its count of records can tell.
 *
 * @see https://avro.apache.org/docs/1.11.1/specification/#object-container-files
 */
import { constants, crc32, deflateRawSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { corrupt, unsupported } from '../base/errors.ts';
import { equalBytes } from '../bytes/compare.ts';
import { murmurFinish } from '../bytes/murmur.ts';
import { Slab } from '../bytes/slab.ts';
import { packSnappy, unpackSnappy } from '../bytes/snappy.ts';

export type AvroCodec = 'zstandard' | 'deflate' | 'snappy' | 'null';

/** Some records, encoded one after the other. */
export type AvroBlock = { readonly recordCount: number; readonly bytes: Uint8Array };

export type AvroContainer = { readonly schemaText: string; readonly blocks: readonly AvroBlock[] };

const magic = Uint8Array.of(0x4f, 0x62, 0x6a, 1);
const syncBytes = 16;
/**
 * What all blocks of a file may unpack to: manifests are 8 MB by default, and their file names do not compress a hundred
 * times, so a file beyond this is broken or hostile.
 */
const unpackedBytesMin = 32 * 1024 * 1024;
const expansionMax = 200;
/** And never more than this, however large the file. */
const unpackedBytesMax = 1024 * 1024 * 1024;
const metadataCountMax = 1000;
const zstdLevel = 3;
const checksumBytes = 4;
/** What a frame takes besides its content, generously. */
const zstdFrameBytesMax = 256;

/** Of files, most of which are small and sent off at once. */
const slab = new Slab();

/** The file's bytes. The sync marker is made of the content's checksum: the same records give the same bytes. */
export function writeContainer(container: AvroContainer, codec: AvroCodec): Uint8Array {
  const packed = container.blocks.map(({ recordCount, bytes }) => ({ recordCount, bytes: pack(bytes, codec) }));
  const begun = beginning(container.schemaText, codec);
  const { header } = begun;
  let { checksum } = begun;
  let length = header.length + syncBytes;
  for (const { recordCount, bytes } of packed) {
    checksum = crc32(bytes, checksum);
    length += varintBytes(recordCount) + varintBytes(bytes.length) + bytes.length + syncBytes;
  }
  const sync = syncMarker(checksum);
  const file = slab.take(length);
  file.set(header);
  file.set(sync, header.length);
  let at = header.length + syncBytes;
  for (const { recordCount, bytes } of packed) {
    at = putVarint(file, at, recordCount);
    at = putVarint(file, at, bytes.length);
    file.set(bytes, at);
    file.set(sync, at + bytes.length);
    at += bytes.length + syncBytes;
  }
  assert(at === length, 'the file is as long as its parts');
  return file;
}

/** A container whose blocks are unpacked one after the other. */
export type OpenContainer = {
  readonly schemaText: string;
  readonly recordCount: number;
  readonly blockCount: number;
  blocks(): Generator<AvroBlock, void, undefined>;
  /** One of them, by its index; the limit of what they unpack to is then for it alone. */
  block(index: number): AvroBlock;
};

/**
 * @param where the file's name, for messages
 * @throws LakeError `corrupt` LAKE_CORRUPT_AVRO, `unsupported` for a codec that we do not know
 */
export function readContainer(bytes: Uint8Array, where: string): AvroContainer {
  const { schemaText, blocks } = openContainer(bytes, where);
  return { schemaText, blocks: [...blocks()] };
}

/** As `readContainer`; what is wrong within a block is said when it comes to that. */
export function openContainer(bytes: Uint8Array, where: string): OpenContainer {
  const reader = new ContainerReader(bytes, where);
  const { schemaText, codec } = readHeader(reader, where);
  const sync = reader.take(syncBytes);
  const packed: AvroBlock[] = [];
  while (!reader.atEnd) {
    const recordCount = reader.count();
    packed.push({ recordCount, bytes: reader.take(reader.count()) });
    if (!equalBytes(reader.take(syncBytes), sync)) throw reader.broken('a block does not end with the sync marker');
  }
  const bytesMax = Math.min(unpackedBytesMax, unpackedBytesMin + bytes.length * expansionMax);
  const unpacked = ({ recordCount, bytes: packedBytes }: AvroBlock, room: number): AvroBlock => {
    const block = unpack(packedBytes, codec, { bytesMax: room, where });
    if (recordCount > block.length) throw reader.broken(`${recordCount} records in ${block.length} bytes`);
    return { recordCount, bytes: block };
  };
  return {
    schemaText,
    recordCount: packed.reduce((sum, block) => sum + block.recordCount, 0),
    blockCount: packed.length,
    *blocks() {
      let room = bytesMax;
      for (const block of packed) {
        const whole = unpacked(block, room);
        room -= whole.bytes.length;
        yield whole;
      }
    },
    block(index) {
      const block = packed[index];
      assert(block !== undefined, () => `block ${index} of ${packed.length}`);
      return unpacked(block, bytesMax);
    },
  };
}

type Header = { readonly schemaText: string; readonly codec: AvroCodec };

/** Headers read before, with their bytes: the files of one writer begin alike, and a header ends where it says. */
const knownHeaders: { readonly bytes: Uint8Array; readonly header: Header }[] = [];
const knownHeadersMax = 8;
const knownHeaderBytesMax = 64 * 1024;

function readHeader(reader: ContainerReader, where: string): Header {
  const known = knownHeaders.find(({ bytes }) => reader.startsWith(bytes));
  if (known !== undefined) {
    reader.take(known.bytes.length);
    return known.header;
  }
  if (!equalBytes(reader.take(magic.length), magic)) throw reader.broken('it is no Avro file');
  const metadata = readMetadata(reader);
  const schemaText = metadata.get('avro.schema');
  if (schemaText === undefined) throw reader.broken('its header has no schema');
  const header = { schemaText, codec: codecOf(metadata.get('avro.codec'), where) };
  const bytes = reader.taken.slice();
  if (bytes.length <= knownHeaderBytesMax) {
    if (knownHeaders.length >= knownHeadersMax) knownHeaders.shift();
    knownHeaders.push({ bytes, header });
  }
  return header;
}

/** Sixteen bytes that hardly any content has in it: its checksum, spread. */
function syncMarker(checksum: number): Uint8Array {
  const words = new Uint32Array(syncBytes / 4);
  for (let at = 0; at < words.length; at += 1) words[at] = murmurFinish(checksum, Math.imul(at + 1, 0x9e3779b9));
  return new Uint8Array(words.buffer);
}

function readMetadata(reader: ContainerReader): Map<string, string> {
  const metadata = new Map<string, string>();
  for (let count = reader.mapCount(); count > 0; count = reader.mapCount()) {
    if (metadata.size + count > metadataCountMax) throw reader.broken('its header is not well formed');
    for (let i = 0; i < count; i += 1) {
      const key = reader.text();
      metadata.set(key, reader.text());
    }
  }
  return metadata;
}

/** What all files of a kind begin with, most of a small one, and the checksum up to there. */
type Beginning = { readonly header: Uint8Array; readonly checksum: number };

const beginnings: Readonly<Record<AvroCodec, Map<string, Beginning>>> = {
  zstandard: new Map(),
  deflate: new Map(),
  snappy: new Map(),
  null: new Map(),
};
const beginningsMax = 16;

/** Magic and metadata. */
function beginning(schemaText: string, codec: AvroCodec): Beginning {
  const known = beginnings[codec].get(schemaText);
  if (known !== undefined) return known;
  const encoder = new TextEncoder();
  const texts = ['avro.schema', schemaText, 'avro.codec', codec].map(text => encoder.encode(text));
  const header = concat([magic, varint(2), ...texts.flatMap(text => [varint(text.length), text]), varint(0)]);
  const made = { header, checksum: crc32(schemaText) };
  if (beginnings[codec].size < beginningsMax) beginnings[codec].set(schemaText, made);
  return made;
}

function codecOf(text: string | undefined, where: string): AvroCodec {
  switch (text) {
    case 'zstandard':
    case 'deflate':
    case 'snappy':
    case 'null':
      return text;
    case undefined:
      return 'null';
    default:
      throw unsupported(`Avro codec ${text}`, where);
  }
}

function pack(bytes: Uint8Array, codec: AvroCodec): Uint8Array {
  switch (codec) {
    case 'zstandard': {
      const params = { [constants.ZSTD_c_compressionLevel]: zstdLevel, [constants.ZSTD_c_checksumFlag]: 1 };
      // Room for what does not compress at all; the 16 KB that are the default take longer to get than most blocks to pack.
      const chunkSize = Math.min(constants.Z_DEFAULT_CHUNK, bytes.length + (bytes.length >> 8) + zstdFrameBytesMax);
      // With the length in the frame, readers can allocate at once.
      return zstdCompressSync(bytes, { params, pledgedSrcSize: bytes.length, chunkSize });
    }
    case 'deflate':
      return deflateRawSync(bytes);
    case 'snappy':
      return packChecked(bytes);
    case 'null':
      return bytes;
  }
}

type UnpackLimit = { readonly bytesMax: number; readonly where: string };

function unpack(bytes: Uint8Array, codec: AvroCodec, { bytesMax, where }: UnpackLimit): Uint8Array {
  // Zlib takes no limit of 0.
  const limit = { maxOutputLength: Math.max(1, bytesMax) };
  try {
    switch (codec) {
      case 'zstandard':
        return zstdDecompressSync(bytes, limit);
      case 'deflate':
        return inflateRawSync(bytes, limit);
      case 'snappy':
        return unpackChecked(bytes, bytesMax);
      case 'null':
        return bytes;
    }
  } catch (cause) {
    throw corrupt('LAKE_CORRUPT_AVRO', `${where}: a block does not unpack`, { cause });
  }
}

/** Behind a snappy block comes the checksum of what is in it. */
function packChecked(bytes: Uint8Array): Uint8Array {
  const checksum = new Uint8Array(checksumBytes);
  new DataView(checksum.buffer).setUint32(0, crc32(bytes));
  return concat([packSnappy(bytes), checksum]);
}

/** @throws RangeError */
function unpackChecked(packed: Uint8Array, bytesMax: number): Uint8Array {
  const end = packed.length - checksumBytes;
  if (end < 0) throw new RangeError('it has no checksum');
  const bytes = unpackSnappy(packed.subarray(0, end), bytesMax);
  const checksum = new DataView(packed.buffer, packed.byteOffset, packed.length).getUint32(end);
  if (checksum !== crc32(bytes)) throw new RangeError('its checksum is another');
  return bytes;
}

/** Avro's zigzag variable-length long, for counts. */
function varint(value: number): Uint8Array {
  const bytes = new Uint8Array(varintBytes(value));
  putVarint(bytes, 0, value);
  return bytes;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value * 2; rest > 0x7f; rest = Math.floor(rest / 128)) count += 1;
  return count;
}

/** Returns where it ends. */
function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value * 2;
  while (rest > 0x7f) {
    bytes[at] = (rest % 128) | 0x80;
    at += 1;
    rest = Math.floor(rest / 128);
  }
  bytes[at] = rest;
  return at + 1;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Reads the frame with every length checked against what is left. */
class ContainerReader {
  readonly #bytes: Uint8Array;
  readonly #where: string;
  #at = 0;

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#where = where;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** What was taken so far. */
  get taken(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  startsWith(start: Uint8Array): boolean {
    return Buffer.compare(this.#bytes.subarray(0, start.length), start) === 0;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw this.broken('it is cut short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A number of records or bytes. */
  count(): number {
    const value = this.#long();
    if (value < 0) throw this.broken(`a count of ${value}`);
    return value;
  }

  /** The entries of the next map block; 0 ends the map. */
  mapCount(): number {
    const value = this.#long();
    // A negative count is followed by the block's length in bytes.
    if (value < 0) this.#long();
    return Math.abs(value);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.count()));
  }

  broken(what: string): Error {
    return corrupt('LAKE_CORRUPT_AVRO', `${this.#where}: ${what} (byte ${this.#at} of ${this.#bytes.length})`);
  }

  #long(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.take(1)[0] ?? 0;
      value += (byte & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) throw this.broken('a number beyond all bounds');
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
  }
}
