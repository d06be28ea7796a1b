/**
 * Virtual time. Whatever waits in a simulated world waits here, for a moment of its own; the scheduler goes from moment to
 * moment and lets everything that one has set off come to rest before the next. Nothing waits for real time, so a day
 * passes in no time, and the same seed gives the same order.
 */
import { assert } from '../../src/base/assert.ts';

type Waiting = {
  readonly timeMs: number;
  /** By chance: what happens at one moment happens in any order. */
  readonly rank: number;
  readonly run: () => void;
};

const turnSteps = 1_024;

export type RunEnd = 'done' | 'idle' | 'out-of-time';

export class Scheduler {
  readonly #rank: () => number;
  readonly #heap: Waiting[] = [];
  #nowMs: number;
  #steps = 0;

  /** @param rank chance, in [0, 1) */
  constructor(startMs: number, rank: () => number) {
    this.#nowMs = startMs;
    this.#rank = rank;
  }

  /** Milliseconds since 1970, whole. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Moments that have passed. */
  get steps(): number {
    return this.#steps;
  }

  /** Runs something `delayMs` from now: after all that is going on, even with no delay. */
  after(delayMs: number, run: () => void): void {
    assert(delayMs >= 0, () => `a delay of ${delayMs} ms`);
    this.#push({ timeMs: this.#nowMs + Math.ceil(delayMs), rank: this.#rank(), run });
  }

  /** Goes on until `isDone`, or nothing waits any more, or it is later than `untilMs`. */
  async run(isDone: () => boolean, untilMs: number): Promise<RunEnd> {
    // What has been begun comes to its first wait.
    await rest(this.#steps);
    while (!isDone()) {
      const next = this.#heap[0];
      if (next === undefined) return 'idle';
      if (next.timeMs > untilMs) {
        // Time passes all the same: whoever runs the world in turns must not stand still while everybody sleeps.
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return 'out-of-time';
      }
      this.#nowMs = next.timeMs;
      for (let due = next; due?.timeMs === this.#nowMs; due = this.#heap[0] as Waiting) {
        this.#pop();
        due.run();
      }
      this.#steps += 1;
      await rest(this.#steps);
    }
    return 'done';
  }

  #push(item: Waiting): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !isBefore(item, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const item = heap.pop();
    if (item === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childAt += 1;
      }
      if (!isBefore(child, item)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = item;
  }
}

function isBefore(a: Waiting, b: Waiting): boolean {
  return a.timeMs === b.timeMs ? a.rank < b.rank : a.timeMs < b.timeMs;
}

/**
 * Every promise that can go on has gone on: Node runs what was left for the next tick when no microtask is left, which costs
 * less than a turn of the event loop. Now and then that turns, too, for what is not of the world.
 */
function rest(steps: number): Promise<void> {
  if (steps % turnSteps === 0) return new Promise(resolve => setImmediate(resolve));
  return new Promise(resolve => process.nextTick(resolve));
}
