/**
 * Reads on in a nested column of a row group. Where the rows of a page begin is known from its levels only, so that the
 * column is decoded at the first rows asked for, and as a whole.
 */
import { assert, present } from '../../base/assert.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { unsupported } from '../../base/errors.ts';
import type { DataField } from '../../types/data-type.ts';
import { type Column, sliceColumn } from '../../types/row-batch.ts';
import type { RowRange } from '../row-ranges.ts';
import { corruptParquet, decoding } from './fault.ts';
import type { ColumnChunk } from './footer.ts';
import { decodeNested } from './mini-file.ts';
import type { NestedPlan } from './nested-plan.ts';
import { readPages } from './page.ts';
import { unpackPages } from './page-cursor.ts';
import { parquetCodec, type ValueLayout } from './wasm-door.ts';

/** A nested column asked for, and for each leaf of its plan the chunk in a row group with its bytes. */
export type NestedSource = {
  readonly kind: 'nested';
  readonly field: DataField;
  readonly plan: NestedPlan;
  readonly chunks: readonly LeafChunk[];
};

type LeafChunk = { readonly chunk: ColumnChunk; readonly bytes: Uint8Array };

/** What the values of one column of a row group may come to, roughly: four times a row group of the usual size. */
const nestedColumnBytesMax = 512 * 1024 * 1024;
const leavesAtOnceMax = 4;
/** A guess of what a text takes, with its offset. */
const textBytes = 32;

export class NestedCursor {
  readonly #source: NestedSource;
  readonly #rowCount: number;
  readonly #where: string;
  #column: Column | undefined;

  /** @throws LakeError `corrupt` when a chunk has fewer values than rows */
  constructor(source: NestedSource, rowCount: number, where: string) {
    this.#source = source;
    this.#rowCount = rowCount;
    this.#where = `${where} column ${source.field.name}`;
    for (const { chunk } of source.chunks) {
      if (chunk.valueCount < rowCount) {
        throw corruptParquet(this.#where, `${chunk.valueCount} values in ${rowCount} rows`);
      }
    }
    const bytes = decodedBytes(source);
    if (bytes > nestedColumnBytesMax)
      throw unsupported(`a nested column of ${bytes} bytes in one row group`, this.#where);
  }

  allRows(): Promise<Column> {
    return this.rows({ start: 0, end: this.#rowCount });
  }

  async rows({ start, end }: RowRange): Promise<Column> {
    this.#column ??= await this.#decode();
    assert(end <= this.#column.length, 'rows of the row group');
    return start === 0 && end === this.#column.length ? this.#column : sliceColumn(this.#column, start, end);
  }

  async #decode(): Promise<Column> {
    const { plan, chunks } = this.#source;
    const where = this.#where;
    const wasm = await parquetCodec();
    const leaves = await mapBounded(plan.leaves, leavesAtOnceMax, async (leaf, index) => {
      const { chunk, bytes } = present(chunks[index], 'a chunk for each leaf');
      const pages = decoding(where, () => readPages(bytes, chunk, where));
      return unpackPages(pages, { plan: leaf.plan, codec: chunk.codec, where });
    });
    return decoding(where, () => decodeNested(wasm, plan, leaves, this.#rowCount));
  }
}

function decodedBytes({ plan, chunks }: NestedSource): number {
  return plan.leaves.reduce((sum, leaf, index) => {
    const valueCount = chunks[index]?.chunk.valueCount ?? 0;
    return sum + valueCount * valueBytes(leaf.plan.layout);
  }, 0);
}

/** What a value takes once decoded, texts by guess. */
export function valueBytes(layout: ValueLayout): number {
  if (layout === 'bits') return 1 / 8;
  return layout === 'offsets' ? textBytes : layout;
}
