import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, rowTypeOf, sampleTypes } from '../../../../test/arbitrary-rows.ts';
import { makeColumn } from '../../../types/column-buffers.ts';
import { buildBatch } from '../../../types/column-builder.ts';
import type { DataType } from '../../../types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../../../types/row-batch.ts';
import { type ColumnExtremes, columnExtremes, hasExtremes } from '../../column-extremes.ts';
import { createParquetWriter } from '../writer.ts';

const double: DataType = { kind: 'double', nullable: true };
const text: DataType = { kind: 'varchar', length: 100, nullable: true };

async function extremesInFile(batch: RowBatch): Promise<readonly (ColumnExtremes | undefined)[] | undefined> {
  const writer = createParquetWriter({ rowType: batch.rowType, compression: 'none' });
  await writer.append(batch);
  return (await writer.finish()).extremes[0];
}

function expected({ rowType, columns }: RowBatch): readonly (ColumnExtremes | undefined)[] {
  return columns.map((column, index) => columnExtremes(column, rowType.fields[index]?.type ?? double));
}

test('extremes told by an encoder are those that are found in the columns, of every type that has some', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBatch(sampleTypes.filter(hasExtremes), 40), async ({ batch }) => {
      if (batch.rowCount > 0) expect(await extremesInFile(batch)).toEqual(expected(batch));
    }),
  );
});

test('both zeros, a NaN among numbers, and many pages', async () => {
  const rowType = rowTypeOf([double, text]);
  const some = (values: readonly number[]): RowBatch =>
    buildBatch(
      rowType,
      values.map(value => [value, `${value}`]),
    );
  for (const values of [[0], [-0], [-0, 0, 1], [3, Number.NaN, 5], [Number.NaN]]) {
    expect(await extremesInFile(some(values))).toEqual(expected(some(values)));
  }
  const many = Array.from({ length: 40_000 }, (_, i) => (i * 7_919) % 65_537);
  const withNan = [...many, Number.NaN];
  for (const values of [many, withNan]) expect(await extremesInFile(some(values))).toEqual(expected(some(values)));
});

test('a text that is not UTF-8 has no extremes, and longer ones are told whole', async () => {
  const batchOf = (texts: readonly Uint8Array[]): RowBatch => {
    const valueOffsets = Int32Array.from([
      0,
      ...texts.map((_, i) => texts.slice(0, i + 1).flatMap(t => [...t]).length),
    ]);
    const column = makeColumn(text, texts.length, {
      values: Uint8Array.from(texts.flatMap(t => [...t])),
      valueOffsets,
    });
    return makeRowBatch(rowTypeOf([text]), texts.length, [column]);
  };
  const long = new TextEncoder().encode('ü'.repeat(300));
  for (const texts of [[Uint8Array.of(0xff)], [Uint8Array.of(0x61), Uint8Array.of(0xff, 0xff)], [long]]) {
    expect(await extremesInFile(batchOf(texts))).toEqual(expected(batchOf(texts)));
  }
});
