/** Counts what goes to a store, for tests and figures of what is above it. */
import type { ObjectStore } from './object-store.ts';
import { type ObjectStoreOperation, watchedObjectStore } from './watched-object-store.ts';

export type ObjectStoreCounts = Readonly<Record<ObjectStoreOperation, number>> & {
  /** Bytes of objects that came in by get and getRange. */
  readonly bytesRead: number;
  /** Bytes of objects sent, whether or not they were taken. */
  readonly bytesWritten: number;
};

export type CountingObjectStore = ObjectStore & {
  /** What was asked since the beginning or the last reset. */
  counts(): ObjectStoreCounts;
  reset(): void;
};

/**
 * Counts what goes to a store. A request counts when it is made, whatever comes of it; a page of a list when it comes. The
 * driver's own retries are below and do not count.
 *
 * @param onRequest told of each request as it is made, with its key or prefix
 */
export function countingObjectStore(
  inner: ObjectStore,
  onRequest?: (operation: ObjectStoreOperation, key: string) => void,
): CountingObjectStore {
  let counts = { ...noCounts };
  const watched = watchedObjectStore(inner, {
    asked(operation, key, bytesSent) {
      counts[operation] += 1;
      counts.bytesWritten += bytesSent;
      onRequest?.(operation, key);
    },
    received(_key, bytes) {
      counts.bytesRead += bytes;
    },
  });
  return {
    ...watched,
    counts: () => ({ ...counts }),
    reset: () => {
      counts = { ...noCounts };
    },
  };
}

const noCounts: Readonly<Record<keyof ObjectStoreCounts, number>> = {
  get: 0,
  getRange: 0,
  head: 0,
  put: 0,
  putIfAbsent: 0,
  putIfMatch: 0,
  delete: 0,
  list: 0,
  bytesRead: 0,
  bytesWritten: 0,
};
