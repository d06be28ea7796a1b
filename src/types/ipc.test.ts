import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { isLakeError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import { buildBatch } from './column-builder.ts';
import { rowsOf } from './column-reader.ts';
import { decodeIpc, encodeIpc } from './ipc.ts';
import { emptyBatch, sliceBatch } from './row-batch.ts';

const allTypes = [...sampleTypes, ...nestedTypes];
const rowType = rowTypeOf(allTypes);

test('a batch comes back from its IPC stream, slices too', () => {
  fc.assert(
    fc.property(arbitraryBatch(allTypes), ({ batch, rows }) => {
      expect(rowsOf(decodeIpc(encodeIpc(batch), rowType))).toEqual(rows);
      const start = rows.length >> 1;
      expect(rowsOf(decodeIpc(encodeIpc(sliceBatch(batch, start, rows.length)), rowType))).toEqual(rows.slice(start));
    }),
  );
  expect(decodeIpc(encodeIpc(emptyBatch(rowType)), rowType).rowCount).toBe(0);
});

test('a stream is read wherever it lies in its buffer', () => {
  const batch = buildBatch(rowTypeOf(sampleTypes.slice(4, 7)), [[1n, 0.5, 0.25]]);
  const bytes = encodeIpc(batch);
  for (let shift = 0; shift < 9; shift += 1) {
    const moved = new Uint8Array(bytes.length + shift);
    moved.set(bytes, shift);
    expect(rowsOf(decodeIpc(moved.subarray(shift), batch.rowType))).toEqual([[1n, 0.5, 0.25]]);
  }
});

test('a stream cut short anywhere is corrupt', () => {
  const bytes = encodeIpc(buildBatch(rowTypeOf(sampleTypes.slice(10, 12)), [['a', 'b']]));
  for (let end = 0; end < bytes.length; end += 1) {
    expect(() => decodeIpc(bytes.subarray(0, end), rowTypeOf(sampleTypes.slice(10, 12)))).toThrow(
      /bad Arrow IPC stream/,
    );
  }
});

test('flipped bits give other rows or a corrupt stream, never another failure', () => {
  const rows = Array.from({ length: 20 }, (_, i) => [
    i % 2 === 0,
    i,
    null,
    BigInt(i),
    `text ${i}`,
    Uint8Array.of(i),
    BigInt(i) * 10n ** 18n,
    i % 3 === 0 ? null : [i, `text ${i}`, BigInt(i)],
    [null, [[[`key ${i}`, i % 2 === 0 ? null : [i, null]]], i]],
  ]);
  const plain = [0, 1, 3, 4, 11, 13, 19].map(index => sampleTypes[index]).filter(type => type !== undefined);
  const types = [...plain, ...nestedTypes.slice(7, 9)];
  const bytes = encodeIpc(buildBatch(rowTypeOf(types), rows));
  const random = seededRandom(7);
  let refused = 0;
  for (let round = 0; round < 3_000; round += 1) {
    const broken = bytes.slice();
    for (let flips = 0; flips <= round % 3; flips += 1) {
      const at = Math.floor(random.next() * (bytes.length - 8));
      broken[at] = (broken[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
    }
    try {
      rowsOf(decodeIpc(broken, rowTypeOf(types)));
    } catch (error) {
      if (!isLakeError(error, 'LAKE_IPC_CORRUPT')) throw error;
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(100);
});

test('a stream of other columns is refused', () => {
  const int = { kind: 'int', nullable: true } as const;
  const bigint = { kind: 'bigint', nullable: true } as const;
  const bytes = encodeIpc(buildBatch(rowTypeOf([int, bigint]), [[1, 2n]]));
  expect(() => decodeIpc(bytes, rowTypeOf([int]))).toThrow('it has columns c0, c1, expected c0');
  expect(() => decodeIpc(bytes, rowTypeOf([int, { kind: 'date', nullable: true }]))).toThrow(
    'column c1 (DATE) came as Arrow type 2',
  );
});

test('a null in a NOT NULL column is refused', () => {
  const bytes = encodeIpc(buildBatch(rowTypeOf([{ kind: 'int', nullable: true }]), [[null]]));
  expect(() => decodeIpc(bytes, rowTypeOf([{ kind: 'int', nullable: false }]))).toThrow('NOT NULL');
});
