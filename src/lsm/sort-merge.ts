/**
 * The flush of a write buffer: rows in the order they arrived become one sorted run with unique keys. Only keys are sorted;
 * whole rows are made of them at once, or a batch at a time as they are asked for.
 */
import { assert, present } from '../base/assert.ts';
import type { SequenceOrder } from '../format/merge-options.ts';
import { concatBatches } from '../types/gather.ts';
import { emptyBatch, type KeyValueBatch, projectBatch } from '../types/row-batch.ts';
import { keyLayout, keysOf, wordKeys, wordsOf } from './key-order.ts';
import { rowNumbers, type SortedRows, sortByKey } from './key-sort.ts';
import { type MergeFunction, type MergeSpec, mergeFunction } from './merge-function.ts';
import { groupCountOf, groupsBetween, type RowGroups } from './row-groups.ts';
import { checkLengths } from './run-cursor.ts';
import { sequenceKeysOf, sortBySequence } from './sequence-order.ts';

export type SortMergeResult = KeyValueBatch & {
  /** Rows that went in and did not come out: merged into another of their key, or dropped deletes. */
  readonly mergedAwayCount: number;
};

/**
 * One batch, keys ascending and unique, of all these batches' rows. Rows of one key are merged in the order of the
 * columns of `sequence.field`, then of their sequence numbers; equal ones in the order given. Sequence numbers that ascend, as they do in a write buffer, cost
 * nothing; others are sorted first.
 *
 * @param batches at least one, all of one row type
 */
export function sortAndMerge(batches: readonly KeyValueBatch[], spec: MergeSpec): SortMergeResult {
  const first = present(batches[0], 'a batch to sort');
  const engine = mergeFunction(spec);
  const groups = sortedGroups(batches, spec, engine);
  if (groups === undefined) {
    const none = { sequenceNumbers: new BigInt64Array(0), kinds: new Int8Array(0), mergedAwayCount: 0 };
    return { rows: emptyBatch(first.rows.rowType), ...none };
  }
  const merged = engine.merge(groups);
  return { ...merged, mergedAwayCount: rowCountOf(batches) - merged.rows.rowCount };
}

/** Rows of a flush, made whenever they are asked for; what they are made of is held until then. */
export type SortedFlush = {
  readonly rowCount: number;
  /** Keys ascending over all batches. Their sequence numbers are none that mean anything. */
  readonly batches: (rowsMax: number) => Iterable<KeyValueBatch>;
};

/**
 * As `sortAndMerge`, of rows in the order in which they are to be merged. Deletes are kept, so that there is a row for each
 * key that the engine does not pass over.
 */
export function sortFlush(
  batches: readonly Pick<KeyValueBatch, 'rows' | 'kinds'>[],
  spec: Omit<MergeSpec, 'dropDeletes'>,
): SortedFlush {
  // All the same: none is above another, and nobody has to make or move them.
  const numbers = new BigInt64Array(batches.reduce((most, { rows }) => Math.max(most, rows.rowCount), 0));
  const engine = mergeFunction({ ...spec, dropDeletes: false });
  const inOrder = batches.map(({ rows, kinds }) => {
    return { rows, kinds, sequenceNumbers: numbers.subarray(0, rows.rowCount) };
  });
  const groups = sortedGroups(inOrder, spec, engine);
  const rowCount = groups === undefined ? 0 : groupCountOf(groups);
  return {
    rowCount,
    *batches(rowsMax) {
      for (let from = 0; groups !== undefined && from < rowCount; from += rowsMax) {
        const to = Math.min(rowCount, from + rowsMax);
        const merged = engine.merge(groupsBetween(groups, { from, to }));
        assert(merged.rows.rowCount === to - from, () => `${to - from} keys gave ${merged.rows.rowCount} rows`);
        yield merged;
      }
    },
  };
}

/** The rows as groups of equal keys, as the engine picks them; undefined for no rows. */
function sortedGroups(
  batches: readonly KeyValueBatch[],
  spec: Omit<MergeSpec, 'dropDeletes'>,
  engine: MergeFunction<unknown>,
): RowGroups | undefined {
  for (const batch of batches) checkLengths(batch);
  const sources = batches.filter(batch => batch.rows.rowCount > 0);
  const [first] = sources;
  if (first === undefined) return undefined;
  const rowCount = rowCountOf(sources);
  assert(rowCount <= rowCountMax, () => `${rowCount} rows in one sort`);
  const layout = keyLayout(first.rows.rowType, spec.keyNames);
  const keys = keysOf(concatBatches(sources.map(batch => projectBatch(batch.rows, spec.keyNames))), layout);
  const sorted = sortByKey(keys, mergeOrder(sources, rowCount, spec.sequence));
  return engine.pick(groupRows(sources, sorted, engine.entries));
}

function rowCountOf(batches: readonly KeyValueBatch[]): number {
  return batches.reduce((sum, { rows }) => sum + rows.rowCount, 0);
}

/** Row numbers are 32-bit. */
const rowCountMax = 2 ** 32 - 1;

/** Row numbers counted over all batches, as rows of one key are to be merged. */
function mergeOrder(
  sources: readonly KeyValueBatch[],
  rowCount: number,
  sequence: SequenceOrder | undefined,
): Uint32Array {
  const order = sequenceOrder(sources, rowCount);
  if (sequence === undefined) return order;
  const rows = concatBatches(sources.map(batch => projectBatch(batch.rows, sequence.columns)));
  return sortBySequence(sequenceKeysOf(rows, sequence), order);
}

/** Row numbers counted over all batches, by sequence number. */
export function sequenceOrder(sources: readonly KeyValueBatch[], rowCount: number): Uint32Array {
  const order = rowNumbers(rowCount);
  if (areAscending(sources)) return order;
  const sequences = new BigInt64Array(rowCount);
  let at = 0;
  for (const { sequenceNumbers } of sources) {
    sequences.set(sequenceNumbers, at);
    at += sequenceNumbers.length;
  }
  return sortByKey(wordKeys(wordsOf(sequences), 2), order).order;
}

/** Whether no row's number is below that of the row before it, over all batches. */
function areAscending(sources: readonly KeyValueBatch[]): boolean {
  let high = -(2 ** 31);
  let low = 0;
  for (const { sequenceNumbers } of sources) {
    const words = wordsOf(sequenceNumbers);
    for (let at = 0; at < words.length; at += 2) {
      const nextHigh = words[at + 1] ?? 0;
      const nextLow = (words[at] ?? 0) >>> 0;
      if (nextHigh < high || (nextHigh === high && nextLow < low)) return false;
      high = nextHigh;
      low = nextLow;
    }
  }
  return true;
}

/** The sorted rows as groups of equal keys. */
export function groupRows(
  sources: readonly KeyValueBatch[],
  { order, begins }: SortedRows,
  entries: MergeFunction<unknown>['entries'],
): RowGroups {
  const rows = new Uint32Array(order.length);
  const starts = entries === 'all' ? new Uint32Array(order.length + 1) : undefined;
  let entryCount = 0;
  let groupCount = 0;
  for (let i = 0; i < order.length; i += 1) {
    const row = order[i] ?? 0;
    const isNewGroup = begins[i] === 1;
    if (isNewGroup) {
      if (starts !== undefined) starts[groupCount] = entryCount;
      groupCount += 1;
    }
    if (isNewGroup || entries === 'all') {
      rows[entryCount] = row;
      entryCount += 1;
    } else {
      rows[entryCount - 1] = row;
    }
  }
  if (starts !== undefined) starts[groupCount] = entryCount;
  return {
    sources,
    ...locateRows(sources, rows.subarray(0, entryCount)),
    starts: starts?.subarray(0, groupCount + 1),
  };
}

/** Rows numbered over all batches as batch and row in it. */
function locateRows(
  sources: readonly KeyValueBatch[],
  rows: Uint32Array,
): { readonly sourceIndex: Uint32Array; readonly rowIndex: Uint32Array } {
  const sourceIndex = new Uint32Array(rows.length);
  if (sources.length === 1) return { sourceIndex, rowIndex: rows };
  const rowIndex = new Uint32Array(rows.length);
  const firstRows = new Float64Array(sources.length + 1);
  for (const [index, source] of sources.entries()) {
    firstRows[index + 1] = (firstRows[index] ?? 0) + source.rows.rowCount;
  }
  for (let i = 0; i < rows.length; i += 1) {
    const row = rows[i] ?? 0;
    let low = 0;
    let high = sources.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((firstRows[middle] ?? 0) <= row) low = middle;
      else high = middle;
    }
    sourceIndex[i] = low;
    rowIndex[i] = row - (firstRows[low] ?? 0);
  }
  return { sourceIndex, rowIndex };
}
