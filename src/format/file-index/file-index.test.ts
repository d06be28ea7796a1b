// File indexes: bytes as Paimon 1.4.2 writes them, and which files they let a filter pass over.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equals, int, rowTable, text } from '../../../test/row-fixture.ts';
import { isJsonObject, parseJson } from '../../base/json.ts';
import { canonicalParser } from '../../types/canonical-json.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { Scalar } from '../../types/scalar.ts';
import { decodeSchema } from '../table-schema.ts';
import { BitmapIndexBuilder, bitmapValueCodec, readBitmapIndex } from './bitmap-index.ts';
import { BloomFilterBuilder, readBloomFilter, valueHash } from './bloom-filter.ts';
import { FileIndexBuilder } from './build-index.ts';
import { decodeFileIndex, encodeFileIndex } from './container.ts';
import { askFileIndex } from './index-match.ts';

const golden = fileURLToPath(new URL('../../../test/golden/tables/', import.meta.url));
const corrupt = expect.objectContaining({ code: 'LAKE_CORRUPT_FILE_INDEX' });
const strings = bitmapValueCodec(text) ?? (() => new Uint8Array());

test('bloom filters are those of Paimon, byte for byte', () => {
  const schema = decodeSchema(readFileSync(`${golden}warehouse/db.db/file_index/schema/schema-0`), 'schema');
  const parse = canonicalParser(schema);
  const lines = readFileSync(`${golden}ops/file_index.jsonl`, 'utf8').trimEnd().split('\n').map(parseJson);
  const commits: Scalar[][][] = [[]];
  for (const line of lines) {
    if (!isJsonObject(line)) continue;
    if (line['op'] === 'commit') commits.push([]);
    else if (isJsonObject(line['row'])) commits.at(-1)?.push(parse(line['row']));
  }
  const built = commits.slice(0, 2).map(rows => {
    const builder = new FileIndexBuilder(schema);
    builder.append(buildBatch(schema, rows));
    return Buffer.from(builder.finish() ?? []).toString('base64');
  });
  const folder = `${golden}warehouse/db.db/file_index/bucket-0`;
  const files = readdirSync(folder).filter(name => name.endsWith('.index'));
  const written = files.toSorted().map(name => readFileSync(`${folder}/${name}`));
  for (const [index, bytes] of written.entries()) {
    const ours = decodeFileIndex(Buffer.from(built[index] ?? '', 'base64'), 'ours');
    expect(ours).toHaveLength(2);
    for (const theirs of decodeFileIndex(bytes, 'theirs')) {
      const same = ours.find(({ column }) => column === theirs.column);
      expect(Buffer.compare(same?.bytes ?? new Uint8Array(), theirs.bytes), theirs.column).toBe(0);
    }
  }
});

test('a bitmap index is the one of the format’s example', () => {
  const long = 'abcdefghijklmnopqrstuvwxyz';
  const builder = new BitmapIndexBuilder(text, strings, 16 * 1024);
  for (const value of [long, 'abcdefghijklmnopzz', null]) builder.add(value);
  const key = (value: string): string => `000000${value.length.toString(16)}${Buffer.from(value).toString('hex')}`;
  expect(Buffer.from(builder.finish()).toString('hex')).toBe(
    [
      '02' + '00000003' + '00000002' + '01' + 'fffffffd' + '00000012',
      `00000001${key(long)}0000000000000048`,
      `00000002${key(long)}ffffffffffffffff${key('abcdefghijklmnopzz')}fffffffeffffffff`,
    ].join(''),
  );
});

test('an index of many values in small blocks has all of them and no other', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ maxLength: 6 })), { maxLength: 60 }), fc.string(), (values, other) => {
      const builder = new BitmapIndexBuilder(text, strings, 64);
      for (const value of values) builder.add(value);
      const index = readBitmapIndex(builder.finish(), text, values.length, 'here');
      const rowsWhere = (value: string | null): readonly number[] =>
        [...values.keys()].filter(row => values[row] === value);
      for (const value of [other, ...values]) {
        const rows = value === null ? index.nulls() : index.rowsOf(strings(value));
        expect([...values.keys()].filter(row => rows.has(row))).toEqual(rowsWhere(value));
      }
    }),
  );
});

test('a bloom filter never denies a value that was added', () => {
  const hash = valueHash({ kind: 'bigint', nullable: true }) ?? (() => 0n);
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { minLength: 1 }), values => {
      const builder = new BloomFilterBuilder({ items: 20, falsePositiveShare: 0.05 });
      for (const value of values) builder.add(hash(value));
      const mayBeThere = readBloomFilter(builder.finish(), 'here');
      for (const value of values) expect(mayBeThere(hash(value))).toBe(true);
    }),
  );
});

test('a container comes back as it was, with names of any characters; a cut or wrong one is corrupt', () => {
  const indexes = [
    { column: 'ä\0\u{1f600}', kind: 'bloom-filter', bytes: Uint8Array.of(1, 2, 3) },
    { column: 'v', kind: 'bitmap', bytes: new Uint8Array() },
  ];
  const bytes = encodeFileIndex(indexes);
  expect(decodeFileIndex(bytes, 'here').map(index => ({ ...index, bytes: [...index.bytes] }))).toEqual(
    indexes.map(index => ({ ...index, bytes: [...index.bytes] })),
  );
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeFileIndex(bytes.subarray(0, length), 'here')).toThrow(corrupt);
  }
});

test('a filter goes by what the index knows; what it knows nothing of may be there', () => {
  const builder = new BitmapIndexBuilder(text, strings, 1024);
  for (const value of ['a', 'b']) builder.add(value);
  const bytes = encodeFileIndex([{ column: 'v', kind: 'bitmap', bytes: builder.finish() }]);
  const file = { columnOf: (name: string) => ({ name, type: text }), rowCount: 2, where: 'here' };
  const allows = (predicate: Predicate): boolean => askFileIndex(bytes, predicate, file) !== 'none';
  expect(allows(equals('v', 'a'))).toBe(true);
  expect(allows(equals('v', 'c'))).toBe(false);
  expect(allows({ kind: 'in', column: 'v', values: ['c', 'b'] })).toBe(true);
  expect(allows({ kind: 'is-null', column: 'v' })).toBe(false);
  expect(allows({ kind: 'not', child: equals('v', 'c') })).toBe(true);
  expect(allows({ kind: 'or', children: [equals('v', 'c'), equals('w', 'x')] })).toBe(true);
  expect(allows({ kind: 'and', children: [equals('v', 'c'), equals('w', 'x')] })).toBe(false);
  expect(askFileIndex(bytes, equals('v', 'c'), { ...file, columnOf: () => undefined })).toBe('any');
  expect(() => askFileIndex(bytes, equals('v', 'a'), { ...file, rowCount: 3 })).toThrow(corrupt);
});

test('files that an index rules out are not opened, be it in the manifest or beside the file', async () => {
  for (const [threshold, isEmbedded] of [
    ['1 mb', true],
    ['0', false],
  ] as const) {
    const rows = await rowTable({
      columns: [
        { name: 'k', type: int },
        { name: 'v', type: text },
      ],
      primaryKeys: [],
      options: {
        bucket: '-1',
        'file-index.bloom-filter.columns': 'v',
        'file-index.bloom-filter.v.items': '100',
        'file-index.bitmap.columns': 'k',
        'file-index.in-manifest-threshold': threshold,
      },
    });
    await rows.write([
      [1, 'a'],
      [5, 'x'],
    ]);
    await rows.write([
      [2, 'b'],
      [6, 'y'],
    ]);
    expect(await rows.rows({ predicate: equals('k', 3) })).toEqual([]);
    // Statistics let both files through; no byte of either is read.
    expect(rows.dataGets).toEqual([]);
    expect(await rows.rows({ predicate: equals('v', 'b') })).toEqual([[2, 'b']]);
    expect(new Set(rows.dataGets).size).toBe(1);
    const files = await rows.files();
    expect(files.map(({ extraFiles }) => extraFiles.length)).toEqual(isEmbedded ? [0, 0] : [1, 1]);
  }
});
