import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryBatch, nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { buildBatch } from './column-builder.ts';
import { rowsOf } from './column-reader.ts';
import { concatBatches, gatherBatch, takeRows } from './gather.ts';
import { localPicks } from './local-picks.ts';
import { emptyBatch, type RowBatch, sliceBatch } from './row-batch.ts';

const allTypes = [...sampleTypes, ...nestedTypes];

test('gathering picks the same rows as picking them one by one', () => {
  const sources = fc.array(arbitraryBatch(allTypes, 12), { minLength: 1, maxLength: 4 });
  const picks = fc.array(fc.tuple(fc.nat(3), fc.nat(11)), { maxLength: 50 });
  fc.assert(
    fc.property(sources, picks, (batches, wanted) => {
      // Runs of neighbours take a path of their own.
      const flat = wanted.flatMap(([b, r]) => [
        [b, r],
        [b, r + 1],
      ]);
      const valid = flat.filter(([b = 0, r = 0]) => r < (batches[b]?.rows.length ?? 0));
      const gathered = gatherBatch(
        batches.map(({ batch }) => batch),
        Uint16Array.from(valid, ([b = 0]) => b),
        Uint32Array.from(valid, ([, r = 0]) => r),
      );
      expect(rowsOf(gathered)).toEqual(valid.map(([b = 0, r = 0]) => batches[b]?.rows[r]));
    }),
  );
});

test('many rows that jump all over their sources are picked as few are', () => {
  fc.assert(
    fc.property(
      fc.array(arbitraryBatch(sampleTypes, 12), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(7, 4_099),
      (given, stride) => {
        const parts = given.filter(({ rows }) => rows.length > 0);
        if (parts.length === 0) return;
        // Each source is some thousands of rows, those that were made over and over.
        const sources = parts.map(({ batch }) => concatBatches(Array.from({ length: 800 }, () => batch)));
        const total = sources.reduce((sum, { rowCount }) => sum + rowCount, 0);
        const picks = Array.from({ length: 33_000 }, (_, i) => {
          let at = (i * stride) % total;
          let source = 0;
          for (; at >= (sources[source]?.rowCount ?? 0); source += 1) at -= sources[source]?.rowCount ?? 0;
          return [source, at] as const;
        });
        const batchIndex = Uint8Array.from(picks, ([source]) => source);
        const rowIndex = Uint32Array.from(picks, ([, at]) => at);
        const rowCounts = sources.map(({ rowCount }) => rowCount);
        const local = localPicks(rowCounts, { batchIndex, rowIndex });
        if (total > 10_000) expect(local !== undefined).toBe(stride > 64);
        const gathered = gatherBatch(sources, batchIndex, rowIndex);
        const few = Array.from({ length: 33 }, (_, part) => [part * 1_000, part * 1_000 + 1_000] as const).map(
          ([from, to]) => gatherBatch(sources, batchIndex.subarray(from, to), rowIndex.subarray(from, to)),
        );
        expect(bytesOf(gathered)).toEqual(bytesOf(concatBatches(few)));
      },
    ),
    { numRuns: 8 },
  );
});

test('a merge of many runs takes each in its order, which is no jump, as rows in chance order are', () => {
  const runs = 11;
  const batchIndex = Uint32Array.from({ length: 40_000 }, (_, i) => crc32(String(i)) % runs);
  const next = new Uint32Array(runs);
  const rowIndex = Uint32Array.from(batchIndex, run => {
    const row = next[run] ?? 0;
    next[run] = row + 1;
    return row;
  });
  const rowCounts = [...next];
  expect(localPicks(rowCounts, { batchIndex, rowIndex })).toBeUndefined();
  const elsewhere = rowIndex.map((row, i) => crc32(String(row)) % (rowCounts[batchIndex[i] ?? 0] ?? 1));
  expect(localPicks(rowCounts, { batchIndex, rowIndex: elsewhere })).toBeDefined();
  const [many, first] = [batchIndex.map((_, i) => crc32(String(i)) % 20_000), new Uint32Array(batchIndex.length)];
  expect(localPicks(new Array(20_000).fill(1), { batchIndex: many, rowIndex: first })).toBeDefined();
});

test('rows of one batch are taken in any order, from slices too', () => {
  fc.assert(
    fc.property(arbitraryBatch(allTypes), ({ batch, rows }) => {
      const start = Math.min(3, rows.length);
      const slice = sliceBatch(batch, start, rows.length);
      const backwards = Uint32Array.from({ length: slice.rowCount }, (_, i) => slice.rowCount - 1 - i);
      expect(rowsOf(takeRows(slice, backwards))).toEqual(rows.slice(start).toReversed());
    }),
  );
});

test('concatenation has the rows of all batches, one batch after the other', () => {
  fc.assert(
    fc.property(fc.array(arbitraryBatch(allTypes, 20), { minLength: 1, maxLength: 4 }), batches => {
      const slices = batches.map(({ batch }) => sliceBatch(batch, batch.rowCount >> 2, batch.rowCount));
      const expected = batches.flatMap(({ rows }) => rows.slice(rows.length >> 2));
      expect(rowsOf(concatBatches(slices))).toEqual(expected);
    }),
  );
});

test('nothing gathered and nothing concatenated are empty batches', () => {
  const empty = emptyBatch(rowTypeOf(sampleTypes));
  expect(concatBatches([empty, empty]).rowCount).toBe(0);
  expect(takeRows(empty, new Uint32Array(0)).rowCount).toBe(0);
});

test('a null bitmap is made only when a null was picked', () => {
  const batch = buildBatch(rowTypeOf(sampleTypes.slice(3, 4)), [[1], [null], [3]]);
  const [without] = takeRows(batch, Uint32Array.of(2, 0)).columns;
  expect([without?.nullCount, without?.nullBitmap.length]).toEqual([0, 0]);
  const [withNull] = takeRows(batch, Uint32Array.of(1)).columns;
  expect([withNull?.nullCount, withNull?.nullBitmap.length]).toEqual([1, 1]);
});

test('values of every length around a word are copied whole', () => {
  const texts = Array.from({ length: 140 }, (_, length) => 'x'.repeat(length));
  const rowType = rowTypeOf(sampleTypes.slice(11, 12));
  const batch = buildBatch(
    rowType,
    texts.map(text => [text]),
  );
  const order = Uint32Array.from({ length: 140 }, (_, i) => (i * 37) % 140);
  expect(rowsOf(takeRows(batch, order))).toEqual([...order].map(row => [texts[row]]));
});

/** What a batch holds, column by column. */
function bytesOf({ columns }: RowBatch): readonly string[] {
  return columns.map(({ values, valueOffsets, nullBitmap, nullCount }) => {
    const parts = [values, valueOffsets, nullBitmap].filter(array => ArrayBuffer.isView(array));
    const hashes = parts.map(({ buffer, byteOffset, byteLength }) =>
      crc32(new Uint8Array(buffer, byteOffset, byteLength)),
    );
    return [nullCount, ...hashes].join();
  });
}
