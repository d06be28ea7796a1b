import { expect, test } from 'vitest';
import { rowTypeOf } from '../../../../test/arbitrary-rows.ts';
import { bytesSource } from '../../../bytes/byte-source.ts';
import { buildBatch } from '../../../types/column-builder.ts';
import { rowsOf } from '../../../types/column-reader.ts';
import type { DataType } from '../../../types/data-type.ts';
import { makeRowBatch, type RowBatch, sliceBatch } from '../../../types/row-batch.ts';
import { openParquet } from '../reader.ts';
import { createParquetWriter } from '../writer.ts';

const bigint: DataType = { kind: 'bigint', nullable: true };
const required: DataType = { kind: 'bigint', nullable: false };
const int: DataType = { kind: 'int', nullable: true };
const date: DataType = { kind: 'date', nullable: true };
const text: DataType = { kind: 'varchar', length: 50, nullable: true };

async function writtenAndRead(batches: readonly RowBatch[]): Promise<{ bytes: number; rows: unknown }> {
  const { rowType } = batches[0] ?? { rowType: { fields: [] } };
  const writer = createParquetWriter({ rowType, compression: 'zstd', rowGroupRowsMax: 30_000 });
  for (const batch of batches) await writer.append(batch);
  const { bytes } = await writer.finish();
  const file = await openParquet(bytesSource(bytes), 'test.parquet');
  const rows: unknown[] = [];
  for await (const batch of file.read({ fields: rowType.fields })) rows.push(...rowsOf(batch));
  return { bytes: bytes.length, rows };
}

test('columns in the same memory are read as they were, of the same type or another, in any cut', async () => {
  const values = Array.from({ length: 40_000 }, (_, i) => [
    i % 7 === 0 ? null : BigInt((i * 7_919) % 65_537),
    (i * 31) % 9_973,
    i % 5 === 0 ? null : `text ${(i * 17) % 40_009}`,
  ]);
  const [longs, ints, texts] = buildBatch(rowTypeOf([bigint, int, text]), values).columns;
  if (longs === undefined || ints === undefined || texts === undefined) throw new Error('three columns');
  const columns = [longs, ints, texts, longs, ints, texts, ints];
  const batch = makeRowBatch(rowTypeOf([bigint, int, text, bigint, int, text, date]), values.length, columns);
  const cut = [0, 10_000, 10_001, 40_000];
  const cuts = cut.slice(1).map((end, index) => sliceBatch(batch, cut[index] ?? 0, end));
  const expected = values.map(([a = null, b = null, c = null]) => [a, b, c, a, b, c, b]);
  for (const batches of [[batch], cuts]) expect((await writtenAndRead(batches)).rows).toEqual(expected);
});

test('a column without nulls is written as required beside one that is nullable, though both are the same', async () => {
  const values = Array.from({ length: 1_000 }, (_, i) => [BigInt(i * i)]);
  const [column] = buildBatch(rowTypeOf([required]), values).columns;
  if (column === undefined) throw new Error('a column');
  const batch = makeRowBatch(rowTypeOf([required, bigint, required]), 1_000, [column, column, column]);
  expect((await writtenAndRead([batch])).rows).toEqual(values.map(([value]) => [value, value, value]));
});
