import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { expect, test } from 'vitest';
import { arbitraryRows, nestedTypes, rowTypeOf, sampleTypes } from '../../../test/arbitrary-rows.ts';
import { bytesSource } from '../../bytes/byte-source.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import { nestedShape } from '../../types/nested-shape.ts';
import { type RowBatch, sliceBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import { parseType } from '../type-text.ts';
import { openParquet } from './reader.ts';
import { createParquetWriter } from './writer.ts';
import type { ParquetCompression, ParquetWriterOptions } from './writer-options.ts';

const allTypes = [...sampleTypes, ...nestedTypes];
const compressions: readonly ParquetCompression[] = ['zstd', 'snappy', 'gzip', 'lz4', 'none'];

function rowTypeOfText(columns: Readonly<Record<string, string>>): RowType {
  const fields = Object.entries(columns).map(
    ([name, type], index): DataField => ({
      id: 100 + index,
      name,
      type: parseType(type),
      description: undefined,
      defaultValue: undefined,
    }),
  );
  return { fields };
}

async function write(batches: readonly RowBatch[], options: ParquetWriterOptions): Promise<Uint8Array> {
  const writer = createParquetWriter(options);
  for (const batch of batches) await writer.append(batch);
  const { bytes, rowCount } = await writer.finish();
  expect(rowCount).toBe(batches.reduce((sum, batch) => sum + batch.rowCount, 0));
  return bytes;
}

async function readRows(bytes: Uint8Array, { fields }: RowType): Promise<Scalar[][]> {
  const file = await openParquet(bytesSource(bytes), 'test.parquet');
  const rows: Scalar[][] = [];
  for await (const batch of file.read({ fields })) rows.push(...rowsOf(batch));
  return rows;
}

/** hyparquet, another reader, with what it needs to read zstd. */
function oracleRows(bytes: Uint8Array): Promise<Record<string, unknown>[]> {
  const file = bytes.slice().buffer;
  return parquetReadObjects({ file, compressors: { ZSTD: input => new Uint8Array(zstdDecompressSync(input)) } });
}

/** Five million years, which INT96 reaches. */
const nanosMax = 5_000_000n * 31_556_952n * 1_000_000_000n;

/** Rows of these types, timestamps above precision 6 within what Parquet holds. */
function arbitraryWritable(types: readonly DataType[]): fc.Arbitrary<Scalar[][]> {
  return arbitraryRows(types, 60).map(rows =>
    rows.map(row => row.map((value, at) => nearer(value, types[at] ?? { kind: 'int', nullable: true }))),
  );
}

function nearer(value: Scalar, type: DataType): Scalar {
  if (typeof value === 'bigint')
    return 'precision' in type && type.precision > 6 && type.kind !== 'decimal' ? value % nanosMax : value;
  const shape = nestedShape(type);
  if (shape === undefined || !Array.isArray(value)) return value;
  const types = shape.kind === 'struct' ? shape.fields.map(field => field.type) : value.map(() => shape.entry);
  return value.map((item, at) => nearer(item, types[at] ?? { kind: 'int', nullable: true }));
}

test.each(compressions)('rows of all types come back as they were, %s', async compression => {
  const rowType = rowTypeOf(allTypes);
  await fc.assert(
    fc.asyncProperty(arbitraryWritable(allTypes), fc.integer({ min: 1, max: 40 }), async (rows, rowGroupRowsMax) => {
      const bytes = await write([buildBatch(rowType, rows)], { rowType, compression, rowGroupRowsMax });
      expect(await readRows(bytes, rowType)).toEqual(rows);
    }),
    { numRuns: 15 },
  );
});

test('NOT NULL columns are required, and batches may come in any sizes and slices', async () => {
  const types = sampleTypes.map(type => ({ ...type, nullable: false }));
  const rowType = rowTypeOf(types);
  const rows = fc.sample(arbitraryWritable(types), { numRuns: 30, seed: 5 }).flat();
  expect(rows.length).toBeGreaterThan(20);
  const batch = buildBatch(rowType, rows);
  const slices = [sliceBatch(batch, 3, 4), sliceBatch(batch, 4, 4), sliceBatch(batch, 4, 17), batch];
  const bytes = await write(slices, { rowType, compression: 'zstd', rowGroupRowsMax: 9 });
  expect(await readRows(bytes, rowType)).toEqual([...rows.slice(3, 17), ...rows]);
  const { schema } = parquetMetadata(bytes.slice().buffer);
  expect(schema.slice(1).every(element => element.repetition_type === 'REQUIRED')).toBe(true);
});

test('columns are described as in the files of Paimon', async () => {
  const rowType = rowTypeOfText({
    'weird.name "x"': 'INT NOT NULL',
    tiny: 'TINYINT',
    small: 'SMALLINT',
    text: 'CHAR(3)',
    bytes: 'BINARY(3)',
    d1: 'DECIMAL(1, 0)',
    d9: 'DECIMAL(9, 2)',
    d18: 'DECIMAL(18, 2)',
    d19: 'DECIMAL(19, 2)',
    d38: 'DECIMAL(38, 2)',
    date: 'DATE',
    time: 'TIME(0)',
    ts0: 'TIMESTAMP(0)',
    ts6: 'TIMESTAMP(6)',
    ts7: 'TIMESTAMP(7)',
    ltz3: 'TIMESTAMP(3) WITH LOCAL TIME ZONE',
    ltz9: 'TIMESTAMP(9) WITH LOCAL TIME ZONE',
  });
  const row: Scalar[] = [1, 2, 3, 'abc', new Uint8Array([1]), 1n, 1n, 1n, 1n, 1n, 1, 1, 0n, 0n, 0n, 0n, 0n];
  const bytes = await write([buildBatch(rowType, [row])], { rowType, compression: 'zstd' });
  const metadata = parquetMetadata(bytes.slice().buffer);
  expect(metadata.created_by).toMatch(/^tidelake version/);
  expect(metadata.key_value_metadata).toBeUndefined();
  expect(metadata.schema[0]).toMatchObject({ name: 'paimon_schema', num_children: row.length });
  const described = metadata.schema.slice(1).map(element => {
    const { name, type, type_length, converted_type, logical_type } = element;
    const annotation =
      logical_type?.type === 'TIMESTAMP' || logical_type?.type === 'TIME'
        ? `${logical_type.unit} ${logical_type.isAdjustedToUTC}`
        : '';
    return [name, type, type_length, converted_type, annotation]
      .filter(part => part !== undefined && part !== '')
      .join(' ');
  });
  expect(described).toEqual([
    'weird.name "x" INT32',
    'tiny INT32 INT_8',
    'small INT32 INT_16',
    'text BYTE_ARRAY UTF8',
    'bytes BYTE_ARRAY',
    'd1 INT32 DECIMAL',
    'd9 INT32 DECIMAL',
    'd18 INT64 DECIMAL',
    'd19 FIXED_LEN_BYTE_ARRAY 9 DECIMAL',
    'd38 FIXED_LEN_BYTE_ARRAY 16 DECIMAL',
    'date INT32 DATE',
    'time INT32 TIME_MILLIS MILLIS true',
    'ts0 INT64 TIMESTAMP_MILLIS MILLIS false',
    'ts6 INT64 TIMESTAMP_MICROS MICROS false',
    'ts7 INT96',
    'ltz3 INT64 TIMESTAMP_MILLIS MILLIS true',
    'ltz9 INT96',
  ]);
  expect(metadata.schema.slice(1).map(element => element.field_id)).toEqual(row.map((_, index) => 100 + index));
});

test('another reader reads the same values', async () => {
  const rowType = rowTypeOfText({ id: 'BIGINT NOT NULL', name: 'STRING', price: 'DECIMAL(10, 2)', at: 'TIMESTAMP(3)' });
  const rows = Array.from({ length: 3000 }, (_, i): Scalar[] => [
    BigInt(i),
    i % 7 === 0 ? null : `name ${i % 50}`,
    BigInt(i) * 101n,
    BigInt(i) * 1_000_000n,
  ]);
  const bytes = await write([buildBatch(rowType, rows)], { rowType, compression: 'zstd', rowGroupRowsMax: 1000 });
  const read = await oracleRows(bytes);
  expect(read).toHaveLength(rows.length);
  for (const [i, row] of read.entries()) {
    const name = i % 7 === 0 ? null : `name ${i % 50}`;
    expect(row).toEqual({ id: BigInt(i), name, price: expect.closeTo(i * 1.01), at: new Date(i) });
  }
});

test('a row group ends at its rows or bytes, whichever comes first', async () => {
  const rowType = rowTypeOfText({ id: 'BIGINT NOT NULL', text: 'STRING' });
  const rows = Array.from({ length: 1000 }, (_, i): Scalar[] => [BigInt(i), 'x'.repeat(84)]);
  const batch = buildBatch(rowType, rows);
  const sizesOf = async (options: Partial<ParquetWriterOptions>): Promise<number[]> => {
    const bytes = await write([batch, batch], { rowType, compression: 'zstd', ...options });
    const file = await openParquet(bytesSource(bytes), 'test.parquet');
    return file.rowGroups.map(group => group.rowCount);
  };
  expect(await sizesOf({})).toEqual([2000]);
  expect(await sizesOf({ rowGroupRowsMax: 700 })).toEqual([700, 700, 600]);
  // 96 bytes a row.
  const byBytes = await sizesOf({ rowGroupBytesMax: 16 * 1024 });
  expect(byBytes.slice(0, -1).every(rowCount => rowCount >= 165 && rowCount <= 175)).toBe(true);
  expect(byBytes.reduce((sum, rowCount) => sum + rowCount, 0)).toBe(2000);
  const few = sliceBatch(batch, 0, 20);
  const singles = await write([few], { rowType, compression: 'zstd', rowGroupBytesMax: 1 });
  expect((await openParquet(bytesSource(singles), 'test.parquet')).rowGroups).toHaveLength(20);
});

test('the estimate is near the length of the file', async () => {
  const rowType = rowTypeOfText({ id: 'BIGINT NOT NULL', text: 'STRING' });
  const writer = createParquetWriter({ rowType, compression: 'zstd', rowGroupRowsMax: 1000 });
  const estimates: number[] = [];
  for (let k = 0; k < 10; k += 1) {
    const rows = Array.from({ length: 500 }, (_, i): Scalar[] => [BigInt(i * 7919), `${(i * 7919) % 1009} of ${k}`]);
    await writer.append(buildBatch(rowType, rows));
    estimates.push(writer.estimatedBytes);
  }
  expect(writer.rowCount).toBe(5000);
  const { bytes } = await writer.finish();
  expect(Math.abs((estimates.at(-1) ?? 0) - bytes.length) / bytes.length).toBeLessThan(0.25);
});

test('a file without rows is a file', async () => {
  const rowType = rowTypeOfText({ id: 'BIGINT NOT NULL' });
  const bytes = await write([], { rowType, compression: 'zstd' });
  expect(await readRows(bytes, rowType)).toEqual([]);
  expect(await oracleRows(bytes)).toEqual([]);
});

test('bounds are written, but not of INT96 nor beside a NaN', async () => {
  const rowType = rowTypeOfText({
    id: 'BIGINT',
    d: 'DOUBLE',
    nan: 'DOUBLE',
    far: 'TIMESTAMP(9)',
    none: 'INT',
    text: 'STRING',
  });
  const rows: Scalar[][] = [
    [5n, 1.5, Number.NaN, 1n, null, 'ä'.repeat(100)],
    [-3n, -0, 2, 2n, null, 'b'],
    [null, null, null, null, null, null],
  ];
  const bytes = await write([buildBatch(rowType, rows)], { rowType, compression: 'none' });
  const [group] = (await openParquet(bytesSource(bytes), 'test.parquet')).rowGroups;
  expect(group?.columnRange('id')).toEqual({ min: -3n, max: 5n, nullCount: 1 });
  expect(group?.columnRange('d')).toEqual({ min: -0, max: 1.5, nullCount: 1 });
  expect(group?.columnRange('nan')).toBeUndefined();
  expect(group?.columnRange('far')).toBeUndefined();
  expect(group?.columnRange('none')).toEqual({ min: null, max: null, nullCount: 3 });
  const text = group?.columnRange('text');
  expect(text?.min).toBe('b');
  expect(Buffer.compare(Buffer.from(String(text?.max)), Buffer.from('ä'.repeat(100)))).toBeGreaterThanOrEqual(0);
});

test('strings that are not UTF-8 are kept as they are', async () => {
  const rowType = rowTypeOfText({ text: 'STRING' });
  const asBytes = rowTypeOfText({ text: 'BYTES' });
  const value = new Uint8Array([0x61, 0xff, 0xc3]);
  const written = await write([buildBatch(asBytes, [[value], [null]])], { rowType: asBytes, compression: 'none' });
  const file = await openParquet(bytesSource(written), 'test.parquet');
  const batches: RowBatch[] = [];
  for await (const batch of file.read({ fields: rowType.fields })) batches.push(batch);
  const again = await write(batches, { rowType, compression: 'zstd' });
  expect(await readRows(again, asBytes)).toEqual([[value], [null]]);
});

test.each(compressions)(
  'row groups whose buffers are given back keep their bounds and their rows, %s',
  async compression => {
    const rowType = rowTypeOfText({ k: 'BIGINT NOT NULL', s: 'STRING', b: 'BYTES' });
    const rows = Array.from({ length: 40_000 }, (_, row): Scalar[] => {
      const text = `row ${String((row * 7_919) % 40_000).padStart(5, '0')}`;
      return [BigInt(row), text, new TextEncoder().encode(text)];
    });
    const bytes = await write([buildBatch(rowType, rows)], { rowType, compression, rowGroupRowsMax: 20_000 });
    expect(await readRows(bytes, rowType)).toEqual(rows);
    const { rowGroups } = await openParquet(bytesSource(bytes), 'test.parquet');
    expect(rowGroups.map(group => group.columnRange('k'))).toMatchObject([
      { min: 0n, max: 19_999n },
      { min: 20_000n, max: 39_999n },
    ]);
  },
);
