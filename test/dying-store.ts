/**
 * A process that dies at one of its requests to a store: the request has happened, or it has not, and no further one comes.
 */
import type { ListOptions, ListPage, ObjectStore } from '../src/storage/object-store.ts';

/** Not a failure of the world: nothing may catch it and go on. */
export class Died extends Error {
  override readonly name = 'Died';
}

export type Death = {
  /** Counted from 1; each page of a list is one. */
  readonly step: number;
  /** Whether the request happens nevertheless. */
  readonly when: 'before' | 'after';
};

export type DyingStore = ObjectStore & {
  readonly steps: () => number;
  /** The steps that changed the store. Dying at any other is dying after the last of these before it. */
  readonly writes: () => readonly number[];
};

/** @param death undefined: it lives, and its steps are counted */
export function dyingStore(inner: ObjectStore, death: Death | undefined): DyingStore {
  let steps = 0;
  const writes: number[] = [];
  const step = async <T>(action: () => Promise<T>): Promise<T> => {
    steps += 1;
    if (death === undefined || steps < death.step) return action();
    if (steps === death.step && death.when === 'after') await action();
    throw new Died(`died at step ${steps}`);
  };
  const write = <T>(action: () => Promise<T>): Promise<T> => {
    writes.push(steps + 1);
    return step(action);
  };
  return {
    uri: inner.uri,
    steps: () => steps,
    writes: () => writes,
    get: (key, options) => step(() => inner.get(key, options)),
    getRange: (key, range, options) => step(() => inner.getRange(key, range, options)),
    head: (key, options) => step(() => inner.head(key, options)),
    put: (key, bytes, options) => write(() => inner.put(key, bytes, options)),
    putIfAbsent: (key, bytes, options) => write(() => inner.putIfAbsent(key, bytes, options)),
    putIfMatch: (key, bytes, etag, options) => write(() => inner.putIfMatch(key, bytes, etag, options)),
    delete: (key, options) => write(() => inner.delete(key, options)),
    async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
      for await (const page of inner.list(prefix, options)) yield await step(async () => page);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
