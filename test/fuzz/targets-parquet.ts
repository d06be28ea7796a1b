/** Parquet files: footers, page headers, pages, values. */
import { readFileSync } from 'node:fs';
import { isLakeError } from '../../src/base/errors.ts';
import { parseJson } from '../../src/base/json.ts';
import type { Random } from '../../src/base/random.ts';
import { bytesSource } from '../../src/bytes/byte-source.ts';
import { concatBytes } from '../../src/bytes/concat.ts';
import { chunkStart, type Footer, magic, tailBytes } from '../../src/format/parquet/footer.ts';
import { readFooter } from '../../src/format/parquet/footer-reader.ts';
import { writeFooter } from '../../src/format/parquet/footer-writer.ts';
import { type Page, readPages, writePageHeader } from '../../src/format/parquet/page.ts';
import {
  readColumnIndex,
  readOffsetIndex,
  writeColumnIndex,
  writeOffsetIndex,
} from '../../src/format/parquet/page-index.ts';
import { openParquet, type ParquetFile } from '../../src/format/parquet/reader.ts';
import { readThrift } from '../../src/format/parquet/thrift-reader.ts';
import { parseType } from '../../src/format/type-text.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import type { DataField } from '../../src/types/data-type.ts';
import { parquetFixtures } from './corpus.ts';
import { below, type Mutator, mutateBytes, mutateInPlace, pick } from './mutate-bytes.ts';
import { comesBack, holds, type Target } from './target.ts';

const where = 'fuzz';
const names = [
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

function fileOf(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.parquet`, parquetFixtures));
}

function fieldsOf(name: string): readonly DataField[] {
  const json = parseJson(readFileSync(new URL(`${name}.fields.json`, parquetFixtures), 'utf8'));
  return (Array.isArray(json) ? json : []).map((item, id) => {
    const { name: column, type } = Object(item);
    return { id, name: column, type: parseType(type), description: undefined, defaultValue: undefined };
  });
}

/** Of the files that hold every encoding. */
function encodingsFields(): readonly DataField[] {
  const columns: readonly { readonly name: string; readonly type: string }[] = JSON.parse(
    readFileSync(new URL('pyarrow-encodings.json', parquetFixtures), 'utf8'),
  );
  return columns.map(({ name, type }, id) => {
    return { id, name, type: parseType(type), description: undefined, defaultValue: undefined };
  });
}

let known: readonly (readonly DataField[])[] | undefined;

/** The fields of the fixture that has most of these columns, and a column that no file has. */
function knownFields(columns: readonly string[]): readonly DataField[] {
  known ??= [...names.map(fieldsOf), encodingsFields()];
  const shared = known.map(fields => fields.filter(({ name }) => columns.includes(name)).length);
  const fields = known[shared.indexOf(Math.max(...shared))] ?? [];
  const missing: DataField = {
    id: 999,
    name: 'gone',
    type: parseType('INT'),
    description: undefined,
    defaultValue: undefined,
  };
  return [...fields.filter(({ name }) => columns.includes(name)), missing];
}

function footerOf(bytes: Uint8Array): { readonly footer: Footer; readonly start: number } {
  const tail = bytes.length - tailBytes;
  const start = tail - new DataView(bytes.buffer, bytes.byteOffset).getUint32(tail, true);
  return { footer: readFooter(bytes.subarray(start, tail), bytes.length, where), start };
}

const odd = [
  0,
  1,
  -1,
  2,
  7,
  127,
  128,
  255,
  65_536,
  2 ** 20,
  2 ** 26,
  2 ** 29,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 40,
  2 ** 53 - 1,
];

/** Some numbers of the footer are others; where rows are counted, mostly everywhere alike. */
function changedFooter(footer: Footer, random: Random): Footer {
  const number = (value: number): number => {
    if (random.next() < 0.5)
      return pick(
        random,
        odd.filter(n => n >= 0),
      );
    return Math.max(0, value + pick(random, [-1, 1, 8, -8]));
  };
  const groupAt = below(random, footer.rowGroups.length);
  const isRows = random.next() < 0.5;
  const rowGroups = footer.rowGroups.map((group, index) => {
    if (index !== groupAt) return group;
    if (isRows) {
      const rowCount = number(group.rowCount);
      return { ...group, rowCount, chunks: group.chunks.map(chunk => ({ ...chunk, valueCount: rowCount })) };
    }
    const at = below(random, group.chunks.length);
    const key = pick(random, [
      'valueCount',
      'uncompressedBytes',
      'compressedBytes',
      'dataPageOffset',
      'dictionaryPageOffset',
    ] as const);
    return {
      ...group,
      chunks: group.chunks.map((chunk, i) => (i === at ? { ...chunk, [key]: number(chunk[key] ?? 0) } : chunk)),
    };
  });
  const schemaAt = 1 + below(random, footer.schema.length - 1);
  const schema =
    random.next() < 0.8
      ? footer.schema
      : footer.schema.map((element, index) =>
          index === schemaAt ? { ...pick(random, footer.schema.slice(1)), name: element.name } : element,
        );
  return { ...footer, schema, rowGroups, rowCount: rowGroups.reduce((sum, group) => sum + group.rowCount, 0) };
}

/** A page's numbers or body are others, and lengths and checksum say so. */
function changedPage(page: Page, random: Random, other: Uint8Array): Page {
  const chance = random.next();
  if (chance < 0.6) {
    const body = (random.next() < 0.7 ? mutateInPlace : mutateBytes)(page.body, random, other);
    return page.isCompressed ? { ...page, body } : { ...page, body, plainBytes: body.length };
  }
  const key = pick(random, ['valueCount', 'encoding', 'plainBytes', 'definitionEncoding'] as const);
  const value =
    key === 'encoding' || key === 'definitionEncoding'
      ? below(random, 11)
      : pick(
          random,
          odd.filter(n => n >= 0 && n < 2 ** 31),
        );
  return { ...page, [key]: value };
}

/** The file is put together anew around a page or a footer that changed, so that no checksum stops the reader at once. */
const mutateParquet: Mutator = (input, random, other) => {
  if (random.next() < 0.35) return mutateBytes(input, random, other);
  try {
    return rebuilt(input, random, other);
  } catch {
    // What other writers wrote holds annotations that are not written here.
    return mutateBytes(input, random, other);
  }
};

function rebuilt(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const { footer, start } = footerOf(input);
  if (random.next() < 0.4 || footer.rowGroups.length === 0) {
    return concatBytes([input.subarray(0, start), writeFooter(changedFooter(footer, random))]);
  }
  const parts: Uint8Array[] = [magic];
  let at = magic.length;
  const groupAt = below(random, footer.rowGroups.length);
  const rowGroups = footer.rowGroups.map((group, groupIndex) => {
    const chunkAt = groupIndex === groupAt ? below(random, group.chunks.length) : -1;
    const chunks = group.chunks.map((chunk, index) => {
      const begin = chunkStart(chunk);
      let bytes = input.subarray(begin, begin + chunk.compressedBytes);
      let dictionaryBytes = chunk.dataPageOffset - begin;
      if (index === chunkAt) {
        const pages = readPages(bytes, chunk, where);
        const changedAt = below(random, pages.length);
        const written = pages.map((page, i) => {
          const next = i === changedAt ? changedPage(page, random, other) : page;
          return concatBytes([writePageHeader(next, { withChecksum: true }), next.body]);
        });
        dictionaryBytes = pages[0]?.kind === 'dictionary' ? (written[0]?.length ?? 0) : 0;
        bytes = concatBytes(written);
      }
      parts.push(bytes);
      const moved = {
        ...chunk,
        compressedBytes: bytes.length,
        dataPageOffset: at + dictionaryBytes,
        dictionaryPageOffset: dictionaryBytes > 0 ? at : undefined,
        // They would lie where they are not, and rows be picked from none of these pages.
        offsetIndex: undefined,
        columnIndex: undefined,
      };
      at += bytes.length;
      return moved;
    });
    return { ...group, chunks };
  });
  return concatBytes([...parts, writeFooter({ ...footer, rowGroups })]);
}

/** A few rows of the first row group, by their pages. */
async function pickRows(file: ParquetFile, fields: readonly DataField[]): Promise<void> {
  const [group] = file.rowGroups;
  if (group === undefined || group.rowCount === 0) return;
  const end = Math.min(group.rowCount, 3);
  const ranges = [{ start: end - 1, end }];
  const known = await file.pageContents?.(0, fields);
  for (const pages of known ?? []) holds(pages === undefined || pages.at(-1)?.rows.end === group.rowCount, 'all rows');
  const picked = await file.select?.({ fields, rowGroup: 0, ranges });
  holds(picked?.rowCount === 1, 'the row picked');
}

async function readAll(input: Uint8Array): Promise<unknown> {
  const file = await openParquet(bytesSource(input), where);
  const fields = knownFields(file.columnNames);
  for (const group of file.rowGroups) for (const field of fields) group.columnRange(field.name, field.type);
  if (input.length % 3 === 0) await pickRows(file, fields);
  let rowCount = 0;
  // Few rows at a time now and then, which is the other way through the pages.
  const windowBytesMax = input.length % 4 === 0 ? 1 : undefined;
  for await (const batch of file.read({ fields, batchRowsMax: 4096, windowBytesMax })) {
    const print = canonicalRow(batch);
    if (batch.rowCount > 0) print(batch.rowCount - 1);
    rowCount += batch.rowCount;
    for (const [index, { type }] of fields.entries())
      holds(type.nullable || batch.columns[index]?.nullCount === 0, 'a null in NOT NULL');
    if (rowCount > 100_000) return rowCount;
  }
  holds(rowCount === file.rowCount, `${rowCount} rows read of ${file.rowCount}`);
  return rowCount;
}

const files = (): readonly Uint8Array[] =>
  [...names, 'pyarrow-v2', 'pyarrow-empty', 'pyarrow-encodings-v1', 'pyarrow-encodings-v2'].map(fileOf);

const samplePages = [0, 1, 2].map(index => ({ start: 4 + index * 100, bytes: 100, firstRow: index * 50 }));
const sampleIndex = {
  chunk: {
    physical: 'int64',
    encodings: [0],
    path: ['id'],
    codec: 'none',
    valueCount: 150,
    uncompressedBytes: 300,
    compressedBytes: 300,
    dataPageOffset: 4,
    dictionaryPageOffset: undefined,
    statistics: undefined,
  },
  rowCount: 150,
  where,
} as const;
const sampleStatistics = samplePages.map((_, index) => ({
  isAllNull: index === 1,
  min: index === 1 ? undefined : Uint8Array.of(index),
  max: index === 1 ? undefined : Uint8Array.of(index, 9),
  nullCount: index,
}));

/** One of the two readers is given the other's bytes. */
function outcomeOfIndex<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isLakeError(error, 'LAKE_PARQUET_CORRUPT')) return undefined;
    throw error;
  }
}

export const parquetTargets: readonly Target[] = [
  {
    name: 'parquet-file',
    decoders: [
      'readPages',
      'decodeColumn',
      'decodePages',
      'decodeNested',
      'decodeLeaf',
      'decodeFixed',
      'decodeTexts',
      'decodeBits',
      'readDeltas',
    ],
    corpus: files,
    mutate: mutateParquet,
    decode: readAll,
    cost: 2,
  },
  {
    name: 'parquet-footer',
    decoders: ['readFooter', 'readThrift'],
    corpus: () => files().map(bytes => bytes.subarray(footerOf(bytes).start, bytes.length - tailBytes)),
    mutate: mutateBytes,
    decode: input => {
      readThrift(input, 0, where);
      const footer = readFooter(input, 2 ** 20, where);
      for (const chunk of footer.rowGroups.flatMap(group => group.chunks)) {
        holds(
          chunkStart(chunk) >= 0 && chunkStart(chunk) + chunk.compressedBytes <= 2 ** 20,
          'a chunk outside the file',
        );
      }
      const read = (bytes: Uint8Array): Footer => readFooter(bytes.subarray(0, -tailBytes), 2 ** 20, where);
      const plain = { ...footer, schema: footer.schema.map(element => ({ ...element, annotation: undefined })) };
      return comesBack(plain, writeFooter, read);
    },
  },
  {
    name: 'parquet-page-index',
    decoders: ['readOffsetIndex', 'readColumnIndex'],
    corpus: () => [writeOffsetIndex(samplePages), writeColumnIndex(sampleStatistics, 'ascending')],
    mutate: mutateBytes,
    decode: input => {
      const offsets = outcomeOfIndex(() => readOffsetIndex(input, sampleIndex));
      const columns = outcomeOfIndex(() => readColumnIndex(input, samplePages.length, where));
      if (offsets === undefined && columns === undefined) return readThrift(input, 0, where).end;
      if (offsets !== undefined) comesBack(offsets, writeOffsetIndex, bytes => readOffsetIndex(bytes, sampleIndex));
      return columns?.length ?? offsets?.length;
    },
  },
];
