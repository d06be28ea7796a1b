/**
 * Small Parquet files of one row group put together in memory, which is the form in which the wasm takes pages. They let
 * it decode any columns of a row group, or a few pages of one, and nothing else.
 */
import { assert } from '../../base/assert.ts';
import { concatBytes } from '../../bytes/concat.ts';
import type { Column } from '../../types/row-batch.ts';
import { type Codec, type ColumnChunk, magic, type SchemaElement } from './footer.ts';
import { writeFooter } from './footer-writer.ts';
import type { LeafPlan } from './leaf-plan.ts';
import type { NestedPlan } from './nested-plan.ts';
import { type Page, writePageHeader } from './page.ts';
import type { ParquetCodec } from './wasm-door.ts';

/** Pages of one column that hold `rowCount` rows, after its dictionary if it has one. */
export type ColumnPages = {
  readonly plan: LeafPlan;
  readonly codec: Codec;
  readonly pages: readonly Page[];
  /** The bodies of pages that were made of the file's bytes and are not themselves some of them. */
  readonly unpacked: readonly Uint8Array[];
};

/** The values of pages; all columns have `rowCount` rows. */
export function decodePages(wasm: ParquetCodec, columns: readonly ColumnPages[], rowCount: number): readonly Column[] {
  if (columns.length === 0) return [];
  const file = assemble(
    columns,
    columns.map(({ plan }, index) => ({ ...plan.element, name: String(index) })),
    { rowCount, columnCount: columns.length },
  );
  const layouts = columns.map(column => column.plan.layout);
  const decoded = wasm.decode(file, rowCount, layouts);
  return columns.map((column, index) => {
    const buffers = decoded[index];
    assert(buffers !== undefined, 'a decoded column for each column');
    return column.plan.toColumn(buffers);
  });
}

/** As `decodePages`, for one nested column; `leaves` are those of its plan. */
export function decodeNested(
  wasm: ParquetCodec,
  plan: NestedPlan,
  leaves: readonly ColumnPages[],
  rowCount: number,
): Column {
  const file = assemble(leaves, plan.schema, { rowCount, columnCount: 1 });
  const [decoded] = wasm.decode(file, rowCount, [plan.layout]);
  assert(decoded !== undefined, 'a decoded column');
  return plan.toColumn(decoded);
}

type FileShape = { readonly rowCount: number; readonly columnCount: number };

/** @param schema without its root, its leaves in the order of `columns` */
function assemble(
  columns: readonly ColumnPages[],
  schema: readonly SchemaElement[],
  { rowCount, columnCount }: FileShape,
): Uint8Array {
  const parts: Uint8Array[] = [magic];
  let at = magic.length;
  const chunks = columns.map((column, index): ColumnChunk => {
    const start = at;
    let dataPageOffset: number | undefined;
    let valueCount = 0;
    const encodings = new Set<number>();
    for (const page of column.pages) {
      if (page.kind !== 'dictionary') {
        dataPageOffset ??= at;
        valueCount += page.valueCount;
      }
      encodings.add(page.encoding);
      const header = writePageHeader(page, { withChecksum: false });
      parts.push(header, page.body);
      at += header.length + page.body.length;
    }
    const { physical } = column.plan.element;
    assert(physical !== undefined, 'a leaf has a physical type');
    return {
      physical,
      encodings: [...encodings],
      path: [String(index)],
      codec: column.codec,
      valueCount,
      uncompressedBytes: at - start,
      compressedBytes: at - start,
      dataPageOffset: dataPageOffset ?? start,
      dictionaryPageOffset: column.pages[0]?.kind === 'dictionary' ? start : undefined,
      statistics: undefined,
    };
  });
  parts.push(
    writeFooter({
      version: 1,
      schema: [rootElement(columnCount), ...schema],
      rowCount,
      rowGroups: [{ chunks, rowCount, byteSize: at - magic.length }],
      createdBy: undefined,
    }),
  );
  return intoScratch(parts);
}

/** Reused from call to call: the wasm copies what it is given at once. */
let scratch = new Uint8Array(0);
/** A larger file gets bytes of its own. */
const scratchBytesMax = 64 * 1024 * 1024;

function intoScratch(parts: readonly Uint8Array[]): Uint8Array {
  const byteLength = parts.reduce((sum, part) => sum + part.length, 0);
  if (byteLength > scratchBytesMax) return concatBytes(parts);
  if (byteLength > scratch.length) scratch = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  return scratch.subarray(0, at);
}

function rootElement(childCount: number): SchemaElement {
  return {
    name: 'rows',
    physical: undefined,
    typeLength: undefined,
    repetition: undefined,
    childCount,
    fieldId: undefined,
    annotation: undefined,
  };
}
