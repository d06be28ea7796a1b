import { assert } from './assert.ts';

/**
 * Applies `action` to every item with at most `concurrencyMax` running at a time; results come in the items' order.
 * After the first failure no further item is begun, and the failure is thrown once the running ones have ended.
 */
export function mapBounded<T, R>(
  items: readonly T[],
  concurrencyMax: number,
  action: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  assert(concurrencyMax >= 1, 'concurrencyMax is at least 1');
  if (items.length === 0) return Promise.resolve([]);
  return new Promise((resolve, reject) => {
    const results: R[] = new Array(items.length);
    let next = 0;
    let runningCount = 0;
    let failure: { readonly error: unknown } | undefined;
    const begin = (): void => {
      while (failure === undefined && next < items.length && runningCount < concurrencyMax) {
        const index = next;
        next += 1;
        runningCount += 1;
        started(() => action(items[index] as T, index)).then(
          result => {
            results[index] = result;
            ended();
          },
          (error: unknown) => {
            failure ??= { error };
            ended();
          },
        );
      }
    };
    const ended = (): void => {
      runningCount -= 1;
      begin();
      if (runningCount > 0) return;
      if (failure === undefined) resolve(results);
      else reject(failure.error);
    };
    begin();
  });
}

/** What it throws at once comes the same way as what it throws later. */
function started<R>(action: () => Promise<R>): Promise<R> {
  try {
    return action();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Begins at the first call; all calls have the same outcome. */
export function once<T>(begin: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => {
    begun ??= begin();
    return begun;
  };
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
