/** A consumer of watches: holds what was given, and judges it by the states that the watched has really had. */
import { ok, strictEqual } from 'node:assert/strict';
import type { WatchBatch } from '../src/index.ts';

export class WatchedAnswer {
  readonly #key: readonly string[];
  readonly #rows = new Map<string, { row: object; count: number }>();
  #isWhole = false;
  /** Of the last complete batch that had one. */
  resume: string | undefined;
  /** How many complete answers were given. */
  fullCount = 0;

  constructor(key: readonly string[]) {
    this.#key = key;
  }

  apply(batch: WatchBatch<object>): void {
    if (batch.kind === 'full' && batch.part === 0) this.#rows.clear();
    if (batch.kind === 'full' && batch.isComplete) this.fullCount += 1;
    for (const { op, row } of batch.changes) this.#change(op, row);
    this.#isWhole = batch.isComplete;
    strictEqual(batch.resume !== undefined, batch.isComplete);
    this.resume = batch.resume ?? this.resume;
  }

  /** Rows in order of their text; undefined amid parts. */
  state(): string | undefined {
    if (!this.#isWhole) return undefined;
    return stateOf([...this.#rows.values()].flatMap(({ row, count }) => Array.from({ length: count }, () => row)));
  }

  #change(op: '+' | '-', row: object): void {
    const isKeyed = this.#key.length > 0;
    const name = textOf(isKeyed ? Object.fromEntries(this.#key.map(key => [key, Reflect.get(row, key)])) : row);
    const count = (isKeyed ? 0 : (this.#rows.get(name)?.count ?? 0)) + (op === '+' ? 1 : isKeyed ? 0 : -1);
    if (!isKeyed) ok(count >= 0, `a row goes that was not there: ${name}`);
    if (count === 0) this.#rows.delete(name);
    else this.#rows.set(name, { row, count });
  }
}

function textOf(row: object): string {
  return JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

export function stateOf(rows: readonly object[]): string {
  return rows.map(textOf).toSorted().join('\n');
}

/** All states that the watched has had, in order; the answer must go along them and never back. */
export class StatesSeen {
  readonly #states: string[];
  #at = 0;

  constructor(first: string) {
    this.#states = [first];
  }

  get last(): string {
    return this.#states.at(-1) ?? '';
  }

  push(state: string): void {
    this.#states.push(state);
  }

  /** @returns whether it is the newest */
  check(state: string | undefined): boolean {
    if (state === undefined) return false;
    const found = this.#states.indexOf(state, this.#at);
    ok(found >= 0, `a state that the watched has not had, or no more:\n${state}\nthe newest is\n${this.last}`);
    this.#at = found;
    return state === this.last;
  }
}
