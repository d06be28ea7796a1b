import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseJson } from '../../base/json.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { type ByteSource, bytesSource } from '../../bytes/byte-source.ts';
import { concatBytes } from '../../bytes/concat.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { DataField } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { allRowsOf, flaggedRows, type RowRanges } from '../row-ranges.ts';
import { parseType } from '../type-text.ts';
import { chunkStart, type FileRegion, tailBytes } from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { writeFooter } from './footer-writer.ts';
import { type LayoutCache, ParquetLayout } from './layout.ts';
import { readPages } from './page.ts';
import { type PageStatistics, writeColumnIndex, writeOffsetIndex } from './page-index.ts';
import { pageMapOfPages } from './page-map.ts';
import { openParquet, type ParquetFile } from './reader.ts';
import { createParquetWriter } from './writer.ts';

const fixtures = new URL('./fixtures/', import.meta.url);

function fieldsOf(name: string): readonly DataField[] {
  const json = parseJson(readFileSync(new URL(`${name}.fields.json`, fixtures), 'utf8'));
  if (!Array.isArray(json)) throw new Error('fields are a list');
  return json.map(item => {
    const { name: column, type } = Object(item);
    return { id: 0, name: column, type: parseType(type), description: undefined, defaultValue: undefined };
  });
}

function someRows(rowCount: number, random: Random): RowRanges {
  const share = random.next() ** 4;
  const block = 1 + Math.floor(random.next() * 400);
  const picked = Array.from({ length: Math.ceil(rowCount / block) }, () => random.next() < share);
  const flags = Uint8Array.from({ length: rowCount }, (_, row) => (picked[Math.floor(row / block)] ? 1 : 0));
  flags[Math.floor(random.next() * rowCount)] = 1;
  return flaggedRows(allRowsOf(rowCount), flags);
}

/** The naive twin: all rows of the row group, and of these the ones wanted. */
async function expectSelected(file: ParquetFile, fields: readonly DataField[], random: Random): Promise<void> {
  for (const [rowGroup, { rowCount }] of file.rowGroups.entries()) {
    if (rowCount === 0) continue;
    const all: Scalar[][] = [];
    for await (const batch of file.read({ fields, rowGroups: [rowGroup] })) all.push(...rowsOf(batch));
    const ranges = someRows(rowCount, random);
    const wanted = ranges.flatMap(({ start, end }) => all.slice(start, end));
    const selected = await file.select?.({ fields, rowGroup, ranges });
    expect(selected === undefined ? undefined : rowsOf(selected)).toEqual(wanted);
    using held = await file.hold?.({ fields: fields.slice(1), rowGroup, ranges: allRowsOf(rowCount) });
    // The first column is not held.
    const again = await held?.select({ fields, rowGroup, ranges });
    expect(again === undefined ? wanted : rowsOf(again)).toEqual(wanted);
  }
}

function mapCache(): LayoutCache & { readonly layouts: Map<string, ParquetLayout> } {
  const layouts = new Map<string, ParquetLayout>();
  return { layouts, get: name => layouts.get(name), put: (name, layout) => layouts.set(name, layout) };
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
  'nested',
];

test.each(paimonFiles)('rows picked from %s are those of a whole read', async name => {
  const bytes = readFileSync(new URL(`${name}.parquet`, fixtures));
  const random = seededRandom(name.length);
  const layouts = mapCache();
  for (let round = 0; round < 3; round += 1) {
    await expectSelected(
      await openParquet({ ...bytesSource(bytes), requestsAreFree: true }, name, layouts),
      fieldsOf(name),
      random,
    );
  }
});

const columns = [
  ['id', 'BIGINT NOT NULL'],
  ['word', 'STRING'],
  ['often', 'STRING'],
  ['number', 'DOUBLE'],
  ['list', { type: 'ARRAY', element: 'INT' }],
].map(([name, type], id) => ({
  id,
  name: String(name),
  type: parseType(type ?? null),
  description: undefined,
  defaultValue: undefined,
}));
const rowCount = 70_000;
const fileRows = Array.from({ length: rowCount }, (_, row): Scalar[] => [
  BigInt(row) * 3n,
  row % 11 === 0 ? null : `word ${(row * 7_919) % 70_001}`,
  `often ${row % 7}`,
  Math.sin(row),
  row % 5 === 0 ? null : [row, null],
]);

async function writtenFile(): Promise<Uint8Array> {
  const writer = createParquetWriter({ rowType: { fields: columns }, compression: 'zstd', rowGroupRowsMax: 50_000 });
  await writer.append(buildBatch({ fields: columns }, fileRows));
  return (await writer.finish()).bytes;
}

/** The file with indexes of its pages between the row groups and the footer; bounds of column `id` only. */
function withPageIndexes(
  bytes: Uint8Array,
  changed: (page: PageStatistics) => PageStatistics = page => page,
): Uint8Array {
  const tail = bytes.length - tailBytes;
  const footerStart = tail - new DataView(bytes.buffer, bytes.byteOffset).getUint32(tail, true);
  const footer = readFooter(bytes.subarray(footerStart, tail), bytes.length, 'f');
  const parts: Uint8Array[] = [bytes.subarray(0, footerStart)];
  let at = footerStart;
  const place = (index: Uint8Array): FileRegion => {
    parts.push(index);
    at += index.length;
    return { start: at - index.length, bytes: index.length };
  };
  let firstId = 0;
  const rowGroups = footer.rowGroups.map(group => {
    const chunks = group.chunks.map((chunk, leaf) => {
      if (leaf === columns.length - 1) return chunk;
      const start = chunkStart(chunk);
      const own = bytes.subarray(start, start + chunk.compressedBytes);
      const { pages } = pageMapOfPages(chunk, own, readPages(own, chunk, 'f'));
      const offsetIndex = place(writeOffsetIndex(pages));
      if (leaf > 0) return { ...chunk, offsetIndex };
      const statistics = pages.map(({ firstRow }, index): PageStatistics => {
        const endRow = pages[index + 1]?.firstRow ?? group.rowCount;
        const bound = (row: number): Uint8Array => new Uint8Array(BigInt64Array.of(BigInt((firstId + row) * 3)).buffer);
        return changed({ isAllNull: false, min: bound(firstRow), max: bound(endRow - 1), nullCount: 0 });
      });
      return { ...chunk, offsetIndex, columnIndex: place(writeColumnIndex(statistics, 'ascending')) };
    });
    firstId += group.rowCount;
    return { ...group, chunks };
  });
  return concatBytes([...parts, writeFooter({ ...footer, rowGroups })]);
}

function countingSource(bytes: Uint8Array): ByteSource & { readonly asked: { count: number; bytes: number } } {
  const asked = { count: 0, bytes: 0 };
  return {
    asked,
    byteLength: bytes.length,
    slice(start, end) {
      asked.count += 1;
      asked.bytes += end - start;
      return bytesSource(bytes).slice(start, end);
    },
  };
}

test('rows picked from a file of many pages are those of a whole read, with an index and without', async () => {
  const random = seededRandom(3);
  const plain = await writtenFile();
  for (const bytes of [plain, withPageIndexes(plain)]) {
    const layouts = mapCache();
    for (let round = 0; round < 2; round += 1) {
      await expectSelected(await openParquet(bytesSource(bytes), 'f', layouts), columns, random);
    }
  }
});

test('of a file whose layout is known only the pages of the rows are fetched', async () => {
  const flat = columns.slice(0, 4);
  const plain = await writtenFile();
  const wanted = { fields: flat, rowGroup: 0, ranges: [{ start: 21_000, end: 21_001 }] };
  for (const bytes of [plain, withPageIndexes(plain)]) {
    const layouts = mapCache();
    const open = async () => {
      const source = countingSource(bytes);
      const row = await (await openParquet(source, 'f', layouts)).select?.(wanted);
      expect(row === undefined ? undefined : rowsOf(row)).toEqual([fileRows[21_000]?.slice(0, 4)]);
      return source.asked;
    };
    await open();
    const known = await open();
    expect(known.bytes).toBeLessThan(bytes.length * 0.5);
    expect(known.count).toBeLessThanOrEqual(flat.length);
  }
});

test('the pages of a column tell what is in them, where the file has an index', async () => {
  const indexed = await openParquet(bytesSource(withPageIndexes(await writtenFile())), 'f');
  const [ids, words, lists] =
    (await indexed.pageContents?.(
      1,
      [columns[0], columns[1], columns[4]].flatMap(c => c ?? []),
    )) ?? [];
  expect(ids?.[0]?.rows.start).toBe(0);
  expect(ids?.at(-1)?.rows.end).toBe(20_000);
  expect(ids?.[0]?.range?.min).toBe(150_000n);
  expect(ids?.at(-1)?.range?.max).toBe(209_997n);
  expect([words, lists]).toEqual([undefined, undefined]);
});

test('of pages that an index says are all null, and have no nulls, nothing is known', async () => {
  const contents = async (nullCount: number | undefined) => {
    const bytes = withPageIndexes(await writtenFile(), page => ({ ...page, isAllNull: true, nullCount }));
    const [ids] = (await (await openParquet(bytesSource(bytes), 'f')).pageContents?.(0, columns.slice(0, 1))) ?? [];
    return ids?.[0]?.range;
  };
  expect(await contents(0)).toEqual({ min: null, max: null, nullCount: 0 });
  expect((await contents(undefined))?.nullCount).toBeGreaterThan(0);
});

test('a layout that is kept keeps no more of what was read than it is made of', async () => {
  const layouts = mapCache();
  const bytes = withPageIndexes(await writtenFile());
  await (await openParquet(bytesSource(bytes), 'f', layouts)).pageContents?.(0, columns.slice(0, 1));
  const [chunk] = layouts.get('f')?.footer.rowGroups[0]?.chunks ?? [];
  if (chunk === undefined) throw new Error('a chunk');
  const bounds = [chunk.statistics?.min, layouts.get('f')?.pageStatistics(chunk, 1, 'f')?.[0]?.min];
  for (const bound of bounds) expect(bound?.buffer.byteLength).toBeLessThan(16 * 1024);
});

test('pages of other rows than the index says are corrupt', async () => {
  const bytes = withPageIndexes(await writtenFile());
  const tail = bytes.length - tailBytes;
  const footerStart = tail - new DataView(bytes.buffer, bytes.byteOffset).getUint32(tail, true);
  const footer = readFooter(bytes.subarray(footerStart, tail), bytes.length, 'f');
  const layout = new ParquetLayout(footer, { fileBytes: bytes.length, footerBytes: tail - footerStart });
  const chunk = footer.rowGroups[0]?.chunks[0];
  if (chunk === undefined) throw new Error('a chunk');
  await layout.learnIndexes(bytesSource(bytes), [chunk]);
  const map = layout.pageMap(chunk, 50_000, 'f');
  if (map === undefined) throw new Error('a map');
  const layouts = mapCache();
  const wrong = new ParquetLayout(footer, { fileBytes: bytes.length, footerBytes: 1 });
  wrong.rememberPages(chunk, {
    ...map,
    pages: map.pages.map((page, index) => (index === 1 ? { ...page, firstRow: page.firstRow + 1 } : page)),
  });
  layouts.put('f', wrong, 1);
  const file = await openParquet(bytesSource(bytes), 'f', layouts);
  const ranges = [{ start: 0, end: 50_000 }];
  await expect(file.select?.({ fields: columns.slice(0, 1), rowGroup: 0, ranges })).rejects.toThrow(
    'its pages have other rows than their index says',
  );
});

test('buffers of a source that gives its own are given back once rows are made, and rows stay', async () => {
  for (const compression of ['zstd', 'none'] as const) {
    const writer = createParquetWriter({ rowType: { fields: columns }, compression, rowGroupRowsMax: 50_000 });
    await writer.append(buildBatch({ fields: columns }, fileRows));
    const { bytes } = await writer.finish();
    const given: ArrayBufferLike[] = [];
    const owned: ByteSource = {
      byteLength: bytes.length,
      isOwned: true,
      async slice(start, end) {
        const slice = bytes.slice(start, end);
        if (slice.length >= 128 * 1024) given.push(slice.buffer);
        return slice;
      },
    };
    const layouts = mapCache();
    await expectSelected(await openParquet(owned, 'f', layouts), columns, seededRandom(4));
    const returned = [...given];
    const file = await openParquet(owned, 'f', layouts);
    const found: Scalar[][] = [];
    for await (const { rows, late } of file.readLate?.({ fields: columns.slice(0, 2), lateFields: columns.slice(2) }) ??
      []) {
      const others = rowsOf(await late());
      found.push(...rowsOf(rows).map((row, index) => [...row, ...(others[index] ?? [])]));
    }
    expect(found).toEqual(fileRows);
    expect(returned.map(buffer => buffer.byteLength)).toEqual(returned.map(() => 0));
    expect(returned.length).toBeGreaterThan(2);
  }
});
