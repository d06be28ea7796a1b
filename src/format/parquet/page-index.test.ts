import { expect, test } from 'vitest';
import { isLakeError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import type { ColumnChunk } from './footer.ts';
import {
  type PageLocation,
  type PageStatistics,
  readColumnIndex,
  readOffsetIndex,
  writeColumnIndex,
  writeOffsetIndex,
} from './page-index.ts';

const chunk: ColumnChunk = {
  physical: 'int64',
  encodings: [0],
  path: ['id'],
  codec: 'none',
  valueCount: 300,
  uncompressedBytes: 1_000,
  compressedBytes: 1_000,
  dataPageOffset: 104,
  dictionaryPageOffset: 4,
  statistics: undefined,
};
const around = { chunk, rowCount: 300, where: 'f.parquet' };

const pages: readonly PageLocation[] = [
  { start: 104, bytes: 400, firstRow: 0 },
  { start: 504, bytes: 100, firstRow: 100 },
  { start: 604, bytes: 400, firstRow: 299 },
];

test('an offset index is read as it was written', () => {
  expect(readOffsetIndex(writeOffsetIndex(pages), around)).toEqual(pages);
});

test.each<[string, readonly PageLocation[]]>([
  ['no page', []],
  ['a first page that is not of row 0', pages.slice(1)],
  ['rows that do not ascend', pages.toSpliced(1, 1, { start: 504, bytes: 100, firstRow: 0 })],
  ['a page that begins behind the last row', [...pages, { start: 1_003, bytes: 1, firstRow: 300 }]],
  ['pages that overlap', pages.toSpliced(1, 1, { start: 503, bytes: 100, firstRow: 100 })],
  ['a page before the chunk', pages.toSpliced(0, 1, { start: 3, bytes: 400, firstRow: 0 })],
  ['a page behind the chunk', pages.toSpliced(2, 1, { start: 604, bytes: 401, firstRow: 299 })],
  ['an empty page', pages.toSpliced(1, 1, { start: 504, bytes: 0, firstRow: 100 })],
])('an offset index with %s is corrupt', (_, locations) => {
  expect(() => readOffsetIndex(writeOffsetIndex(locations), around)).toThrow('not a sound Parquet file');
});

const statistics: readonly PageStatistics[] = [
  { isAllNull: false, min: Uint8Array.of(1), max: Uint8Array.of(2, 3), nullCount: 0 },
  { isAllNull: true, min: undefined, max: undefined, nullCount: 9 },
  { isAllNull: false, min: Uint8Array.of(4), max: Uint8Array.of(4), nullCount: 1 },
];

test('a column index is read as it was written', () => {
  expect(readColumnIndex(writeColumnIndex(statistics, 'ascending'), 3, 'f')).toEqual(statistics);
});

test('a column index need not count nulls', () => {
  const uncounted = statistics.map(page => ({ ...page, nullCount: undefined }));
  expect(readColumnIndex(writeColumnIndex(uncounted, 'unordered'), 3, 'f')).toEqual(uncounted);
});

test('a column index of another number of pages is corrupt', () => {
  const bytes = writeColumnIndex(statistics, 'unordered');
  for (const count of [0, 2, 4]) expect(() => readColumnIndex(bytes, count, 'f')).toThrow('not a sound Parquet file');
});

test('indexes changed at random are read or refused, and do nothing else', () => {
  const random = seededRandom(77);
  const outcomes = new Set<string>();
  const outcomeOf = (read: () => unknown): string => {
    try {
      read();
      return 'read';
    } catch (error) {
      if (isLakeError(error)) return error.code;
      throw error;
    }
  };
  for (let round = 0; round < 2_000; round += 1) {
    const offsets = writeOffsetIndex(pages).slice();
    const columns = writeColumnIndex(statistics, 'ascending').slice();
    for (const bytes of [offsets, columns]) bytes[Math.floor(random.next() * bytes.length)] = random.next() * 256;
    outcomes.add(outcomeOf(() => readOffsetIndex(offsets, around)));
    outcomes.add(outcomeOf(() => readColumnIndex(columns, 3, 'f')));
  }
  expect([...outcomes].toSorted()).toEqual(['LAKE_PARQUET_CORRUPT', 'read']);
});
