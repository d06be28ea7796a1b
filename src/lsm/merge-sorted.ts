/** Batches in order, merged into one sequence in order: all rows, rows of equal keys in the order of their runs. */
import { assert, present } from '../base/assert.ts';
import { gatherBatch, takeRows } from '../types/gather.ts';
import type { RowBatch } from '../types/row-batch.ts';
import { type BatchKeys, compareTails, noKeys } from './key-order.ts';
import { rowNumbers, sortByKey } from './key-sort.ts';
import { endedHead, LoserTree } from './loser-tree.ts';
import type { SortKeys } from './sort-order.ts';

/** The rows of a batch in order, so many at a time. Equal ones stay in the order they had. */
export function* sortedBatches(rows: RowBatch, keysOf: SortKeys, batchRowsMax: number): Generator<RowBatch> {
  if (rows.rowCount === 0) return;
  const { order } = sortByKey(keysOf(rows), rowNumbers(rows.rowCount));
  for (let start = 0; start < order.length; start += batchRowsMax) {
    yield takeRows(rows, order.subarray(start, start + batchRowsMax));
  }
}

/** @param runs each in order; how many there may be is the caller's to bound: each holds a batch */
export async function* mergeSorted(
  runs: readonly AsyncIterable<RowBatch>[],
  keysOf: SortKeys,
  batchRowsMax: number,
): AsyncGenerator<RowBatch, void, undefined> {
  if (runs.length === 0) return;
  const cursors = runs.map(run => new Cursor(run, keysOf));
  try {
    const tree = new LoserTree(cursors.length, (a, b) =>
      isBefore(present(cursors[a], 'run'), present(cursors[b], 'run'), a < b),
    );
    for (const [leaf, cursor] of cursors.entries()) {
      await cursor.load();
      tree.heads[leaf] = cursor.head;
    }
    const picks = new Picks(batchRowsMax);
    for (let winner = tree.build(); tree.heads[winner] !== endedHead; winner = tree.replay(winner)) {
      const cursor = present(cursors[winner], 'run');
      picks.add(cursor);
      if (picks.isFull) yield picks.take();
      if (!cursor.step()) await cursor.load();
      tree.heads[winner] = cursor.head;
    }
    if (!picks.isEmpty) yield picks.take();
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

class Cursor {
  batch: RowBatch | undefined = undefined;
  keys: BatchKeys = noKeys;
  row = 0;
  readonly #batches: AsyncIterator<RowBatch>;
  readonly #keysOf: SortKeys;

  constructor(run: AsyncIterable<RowBatch>, keysOf: SortKeys) {
    this.#batches = run[Symbol.asyncIterator]();
    this.#keysOf = keysOf;
  }

  get head(): number {
    return this.batch === undefined ? endedHead : (this.keys.heads[this.row] ?? endedHead);
  }

  /** False at the end of the batch. */
  step(): boolean {
    this.row += 1;
    return this.row < this.keys.rowCount;
  }

  async load(): Promise<void> {
    do {
      const next = await this.#batches.next();
      this.batch = next.done === true ? undefined : next.value;
    } while (this.batch?.rowCount === 0);
    this.keys = this.batch === undefined ? noKeys : this.#keysOf(this.batch);
    this.row = 0;
  }

  async close(): Promise<void> {
    if (this.batch !== undefined) await this.#batches.return?.();
    this.batch = undefined;
  }
}

/** Of two rows with equal heads. */
function isBefore(a: Cursor, b: Cursor, isEarlierRun: boolean): boolean {
  if (a === b || a.batch === undefined || b.batch === undefined) return false;
  const order = a.keys.isExact || b.keys.isExact ? 0 : compareTails(a.keys, a.row, b.keys, b.row);
  return order < 0 || (order === 0 && isEarlierRun);
}

/** The rows of the next batch: which of which source. */
class Picks {
  readonly #sources: RowBatch[] = [];
  readonly #indexOf = new Map<RowBatch, number>();
  readonly #batchIndex: Uint32Array;
  readonly #rowIndex: Uint32Array;
  #count = 0;

  constructor(rowsMax: number) {
    this.#batchIndex = new Uint32Array(rowsMax);
    this.#rowIndex = new Uint32Array(rowsMax);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count === this.#rowIndex.length;
  }

  add({ batch, row }: Cursor): void {
    assert(batch !== undefined, 'a run that has not ended has a batch');
    let source = this.#indexOf.get(batch);
    if (source === undefined) {
      source = this.#sources.push(batch) - 1;
      this.#indexOf.set(batch, source);
    }
    this.#batchIndex[this.#count] = source;
    this.#rowIndex[this.#count] = row;
    this.#count += 1;
  }

  take(): RowBatch {
    const rows = gatherBatch(
      this.#sources,
      this.#batchIndex.slice(0, this.#count),
      this.#rowIndex.slice(0, this.#count),
    );
    this.#sources.length = 0;
    this.#indexOf.clear();
    this.#count = 0;
    return rows;
  }
}
