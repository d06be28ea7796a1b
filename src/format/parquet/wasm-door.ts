/**
 * The one door to parquet-wasm, which decodes the values of pages, and encodes those of nested columns. It is given whole
 * small Parquet files that the callers put together; footers, page headers and compression are theirs.
 *
 * The wasm is loaded at the first use and once. Its memory grows to the largest file it was given and never shrinks.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import init, {
  Compression,
  EnabledStatistics,
  Encoding,
  type FFIStream,
  readParquet,
  Table,
  WriterPropertiesBuilder,
  wasmMemory,
  writeParquet,
} from 'parquet-wasm/esm';
import { assert } from '../../base/assert.ts';
import { withMemoryLimit } from './wasm-memory.ts';
import { markStack, withStackExport } from './wasm-stack.ts';

/** How the values of a column are laid out once decoded: single bits, a fixed number of bytes, or bytes with offsets. */
export type ValueLayout = 'bits' | 'offsets' | number;

/** A list has offsets into its entries, a struct a column for each of its fields. */
export type ColumnLayout =
  | ValueLayout
  | { readonly kind: 'list'; readonly entry: ColumnLayout }
  | { readonly kind: 'struct'; readonly fields: readonly ColumnLayout[] };

/** A decoded column as plain buffers of its own. */
export type DecodedColumn = {
  readonly length: number;
  /** 1 = value; undefined: no nulls */
  readonly nullBitmap: Uint8Array | undefined;
  /** Undefined: not counted. */
  readonly nullCount?: number | undefined;
  /** `length` + 1, for layout `offsets` and lists */
  readonly valueOffsets: Int32Array | undefined;
  /** Begins at a multiple of 8 of its buffer. */
  readonly values: Uint8Array;
  /** Of lists and structs, which have no values. */
  readonly children?: readonly DecodedColumn[];
};

export type ParquetCodec = {
  /**
   * A Parquet file of one row group, not compressed. Each leaf gets a dictionary, which is given up when it grows too large.
   *
   * @param ipcStream the rows as an Arrow IPC stream whose columns are named `0`, `1` …
   */
  encode(ipcStream: Uint8Array): Uint8Array;
  /** The columns of a file of one row group. Throws whatever the wasm throws at unsound bytes. */
  decode(file: Uint8Array, rowCount: number, layouts: readonly ColumnLayout[]): readonly DecodedColumn[];
};

/**
 * The most that the wasm may hold; it never gives back what it had. One dictionary entry of a megabyte and a run of a
 * million, which are few bytes of a file, would take all that it can address.
 */
const wasmBytesMax = 2 * 1024 * 1024 * 1024;

let loading: Promise<ParquetCodec> | undefined;

export function parquetCodec(): Promise<ParquetCodec> {
  return (loading ??= load());
}

async function load(): Promise<ParquetCodec> {
  const exports = await init({
    module_or_path: withMemoryLimit(withStackExport(await readFile(wasmPath())), wasmBytesMax),
  });
  return {
    encode: ipcStream => surviving(exports, () => encode(ipcStream)),
    decode: (file, rowCount, layouts) => surviving(exports, () => decode(file, rowCount, layouts)),
  };
}

/** Calls the wasm such that it can be called again after a trap. What the trapped call had allocated stays so. */
function surviving<T>(exports: object, action: () => T): T {
  const restoreStack = markStack(exports);
  try {
    return action();
  } catch (error) {
    const isTrap = error instanceof Error && error.name === 'RuntimeError';
    if (!isTrap) throw error;
    restoreStack();
    throw new Error(`the codec gave up on its values (${error.message})`, { cause: error });
  }
}

/** In a bundle the file lies beside it; else it is the package's. */
function wasmPath(): string {
  const beside = fileURLToPath(new URL('./parquet_wasm_bg.wasm', import.meta.url));
  if (existsSync(beside)) return beside;
  return createRequire(import.meta.url).resolve('parquet-wasm/esm/parquet_wasm_bg.wasm');
}

const rowGroupRowsMax = 2 ** 31 - 1;
const pageBytesMax = 1024 * 1024;

function encode(ipcStream: Uint8Array): Uint8Array {
  const properties = new WriterPropertiesBuilder()
    .setCompression(Compression.UNCOMPRESSED)
    .setMaxRowGroupSize(rowGroupRowsMax)
    .setDataPageSizeLimit(pageBytesMax)
    .setDictionaryPageSizeLimit(pageBytesMax)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setEncoding(Encoding.PLAIN)
    .setDictionaryEnabled(true)
    .build();
  // Both are consumed by writeParquet, whether it succeeds or not.
  return writeParquet(Table.fromIPCStream(ipcStream), properties);
}

function decode(file: Uint8Array, rowCount: number, layouts: readonly ColumnLayout[]): readonly DecodedColumn[] {
  const table = readParquet(file, { batchSize: Math.max(1, rowCount) });
  let stream: FFIStream | undefined;
  try {
    // Not intoFFI, which would leave the table to be freed when the stream could not be made.
    stream = table.toFFI();
    if (stream.numArrays() !== 1) throw new Error(`${stream.numArrays()} batches decoded, not 1`);
    return copyBatch(stream.arrayAddr(0), rowCount, layouts);
  } finally {
    stream?.free();
    table.free();
  }
}

/**
 * Copies a record batch out of the wasm's memory.
 *
 * @see https://arrow.apache.org/docs/format/CDataInterface.html struct ArrowArray, with pointers of 4 bytes
 */
function copyBatch(address: number, rowCount: number, layouts: readonly ColumnLayout[]): readonly DecodedColumn[] {
  const buffer: unknown = (wasmMemory() as { readonly buffer: unknown }).buffer;
  assert(buffer instanceof ArrayBuffer, 'the wasm has an unshared memory');
  const view = new DataView(buffer);
  const childCount = view.getUint32(address + 32, true);
  const children = view.getUint32(address + 44, true);
  if (childCount !== layouts.length) throw new Error(`${childCount} columns decoded, not ${layouts.length}`);
  return layouts.map((layout, index) =>
    copyColumn(view, view.getUint32(children + 4 * index, true), { length: rowCount, layout }),
  );
}

/** `length` undefined: as many as there are. */
type ColumnShape = { readonly length: number | undefined; readonly layout: ColumnLayout };

function copyColumn(
  view: DataView<ArrayBuffer>,
  address: number,
  { length: asked, layout }: ColumnShape,
): DecodedColumn {
  const length = view.getUint32(address, true);
  if (asked !== undefined && length !== asked) throw new Error(`${length} rows decoded, not ${asked}`);
  assert(view.getUint32(address + 16, true) === 0, 'a decoded column begins at its first row');
  const buffers = view.getUint32(address + 40, true);
  const bytesOf = (index: number, byteLength: number): Uint8Array<ArrayBuffer> => {
    const at = view.getUint32(buffers + 4 * index, true);
    return at === 0 ? new Uint8Array(byteLength) : new Uint8Array(view.buffer, at, byteLength).slice();
  };
  const bitBytes = (length + 7) >> 3;
  const hasNulls = view.getUint32(buffers, true) !== 0 && view.getInt32(address + 8, true) !== 0;
  const nullBitmap = hasNulls ? bytesOf(0, bitBytes) : undefined;
  if (typeof layout === 'object') {
    const valueOffsets = layout.kind === 'list' ? new Int32Array(bytesOf(1, 4 * (length + 1)).buffer) : undefined;
    const children = copyChildren(view, address, { length, layout });
    assert((valueOffsets?.[0] ?? 0) === 0, 'decoded lists begin at entry 0');
    const entryCount = children[0]?.length ?? 0;
    assert((valueOffsets?.[length] ?? 0) <= entryCount, () => `decoded lists end within ${entryCount} entries`);
    return { length, nullBitmap, valueOffsets, values: new Uint8Array(0), children };
  }
  if (layout !== 'offsets') {
    const values = bytesOf(1, layout === 'bits' ? bitBytes : layout * length);
    return { length, nullBitmap, valueOffsets: undefined, values };
  }
  const valueOffsets = new Int32Array(bytesOf(1, 4 * (length + 1)).buffer);
  const start = valueOffsets[0] ?? 0;
  const end = valueOffsets[length] ?? 0;
  assert(start === 0, 'decoded bytes begin at offset 0');
  return { length, nullBitmap, valueOffsets, values: bytesOf(2, end) };
}

function copyChildren(
  view: DataView<ArrayBuffer>,
  address: number,
  { length, layout }: { readonly length: number; readonly layout: Exclude<ColumnLayout, ValueLayout> },
): readonly DecodedColumn[] {
  const layouts = layout.kind === 'list' ? [layout.entry] : layout.fields;
  const childCount = view.getUint32(address + 32, true);
  const children = view.getUint32(address + 44, true);
  if (childCount !== layouts.length) throw new Error(`${childCount} children decoded, not ${layouts.length}`);
  const childLength = layout.kind === 'list' ? undefined : length;
  return layouts.map((child, index) =>
    copyColumn(view, view.getUint32(children + 4 * index, true), { length: childLength, layout: child }),
  );
}
