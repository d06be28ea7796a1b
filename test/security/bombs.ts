/**
 * Few bytes that say, or do not say, that they are many: each is given to the decoder that would meet it. Runs as a process
 * of its own with a small heap, and prints what came of each and how much memory it took.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, createBrotliCompress, createDeflateRaw, createGzip, deflateRawSync } from 'node:zlib';
import { isLakeError } from '../../src/base/errors.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { decodeCommitMessage } from '../../src/flow/group-commit/commit-message.ts';
import { decodeRowOrigins } from '../../src/flow/ingest/row-origins.ts';
import { decodeBody, decodeRecord } from '../../src/flow/log-record.ts';
import { decodeIndexManifest } from '../../src/format/index-manifest.ts';
import { decodeManifest } from '../../src/format/manifest.ts';
import { decodeManifestList } from '../../src/format/manifest-list.ts';
import { openParquet } from '../../src/format/parquet/reader.ts';
import { parseType } from '../../src/format/type-text.ts';

import {
  avro,
  commitMessage,
  doublingSchema,
  logRecord,
  lyingFrame,
  packedZeros,
  parquet,
  record,
  snappyOf,
  varint,
  zstdZeros,
} from './bomb-files.ts';

export type BombOutcome = {
  readonly name: string;
  readonly bytes: number;
  readonly code: string;
  readonly grownMiB: number;
};

const mib = 1024 * 1024;
const giga = 2 * 1024;

function readLogRecord(bytes: Uint8Array): void {
  const decoded = decodeRecord(bytes, 'bomb');
  decodeBody(decoded, decoded.body, { fields: [] }, 'bomb');
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
    name: 'avro snappy, says 4 GB',
    make: async () => avro(record('bytes'), 'snappy', 1, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0, 0)),
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
  ...[',0', ',[]', ',{}'].map(
    (item): Bomb => ({
      name: `origins of rows, millions of ${item}`,
      make: () =>
        deflateRawSync(`{"v":1,"shards":[["s"${item.repeat((15 * mib) / item.length)}]],"files":{}}`, { level: 1 }),
      read: bytes => decodeRowOrigins(bytes, 'bomb'),
    }),
  ),
  {
    name: 'origins of rows, lists in lists',
    make: () => deflateRawSync('['.repeat(7 * mib) + ']'.repeat(7 * mib), { level: 1 }),
    read: bytes => decodeRowOrigins(bytes, 'bomb'),
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
