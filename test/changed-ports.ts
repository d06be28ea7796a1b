/** Stores and logs with some of their operations replaced; the rest is the inner one's. */
import type { LogStore } from '../src/storage/log-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';

export function changedLog<T extends LogStore>(inner: T, changes: Partial<LogStore>): T {
  return changed(inner, changes);
}

export function changedStore<T extends ObjectStore>(inner: T, changes: Partial<ObjectStore>): T {
  return changed(inner, changes);
}

/** How many of the actions that go through it are under way at once, each for a turn of the loop at least. */
export class Gauge {
  #count = 0;
  max = 0;

  async through<T>(action: () => Promise<T>): Promise<T> {
    this.#count += 1;
    this.max = Math.max(this.max, this.#count);
    try {
      await new Promise(resolve => setImmediate(resolve));
      return await action();
    } finally {
      this.#count -= 1;
    }
  }
}

function changed<T extends object>(inner: T, changes: object): T {
  return new Proxy(inner, {
    get(target, property) {
      const own: unknown = Reflect.get(changes, property);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
