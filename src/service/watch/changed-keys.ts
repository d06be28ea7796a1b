/**
 * Changes of a table as changes of an answer: a filter and some columns of it. Of each key only what became of it last counts.
 *
 * Where a row stops passing the filter its key is taken away. Which keys are in the answer is known from its beginning on, so
 * that a row that was never in it is not told to go; behind a place where another watch ended it is not known, and a key that
 * is not there may be taken away, which changes nothing.
 */
import { projectedChanges } from '../../flow/read/change-view.ts';
import type { SubscribedBatch } from '../../flow/read/subscribed-batch.ts';
import type { Table } from '../../table/table.ts';
import { canonicalRow } from '../../types/canonical-json.ts';
import { evaluatePredicate } from '../../types/filter.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { projectBatch, type RowBatch } from '../../types/row-batch.ts';
import { isAdd } from '../../types/row-kind.ts';
import type { WatchedChange } from './watched-part.ts';

export type KeyedAnswer = {
  /** None: an append table. */
  readonly keyColumns: readonly string[];
  readonly columns: readonly string[];
  readonly predicate: Predicate | undefined;
  /** Whether changes are told from the whole answer on. */
  readonly isWhole: boolean;
};

/** Of keys that are remembered to be in the answer, as text; with more it is no longer known which are. */
const keyBytesMax = 16 * 1024 * 1024;
const entryBytes = 64;

export class ChangedKeys {
  readonly #answer: KeyedAnswer;
  /** Keys in the answer; undefined: not known. */
  #present: Set<string> | undefined;
  #bytes = 0;

  constructor(answer: KeyedAnswer) {
    this.#answer = answer;
    const { isWhole, predicate, keyColumns } = answer;
    // Without a filter every key that is taken away was there.
    this.#present = isWhole && predicate !== undefined && keyColumns.length > 0 ? new Set() : undefined;
  }

  changesOf(table: Table, batches: readonly SubscribedBatch[]): readonly WatchedChange[] {
    const last = this.#answer.keyColumns.length === 0 ? undefined : new Set<string>();
    const changes: WatchedChange[] = [];
    for (const batch of batches.toReversed()) {
      const { puts, removals } = this.#picksOf(batch, last);
      if (puts.length > 0) changes.push({ op: '+', rows: this.#given(table, takeRows(batch.rows, puts)) });
      if (removals.length > 0) changes.push({ op: '-', rows: this.#removed(takeRows(batch.rows, removals)) });
    }
    return changes.reverse();
  }

  /** The rows that count, from the last to the first. */
  #picksOf(
    { rows, kinds }: SubscribedBatch,
    last: Set<string> | undefined,
  ): { readonly puts: Uint32Array; readonly removals: Uint32Array } {
    const { predicate, keyColumns } = this.#answer;
    const passes = predicate === undefined ? undefined : evaluatePredicate(predicate, rows);
    const key = last === undefined ? undefined : canonicalRow(projectBatch(rows, keyColumns));
    const puts: number[] = [];
    const removals: number[] = [];
    for (let row = rows.rowCount - 1; row >= 0; row -= 1) {
      const name = key?.(row);
      if (name !== undefined && last?.has(name) === true) continue;
      if (name !== undefined) last?.add(name);
      const isPut = isAdd(kinds[row] ?? 0) && (passes === undefined || passes[row] === 1);
      if (isPut) {
        puts.push(row);
        if (name !== undefined) this.#enter(name);
      } else if (name !== undefined && this.#leave(name)) removals.push(row);
    }
    return { puts: Uint32Array.from(puts.reverse()), removals: Uint32Array.from(removals.reverse()) };
  }

  #enter(name: string): void {
    if (this.#present === undefined || this.#present.has(name)) return;
    this.#present.add(name);
    this.#bytes += name.length + entryBytes;
    if (this.#bytes > keyBytesMax) this.#present = undefined;
  }

  /** Whether it has to be told. */
  #leave(name: string): boolean {
    if (this.#present === undefined) return true;
    const wasThere = this.#present.delete(name);
    if (wasThere) this.#bytes -= name.length + entryBytes;
    return wasThere;
  }

  #given(table: Table, rows: RowBatch): RowBatch {
    return projectedChanges(table, rows, this.#answer.columns);
  }

  #removed(rows: RowBatch): RowBatch {
    return projectBatch(rows, this.#answer.keyColumns);
  }
}
