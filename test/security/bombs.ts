/**
 * Few bytes that say, or do not say, that they are many: each is given to the decoder that would meet it. Runs as a process
 * of its own with a small heap, and prints what came of each and how much memory it took.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Transform } from 'node:stream';
import { constants, crc32, createBrotliCompress, createDeflateRaw, createGzip, createZstdCompress } from 'node:zlib';
import { isLakeError } from '../../src/base/errors.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { decodeCommitMessage } from '../../src/flow/group-commit/commit-message.ts';
import { decodeBody, decodeRecord } from '../../src/flow/log-record.ts';
import { decodeIndexManifest } from '../../src/format/index-manifest.ts';
import { decodeManifest } from '../../src/format/manifest.ts';
import { decodeManifestList } from '../../src/format/manifest-list.ts';
import { type Codec, type ColumnChunk, magic, type PhysicalType } from '../../src/format/parquet/footer.ts';
import { writeFooter } from '../../src/format/parquet/footer-writer.ts';
import { type Page, writePageHeader } from '../../src/format/parquet/page.ts';
import { openParquet } from '../../src/format/parquet/reader.ts';
import { parseType } from '../../src/format/type-text.ts';

export type BombOutcome = {
  readonly name: string;
  readonly bytes: number;
  readonly code: string;
  readonly grownMiB: number;
};

const mib = 1024 * 1024;
const giga = 2 * 1024;

/** Zeros, packed without ever being there as a whole. */
async function packedZeros(stream: Transform, mebibytes: number) {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  const zeros = Buffer.alloc(4 * mib);
  for (let sent = 0; sent < mebibytes; sent += 4) {
    if (!stream.write(zeros)) await new Promise(resolve => stream.once('drain', resolve));
  }
  await new Promise<void>(resolve => stream.on('end', resolve).end());
  return Buffer.concat(parts);
}

const zstdZeros = (mebibytes: number, pledged?: number) =>
  packedZeros(
    createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: 1 },
      ...(pledged === undefined ? {} : { pledgedSrcSize: pledged }),
    }),
    mebibytes,
  );

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

/** An Avro file of one block, whatever is in it. */
function avro(schema: object, codec: string, recordCount: number, block: Uint8Array): Buffer {
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

const record = (...types: readonly unknown[]): object => ({
  type: 'record',
  name: 'r',
  fields: types.map((type, at) => ({ name: `f${at}`, type })),
});

/** Types that each hold the one below twice: 2^40 values that take no byte. */
function doublingSchema(): object {
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

function logRecord(body: Uint8Array, bodyBytes: number, rowCount = 1): Buffer {
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

function readLogRecord(bytes: Uint8Array): void {
  const decoded = decodeRecord(bytes, 'bomb');
  decodeBody(decoded, decoded.body, { fields: [] }, 'bomb');
}

function commitMessage(manifest: Uint8Array): Buffer {
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
function parquet({ codec, physical = 'int32', pages, says }: Draft): Buffer {
  const whole = pages.map((draft): Page => {
    const body = draft.body ?? new Uint8Array(0);
    const rest = { definitionBytes: 0, repetitionBytes: 0, nullCount: 0, definitionEncoding: 3, repetitionEncoding: 3 };
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

async function readParquet(bytes: Uint8Array, type: string): Promise<void> {
  const file = await openParquet(bytesSource(bytes), 'bomb');
  const fields = [{ id: 0, name: 'a', type: parseType(type), description: undefined, defaultValue: undefined }];
  for await (const _ of file.read({ fields }));
}

type Bomb = {
  readonly name: string;
  readonly make: () => Promise<Uint8Array> | Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
};

const fields = { manifest: decodeManifest, list: decodeManifestList, index: decodeIndexManifest };
const avroReads = (bytes: Uint8Array): void => {
  const codes = Object.values(fields).map(decode => codeOf(() => decode(bytes, 'bomb')));
  if (codes.some(code => code !== 'LAKE_CORRUPT_AVRO')) throw new Error(`manifests: ${codes.join()}`);
  decodeManifest(bytes, 'bomb');
};

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'taken';
  } catch (error) {
    return isLakeError(error) ? error.code : String(error);
  }
}

/** A frame header of zstd that says so many bytes, before content that has others. */
function lyingFrame(frame: Buffer, says: number): Buffer {
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

const snappyOf = (says: number): Buffer => {
  const bytes: number[] = [];
  let rest = says;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  // One literal byte, then copies of 64 from one back.
  return Buffer.from([...bytes, rest, 0, 0, ...Array.from({ length: 3_000 }, () => [0xfe, 1, 0]).flat()]);
};

const bombs: readonly Bomb[] = [
  {
    name: 'avro zstd, no size said',
    make: async () => avro(record('bytes'), 'zstandard', 1, await zstdZeros(giga)),
    read: avroReads,
  },
  {
    name: 'avro zstd, true size',
    make: async () => avro(record('bytes'), 'zstandard', 1, await zstdZeros(giga, giga * mib)),
    read: avroReads,
  },
  {
    name: 'avro zstd, says 10 bytes',
    make: async () => avro(record('bytes'), 'zstandard', 1, lyingFrame(await zstdZeros(giga), 10)),
    read: avroReads,
  },
  {
    name: 'avro zstd, says 2^50 bytes',
    make: async () => avro(record('bytes'), 'zstandard', 1, lyingFrame(await zstdZeros(8), 2 ** 50)),
    read: avroReads,
  },
  {
    name: 'avro deflate',
    make: async () => avro(record('bytes'), 'deflate', 1, await packedZeros(createDeflateRaw(), 600)),
    read: avroReads,
  },
  {
    name: 'avro records of a byte',
    make: async () => avro(record('boolean'), 'zstandard', 28 * mib, await zstdZeros(28)),
    read: avroReads,
  },
  {
    name: 'avro records of records',
    make: async () => avro(doublingSchema(), 'zstandard', 1, await zstdZeros(4)),
    read: avroReads,
  },
  {
    name: 'avro lists of nothing',
    make: async () => {
      // Twenty million items that take no byte, again and again.
      const block = Buffer.concat(Array.from({ length: 1_000 }, () => varint(20_000_000)));
      return avro(record({ type: 'array', items: 'null' }), 'null', 1, Buffer.concat([block, Buffer.alloc(21 * mib)]));
    },
    read: avroReads,
  },
  { name: 'avro blocks without end', make: () => avro(record(), 'null', 2 ** 40, Buffer.alloc(8)), read: avroReads },
  {
    name: 'commit message',
    make: async () => commitMessage(avro(record('bytes'), 'zstandard', 1, await zstdZeros(giga))),
    read: bytes => decodeCommitMessage(bytes, 'bomb'),
  },
  { name: 'log record, says 100 bytes', make: async () => logRecord(await zstdZeros(giga), 100), read: readLogRecord },
  {
    name: 'log record, says all it may',
    make: async () => logRecord(await zstdZeros(giga), 64 * mib),
    read: readLogRecord,
  },
  {
    name: 'log record, true size',
    make: async () => logRecord(await zstdZeros(giga), giga * mib),
    read: readLogRecord,
  },
  {
    name: 'log record of a million rows',
    make: async () => logRecord(await zstdZeros(64), 64 * mib, 1_000_000),
    read: readLogRecord,
  },
  {
    name: 'parquet zstd, says 4 bytes',
    make: async () => parquet({ codec: 'zstd', pages: [{ body: await zstdZeros(giga) }] }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet zstd, true size',
    make: async () =>
      parquet({
        codec: 'zstd',
        pages: [{ body: await zstdZeros(500), plainBytes: 500 * mib, valueCount: (125 * mib) / 8 }],
      }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet zstd, says more than there is',
    make: async () => parquet({ codec: 'zstd', pages: [{ body: await zstdZeros(4), plainBytes: 120 * mib }] }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet gzip, says 4 bytes',
    make: async () =>
      parquet({ codec: 'gzip', pages: [{ body: await packedZeros(createGzip({ level: 1 }), giga / 4) }] }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet gzip, true size',
    make: async () =>
      parquet({
        codec: 'gzip',
        pages: [{ body: await packedZeros(createGzip({ level: 9 }), 500), plainBytes: 500 * mib }],
      }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet brotli, says 4 bytes',
    make: async () =>
      parquet({
        codec: 'brotli',
        pages: [
          { body: await packedZeros(createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }), 1024) },
        ],
      }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet snappy, says 4 bytes outside',
    make: () => parquet({ codec: 'snappy', pages: [{ body: snappyOf(2 ** 31) }] }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet snappy, says 500 MiB outside',
    make: () => parquet({ codec: 'snappy', pages: [{ body: snappyOf(500 * mib), plainBytes: 500 * mib }] }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet, many pages that the footer does not tell of',
    make: async () => {
      const body = await zstdZeros(100);
      return parquet({
        codec: 'zstd',
        says: 1_000,
        pages: Array.from({ length: 30 }, () => ({ body, plainBytes: 100 * mib })),
      });
    },
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet, many pages that the footer tells of',
    make: async () => {
      const body = await zstdZeros(100);
      return parquet({ codec: 'zstd', pages: Array.from({ length: 30 }, () => ({ body, plainBytes: 100 * mib })) });
    },
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
  {
    name: 'parquet, a page of a run of a billion',
    // A run of 2^30 of the first entry of the dictionary, one bit wide.
    make: () =>
      parquet({
        codec: 'none',
        pages: [
          { kind: 'dictionary', body: Buffer.alloc(4), plainBytes: 4, valueCount: 1 },
          { body: Buffer.from([1, 0x80, 0x80, 0x80, 0x80, 0x08, 0]), plainBytes: 7, valueCount: 2 ** 30, encoding: 8 },
        ],
      }),
    read: bytes => readParquet(bytes, 'INT NOT NULL'),
  },
];

/** Most memory that this process has had since the peak was set back. */
function peakMiB(): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
}

/** Sets the peak back to what is used now (proc(5)). */
function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

// What the decoders hold once and for all is no growth.
await outcomeOf(() => readParquet(parquet({ codec: 'none', pages: [{ body: Buffer.alloc(4) }] }), 'INT NOT NULL'));
for (const { name, make, read } of bombs) {
  const bytes = await make();
  resetPeak();
  const before = peakMiB();
  const code = await outcomeOf(() => read(bytes));
  const outcome: BombOutcome = { name, bytes: bytes.length, code, grownMiB: Math.round(peakMiB() - before) };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'taken';
  } catch (error) {
    return isLakeError(error) ? error.code : String(error);
  }
}
