// The page indexes of files that we write, read again: each page is where it is said to be, and holds what is said of it.
import { expect, test } from 'vitest';
import { buildBatch } from '../../types/column-builder.ts';
import type { DataField } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { parseType } from '../type-text.ts';
import { type ColumnChunk, tailBytes } from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { readPages } from './page.ts';
import { type PageLocation, type PageStatistics, readColumnIndex, readOffsetIndex } from './page-index.ts';
import { createParquetWriter } from './writer.ts';

const rowCount = 40_000;
const columns: Readonly<Record<string, (row: number) => Scalar>> = {
  'BIGINT NOT NULL': row => BigInt(row),
  INT: row => (row < 20_000 ? null : (row * 7919) % 40_000),
  STRING: row => (row % 5 === 0 ? null : `name ${(row * 31) % 500}`),
  DOUBLE: row => row / 7,
  'DOUBLE NOT NULL': row => (row === 30_000 ? Number.NaN : row),
  'TIMESTAMP(9)': row => BigInt(row),
};
const types = Object.keys(columns);

async function written(
  types: readonly Parameters<typeof parseType>[0][],
  rows: readonly Scalar[][],
): Promise<Uint8Array> {
  const fields = types.map(
    (type, id): DataField => ({
      id,
      name: `c${id}`,
      type: parseType(type),
      description: undefined,
      defaultValue: undefined,
    }),
  );
  const writer = createParquetWriter({ rowType: { fields }, compression: 'zstd', rowGroupRowsMax: 35_000 });
  await writer.append(buildBatch({ fields }, rows));
  return (await writer.finish()).bytes;
}

function chunksOf(file: Uint8Array): { chunks: readonly ColumnChunk[]; rowCount: number }[] {
  const footerBytes = new DataView(file.buffer, file.byteOffset).getUint32(file.length - tailBytes, true);
  const footer = readFooter(file.subarray(-tailBytes - footerBytes, -tailBytes), file.length, 'test.parquet');
  return footer.rowGroups.map(({ chunks, rowCount }) => ({ chunks, rowCount }));
}

type Index = {
  readonly locations: readonly PageLocation[];
  readonly statistics: readonly PageStatistics[] | undefined;
};

function indexOf(file: Uint8Array, chunk: ColumnChunk, rowCount: number): Index {
  const { offsetIndex, columnIndex } = chunk;
  if (offsetIndex === undefined) throw new Error('an offset index');
  const region = ({ start, bytes }: { start: number; bytes: number }): Uint8Array =>
    file.subarray(start, start + bytes);
  const locations = readOffsetIndex(region(offsetIndex), { chunk, rowCount, where: 'test.parquet' });
  if (columnIndex === undefined) return { locations, statistics: undefined };
  return { locations, statistics: readColumnIndex(region(columnIndex), locations.length, 'test.parquet') };
}

const rows = Array.from({ length: rowCount }, (_, row) => types.map(type => columns[type]?.(row) ?? null));

test('every page is where its index says, and begins with the row that it says', async () => {
  const file = await written(types, rows);
  const groups = chunksOf(file);
  expect(groups.map(group => group.rowCount)).toEqual([35_000, 5_000]);
  for (const chunk of groups[0]?.chunks ?? []) {
    const { locations } = indexOf(file, chunk, 35_000);
    expect(locations.map(({ firstRow }) => firstRow)).toEqual([0, 16_384, 32_768]);
    for (const [at, { start, bytes, firstRow }] of locations.entries()) {
      const valueCount = (locations[at + 1]?.firstRow ?? 35_000) - firstRow;
      const alone = { ...chunk, valueCount, dictionaryPageOffset: undefined };
      const withDictionary = chunk.dictionaryPageOffset === undefined;
      const read = (): unknown => readPages(file.subarray(start, start + bytes), alone, 'test.parquet');
      // A page of indexes alone lacks its dictionary, and says so.
      if (withDictionary) expect(read()).toMatchObject([{ valueCount }]);
      else expect(read).toThrow('lacks its dictionary');
    }
  }
});

test('a page says what its values lie between, where that can be said', async () => {
  const file = await written(types, rows);
  const [group] = chunksOf(file);
  const [id, int, text, double, nan, far] = (group?.chunks ?? []).map(chunk => indexOf(file, chunk, 35_000).statistics);
  const int64 = (bytes: Uint8Array | undefined): bigint | undefined =>
    bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true);
  expect(id?.map(({ min, max, nullCount }) => [int64(min), int64(max), nullCount])).toEqual([
    [0n, 16_383n, 0],
    [16_384n, 32_767n, 0],
    [32_768n, 34_999n, 0],
  ]);
  expect(int?.map(({ isAllNull, nullCount }) => [isAllNull, nullCount])).toEqual([
    [true, 16_384],
    [false, 20_000 - 16_384],
    [false, 0],
  ]);
  const names = (page: number): string[] =>
    rows
      .slice(page * 16_384, Math.min(35_000, (page + 1) * 16_384))
      .flatMap(row => (row[2] === null ? [] : String(row[2])));
  expect(text?.map(({ min, max }) => [Buffer.from(min ?? []).toString(), Buffer.from(max ?? []).toString()])).toEqual(
    [0, 1, 2].map(page => [names(page).toSorted()[0], names(page).toSorted().at(-1)]),
  );
  expect(double).toHaveLength(3);
  expect([nan, far]).toEqual([undefined, undefined]);
});

test('row groups of a page a column have no index, nor have those with nested columns', async () => {
  const small = await written(types, rows.slice(0, 100));
  const nested = await written(
    ['BIGINT', { type: 'ARRAY', element: 'INT' }],
    rows.slice(0, 20_000).map(([id]) => [id ?? null, [1, 2]]),
  );
  for (const file of [small, nested]) {
    const chunks = chunksOf(file).flatMap(group => group.chunks);
    expect(chunks.every(({ offsetIndex, columnIndex }) => offsetIndex === undefined && columnIndex === undefined)).toBe(
      true,
    );
  }
});
