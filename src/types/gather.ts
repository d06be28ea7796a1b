/**
 * Rows picked from columns into new columns: the kernel that merging, sorting and filtering end with. One typed-array
 * loop for each physical type; no value becomes an object on the way.
 *
 * Row i of the result is row `rowIndex[i]` of source `batchIndex[i]`. Indexes are trusted to be in range.
 */
import { assert, present } from '../base/assert.ts';
import { childOf, makeColumn, noValues, offsetsOf, physicalOf } from './column-buffers.ts';
import type { DataType } from './data-type.ts';
import { gatherBytes } from './gather-bytes.ts';
import { pickEntries } from './gather-entries.ts';
import { type BatchIndex, type GatheredNulls, gatherNulls, gatherValues, type Picks } from './gather-values.ts';
import { localPicks } from './local-picks.ts';
import { type NestedShape, nestedShape } from './nested-shape.ts';
import { type Column, makeRowBatch, type RowBatch } from './row-batch.ts';

export { concatBatches } from './concat.ts';
export type { BatchIndex } from './gather-values.ts';

/** The picked rows of columns of one type. Both arrays of indexes have the result's length. */
export function gatherColumn(
  sources: readonly Column[],
  type: DataType,
  batchIndex: BatchIndex,
  rowIndex: Uint32Array,
): Column {
  return gatherPicks(sources, type, { batchIndex, rowIndex });
}

function gatherPicks(sources: readonly Column[], type: DataType, picks: Picks): Column {
  const { batchIndex, rowIndex } = picks;
  assert(batchIndex.length === rowIndex.length, 'as many batch indexes as row indexes');
  const nulls = gatherNulls(sources, picks);
  const shape = nestedShape(type);
  if (shape !== undefined) return gatherNested(sources, { type, shape, picks, nulls });
  const physical = physicalOf(type);
  if (physical === 'utf8' || physical === 'bytes') {
    return makeColumn(type, rowIndex.length, { ...gatherBytes(sources, picks), ...nulls });
  }
  return makeColumn(type, rowIndex.length, { values: gatherValues(physical, sources, picks), ...nulls });
}

type NestedGather = {
  readonly type: DataType;
  readonly shape: NestedShape;
  readonly picks: Picks;
  readonly nulls: GatheredNulls;
};

/** A struct's fields are picked as it is; of lists, the entries of the picked ones are. */
function gatherNested(sources: readonly Column[], { type, shape, picks, nulls }: NestedGather): Column {
  const length = picks.rowIndex.length;
  if (shape.kind === 'struct') {
    const children = shape.fields.map((field, index) =>
      gatherPicks(
        sources.map(source => childOf(source, index)),
        field.type,
        picks,
      ),
    );
    return makeColumn(type, length, { values: noValues, ...nulls, children });
  }
  const { valueOffsets, entries } = pickEntries(sources.map(offsetsOf), picks);
  const below = sources.map(source => childOf(source, 0));
  const child = gatherColumn(below, shape.entry, entries.batchIndex, entries.rowIndex);
  return makeColumn(type, length, { values: noValues, valueOffsets, ...nulls, children: [child] });
}

/** The picked rows of batches of one row type. */
export function gatherBatch(sources: readonly RowBatch[], batchIndex: BatchIndex, rowIndex: Uint32Array): RowBatch {
  const rowType = present(sources[0], 'a batch to gather from').rowType;
  const rowCounts = sources.map(({ rowCount }) => rowCount);
  const picks = { batchIndex, rowIndex, local: localPicks(rowCounts, { batchIndex, rowIndex }) };
  const columns = rowType.fields.map((field, index) =>
    gatherPicks(
      sources.map(source => present(source.columns[index], 'column')),
      field.type,
      picks,
    ),
  );
  return makeRowBatch(rowType, rowIndex.length, columns);
}

/** The rows of one batch at these positions, in that order; a position may come more than once. */
export function takeRows(batch: RowBatch, rowIndex: Uint32Array): RowBatch {
  return gatherBatch([batch], new Uint8Array(rowIndex.length), rowIndex);
}
