import { expect, test } from 'vitest';
import { buildBatch } from './column-builder.ts';
import { rowsOf } from './column-reader.ts';
import type { DataType } from './data-type.ts';
import { concatBatches, gatherBatch, takeRows } from './gather.ts';
import { decodeIpc, encodeIpc } from './ipc.ts';
import { sliceBatch } from './row-batch.ts';

test('smoke', () => {
  const types: DataType[] = [
    { kind: 'boolean', nullable: true },
    { kind: 'varchar', length: 10, nullable: true },
    { kind: 'decimal', precision: 38, scale: 2, nullable: true },
    { kind: 'timestamp', precision: 9, nullable: true },
    { kind: 'bigint', nullable: true },
  ];
  const rowType = {
    fields: types.map((type, i) => ({ id: i, name: `c${i}`, type, description: undefined, defaultValue: undefined })),
  };
  const rows = [
    [true, 'aé', -5n, -1n, 7n],
    [null, null, null, null, null],
    [false, 'x'.repeat(30), 10n ** 37n, 10n ** 18n, -7n],
  ];
  const b = buildBatch(rowType, rows);
  expect(rowsOf(b)).toEqual(rows);
  expect(rowsOf(takeRows(b, Uint32Array.of(2, 1, 0)))).toEqual(rows.toReversed());
  expect(rowsOf(gatherBatch([b, b], Uint8Array.of(0, 1, 0, 1), Uint32Array.of(2, 1, 0, 0)))).toEqual([
    rows[2],
    rows[1],
    rows[0],
    rows[0],
  ]);
  expect(rowsOf(concatBatches([b, sliceBatch(b, 1, 3)]))).toEqual([...rows, ...rows.slice(1)]);
  expect(rowsOf(decodeIpc(encodeIpc(sliceBatch(b, 1, 3)), rowType))).toEqual(rows.slice(1));
  expect(rowsOf(decodeIpc(encodeIpc(sliceBatch(b, 0, 0)), rowType))).toEqual([]);
});
