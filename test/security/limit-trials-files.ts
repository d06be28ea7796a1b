/** Limits of names, schemas and everything that is stored, just under and just over. */
import { deepEqual, equal } from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { crc32 } from '../../src/bytes/crc32.ts';
import { checkName } from '../../src/catalog/identifier.ts';
import { checkColumnName, newTableSchema } from '../../src/catalog/table-definition.ts';
import { decodeRecord } from '../../src/flow/log-record.ts';
import { decodeAvro } from '../../src/format/avro.ts';
import { readContainer, writeContainer } from '../../src/format/avro-container.ts';
import { isFileName } from '../../src/format/file-name.ts';
import { deadLettersBytesMax, jsonBytesMax, manifestBytesMax } from '../../src/format/metadata-limits.ts';
import { type ColumnChunk, magic, tailBytes } from '../../src/format/parquet/footer.ts';
import { planLeaf } from '../../src/format/parquet/leaf-plan.ts';
import { type Page, readPages, writePageHeader } from '../../src/format/parquet/page.ts';
import { PageCursor } from '../../src/format/parquet/page-cursor.ts';
import { openParquet } from '../../src/format/parquet/reader.ts';
import { parseType } from '../../src/format/type-text.ts';
import { t } from '../../src/service/column-types.ts';
import { lineBlocks } from '../../src/service/json-lines.ts';
import { openLake } from '../../src/service/lake.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { checkObjectKey, keyBytesMax } from '../../src/storage/object-key.ts';
import { openLogStore } from '../../src/storage/open-log-store.ts';
import { readSnapshot } from '../../src/table/snapshots.ts';
import { constant, expectEdge, mib, outcomeOf, type Trials } from './limit-tools.ts';

const components = { clock: systemClock, random: systemRandom };

async function withFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-limits-'));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function nestedJsonType(depth: number): Parameters<typeof parseType>[0] {
  let type: Parameters<typeof parseType>[0] = 'INT';
  for (let level = 0; level < depth; level += 1) type = { type: 'ARRAY', element: type };
  return type;
}

/** A table with a row. */
async function writeTable(warehouse: string): Promise<void> {
  await using lake = await openLake({ warehouse });
  await lake.createTable('d.t', { columns: { a: t.int() } });
  await using writer = (await lake.table('d.t')).writer();
  await writer.insert({ a: 1 });
}

function definition(columnCount: number, options: Readonly<Record<string, string>> = {}) {
  const columns = Array.from({ length: columnCount }, (_, at) => ({ name: `c${at}`, type: parseType('INT') }));
  const settings = { id: 0, timeMillis: 0, extra: {} };
  return newTableSchema({ columns, primaryKeys: [], partitionKeys: [], options }, settings);
}

function pagesOf(draft: Partial<Page>): unknown {
  const { bytes, chunk } = columnOf(draft);
  return readPages(bytes, chunk, 'limits');
}

function columnOf(draft: Partial<Page>): { readonly bytes: Uint8Array; readonly chunk: ColumnChunk } {
  const page: Page = {
    kind: 'data',
    body: new Uint8Array(8),
    isCompressed: true,
    encoding: 0,
    valueCount: 1,
    plainBytes: 8,
    definitionBytes: 0,
    repetitionBytes: 0,
    nullCount: 0,
    rowCount: 0,
    definitionEncoding: 3,
    repetitionEncoding: 3,
    ...draft,
  };
  const bytes = Buffer.concat([writePageHeader(page, { withChecksum: false }), page.body]);
  const chunk = {
    physical: 'int32' as const,
    encodings: [],
    path: ['a'],
    codec: 'zstd' as const,
    valueCount: page.valueCount,
    uncompressedBytes: page.plainBytes,
    compressedBytes: bytes.length,
    dataPageOffset: 0,
    dictionaryPageOffset: undefined,
    statistics: undefined,
  };
  return { bytes, chunk };
}

/** A page of zeros that unpacks to so many bytes, as a column is read. */
async function unpacked(plainBytes: number, randomBytes = 0): Promise<void> {
  const plain = new Uint8Array(plainBytes);
  plain.set(randomFillSync(new Uint8Array(randomBytes)));
  const body = zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const { bytes, chunk } = columnOf({ plainBytes, body });
  const [field, element] = [
    { id: 0, name: 'a', type: parseType('INT NOT NULL'), description: undefined, defaultValue: undefined },
    { name: 'a', physical: 'int32' as const, typeLength: undefined, childCount: 0, fieldId: undefined },
  ];
  const leaf = { ...element, repetition: 'required' as const, annotation: undefined };
  const column = { kind: 'leaf', field, plan: planLeaf(leaf, field, 'limits'), chunk, bytes } as const;
  await new PageCursor(column, 1, 'limits').allRows();
}

/** A file of 1 TB that says how long its footer is, and no more. */
async function footerCode(footerBytes: number): Promise<string> {
  const asked: number[] = [];
  const source = {
    byteLength: 2 ** 40,
    slice: async (start: number, end: number) => {
      asked.push(end - start);
      // The footer itself: it was let through.
      if (asked.length > 1) return new Uint8Array(1);
      const tail = new Uint8Array(end - start);
      new DataView(tail.buffer).setUint32(tail.length - tailBytes, footerBytes, true);
      tail.set(magic, tail.length - magic.length);
      return tail;
    },
  };
  await outcomeOf(() => openParquet(source, 'limits'));
  return asked.includes(footerBytes) ? 'taken' : 'LAKE_PARQUET_CORRUPT';
}

type RecordDraft = { readonly headerBytes?: number; readonly l?: number; readonly r?: number; readonly claim?: number };

function logRecord({ headerBytes, l = 1, r = 1, claim }: RecordDraft): Uint8Array {
  const fields = { t: 'id', n: 'db.t', s: 0, b: 0, c: 1, p: 'p', q: 1, r, l };
  const withClaim = claim === undefined ? fields : { ...fields, o: { n: 'claim-1', l: claim, h: 'ab' } };
  const json = JSON.stringify(withClaim).padEnd(headerBytes ?? 0);
  const bytes = Buffer.alloc(18 + json.length);
  bytes.write('TLOG');
  bytes[4] = 1;
  bytes[5] = claim === undefined ? 0 : 2;
  bytes.writeUInt32LE(json.length, 6);
  bytes.write(json, 10);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

const recordEdge = (under: RecordDraft, over: RecordDraft): Promise<void> =>
  expectEdge(
    'LAKE_RECORD_CORRUPT',
    () => decodeRecord(logRecord(under), 'limits'),
    () => decodeRecord(logRecord(over), 'limits'),
  );

/** A file of one block that unpacks to so many bytes; its schema is longer by so many. */
function avroOf(unpackedBytes: number, padding = 0): Uint8Array {
  const schemaText = `{"type":"record","name":"r","doc":"${'x'.repeat(padding)}","fields":[{"name":"b","type":"bytes"}]}`;
  return writeContainer(
    { schemaText, blocks: [{ recordCount: 1, bytes: new Uint8Array(unpackedBytes) }] },
    'zstandard',
  );
}

/** A file of so many records of one boolean. */
function avroRecords(recordCount: number, padding = 0): Uint8Array {
  const schemaText = `{"type":"record","name":"r","doc":"${'x'.repeat(padding)}","fields":[{"name":"a","type":"boolean"}]}`;
  return writeContainer({ schemaText, blocks: [{ recordCount, bytes: new Uint8Array(recordCount) }] }, 'zstandard');
}

async function* pieces(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

async function readLines(...bytes: readonly Uint8Array[]): Promise<void> {
  for await (const _ of lineBlocks(pieces(...bytes)));
}

export const fileTrials: Trials = {
  nestingDepthMax: () =>
    expectEdge(
      'LAKE_BAD_TYPE',
      () => parseType(nestedJsonType(constant('nestingDepthMax'))),
      () => parseType(nestedJsonType(constant('nestingDepthMax') + 1)),
    ),
  columnsMax: () =>
    expectEdge(
      'LAKE_BAD_SCHEMA',
      () => definition(constant('columnsMax')),
      () => definition(constant('columnsMax') + 1),
    ),
  columnNameBytesMax: () =>
    expectEdge(
      'LAKE_BAD_SCHEMA',
      () => checkColumnName('é'.repeat(constant('columnNameBytesMax') / 2)),
      () => checkColumnName(`a${'é'.repeat(constant('columnNameBytesMax') / 2)}`),
    ),
  optionsLengthMax: async () => {
    const own = Object.entries(definition(1).options).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
    const rest = constant('optionsLengthMax') - own - 'comment.x'.length;
    await expectEdge(
      'LAKE_BAD_SCHEMA',
      () => definition(1, { 'comment.x': 'x'.repeat(rest) }),
      () => definition(1, { 'comment.x': 'x'.repeat(rest + 1) }),
    );
  },
  nameBytesMax: () =>
    expectEdge(
      'LAKE_BAD_NAME',
      () => checkName('x'.repeat(252), 'limits'),
      () => checkName('x'.repeat(253), 'limits'),
    ),
  fileNameBytesMax: async () => {
    deepEqual(
      [255, 256].map(length => isFileName('x'.repeat(length))),
      [true, false],
    );
  },
  keyBytesMax: () =>
    expectEdge(
      'LAKE_BAD_KEY',
      () => checkObjectKey('é'.repeat(keyBytesMax / 2)),
      () => checkObjectKey(`${'é'.repeat(keyBytesMax / 2)}a`),
    ),
  headerBytesMax: () =>
    recordEdge({ headerBytes: constant('headerBytesMax') }, { headerBytes: constant('headerBytesMax') + 1 }),
  recordBodyBytesMax: async () => {
    await recordEdge({ l: 64 * mib }, { l: 64 * mib + 1 });
    await recordEdge({ claim: 64 * mib }, { claim: 64 * mib + 1 });
  },
  recordRowsMax: () => recordEdge({ r: 1_000_000 }, { r: 1_000_001 }),
  recordBytesMax: () =>
    withFolder(async folder => {
      await using log = await openLogStore(`file:${folder}/log`, { local: { shardCount: 1 } }, components);
      const append = (bytes: number) => log.append([{ hashKey: 0n, data: new Uint8Array(bytes) }]);
      await expectEdge(
        'LAKE_LOG_RECORD_TOO_BIG',
        () => append(16 * mib),
        () => append(16 * mib + 1),
      );
    }),
  metaBytesMax: () =>
    withFolder(async folder => {
      const open = async (): Promise<void> => {
        await using _ = await openLogStore(`file:${folder}/log`, { local: { shardCount: 1 } }, components);
      };
      await open();
      const path = join(folder, 'log', 'tidelake-log.json');
      await writeFile(path, readFileSync(path, 'utf8').padEnd(constant('metaBytesMax')));
      equal(await outcomeOf(open), 'taken');
      await truncate(path, constant('metaBytesMax') + 1);
      equal(await outcomeOf(open), 'LAKE_LOG_CORRUPT');
    }),
  unpackedBytesMin: async () => {
    const room = (bytes: Uint8Array): number => constant('unpackedBytesMin') + bytes.length * constant('expansionMax');
    // Zeros pack to nearly the same, however many.
    const edge = room(avroOf(constant('unpackedBytesMin')));
    const [under, over] = [avroOf(edge - 2 * mib), avroOf(edge + 2 * mib)];
    deepEqual([edge - 2 * mib <= room(under), edge + 2 * mib > room(over)], [true, true]);
    await expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => readContainer(under, 'limits'),
      () => readContainer(over, 'limits'),
    );
  },
  expansionMax: () => {
    // The same block in a file that is longer by what its schema says besides: 100 KB, 20 MB of room.
    const bytes = constant('unpackedBytesMin') + 10_000_000;
    return expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => readContainer(avroOf(bytes, 100_000), 'limits'),
      () => readContainer(avroOf(bytes), 'limits'),
    );
  },
  unpackedBytesMax: async () => {
    // A file that would have to have 5 MB: not made here.
    equal(constant('unpackedBytesMax'), 1024 * mib);
  },
  valuesMin: async () => {
    const bytes = avroRecords(1);
    const room = (constant('valuesMin') + bytes.length * constant('valuesPerByteMax')) / 2;
    const [under, over] = [avroRecords(Math.floor(room)), avroRecords(Math.ceil(room * 1.2))];
    await expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => decodeAvro(under, 'limits'),
      () => decodeAvro(over, 'limits'),
    );
  },
  valuesPerByteMax: () => {
    const count = (constant('valuesMin') + 20_000 * constant('valuesPerByteMax')) / 2;
    return expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => decodeAvro(avroRecords(count, 20_000), 'limits'),
      () => decodeAvro(avroRecords(count), 'limits'),
    );
  },
  valuesMax: async () => {
    equal(constant('valuesMax'), 64 * mib);
  },
  recordValuesMax: () => {
    const file = (fieldCount: number): Uint8Array => {
      const fields = Array.from({ length: fieldCount }, (_, at) => ({ name: `f${at}`, type: 'null' }));
      const schemaText = JSON.stringify({ type: 'record', name: 'r', fields });
      return writeContainer({ schemaText, blocks: [] }, 'null');
    };
    return expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => decodeAvro(file(19_999), 'limits'),
      () => decodeAvro(file(20_000), 'limits'),
    );
  },
  footerBytesMax: async () => {
    equal(await footerCode(256 * mib), 'taken');
    equal(await footerCode(256 * mib + 1), 'LAKE_PARQUET_CORRUPT');
  },
  pagesBytesMin: () =>
    expectEdge(
      'LAKE_PARQUET_CORRUPT',
      () => unpacked(constant('pagesBytesMin')),
      () => unpacked(constant('pagesBytesMin') + mib),
    ),
  pagesExpansionMax: () => {
    const bytes = constant('pagesBytesMin') + mib;
    return expectEdge(
      'LAKE_PARQUET_CORRUPT',
      () => unpacked(bytes, Math.ceil(bytes / constant('pagesExpansionMax'))),
      () => unpacked(bytes),
    );
  },
  // That its memory ends there: test/security/bombs.test.ts.
  wasmBytesMax: async () => {
    equal(constant('wasmBytesMax'), 2048 * mib);
  },
  pageBytesMax: () =>
    expectEdge(
      'LAKE_PARQUET_CORRUPT',
      () => pagesOf({ plainBytes: 512 * mib }),
      () => pagesOf({ plainBytes: 512 * mib + 1 }),
    ),
  pageValuesMax: () =>
    expectEdge(
      'LAKE_PARQUET_CORRUPT',
      () => pagesOf({ valueCount: 16 * mib }),
      () => pagesOf({ valueCount: 16 * mib + 1 }),
    ),
  jsonBytesMax: async () => {
    const store = new MemoryObjectStore('memory:limits', systemClock);
    const home = { store, metaPath: 'd.db/t', label: 'd.t' };
    const json = {
      version: 3,
      id: 1,
      schemaId: 0,
      baseManifestList: 'a',
      deltaManifestList: 'b',
      commitUser: 'u',
      commitIdentifier: 1,
      commitKind: 'APPEND',
      timeMillis: 1,
    };
    const put = (bytes: number) =>
      store.put('d.db/t/snapshot/snapshot-1', Buffer.alloc(bytes, JSON.stringify(json).padEnd(bytes)));
    await put(jsonBytesMax);
    equal(await outcomeOf(() => readSnapshot(home, 1)), 'taken');
    await put(jsonBytesMax + 1);
    equal(await outcomeOf(() => readSnapshot(home, 1)), 'LAKE_OBJECT_TOO_LARGE');
  },
  manifestBytesMax: () =>
    withFolder(async folder => {
      const scan = async (): Promise<void> => {
        // Opened anew: what was read once is kept.
        await using lake = await openLake({ warehouse: folder, access: 'read' });
        for await (const _ of (await lake.table('d.t')).scan());
      };
      await writeTable(folder);
      equal(await outcomeOf(scan), 'taken');
      const manifests = join(folder, 'd.db', 't', 'manifest');
      const names = (await readdir(manifests)).filter(name => /^manifest-[^l]/.test(name));
      equal(names.length, 1);
      for (const name of names) {
        // Holes take no room on the disk.
        await truncate(join(manifests, name), manifestBytesMax);
        equal(await outcomeOf(scan), 'LAKE_CORRUPT_AVRO');
        await truncate(join(manifests, name), manifestBytesMax + 1);
        equal(await outcomeOf(scan), 'LAKE_OBJECT_TOO_LARGE');
      }
    }),
  // Read by the same call with another figure (limits.test.ts, and object-store.conformance.ts for the edge).
  deadLettersBytesMax: async () => equal(deadLettersBytesMax, 256 * mib),
  lineBytesMax: () =>
    expectEdge(
      'LAKE_BAD_LINE',
      () => readLines(new Uint8Array(constant('lineBytesMax')).fill(32), Buffer.from('\n')),
      () => readLines(new Uint8Array(constant('lineBytesMax') + 1).fill(32), Buffer.from('\n')),
    ),
};
