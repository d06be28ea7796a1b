/**
 * Reads Parquet files, ours and others'. Nouns: the **footer** (schema, row groups, column chunks), the **leaf** (a column
 * of the file), the **page** (the piece a chunk is made of). Flow: `openParquet` reads the footer in one or two range
 * requests; `read` goes row group by row group, fetches the chunks of the columns asked for and nothing else, unpacks
 * their pages (`page-codec.ts`), has the wasm decode them (`mini-file.ts`, `wasm-door.ts`), and brings them into the
 * types asked for (`leaf-plan.ts`).
 *
 * Not done here: filters on rows, page indexes, bloom filters, encryption, nested columns.
 *
 * @see https://parquet.apache.org/docs/file-format/
 */
import { assert, present } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import type { ByteSource } from '../../bytes/byte-source.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import type { ColumnRange } from '../../types/prune.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { fetchChunks } from './column-chunks.ts';
import { columnRange } from './column-range.ts';
import { corruptParquet, decoding } from './fault.ts';
import {
  type ColumnChunk,
  chunkStart,
  type Footer,
  magic,
  type RowGroup,
  type SchemaElement,
  tailBytes,
} from './footer.ts';
import { readFooter } from './footer-reader.ts';
import { type LeafPlan, planLeaf } from './leaf-plan.ts';
import type { ChunkSource } from './page-cursor.ts';
import { readRowGroup } from './row-group-reader.ts';
import { parquetCodec } from './wasm-door.ts';

export type ParquetReadOptions = {
  /** The columns wanted, by the names and types in the schema that the file was written with. */
  readonly fields: readonly DataField[];
  /** Indexes of row groups, ascending; undefined: all. */
  readonly rowGroups?: readonly number[] | undefined;
  /** Rows of a batch at most. */
  readonly batchRowsMax?: number | undefined;
  /**
   * Encoded and uncompressed bytes that are decoded at a time; decoding takes about three times that. A row group above
   * it is decoded in parts.
   */
  readonly windowBytesMax?: number | undefined;
};

export type ParquetRowGroup = {
  readonly rowCount: number;
  /** Uncompressed. */
  readonly byteSize: number;
  /**
   * The bounds of a column's values. A column that the file does not have is all null.
   *
   * @param type the type the column has in the file's schema; scalars are of that type
   * @returns undefined when nothing is known
   */
  columnRange(name: string, type?: DataType): ColumnRange | undefined;
};

export type ParquetFile = {
  readonly rowCount: number;
  readonly rowGroups: readonly ParquetRowGroup[];
  /** Top-level columns, nested ones included, in the file's order. */
  readonly columnNames: readonly string[];
  /** Where the column's chunks lie, [start, end), one for each row group; none of a nested column or one that is not there. */
  columnBytes(name: string): readonly { readonly start: number; readonly end: number }[];
  /**
   * Rows in the file's order. Columns the file does not have are null, those not asked for are neither fetched nor
   * decoded.
   *
   * @throws LakeError `corrupt` at unsound bytes, or where a column cannot be of the type asked for
   */
  read(options: ParquetReadOptions): AsyncIterable<RowBatch>;
};

/** Most footers are in here, so that opening a file takes one request. */
const tailReadBytes = 64 * 1024;
const footerBytesMax = 256 * 1024 * 1024;
const batchRowsDefault = 65_536;
const windowBytesDefault = 32 * 1024 * 1024;
/** A larger next row group is not fetched before the one at hand is done. */
const prefetchBytesMax = 32 * 1024 * 1024;

/**
 * Reads the footer of a file.
 *
 * @param where names the file in errors
 * @throws LakeError `corrupt`
 */
export async function openParquet(source: ByteSource, where: string): Promise<ParquetFile> {
  const footer = await fetchFooter(source, where);
  const leaves = topLevelColumns(footer);
  return {
    rowCount: footer.rowCount,
    rowGroups: footer.rowGroups.map(group => describeRowGroup(group, leaves)),
    columnNames: [...leaves.keys()],
    columnBytes: name => chunkRanges(footer, leaves.get(name)?.chunkIndex),
    read: options => readFile({ source, where, footer, leaves }, options),
  };
}

async function fetchFooter(source: ByteSource, where: string): Promise<Footer> {
  const fileBytes = source.byteLength;
  if (fileBytes < magic.length + tailBytes) throw corruptParquet(where, `it has ${fileBytes} bytes`);
  const start = Math.max(0, fileBytes - tailReadBytes);
  const tail = await source.slice(start, fileBytes);
  assert(tail.length === fileBytes - start, 'a byte source gives the bytes asked for');
  if (!tail.subarray(-magic.length).every((byte, index) => byte === magic[index])) {
    throw corruptParquet(where, 'it does not end as one');
  }
  const footerBytes = new DataView(tail.buffer, tail.byteOffset, tail.length).getUint32(tail.length - tailBytes, true);
  if (footerBytes > Math.min(footerBytesMax, fileBytes - tailBytes - magic.length)) {
    throw corruptParquet(where, `a footer of ${footerBytes} bytes in a file of ${fileBytes}`);
  }
  const footerStart = fileBytes - tailBytes - footerBytes;
  const bytes =
    footerStart >= start
      ? tail.subarray(footerStart - start, tail.length - tailBytes)
      : await source.slice(footerStart, fileBytes - tailBytes);
  return decoding(where, () => readFooter(bytes, fileBytes, where));
}

/** A top-level column: a leaf with the index of its chunk, or a nested one. */
type TopLevelColumn = { readonly element: SchemaElement; readonly chunkIndex: number | undefined };

type Columns = ReadonlyMap<string, TopLevelColumn>;

function topLevelColumns(footer: Footer): Columns {
  const columns = new Map<string, TopLevelColumn>();
  let chunkCount = 0;
  // How many elements of the group at hand, and of those around it, are still to come.
  let inner = 0;
  for (const element of footer.schema.slice(1)) {
    const isLeaf = element.physical !== undefined;
    if (inner === 0) columns.set(element.name, { element, chunkIndex: isLeaf ? chunkCount : undefined });
    else inner -= 1;
    inner += element.childCount;
    if (isLeaf) chunkCount += 1;
  }
  return columns;
}

function describeRowGroup(group: RowGroup, columns: Columns): ParquetRowGroup {
  return {
    rowCount: group.rowCount,
    byteSize: group.byteSize,
    columnRange(name, type) {
      const column = columns.get(name);
      if (column === undefined) return { min: null, max: null, nullCount: group.rowCount };
      if (column.chunkIndex === undefined) return undefined;
      return columnRange(chunkOf(group, column.chunkIndex), column.element, type);
    },
  };
}

function chunkRanges(footer: Footer, index: number | undefined): readonly { start: number; end: number }[] {
  if (index === undefined) return [];
  return footer.rowGroups.map(group => {
    const chunk = chunkOf(group, index);
    const start = chunkStart(chunk);
    return { start, end: start + chunk.compressedBytes };
  });
}

function chunkOf(group: RowGroup, index: number): ColumnChunk {
  return present(group.chunks[index], 'a chunk for each leaf');
}

type OpenFile = {
  readonly source: ByteSource;
  readonly where: string;
  readonly footer: Footer;
  readonly leaves: Columns;
};

type PlannedColumn = { readonly field: DataField; readonly plan: LeafPlan; readonly chunkIndex: number };

async function* readFile(file: OpenFile, options: ParquetReadOptions): AsyncGenerator<RowBatch> {
  const { footer, where } = file;
  const planned = options.fields.map(field => planColumn(file, field));
  const all = options.rowGroups ?? footer.rowGroups.map((_, index) => index);
  const indexes = all.filter(index => present(footer.rowGroups[index], `row group ${index}`).rowCount > 0);
  const limits = {
    batchRowsMax: options.batchRowsMax ?? batchRowsDefault,
    windowBytesMax: options.windowBytesMax ?? windowBytesDefault,
  };
  assert(limits.batchRowsMax >= 1, 'a batch has at least one row');
  const wasm = await parquetCodec();
  let fetched: Promise<readonly (ChunkSource | undefined)[]> | undefined;
  for (const [position, index] of indexes.entries()) {
    const group = present(footer.rowGroups[index], `row group ${index}`);
    const chunks = await (fetched ?? fetchColumns(file, group, planned));
    const following = footer.rowGroups[indexes[position + 1] ?? -1];
    fetched = following === undefined ? undefined : prefetch(file, following, planned);
    const rows = { fields: options.fields, chunks, rowCount: group.rowCount, where: `${where} row group ${index}` };
    yield* readRowGroup(wasm, rows, limits);
  }
}

function planColumn({ leaves, where }: OpenFile, field: DataField): PlannedColumn | undefined {
  const column = leaves.get(field.name);
  if (column === undefined) return undefined;
  if (column.chunkIndex === undefined) throw unsupported(`nested column ${field.name}`, where);
  return { field, plan: planLeaf(column.element, field, where), chunkIndex: column.chunkIndex };
}

type Planned = readonly (PlannedColumn | undefined)[];

/** The next row group's bytes, on their way while this one's are decoded. */
function prefetch(file: OpenFile, group: RowGroup, planned: Planned): ReturnType<typeof fetchColumns> | undefined {
  const bytes = planned.reduce(
    (sum, column) => sum + (column === undefined ? 0 : chunkOf(group, column.chunkIndex).compressedBytes),
    0,
  );
  if (bytes > prefetchBytesMax) return undefined;
  const fetched = fetchColumns(file, group, planned);
  // A reader that stops early never looks at the outcome; one that goes on awaits the promise itself.
  fetched.catch(() => undefined);
  return fetched;
}

async function fetchColumns(
  { source }: OpenFile,
  group: RowGroup,
  planned: Planned,
): Promise<readonly (ChunkSource | undefined)[]> {
  const found = planned.filter(column => column !== undefined);
  const chunks = found.map(column => chunkOf(group, column.chunkIndex));
  const bytes = await fetchChunks(source, chunks);
  return planned.map(column => {
    if (column === undefined) return undefined;
    const at = found.indexOf(column);
    return {
      field: column.field,
      plan: column.plan,
      chunk: present(chunks[at], 'the chunk'),
      bytes: present(bytes[at], 'the bytes of the chunk'),
    };
  });
}
