import type { ListPage, ObjectStore } from './object-store.ts';

/** The requests of the port; a list counts once for each page. */
export type ObjectStoreOperation =
  | 'get'
  | 'getRange'
  | 'head'
  | 'put'
  | 'putIfAbsent'
  | 'putIfMatch'
  | 'delete'
  | 'list';

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
  const count = (operation: ObjectStoreOperation, key: string, bytesWritten = 0): void => {
    counts[operation] += 1;
    counts.bytesWritten += bytesWritten;
    onRequest?.(operation, key);
  };
  return {
    uri: inner.uri,
    counts: () => ({ ...counts }),
    reset: () => {
      counts = { ...noCounts };
    },
    async get(key, options) {
      count('get', key);
      const object = await inner.get(key, options);
      counts.bytesRead += object?.sizeBytes ?? 0;
      return object;
    },
    async getRange(key, range, options) {
      count('getRange', key);
      const bytes = await inner.getRange(key, range, options);
      counts.bytesRead += bytes?.byteLength ?? 0;
      return bytes;
    },
    async head(key, options) {
      count('head', key);
      return await inner.head(key, options);
    },
    async put(key, bytes, options) {
      count('put', key, bytes.byteLength);
      return await inner.put(key, bytes, options);
    },
    async putIfAbsent(key, bytes, options) {
      count('putIfAbsent', key, bytes.byteLength);
      return await inner.putIfAbsent(key, bytes, options);
    },
    async putIfMatch(key, bytes, etag, options) {
      count('putIfMatch', key, bytes.byteLength);
      return await inner.putIfMatch(key, bytes, etag, options);
    },
    async delete(key, options) {
      count('delete', key);
      await inner.delete(key, options);
    },
    async *list(prefix, options): AsyncIterable<ListPage> {
      for await (const page of inner.list(prefix, options)) {
        count('list', prefix);
        yield page;
      }
    },
    [Symbol.asyncDispose]: async () => await inner[Symbol.asyncDispose](),
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
