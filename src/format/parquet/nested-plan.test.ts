import { expect, test } from 'vitest';
import { bytesSource } from '../../bytes/byte-source.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import type { DataFileReadOptions } from '../data-file-content.ts';
import { parseType } from '../type-text.ts';
import { openParquet } from './reader.ts';
import { createParquetWriter } from './writer.ts';

const int: DataType = { kind: 'int', nullable: true };

function fieldOf(type: DataType): DataField {
  return { id: 1, name: 'c', type, description: undefined, defaultValue: undefined };
}

function row(fields: Readonly<Record<string, string>>): DataType {
  const named = Object.entries(fields).map(([name, type], id) => ({ id: id + 2, name, type }));
  return parseType({ type: 'ROW', fields: named });
}

async function write(type: DataType, values: readonly Scalar[], rowGroupRowsMax?: number): Promise<Uint8Array> {
  const rowType = { fields: [fieldOf(type)] };
  const writer = createParquetWriter({ rowType, compression: 'zstd', rowGroupRowsMax });
  await writer.append(
    buildBatch(
      rowType,
      values.map(value => [value]),
    ),
  );
  return (await writer.finish()).bytes;
}

async function read(bytes: Uint8Array, type: DataType, options: Partial<DataFileReadOptions> = {}): Promise<Scalar[]> {
  const file = await openParquet(bytesSource(bytes), 'f.parquet');
  const values: Scalar[] = [];
  for await (const batch of file.read({ fields: [fieldOf(type)], ...options })) {
    values.push(...rowsOf(batch).map(([value = null]) => value));
  }
  return values;
}

test('fields of a ROW are found by name, in any order, and what the file has besides is left out', async () => {
  const bytes = await write(row({ x: 'INT', y: 'STRING', z: 'BIGINT' }), [[1, 'a', 2n], null, [null, null, null]]);
  expect(await read(bytes, row({ z: 'BIGINT', x: 'BIGINT' }))).toEqual([[2n, 1n], null, [null, null]]);
});

test('a file that is not as its schema says is corrupt, naming the path', async () => {
  const plain = await write(int, [1]);
  const list = await write({ kind: 'array', element: int, nullable: true }, [[1, null], [], null]);
  const struct = await write(row({ x: 'INT' }), [[null], null]);
  const cases: readonly (readonly [Uint8Array, DataType, string])[] = [
    [struct, row({ x: 'INT', gone: 'INT' }), 'column c lacks field gone of its schema'],
    [struct, row({ x: 'INT NOT NULL' }), 'column c.x holds nulls, its schema says NOT NULL'],
    [struct, { ...row({ x: 'INT' }), nullable: false }, 'column c holds nulls, its schema says NOT NULL'],
    [struct, { kind: 'array', element: int, nullable: true }, 'column c is a group of 1, no list'],
    [struct, row({ x: 'STRING' }), 'column c.x holds int32, its schema says VARCHAR'],
    [list, { kind: 'array', element: { ...int, nullable: false }, nullable: true }, 'column c holds nulls'],
    [list, int, 'column c holds optional group (list), its schema says INT'],
    [plain, row({ x: 'INT' }), 'column c holds optional int32, its schema says ROW<x INT>'],
  ];
  for (const [bytes, type, message] of cases) {
    await expect(read(bytes, type)).rejects.toMatchObject({
      code: 'LAKE_PARQUET_CORRUPT',
      message: expect.stringContaining(message),
    });
  }
});

test('a list is no map: lists of another form are refused by name', async () => {
  const list = await write({ kind: 'array', element: int, nullable: true }, [[1]]);
  const map: DataType = { kind: 'map', key: { ...int, nullable: false }, value: int, nullable: true };
  await expect(read(list, map)).rejects.toThrow('column c: a map of 1 columns is not supported');
  await expect(read(await write(map, [[[1, 2]]]), { kind: 'array', element: int, nullable: true })).rejects.toThrow(
    'column c: a list of 2 columns is not supported',
  );
});

test('what must not be null under what is null is no null', async () => {
  const type = row({ x: 'INT NOT NULL', s: 'STRING NOT NULL' });
  const bytes = await write(type, [null, [1, 'a'], null]);
  expect(await read(bytes, type)).toEqual([null, [1, 'a'], null]);
});

test('rows come in batches of any size, from windows of any size, of each row group by itself', async () => {
  const type: DataType = { kind: 'array', element: row({ x: 'INT', a: 'STRING' }), nullable: true };
  const values: Scalar[] = Array.from({ length: 5_000 }, (_, at) =>
    at % 7 === 0 ? null : Array.from({ length: at % 5 }, (_, index) => (index === 3 ? null : [at, `text ${at}`])),
  );
  const bytes = await write(type, values, 2_100);
  for (const options of [{}, { batchRowsMax: 7 }, { batchRowsMax: 999, windowBytesMax: 1 }]) {
    expect(await read(bytes, type, options)).toEqual(values);
  }
  expect(await read(bytes, type, { rowGroups: [1] })).toEqual(values.slice(2_100, 4_200));
});
