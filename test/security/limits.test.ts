/**
 * The table of limits in SECURITY.md, row by row: what is just under a limit is taken, what is just over it is refused with
 * the code that the table names. Where the real size is too large for a test, a small one takes its place, and what the
 * product passes is looked at.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { isLakeError } from '../../src/base/errors.ts';
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
import { query } from '../../src/service/functions/query-function.ts';
import { linesOf } from '../../src/service/json-lines.ts';
import { openLakeParts } from '../../src/service/lake-parts.ts';
import { SqlEngine } from '../../src/sql/engine.ts';
import { parseStatements } from '../../src/sql/parser/parse-statement.ts';
import { bracketDepthSumMax, sqlLengthMax, statementTokensMax, tokensMax } from '../../src/sql/parser/tokens.ts';
import {
  aliasedValuesMax,
  functionCostMax,
  setOperationsMax,
  subqueriesMax,
  subqueryNestingMax,
} from '../../src/sql/query/complexity.ts';
import { tableReferences } from '../../src/sql/query/references.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { checkObjectKey, keyBytesMax } from '../../src/storage/object-key.ts';
import { openLogStore } from '../../src/storage/open-log-store.ts';
import { readSnapshot } from '../../src/table/snapshots.ts';
import { openSqlFixture } from '../sql-fixture.ts';
import { packageSources } from './limits-of-sources.ts';

const security = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');

type Row = { readonly input: string; readonly codes: readonly string[]; readonly constants: readonly string[] };

/** The rows of the table under "Limits". */
const rows: readonly Row[] = (security.split('\n## Limits\n')[1]?.split('\n## ')[0] ?? '')
  .split('\n')
  .filter(line => line.startsWith('| ') && !line.startsWith('| input'))
  .map(line => {
    const [, input = '', , codes = '', names = ''] = line.split('|').map(cell => cell.trim());
    const quoted = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    return { input, codes: quoted(codes), constants: quoted(names) };
  });

/** The code of what a call throws; 'taken' when it does not. Whatever is no LakeError fails the test. */
async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'taken';
  } catch (error) {
    if (isLakeError(error)) return error.code;
    throw error;
  }
}

/** Just under, then just over. */
async function expectEdge(code: string, under: () => unknown, over: () => unknown): Promise<void> {
  expect([await outcomeOf(under), await outcomeOf(over)]).toEqual(['taken', code]);
}

const mib = 1024 * 1024;
const components = { clock: systemClock, random: systemRandom };
const context = { getRemainingTimeInMillis: () => 60_000 };

function constant(name: string): number {
  const found = packageSources.flatMap(text => [
    ...text.matchAll(new RegExp(`^(?:export )?const ${name}(?:: number)? = ([\\d_ *+<()-]+);`, 'gm')),
  ]);
  expect(found.length, name).toBeGreaterThan(0);
  const factors = (found[0]?.[1] ?? '').replaceAll('_', '');
  const shifted = /^\(?(\d+) << (\d+)\)?/.exec(factors);
  if (shifted !== null) return Number(shifted[1]) * 2 ** Number(shifted[2]);
  return factors.split('*').reduce((product, factor) => product * Number(factor), 1);
}

async function sqlCode(sql: string): Promise<string> {
  await using fixture = await openSqlFixture();
  return await outcomeOf(() => fixture.run(sql));
}

async function withFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-limits-'));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const repeated = (text: string, count: number, between: string): string =>
  Array.from({ length: count }, () => text).join(between);

function nestedQuery(depth: number): Parameters<typeof tableReferences>[0] {
  let tree: Parameters<typeof tableReferences>[0] = { type: 'CONSTANT' };
  for (let level = 0; level < depth; level += 1) tree = { type: 'CAST', child: tree };
  return tree;
}

const nestedType = (depth: number): string => `CREATE TABLE t (a ${'ARRAY<'.repeat(depth)}INT${'>'.repeat(depth)})`;

function nestedJsonType(depth: number): Parameters<typeof parseType>[0] {
  let type: Parameters<typeof parseType>[0] = 'INT';
  for (let level = 0; level < depth; level += 1) type = { type: 'ARRAY', element: type };
  return type;
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
async function unpacked(plainBytes: number): Promise<void> {
  const body = zstdCompressSync(new Uint8Array(plainBytes), { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const { bytes, chunk } = columnOf({ plainBytes, body });
  const [field, element] = [
    { id: 0, name: 'a', type: parseType('INT NOT NULL'), description: undefined, defaultValue: undefined },
    { name: 'a', physical: 'int32' as const, typeLength: undefined, childCount: 0, fieldId: undefined },
  ];
  const leaf = { ...element, repetition: 'required' as const, annotation: undefined };
  await new PageCursor({ field, plan: planLeaf(leaf, field, 'limits'), chunk, bytes }, 1, 'limits').allPages();
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

async function askFunction(request: object | string): Promise<string> {
  await using parts = await openLakeParts({ warehouse: `memory:limits-${systemRandom.uuid()}` });
  const body = typeof request === 'string' ? request : JSON.stringify(request);
  return await outcomeOf(() => query(parts, { method: 'POST', body }, context));
}

/** A file whose blocks unpack to so many bytes of records of no fields … each of one byte. */
function avroOf(unpackedBytes: number): Uint8Array {
  const schemaText = '{"type":"record","name":"r","fields":[{"name":"b","type":"bytes"}]}';
  return writeContainer(
    { schemaText, blocks: [{ recordCount: 1, bytes: new Uint8Array(unpackedBytes) }] },
    'zstandard',
  );
}

/** A file of so many records of one boolean. */
function avroRecords(recordCount: number): Uint8Array {
  const schemaText = '{"type":"record","name":"r","fields":[{"name":"a","type":"boolean"}]}';
  return writeContainer({ schemaText, blocks: [{ recordCount, bytes: new Uint8Array(recordCount) }] }, 'zstandard');
}

async function* pieces(...bytes: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* bytes;
}

async function readLines(...bytes: readonly Uint8Array[]): Promise<void> {
  for await (const _ of linesOf(pieces(...bytes)));
}

/** How each limit is tried; the key is the constant. */
const trials: Readonly<Record<string, () => Promise<void>>> = {
  sqlLengthMax: () =>
    expectEdge(
      'LAKE_SQL_SYNTAX',
      () => parseStatements('SELECT 1'.padEnd(sqlLengthMax)),
      () => parseStatements('SELECT 1'.padEnd(sqlLengthMax + 1)),
    ),
  statementTokensMax: () =>
    expectEdge(
      'LAKE_SQL_TOO_COMPLEX',
      () => parseStatements(`SELECT${' 1'.repeat(statementTokensMax - 1)}`),
      () => parseStatements(`SELECT${' 1'.repeat(statementTokensMax)}`),
    ),
  tokensMax: () =>
    expectEdge(
      'LAKE_SQL_TOO_COMPLEX',
      () => parseStatements(';'.repeat(tokensMax)),
      () => parseStatements(';'.repeat(tokensMax + 1)),
    ),
  bracketDepthSumMax: async () => {
    // `(` at depths 1 to n, and again: n * (n + 1) / 2 each.
    const nest = (depth: number): string => `${'('.repeat(depth)}1${')'.repeat(depth)}`;
    const full = Math.floor(bracketDepthSumMax / ((999 * 1000) / 2));
    const rest = bracketDepthSumMax - (full * (999 * 1000)) / 2;
    const sql = `SELECT ${repeated(nest(999), full, '+')}${'+(1)'.repeat(rest)}`;
    await expectEdge(
      'LAKE_SQL_TOO_COMPLEX',
      () => parseStatements(sql),
      () => parseStatements(`${sql}+(1)`),
    );
  },
  setOperationsMax: async () => {
    expect(await sqlCode(repeated('SELECT 1 AS a', setOperationsMax + 1, ' UNION ALL '))).toBe('taken');
    expect(await sqlCode(repeated('SELECT 1 AS a', setOperationsMax + 2, ' UNION ALL '))).toBe('LAKE_SQL_TOO_COMPLEX');
  },
  subqueryNestingMax: async () => {
    const nested = (depth: number): string => `SELECT ${'(SELECT '.repeat(depth)}1${')'.repeat(depth)} AS a`;
    expect(await sqlCode(nested(subqueryNestingMax))).toBe('taken');
    expect(await sqlCode(nested(subqueryNestingMax + 1))).toBe('LAKE_SQL_TOO_COMPLEX');
  },
  subqueriesMax: async () => {
    const many = (count: number): string => `SELECT ${repeated('(SELECT 1)', count, ', ')}`;
    expect(await sqlCode(many(subqueriesMax))).toBe('taken');
    expect(await sqlCode(many(subqueriesMax + 1))).toBe('LAKE_SQL_TOO_COMPLEX');
  },
  aliasedValuesMax: async () => {
    // Each `a` stands for one value.
    const many = (count: number): string => `SELECT 1 AS a${', a'.repeat(count)}`;
    expect(await sqlCode(many(aliasedValuesMax))).toBe('taken');
    expect(await sqlCode(many(aliasedValuesMax + 1))).toBe('LAKE_SQL_TOO_COMPLEX');
    const doubled = Array.from({ length: 30 }, (_, at) => `, x${at} + x${at} AS x${at + 1}`).join('');
    expect(await sqlCode(`SELECT 1 AS x0${doubled}`)).toBe('LAKE_SQL_TOO_COMPLEX');
    expect(await sqlCode(`SELECT 1 AS x0, x0 + x0 AS x1 ORDER BY x1${' + x1'.repeat(2_000)}`)).toMatch(/^LAKE_/);
  },
  functionCostMax: async () => {
    const cost = (depth: number): number => (depth * (depth + 1) * (2 * depth + 1)) / 6;
    let depth = 1;
    while (cost(depth + 1) <= functionCostMax) depth += 1;
    const nested = (levels: number): string => `SELECT ${'abs('.repeat(levels)}1${')'.repeat(levels)} AS a`;
    expect(await sqlCode(nested(depth))).toBe('taken');
    expect(await sqlCode(nested(depth + 1))).toBe('LAKE_SQL_TOO_COMPLEX');
  },
  depthMax: () =>
    expectEdge(
      'LAKE_UNSUPPORTED',
      () => tableReferences(nestedQuery(500)),
      () => tableReferences(nestedQuery(501)),
    ),
  nestingMax: () =>
    expectEdge(
      'LAKE_SQL_SYNTAX',
      () => parseStatements(nestedType(constant('nestingMax'))),
      () => parseStatements(nestedType(constant('nestingMax') + 1)),
    ),
  nestingDepthMax: () =>
    expectEdge(
      'LAKE_BAD_TYPE',
      () => parseType(nestedJsonType(constant('nestingDepthMax'))),
      () => parseType(nestedJsonType(constant('nestingDepthMax') + 1)),
    ),
  memoryBytesDefault: async () => {
    await using engine = await SqlEngine.open();
    await using connection = await engine.connect();
    expect(constant('memoryBytesDefault')).toBe(512 * mib);
    expect(await connection.text('SELECT current_setting($1)', 'memory_limit')).toBe('512.0 MiB');
    // Memory itself: test/security/sql-sandbox.test.ts, with a small limit.
  },
  spillBytesDefault: async () => {
    await using engine = await SqlEngine.open();
    await using connection = await engine.connect();
    expect(constant('spillBytesDefault')).toBe(8 * 1024 * mib);
    expect(await connection.text('SELECT current_setting($1)', 'max_temp_directory_size')).toBe('8.0 GiB');
  },
  requestBytesMax: async () => {
    const request = (bytes: number): string => JSON.stringify({ sql: 'DROP TABLE a.b' }).padEnd(bytes);
    expect(await askFunction(request(constant('requestBytesMax')))).toBe('LAKE_SQL_DENIED');
    expect(await askFunction(request(constant('requestBytesMax') + 1))).toBe('LAKE_REQUEST_TOO_LARGE');
  },
  resultBytesMax: async () => {
    const around = '{"a":""}\n'.length;
    const sql = (bytes: number): string => `SELECT repeat('x', ${bytes - around}) AS a`;
    expect(await askFunction({ sql: sql(constant('resultBytesMax')) })).toBe('taken');
    expect(await askFunction({ sql: sql(constant('resultBytesMax') + 1) })).toBe('LAKE_RESULT_TOO_LARGE');
  },
  parametersMax: async () => {
    const ask = (count: number): Promise<string> =>
      askFunction({ sql: 'DROP TABLE a.b', parameters: Array.from({ length: count }, () => 1) });
    expect(await ask(constant('parametersMax'))).toBe('LAKE_SQL_DENIED');
    expect(await ask(constant('parametersMax') + 1)).toBe('LAKE_BAD_REQUEST');
  },
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
    expect([255, 256].map(length => isFileName('x'.repeat(length)))).toEqual([true, false]);
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
      expect(await outcomeOf(open)).toBe('taken');
      await truncate(path, constant('metaBytesMax') + 1);
      expect(await outcomeOf(open)).toBe('LAKE_LOG_CORRUPT');
    }),
  unpackedBytesMin: async () => {
    const room = (bytes: Uint8Array): number => constant('unpackedBytesMin') + bytes.length * constant('expansionMax');
    // Zeros pack to nearly the same, however many.
    const edge = room(avroOf(constant('unpackedBytesMin')));
    const [under, over] = [avroOf(edge - 2 * mib), avroOf(edge + 2 * mib)];
    expect([edge - 2 * mib <= room(under), edge + 2 * mib > room(over)]).toEqual([true, true]);
    await expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => readContainer(under, 'limits'),
      () => readContainer(over, 'limits'),
    );
  },
  expansionMax: async () => {
    // With the one before: of a file twice as long, twice as much besides.
    expect(constant('expansionMax')).toBe(200);
  },
  unpackedBytesMax: async () => {
    // A file that would have to have 5 MB: not made here.
    expect(constant('unpackedBytesMax')).toBe(1024 * mib);
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
  valuesPerByteMax: async () => {
    expect(constant('valuesPerByteMax')).toBe(64);
  },
  valuesMax: async () => {
    expect(constant('valuesMax')).toBe(64 * mib);
  },
  recordValuesMax: () => {
    const file = (fieldCount: number): Uint8Array => {
      const fields = Array.from({ length: fieldCount }, (_, at) => ({ name: `f${at}`, type: 'null' }));
      const schemaText = JSON.stringify({ type: 'record', name: 'r', fields });
      return writeContainer({ schemaText, blocks: [] }, 'null');
    };
    return expectEdge(
      'LAKE_CORRUPT_AVRO',
      () => decodeAvro(file(999), 'limits'),
      () => decodeAvro(file(1_000), 'limits'),
    );
  },
  footerBytesMax: async () => {
    expect(await footerCode(256 * mib)).toBe('taken');
    expect(await footerCode(256 * mib + 1)).toBe('LAKE_PARQUET_CORRUPT');
  },
  pagesBytesMin: () =>
    expectEdge(
      'LAKE_PARQUET_CORRUPT',
      () => unpacked(constant('pagesBytesMin')),
      () => unpacked(constant('pagesBytesMin') + mib),
    ),
  pagesExpansionMax: async () => {
    expect(constant('pagesExpansionMax')).toBe(200);
  },
  // That its memory ends there: test/security/bombs.test.ts.
  wasmBytesMax: async () => {
    expect(constant('wasmBytesMax')).toBe(2048 * mib);
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
    expect(await outcomeOf(() => readSnapshot(home, 1))).toBe('taken');
    await put(jsonBytesMax + 1);
    expect(await outcomeOf(() => readSnapshot(home, 1))).toBe('LAKE_OBJECT_TOO_LARGE');
  },
  // Their drivers keep what they are told (object-store.conformance.ts); that they are told is the next test.
  manifestBytesMax: async () => expect(manifestBytesMax).toBe(256 * mib),
  deadLettersBytesMax: async () => expect(deadLettersBytesMax).toBe(256 * mib),
  lineBytesMax: () =>
    expectEdge(
      'LAKE_BAD_LINE',
      () => readLines(new Uint8Array(constant('lineBytesMax')).fill(32), Buffer.from('\n')),
      () => readLines(new Uint8Array(constant('lineBytesMax') + 1).fill(32), Buffer.from('\n')),
    ),
};

test('every constant that the table of limits names is one of the product, and is tried', () => {
  expect(rows.length).toBeGreaterThan(20);
  const named = rows.flatMap(row => row.constants);
  const declared = named.filter(name =>
    packageSources.some(text => new RegExp(`^(?:export )?const ${name}\\b`, 'm').test(text)),
  );
  expect(named.filter(name => !declared.includes(name))).toEqual([]);
  expect(rows.filter(row => row.constants.length === 0).map(row => row.input)).toEqual([]);
  expect(rows.filter(row => row.codes.length === 0).map(row => row.input)).toEqual([]);
  expect(named.toSorted()).toEqual(Object.keys(trials).toSorted());
});

test('every code that the table of limits names is one of the product', () => {
  const codes = rows.flatMap(row => row.codes).filter(code => !code.endsWith('…'));
  expect(codes.filter(code => !packageSources.some(text => text.includes(`'${code}'`)))).toEqual([]);
});

test('whatever is fetched whole from a store is fetched with a limit', () => {
  const fetches = packageSources.flatMap(text => [
    ...text.matchAll(/(?:[sS]tore|root)\.get\((?:`[^`]*`|[^()`]|\([^()]*\))*\)/g),
  ]);
  expect(fetches.length).toBeGreaterThan(25);
  expect(fetches.map(([call]) => call).filter(call => !/\bbytesMax\b/.test(call))).toEqual([]);
});

test.each(Object.entries(trials))('%s: just under is taken, just over is refused with its code', async (_, run) => {
  await run();
});
