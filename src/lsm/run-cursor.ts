/** Where a merge stands in one sorted run: the batch in memory and the row that comes next. */
import { assert } from '../base/assert.ts';
import { corrupt } from '../base/errors.ts';
import type { SequenceOrder } from '../format/merge-options.ts';
import type { KeyValueBatch } from '../types/row-batch.ts';
import { areAdds } from '../types/row-kind.ts';
import {
  type BatchKeys,
  compareKeys,
  compareTails,
  type KeyLayout,
  keyLayout,
  keysOf,
  noKeys,
  wordsOf,
} from './key-order.ts';
import { type SequenceKeys, sequenceKeysOf } from './sequence-order.ts';

/** What a cursor has to know of the merge. */
export type CursorSpec = { readonly keyNames: readonly string[]; readonly sequence: SequenceOrder | undefined };

export class RunCursor {
  /** The batch in memory; undefined before the first and after the last. */
  batch: KeyValueBatch | undefined = undefined;
  /** Its keys; the merge loop may put the same ones with other heads in their place. */
  keys: BatchKeys = noKeys;
  /** Sequence numbers as little-endian halves. */
  sequences: Int32Array = new Int32Array(0);
  /** What orders rows of equal keys before their sequence numbers do, where the table has such columns. */
  sequenceKeys: SequenceKeys | undefined = undefined;
  /** The next row, below `keys.rowCount` while there is one. */
  row = 0;
  /** The batch's place among the sources of the output batch being made; -1 while none of its rows is in it. */
  sourceIndex = -1;
  isEnded = false;
  readonly #iterator: AsyncIterator<KeyValueBatch>;
  readonly #runIndex: number;
  readonly #spec: CursorSpec;
  #wholeKeys: BatchKeys = noKeys;
  #layout: KeyLayout | undefined = undefined;

  constructor(run: AsyncIterable<KeyValueBatch>, runIndex: number, spec: CursorSpec) {
    this.#iterator = run[Symbol.asyncIterator]();
    this.#runIndex = runIndex;
    this.#spec = spec;
  }

  /**
   * Puts the next batch that has rows in place of the one in memory.
   *
   * @throws LakeError `corrupt` when the run's keys do not ascend, each above the one before
   */
  async load(): Promise<void> {
    assert(!this.isEnded, 'a run is not read beyond its end');
    for (;;) {
      const next = await this.#iterator.next();
      if (next.done === true) {
        this.isEnded = true;
        this.batch = undefined;
        this.keys = noKeys;
        this.#wholeKeys = noKeys;
        return;
      }
      if (next.value.rows.rowCount > 0) {
        this.#enter(next.value);
        return;
      }
    }
  }

  /** Lets go of what the run holds, unless it has ended by itself. */
  async close(): Promise<void> {
    if (this.isEnded) return;
    this.isEnded = true;
    await this.#iterator.return?.();
  }

  /** Whether a row of the batch takes its key away. */
  hasDeletes(): boolean {
    return this.batch !== undefined && !areAdds(this.batch.kinds);
  }

  #enter(batch: KeyValueBatch): void {
    checkLengths(batch);
    this.#layout ??= keyLayout(batch.rows.rowType, this.#spec.keyNames);
    const before = this.#wholeKeys;
    const keys = keysOf(batch.rows, this.#layout);
    if (!isAscending(keys) || (before.rowCount > 0 && compareKeys(before, before.rowCount - 1, keys, 0) >= 0)) {
      throw corrupt(
        'LAKE_RUN_NOT_SORTED',
        `sorted run ${this.#runIndex} of a merge: its keys do not ascend, so a file it comes from is damaged`,
      );
    }
    this.batch = batch;
    this.keys = keys;
    this.#wholeKeys = keys;
    this.sequences = wordsOf(batch.sequenceNumbers);
    const { sequence } = this.#spec;
    this.sequenceKeys = sequence === undefined ? undefined : sequenceKeysOf(batch.rows, sequence);
    this.row = 0;
    this.sourceIndex = -1;
  }
}

/** Each row has a sequence number and a kind. */
export function checkLengths({ rows, sequenceNumbers, kinds }: KeyValueBatch): void {
  assert(sequenceNumbers.length === rows.rowCount, () => `${sequenceNumbers.length} numbers, ${rows.rowCount} rows`);
  assert(kinds.length === rows.rowCount, () => `${kinds.length} kinds, ${rows.rowCount} rows`);
}

/** Whether each key is above the one before. */
function isAscending(keys: BatchKeys): boolean {
  const { heads, rowCount, isExact } = keys;
  for (let i = 1; i < rowCount; i += 1) {
    const head = heads[i] ?? 0;
    const before = heads[i - 1] ?? 0;
    if (head > before) continue;
    if (head < before || isExact || compareTails(keys, i, keys, i - 1) <= 0) return false;
  }
  return true;
}
