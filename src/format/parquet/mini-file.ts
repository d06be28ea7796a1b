/**
 * Small Parquet files of one row group put together in memory, which is the form in which the wasm takes pages. They let
 * it decode a column of a row group, or a few pages of one, and nothing else.
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

/** The values of pages that hold `rowCount` rows. */
export function decodePages(wasm: ParquetCodec, column: ColumnPages, rowCount: number): Column {
  const { plan } = column;
  const file = assemble([column], [{ ...plan.element, name: '0' }], rowCount);
  const [decoded] = wasm.decode(file, rowCount, [plan.layout]);
  assert(decoded !== undefined, 'a decoded column');
  return plan.toColumn(decoded);
}

/** As `decodePages`, for a nested column; `leaves` are those of its plan. */
export function decodeNested(
  wasm: ParquetCodec,
  plan: NestedPlan,
  leaves: readonly ColumnPages[],
  rowCount: number,
): Column {
  const file = assemble(leaves, plan.schema, rowCount);
  const [decoded] = wasm.decode(file, rowCount, [plan.layout]);
  assert(decoded !== undefined, 'a decoded column');
  return plan.toColumn(decoded);
}

/** @param schema of one column, without the root; its leaves in the order of `leaves` */
function assemble(leaves: readonly ColumnPages[], schema: readonly SchemaElement[], rowCount: number): Uint8Array {
  const parts: Uint8Array[] = [magic];
  let at = magic.length;
  const chunks = leaves.map((leaf, index): ColumnChunk => {
    const start = at;
    let dataPageOffset: number | undefined;
    let valueCount = 0;
    const encodings = new Set<number>();
    for (const page of leaf.pages) {
      if (page.kind !== 'dictionary') {
        dataPageOffset ??= at;
        valueCount += page.valueCount;
      }
      encodings.add(page.encoding);
      const header = writePageHeader(page, { withChecksum: false });
      parts.push(header, page.body);
      at += header.length + page.body.length;
    }
    const { physical } = leaf.plan.element;
    assert(physical !== undefined, 'a leaf has a physical type');
    return {
      physical,
      encodings: [...encodings],
      path: [String(index)],
      codec: leaf.codec,
      valueCount,
      uncompressedBytes: at - start,
      compressedBytes: at - start,
      dataPageOffset: dataPageOffset ?? start,
      dictionaryPageOffset: leaf.pages[0]?.kind === 'dictionary' ? start : undefined,
      statistics: undefined,
    };
  });
  parts.push(
    writeFooter({
      version: 1,
      schema: [rootElement, ...schema],
      rowCount,
      rowGroups: [{ chunks, rowCount, byteSize: at - magic.length }],
      createdBy: undefined,
    }),
  );
  return intoScratch(parts);
}

const rootElement: SchemaElement = {
  name: 'rows',
  physical: undefined,
  typeLength: undefined,
  repetition: undefined,
  childCount: 1,
  fieldId: undefined,
  annotation: undefined,
};

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
