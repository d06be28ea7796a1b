/** An object store, with somebody who looks at what goes to it. */
import type { ListPage, ObjectStore } from './object-store.ts';

/** The requests of the port; a list is one for each page. */
export type ObjectStoreOperation =
  | 'get'
  | 'getRange'
  | 'head'
  | 'put'
  | 'putIfAbsent'
  | 'putIfMatch'
  | 'delete'
  | 'list';

export type ObjectStoreWatcher = {
  /**
   * A request is made, whatever comes of it; a page of a list, when it comes. The driver's own retries are below.
   *
   * @param key or the prefix of a list
   */
  readonly asked: (operation: ObjectStoreOperation, key: string, bytesSent: number) => void;
  /** Bytes of an object came, by get or getRange. */
  readonly received: (key: string, bytes: number) => void;
};

/** The store, with somebody who looks at what goes to it. Disposing of it disposes of the inner one. */
export function watchedObjectStore(inner: ObjectStore, { asked, received }: ObjectStoreWatcher): ObjectStore {
  return {
    uri: inner.uri,
    requestsAreFree: inner.requestsAreFree,
    async get(key, options) {
      asked('get', key, 0);
      const object = await inner.get(key, options);
      received(key, object?.sizeBytes ?? 0);
      return object;
    },
    async getRange(key, range, options) {
      asked('getRange', key, 0);
      const bytes = await inner.getRange(key, range, options);
      received(key, bytes?.byteLength ?? 0);
      return bytes;
    },
    async head(key, options) {
      asked('head', key, 0);
      return await inner.head(key, options);
    },
    async put(key, bytes, options) {
      asked('put', key, bytes.byteLength);
      return await inner.put(key, bytes, options);
    },
    async putIfAbsent(key, bytes, options) {
      asked('putIfAbsent', key, bytes.byteLength);
      return await inner.putIfAbsent(key, bytes, options);
    },
    async putIfMatch(key, bytes, etag, options) {
      asked('putIfMatch', key, bytes.byteLength);
      return await inner.putIfMatch(key, bytes, etag, options);
    },
    async delete(key, options) {
      asked('delete', key, 0);
      await inner.delete(key, options);
    },
    async *list(prefix, options): AsyncIterable<ListPage> {
      for await (const page of inner.list(prefix, options)) {
        asked('list', prefix, 0);
        yield page;
      }
    },
    [Symbol.asyncDispose]: async () => await inner[Symbol.asyncDispose](),
  };
}
