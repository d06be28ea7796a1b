import { assert } from './assert.ts';

/**
 * Applies `action` to every item with at most `concurrencyMax` running at a time; results come in the items' order.
 * After the first failure no further item is begun, and the failure is thrown once the running ones have ended.
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  concurrencyMax: number,
  action: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  assert(concurrencyMax >= 1, 'concurrencyMax is at least 1');
  const results: R[] = new Array(items.length);
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const index = next;
      next += 1;
      const item = items[index];
      try {
        results[index] = await action(item as T, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(concurrencyMax, items.length) }, worker));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}

/** Lets at most `permits` callers through at a time, in the order they came. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(permits: number) {
    assert(permits >= 1, 'a semaphore has at least one permit');
    this.#free = permits;
  }

  async use<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
