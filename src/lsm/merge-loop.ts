/**
 * The synchronous part of a merge: goes from row to row in key order as far as the batches in memory reach, and notes
 * down which rows belong to which group. What to load and when to hand on is merge.ts's.
 *
 * Most rows go in **blocks**: those below a head that all batches reach are merged by their heads (stretch-merge.ts), and of
 * equal heads brought into order after that. The rows up to a batch's end, and of heads that very many rows share, come one
 * by one out of a loser tree.
 */
import { assert, present } from '../base/assert.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { type BatchKeys, compareKeys, compareTails, noKeys } from './key-order.ts';
import { commonPrefixBytes, sharedBytes, skipBytes } from './key-prefix.ts';
import { endedHead, LoserTree } from './loser-tree.ts';
import { blockEnds } from './merge-block.ts';
import type { MergeFunction } from './merge-function.ts';
import type { RowGroups } from './row-groups.ts';
import type { RunCursor } from './run-cursor.ts';
import { compareSequences } from './sequence-order.ts';
import { type MergedHeads, rowBits, StretchMerge, stretchLeavesMax, stretchRowsMax } from './stretch-merge.ts';

/** `full`: take the groups; `exhausted`: load the winner's next batch, then `advance`; `ended`: nothing is left. */
export type CollectOutcome = 'full' | 'exhausted' | 'ended';

/** Room for entries at the start of an output batch; it grows. */
const entriesFirst = 1024;

/** A block ends before a head that more rows share: bringing them into order takes the square of that. */
const tiedRowsMax = 64;
const rowMask = stretchRowsMax - 1;

export class MergeLoop {
  readonly #cursors: readonly RunCursor[];
  readonly #tree: LoserTree;
  readonly #entries: MergeFunction<unknown>['entries'];
  readonly #stretches = new StretchMerge();
  #winner = 0;
  #lastKeys: BatchKeys = noKeys;
  #lastRow = 0;
  /** What all keys in memory begin with; it only becomes less. */
  #skippedBytes = 0;
  #sources: KeyValueBatch[] = [];
  #sourceIndex = new Uint32Array(entriesFirst);
  #rowIndex = new Uint32Array(entriesFirst);
  #starts = new Uint32Array(entriesFirst);
  #entryCount = 0;
  #groupCount = 0;

  /** @param cursors at least one, each with its first batch loaded or ended */
  constructor(cursors: readonly RunCursor[], entries: MergeFunction<unknown>['entries']) {
    this.#cursors = cursors;
    this.#entries = entries;
    this.#tree = new LoserTree(cursors.length, (a, b) => this.#comesBefore(a, b));
    this.#skippedBytes = commonPrefixBytes(cursors.filter(cursor => !cursor.isEnded).map(cursor => cursor.keys));
    this.#winner = this.#begin();
  }

  /** The run that the next row comes from. */
  get winner(): RunCursor {
    return present(this.#cursors[this.#winner], 'winning run');
  }

  get groupCount(): number {
    return this.#groupCount;
  }

  /**
   * Adds rows to the groups until a batch ends, or until another group would be one more than `groupsMax`. Only then
   * are the groups known to be complete: the next row has another key.
   */
  collect(groupsMax: number): CollectOutcome {
    // Of a block of so many rows there are no more groups.
    while (this.#takeBlock(groupsMax - this.#groupCount)) {}
    return this.#collectByTree(groupsMax);
  }

  #collectByTree(groupsMax: number): CollectOutcome {
    const { heads } = this.#tree;
    const keepsAll = this.#entries === 'all';
    // The state of the loop is in locals while it runs.
    let leaf = this.#winner;
    let lastKeys = this.#lastKeys;
    let lastRow = this.#lastRow;
    let lastHead = lastKeys.heads[lastRow] ?? endedHead;
    let outcome: CollectOutcome = 'ended';
    for (;;) {
      const head = heads[leaf] ?? endedHead;
      if (head === endedHead) break;
      const cursor = this.#cursors[leaf];
      assert(cursor !== undefined, 'a cursor for each leaf');
      const { keys, row } = cursor;
      const isSameHead = head === lastHead && this.#groupCount > 0;
      if (!isSameHead || !(keys.isExact || lastKeys.isExact || compareTails(keys, row, lastKeys, lastRow) === 0)) {
        if (this.#groupCount >= groupsMax) {
          outcome = 'full';
          break;
        }
        this.#beginGroup(cursor, row);
      } else if (keepsAll) {
        this.#addEntry(cursor, row);
      } else {
        this.#replaceEntry(cursor, row);
      }
      lastKeys = keys;
      lastRow = row;
      lastHead = head;
      cursor.row = row + 1;
      if (row + 1 >= keys.rowCount) {
        outcome = 'exhausted';
        break;
      }
      heads[leaf] = keys.heads[row + 1] ?? endedHead;
      leaf = this.#tree.replay(leaf);
    }
    this.#winner = leaf;
    this.#lastKeys = lastKeys;
    this.#lastRow = lastRow;
    return outcome;
  }

  /** After the winner's next batch has been loaded, or its run has ended. */
  advance(): void {
    const { keys, isEnded } = this.winner;
    const last = keys.rowCount - 1;
    const shared = Math.min(
      sharedBytes(this.#lastKeys, this.#lastRow, keys, 0),
      sharedBytes(this.#lastKeys, this.#lastRow, keys, last),
    );
    if (!isEnded && shared < this.#skippedBytes) {
      this.#skippedBytes = shared;
      this.#lastKeys = skipBytes(this.#lastKeys, shared);
      this.#winner = this.#begin();
      return;
    }
    this.#setHead(this.#winner);
    this.#winner = this.#tree.replay(this.#winner);
  }

  /** The groups collected so far, which must be complete, and starts anew. */
  takeGroups(): RowGroups {
    const starts = this.#entries === 'all' ? this.#starts.slice(0, this.#groupCount + 1) : undefined;
    if (starts !== undefined) starts[this.#groupCount] = this.#entryCount;
    const sourceIndex = this.#sourceIndex.slice(0, this.#entryCount);
    const rowIndex = this.#rowIndex.slice(0, this.#entryCount);
    const groups = { sources: this.#sources, sourceIndex, rowIndex, starts };
    this.#sources = [];
    this.#entryCount = 0;
    this.#groupCount = 0;
    for (const cursor of this.#cursors) cursor.sourceIndex = -1;
    return groups;
  }

  /** Whether the winner's batch, untouched so far, lies between the last row and the rows of all other runs. */
  isWinnerApart(): boolean {
    const { winner } = this;
    if (winner.isEnded || winner.row > 0) return false;
    const last = winner.keys.rowCount - 1;
    if (this.#lastKeys.rowCount > 0 && compareKeys(this.#lastKeys, this.#lastRow, winner.keys, 0) >= 0) return false;
    return this.#cursors.every(
      other => other === winner || other.isEnded || compareKeys(winner.keys, last, other.keys, other.row) < 0,
    );
  }

  /** Passes over the winner's whole batch, which the caller hands on by itself. Then load its next and `advance`. */
  skipWinnerBatch(): void {
    const { winner } = this;
    this.#lastKeys = winner.keys;
    this.#lastRow = winner.keys.rowCount - 1;
    winner.row = winner.keys.rowCount;
  }

  /** All heads as they are with `#skippedBytes`. @returns the winning leaf */
  #begin(): number {
    for (const leaf of this.#cursors.keys()) this.#setHead(leaf);
    return this.#tree.build();
  }

  #setHead(leaf: number): void {
    const cursor = present(this.#cursors[leaf], 'run');
    if (!cursor.isEnded) cursor.keys = skipBytes(cursor.keys, this.#skippedBytes);
    this.#tree.heads[leaf] = cursor.isEnded ? endedHead : (cursor.keys.heads[cursor.row] ?? endedHead);
  }

  /** Adds a block of at most `rowsMax` rows, if there is one. @returns whether there may be another */
  #takeBlock(rowsMax: number): boolean {
    const cursors = this.#cursors;
    const isCoded = cursors.length <= stretchLeavesMax && cursors.every(({ keys }) => keys.rowCount <= stretchRowsMax);
    const ends = isCoded ? blockEnds(cursors, rowsMax) : undefined;
    if (ends === undefined) return false;
    const stretches = cursors.flatMap(({ keys: { heads }, row: start }, leaf) => {
      const end = ends[leaf] ?? 0;
      return end > start ? [{ heads, leaf, start, end }] : [];
    });
    const merged = this.#stretches.merge(stretches);
    const count = this.#orderTies(merged);
    const isLastOfExact = this.#entries === 'last' && cursors.every(({ keys }) => keys.isExact);
    if (isLastOfExact && count === merged.count) this.#takeLast(merged, ends);
    else this.#takeMerged(merged, count);
    this.#winner = this.#begin();
    return count === merged.count;
  }

  /** Brings rows of equal heads into order. @returns how many rows come before a head that too many share */
  #orderTies({ heads, codes, count }: MergedHeads): number {
    let start = 0;
    for (let end = 1; end <= count; end += 1) {
      if (end < count && heads[end] === heads[start]) continue;
      if (end - start > tiedRowsMax) return start;
      for (let i = start + 1; i < end; i += 1) {
        const code = codes[i] ?? 0;
        let to = i;
        for (; to > start && this.#isOrdered(code, codes[to - 1] ?? 0); to -= 1) codes[to] = codes[to - 1] ?? 0;
        codes[to] = code;
      }
      start = end;
    }
    return count;
  }

  #isOrdered(code: number, other: number): boolean {
    return this.#isBefore(code >>> rowBits, code & rowMask, other >>> rowBits, other & rowMask);
  }

  /** As `#takeMerged` where heads tell keys and of each key the last row counts alone: no branch depends on data. */
  #takeLast({ heads, codes, count }: MergedHeads, ends: Uint32Array): void {
    const sources = new Uint32Array(this.#cursors.length);
    for (const [leaf, cursor] of this.#cursors.entries()) {
      const end = ends[leaf] ?? 0;
      if (end > cursor.row) sources[leaf] = this.#sourceOf(cursor);
      cursor.row = end;
    }
    while (this.#entryCount + count > this.#rowIndex.length) this.#growEntries();
    const [sourceIndex, rowIndex] = [this.#sourceIndex, this.#rowIndex];
    let head = this.#groupCount > 0 ? (this.#lastKeys.heads[this.#lastRow] ?? endedHead) : endedHead;
    let entry = this.#entryCount - 1;
    for (let i = 0; i < count; i += 1) {
      const code = codes[i] ?? 0;
      const next = heads[i] ?? 0;
      entry += Number(next !== head);
      head = next;
      sourceIndex[entry] = sources[code >>> rowBits] ?? 0;
      rowIndex[entry] = code & rowMask;
    }
    this.#groupCount += entry + 1 - this.#entryCount;
    this.#entryCount = entry + 1;
    const code = codes[count - 1] ?? 0;
    this.#lastKeys = present(this.#cursors[code >>> rowBits], 'run').keys;
    this.#lastRow = code & rowMask;
  }

  #takeMerged({ heads, codes }: MergedHeads, count: number): void {
    const keepsAll = this.#entries === 'all';
    let lastKeys = this.#lastKeys;
    let lastRow = this.#lastRow;
    let lastHead = this.#groupCount > 0 ? (lastKeys.heads[lastRow] ?? endedHead) : endedHead;
    for (let i = 0; i < count; i += 1) {
      const code = codes[i] ?? 0;
      const row = code & rowMask;
      const cursor = this.#cursors[code >>> rowBits];
      assert(cursor !== undefined, 'a cursor for each leaf');
      const { keys } = cursor;
      const head = heads[i] ?? 0;
      const isSameKey =
        head === lastHead && (keys.isExact || lastKeys.isExact || compareTails(keys, row, lastKeys, lastRow) === 0);
      if (!isSameKey) this.#beginGroup(cursor, row);
      else if (keepsAll) this.#addEntry(cursor, row);
      else this.#replaceEntry(cursor, row);
      cursor.row = row + 1;
      lastKeys = keys;
      lastRow = row;
      lastHead = head;
    }
    this.#lastKeys = lastKeys;
    this.#lastRow = lastRow;
  }

  #beginGroup(cursor: RunCursor, row: number): void {
    if (this.#groupCount + 1 >= this.#starts.length) this.#starts = grown(this.#starts);
    this.#starts[this.#groupCount] = this.#entryCount;
    this.#groupCount += 1;
    this.#addEntry(cursor, row);
  }

  #addEntry(cursor: RunCursor, row: number): void {
    const at = this.#entryCount;
    if (at >= this.#rowIndex.length) this.#growEntries();
    this.#sourceIndex[at] = this.#sourceOf(cursor);
    this.#rowIndex[at] = row;
    this.#entryCount = at + 1;
  }

  #growEntries(): void {
    this.#sourceIndex = grown(this.#sourceIndex);
    this.#rowIndex = grown(this.#rowIndex);
  }

  #replaceEntry(cursor: RunCursor, row: number): void {
    this.#sourceIndex[this.#entryCount - 1] = this.#sourceOf(cursor);
    this.#rowIndex[this.#entryCount - 1] = row;
  }

  #sourceOf(cursor: RunCursor): number {
    if (cursor.sourceIndex < 0) cursor.sourceIndex = this.#sources.push(present(cursor.batch, 'batch')) - 1;
    return cursor.sourceIndex;
  }

  #comesBefore(a: number, b: number): boolean {
    const x = this.#cursors[a];
    const y = this.#cursors[b];
    if (x === undefined || y === undefined || x.isEnded || y.isEnded) return a < b;
    return this.#isBefore(a, x.row, b, y.row);
  }

  /** The order of rows whose heads are equal, row `i` of leaf `a` and `j` of `b`: key, `sequence.field`, sequence number, run. */
  #isBefore(a: number, i: number, b: number, j: number): boolean {
    const x = this.#cursors[a];
    const y = this.#cursors[b];
    if (x === undefined || y === undefined) return a < b;
    if (!(x.keys.isExact || y.keys.isExact)) {
      const order = compareTails(x.keys, i, y.keys, j);
      if (order !== 0) return order < 0;
    }
    if (x.sequenceKeys !== undefined && y.sequenceKeys !== undefined) {
      const order = compareSequences(x.sequenceKeys, i, y.sequenceKeys, j);
      if (order !== 0) return order < 0;
    }
    const high = (x.sequences[i * 2 + 1] ?? 0) - (y.sequences[j * 2 + 1] ?? 0);
    const order = high !== 0 ? high : ((x.sequences[i * 2] ?? 0) >>> 0) - ((y.sequences[j * 2] ?? 0) >>> 0);
    return order !== 0 ? order < 0 : a < b;
  }
}

function grown(values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(values.length * 2);
  larger.set(values);
  return larger;
}
