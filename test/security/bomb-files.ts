/** Files and records whose few bytes stand for many, put together by hand: no writer of ours would make them. */
import type { Transform } from 'node:stream';
import { constants, crc32, createZstdCompress } from 'node:zlib';
import { type Codec, type ColumnChunk, magic, type PhysicalType } from '../../src/format/parquet/footer.ts';
import { writeFooter } from '../../src/format/parquet/footer-writer.ts';
import { type Page, writePageHeader } from '../../src/format/parquet/page.ts';

const mib = 1024 * 1024;

/** Zeros, packed without ever being there as a whole. */
export async function packedZeros(stream: Transform, mebibytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  const zeros = Buffer.alloc(4 * mib);
  for (let sent = 0; sent < mebibytes; sent += 4) {
    if (!stream.write(zeros)) await new Promise(resolve => stream.once('drain', resolve));
  }
  await new Promise<void>(resolve => stream.on('end', resolve).end());
  return Buffer.concat(parts);
}

export const zstdZeros = (mebibytes: number, pledged?: number): Promise<Buffer> =>
  packedZeros(
    createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
      ...(pledged === undefined ? {} : { pledgedSrcSize: pledged }),
    }),
    mebibytes,
  );

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** An Avro file of one block, whatever is in it. */
export function avro(schema: object, codec: string, recordCount: number, block: Uint8Array): Buffer {
  const text = (value: string): Buffer => Buffer.concat([varint(Buffer.byteLength(value)), Buffer.from(value)]);
  const header = [text('avro.schema'), text(JSON.stringify(schema)), text('avro.codec'), text(codec)];
  const sync = Buffer.alloc(16, 7);
  return Buffer.concat([
    Buffer.from('Obj\u0001'),
    varint(2),
    ...header,
    varint(0),
    sync,
    varint(recordCount),
    varint(block.length),
    block,
    sync,
  ]);
}

export const record = (...types: readonly unknown[]): object => ({
  type: 'record',
  name: 'r',
  fields: types.map((type, at) => ({ name: `f${at}`, type })),
});

/** Types that each hold the one below twice: 2^40 values that take no byte. */
export function doublingSchema(): object {
  let type: unknown = 'null';
  for (let level = 0; level < 40; level += 1) {
    const name = `r${level}`;
    type = {
      type: 'record',
      name,
      fields: [
        { name: 'a', type },
        { name: 'b', type: level === 0 ? 'null' : `r${level - 1}` },
      ],
    };
  }
  return Object(type);
}

export function logRecord(body: Uint8Array, bodyBytes: number, rowCount = 1): Buffer {
  const json = JSON.stringify({ t: 'id', n: 'db.t', s: 0, b: 0, c: 1, p: 'p', q: 1, r: rowCount, l: bodyBytes });
  const bytes = Buffer.alloc(18 + json.length + body.length);
  bytes.write('TLOG');
  bytes[4] = 1;
  bytes[5] = 1;
  bytes.writeUInt32LE(json.length, 6);
  bytes.write(json, 10);
  bytes.writeUInt32LE(body.length, 10 + json.length);
  bytes.set(body, 14 + json.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

export function commitMessage(manifest: Uint8Array): Buffer {
  const json = JSON.stringify({ began: 1 });
  const bytes = Buffer.alloc(12 + json.length + manifest.length + 4);
  bytes.write('TCMT');
  bytes[4] = 1;
  bytes.writeUInt32LE(json.length, 8);
  bytes.write(json, 12);
  bytes.set(manifest, 12 + json.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

type Draft = {
  readonly codec: Codec;
  readonly physical?: PhysicalType;
  readonly pages: readonly Partial<Page>[];
  readonly says?: number;
};

/** A Parquet file of one column. */
export function parquet({ codec, physical = 'int32', pages, says }: Draft): Buffer {
  const whole = pages.map((draft): Page => {
    const body = draft.body ?? new Uint8Array(0);
    const rest = {
      rowCount: 0,
      definitionBytes: 0,
      repetitionBytes: 0,
      nullCount: 0,
      definitionEncoding: 3,
      repetitionEncoding: 3,
    };
    return {
      kind: 'data',
      isCompressed: codec !== 'none',
      encoding: 0,
      valueCount: 1,
      plainBytes: 4,
      ...rest,
      ...draft,
      body,
    };
  });
  const parts = whole.flatMap(page => [Buffer.from(writePageHeader(page, { withChecksum: false })), page.body]);
  const compressedBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const rowCount = whole.reduce((sum, page) => sum + (page.kind === 'dictionary' ? 0 : page.valueCount), 0);
  const dictionary = whole[0]?.kind === 'dictionary' ? magic.length : undefined;
  const chunk: ColumnChunk = {
    physical,
    encodings: [0],
    path: ['a'],
    codec,
    valueCount: rowCount,
    uncompressedBytes: says ?? whole.reduce((sum, page) => sum + page.plainBytes, 0) + 4096,
    compressedBytes,
    dataPageOffset: magic.length + (dictionary === undefined ? 0 : (parts[0]?.length ?? 0) + (parts[1]?.length ?? 0)),
    dictionaryPageOffset: dictionary,
    statistics: undefined,
  };
  const element = { name: 'a', typeLength: undefined, fieldId: undefined, annotation: undefined };
  const footer = writeFooter({
    version: 1,
    schema: [
      { ...element, physical: undefined, repetition: undefined, childCount: 1 },
      { ...element, physical, repetition: 'required', childCount: 0 },
    ],
    rowCount,
    rowGroups: [{ chunks: [chunk], rowCount, byteSize: chunk.uncompressedBytes }],
    createdBy: undefined,
  });
  return Buffer.concat([magic, ...parts, footer]);
}

/** A frame header of zstd that says so many bytes, before content that has others. */
export function lyingFrame(frame: Buffer, says: number): Buffer {
  // Magic, then a descriptor: single segment, content size of 8 bytes.
  const header = Buffer.alloc(4 + 1 + 8);
  frame.copy(header, 0, 0, 4);
  header[4] = 0xe0;
  header.writeBigUInt64LE(BigInt(says), 5);
  const skipped = [0, 1, 2, 4, 8];
  const descriptor = frame[4] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeBytes = descriptor >> 6 === 0 ? (isSingle ? 1 : 0) : (skipped[(descriptor >> 6) + 1] ?? 0);
  return Buffer.concat([header, frame.subarray(5 + (isSingle ? 0 : 1) + sizeBytes)]);
}

export const snappyOf = (says: number): Buffer => {
  const bytes: number[] = [];
  let rest = says;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  // One literal byte, then copies of 64 from one back.
  return Buffer.from([...bytes, rest, 0, 0, ...Array.from({ length: 3_000 }, () => [0xfe, 1, 0]).flat()]);
};
