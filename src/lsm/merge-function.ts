/**
 * What becomes of the rows of one key. A **merge function** gets groups of equal keys, a whole output batch of them at
 * a time, and answers with one row or none for each. It works by column, not by row: deduplicate picks a row per group,
 * partial-update picks one per group and column, aggregation folds each group's values of a column.
 *
 * @see spec 9; Paimon 1.4.2 org.apache.paimon.mergetree.compact.MergeFunction
 */
import { assert } from '../base/assert.ts';
import { gatherBatch } from '../types/gather.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { isAdd } from '../types/row-kind.ts';
import { wordsOf } from './key-order.ts';

export type MergeSpec = {
  /** Columns of the trimmed primary key, in its order. */
  readonly keyNames: readonly string[];
  readonly engine: MergeEngine;
  /** Rows of kind -U and -D do not come out: for reads, and for compactions that have all older rows among their inputs. */
  readonly dropDeletes: boolean;
};

export type MergeEngine = 'deduplicate';

/**
 * Complete groups of rows of equal keys, keys ascending. Entry i is row `rowIndex[i]` of source `sourceIndex[i]`; the
 * entries of a group are in merge order, oldest first: by sequence number, then by source.
 */
export type RowGroups = {
  readonly sources: readonly KeyValueBatch[];
  readonly sourceIndex: Uint32Array;
  readonly rowIndex: Uint32Array;
  /** Group g has entries [starts[g], starts[g + 1]); undefined when every group has one entry. */
  readonly starts: Uint32Array | undefined;
};

export type MergeFunction = {
  /** The entries of a group it wants; whoever makes the groups does not note down the others. */
  readonly entries: 'all' | 'first' | 'last';
  /** The row of a group of one comes out as it went in, except that `dropDeletes` may drop it. */
  readonly keepsSingleRows: boolean;
  readonly merge: (groups: RowGroups) => KeyValueBatch;
};

export function mergeFunction(spec: MergeSpec): MergeFunction {
  switch (spec.engine) {
    case 'deduplicate':
      return { entries: 'last', keepsSingleRows: true, merge: groups => pickRows(groups, spec.dropDeletes) };
  }
}

/** The rows of groups of one entry each. */
function pickRows(groups: RowGroups, dropDeletes: boolean): KeyValueBatch {
  assert(groups.starts === undefined, 'one entry for each group');
  const { sources, sourceIndex, rowIndex } = dropDeletes ? withoutDeletes(groups) : groups;
  const picked = sources.map(source => source.rows);
  return {
    rows: gatherBatch(picked, sourceIndex, rowIndex),
    sequenceNumbers: pickSequences(sources, sourceIndex, rowIndex),
    kinds: pickKinds(sources, sourceIndex, rowIndex),
  };
}

/** As 32-bit words, which costs no bigint for each row. */
function pickSequences(
  sources: readonly KeyValueBatch[],
  sourceIndex: Uint32Array,
  rowIndex: Uint32Array,
): BigInt64Array {
  const words = sources.map(source => wordsOf(source.sequenceNumbers));
  const out = new Int32Array(rowIndex.length * 2);
  for (let i = 0; i < rowIndex.length; i += 1) {
    const from = words[sourceIndex[i] ?? 0];
    if (from === undefined) continue;
    const at = (rowIndex[i] ?? 0) * 2;
    out[i * 2] = from[at] ?? 0;
    out[i * 2 + 1] = from[at + 1] ?? 0;
  }
  return new BigInt64Array(out.buffer);
}

function pickKinds(sources: readonly KeyValueBatch[], sourceIndex: Uint32Array, rowIndex: Uint32Array): Int8Array {
  const kinds = sources.map(source => source.kinds);
  const out = new Int8Array(rowIndex.length);
  for (let i = 0; i < rowIndex.length; i += 1) {
    const from = kinds[sourceIndex[i] ?? 0];
    if (from !== undefined) out[i] = from[rowIndex[i] ?? 0] ?? 0;
  }
  return out;
}

function withoutDeletes(groups: RowGroups): RowGroups {
  const kinds = groups.sources.map(source => source.kinds);
  const sourceIndex = new Uint32Array(groups.rowIndex.length);
  const rowIndex = new Uint32Array(groups.rowIndex.length);
  let count = 0;
  for (let i = 0; i < groups.rowIndex.length; i += 1) {
    const source = groups.sourceIndex[i] ?? 0;
    const row = groups.rowIndex[i] ?? 0;
    if (!isAdd(kinds[source]?.[row] ?? 0)) continue;
    sourceIndex[count] = source;
    rowIndex[count] = row;
    count += 1;
  }
  if (count === groups.rowIndex.length) return groups;
  return { ...groups, sourceIndex: sourceIndex.subarray(0, count), rowIndex: rowIndex.subarray(0, count) };
}
