import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseJson } from '../../base/json.ts';
import { type ByteSource, bytesSource } from '../../bytes/byte-source.ts';
import { canonicalRow } from '../../types/canonical-json.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { DataFileReadOptions } from '../data-file-content.ts';
import { parseType } from '../type-text.ts';
import { openParquet, type ParquetFile } from './reader.ts';

const fixtures = new URL('./fixtures/', import.meta.url);

function bytesOf(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.parquet`, fixtures));
}

function field(name: string, type: string): DataField {
  return { id: 0, name, type: parseType(type), description: undefined, defaultValue: undefined };
}

function fieldsOf(name: string): readonly DataField[] {
  const json = parseJson(readFileSync(new URL(`${name}.fields.json`, fixtures), 'utf8'));
  if (!Array.isArray(json)) throw new Error('fields are a list');
  return json.map(item => {
    const { name: column, type } = Object(item);
    return { ...field(column, 'INT'), type: parseType(type) };
  });
}

async function read(file: ParquetFile, options: DataFileReadOptions): Promise<Scalar[][]> {
  const rows: Scalar[][] = [];
  for await (const batch of file.read(options)) rows.push(...rowsOf(batch));
  return rows;
}

const paimonFiles = [
  'all-types',
  'all-null',
  'timestamps',
  'column-names',
  'thin',
  'gzip',
  'lz4',
  'snappy',
  'none',
] as const;

test.each(paimonFiles)('reads %s as Paimon does', async name => {
  const file = await openParquet(bytesSource(bytesOf(name)), name);
  const lines: string[] = [];
  for await (const batch of file.read({ fields: fieldsOf(name), batchRowsMax: 7 })) {
    expect(batch.rowCount).toBeLessThanOrEqual(7);
    const print = canonicalRow(batch);
    for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
  }
  lines.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect(`${lines.join('\n')}\n`).toBe(readFileSync(new URL(`${name}.jsonl`, fixtures), 'utf8'));
  expect(lines).toHaveLength(file.rowCount);
});

test.each(paimonFiles)('reads %s page by page as it reads it whole', async name => {
  const file = await openParquet(bytesSource(bytesOf(name)), name);
  const fields = fieldsOf(name);
  expect(await read(file, { fields, windowBytesMax: 1 })).toEqual(await read(file, { fields }));
});

test('types, units and encodings of other writers become those of the schema', async () => {
  const file = await openParquet(bytesSource(bytesOf('pyarrow-v2')), 'pyarrow-v2');
  const fields = [
    field('id', 'BIGINT'),
    field('kind', 'TINYINT'),
    field('name', 'STRING'),
    field('text', 'STRING'),
    field('small', 'SMALLINT'),
    field('d9', 'DECIMAL(9, 2)'),
    field('d38', 'DECIMAL(38, 10)'),
    field('time', 'TIME(3)'),
    field('nanos', 'TIMESTAMP(9)'),
    field('millis', 'TIMESTAMP(6)'),
    field('fixed', 'BYTES'),
    field('last', 'DOUBLE'),
  ];
  const rows = await read(file, { fields });
  expect(rows).toHaveLength(12);
  for (const [i, row] of rows.entries()) {
    expect(row).toEqual([
      BigInt(i),
      i % 4,
      i % 5 === 4 ? null : `n${i % 3}`,
      `text ${i}`,
      i * 1000 - 5000,
      BigInt(i * 7919 - 40000),
      10n ** 37n * BigInt((i % 3) - 1) + BigInt(i),
      i * 3_600_000,
      BigInt(i) * 1_000_000_007n - 3n,
      (BigInt(i) * 86_400_001n - 86_400_000n) * 1_000_000n,
      new Uint8Array([i, i, i]),
      i / 4,
    ]);
  }
});

test('row groups are read by themselves', async () => {
  const file = await openParquet(bytesSource(bytesOf('pyarrow-v2')), 'pyarrow-v2');
  expect(file.rowGroups.map(group => group.rowCount)).toEqual([5, 5, 2]);
  const rows = await read(file, { fields: [field('id', 'BIGINT')], rowGroups: [0, 2] });
  expect(rows.flat()).toEqual([0n, 1n, 2n, 3n, 4n, 10n, 11n]);
});

test('footers tell the bounds of row groups in the types asked for', async () => {
  const file = await openParquet(bytesSource(bytesOf('pyarrow-v2')), 'pyarrow-v2');
  const [, group] = file.rowGroups;
  expect(group?.columnRange('id')).toEqual({ min: 5n, max: 9n, nullCount: 0 });
  expect(group?.columnRange('name', parseType('STRING'))).toEqual({ min: 'n0', max: 'n2', nullCount: 1 });
  expect(group?.columnRange('d9')).toEqual({ min: -405n, max: 31271n, nullCount: 0 });
  expect(group?.columnRange('nanos')).toEqual({ min: 5_000_000_032n, max: 9_000_000_060n, nullCount: 0 });
  expect(group?.columnRange('small', parseType('BIGINT'))).toEqual({ min: 0n, max: 4000n, nullCount: 0 });
  expect(group?.columnRange('id', parseType('STRING'))).toEqual({ min: null, max: null, nullCount: 0 });
  expect(group?.columnRange('gone')).toEqual({ min: null, max: null, nullCount: 5 });
  expect(group?.columnRange('list')).toBeUndefined();
});

test('columns that the file does not have are null, also when there are no others', async () => {
  const file = await openParquet(bytesSource(bytesOf('thin')), 'thin');
  const rows = await read(file, { fields: [field('gone', 'DECIMAL(38, 2)'), field('gone too', 'STRING')] });
  expect(rows).toHaveLength(45);
  expect(rows.every(row => row.every(value => value === null))).toBe(true);
});

test('an empty file has no rows, and no columns asked for give empty rows', async () => {
  const empty = await openParquet(bytesSource(bytesOf('pyarrow-empty')), 'empty');
  expect(await read(empty, { fields: [field('id', 'BIGINT')] })).toEqual([]);
  const thin = await openParquet(bytesSource(bytesOf('thin')), 'thin');
  expect(await read(thin, { fields: [] })).toHaveLength(45);
});

test('nested columns do not disturb those beside them, and are no plain values', async () => {
  const file = await openParquet(bytesSource(bytesOf('nested')), 'nested');
  const fields = fieldsOf('nested');
  const atomic = fields.filter(({ type }) => !['array', 'map', 'row', 'multiset'].includes(type.kind));
  expect(atomic.map(({ name }) => name)).toContain('id');
  const rows = await read(file, { fields: [field('_SEQUENCE_NUMBER', 'BIGINT'), ...atomic] });
  expect(rows).toHaveLength(file.rowCount);
  expect(rows.every(row => typeof row[1] === 'bigint')).toBe(true);
  await expect(read(file, { fields: [field('a_int', 'INT')] })).rejects.toThrow(
    'column a_int holds optional group (list)',
  );
});

test('only the bytes of the columns asked for are read', async () => {
  const bytes = bytesOf('none');
  const ranges: (readonly [number, number])[] = [];
  const inner = bytesSource(bytes);
  const source: ByteSource = {
    byteLength: bytes.length,
    slice: (start, end) => {
      ranges.push([start, end]);
      return inner.slice(start, end);
    },
  };
  const file = await openParquet(source, 'none');
  expect(ranges).toEqual([[0, bytes.length]]);
  await read(file, { fields: [field('_VALUE_KIND', 'TINYINT NOT NULL')] });
  expect(ranges).toHaveLength(2);
  const [start = 0, end = 0] = ranges[1] ?? [];
  expect(end - start).toBeLessThan(200);
});

test('a column of another type than the schema says is corrupt', async () => {
  const file = await openParquet(bytesSource(bytesOf('none')), 'none.parquet');
  const wrong = read(file, { fields: [field('_SEQUENCE_NUMBER', 'STRING')] });
  await expect(wrong).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_PARQUET_CORRUPT' });
  const narrow = read(file, { fields: [field('_SEQUENCE_NUMBER', 'TINYINT')] });
  await expect(narrow).rejects.toThrow('column _SEQUENCE_NUMBER holds 128, its schema says TINYINT');
});
