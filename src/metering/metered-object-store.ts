/** Tells a meter what goes to an object store. */
import type { ListPage, ObjectStore } from '../storage/object-store.ts';
import type { Meter } from './meter.ts';
import type { Purpose } from './usage.ts';

/**
 * The table that a key belongs to: `db.t` for `db.db/t/…`, as the catalog lays tables out.
 *
 * @returns undefined for the catalog's own folders, claims, checkpoints and the ledger
 */
export function tableOfKey(key: string): string | undefined {
  const [database, table, rest] = key.split('/', 3);
  if (database === undefined || table === undefined || rest === undefined || !database.endsWith('.db'))
    return undefined;
  return table === '' || database === '.db' ? undefined : `${database.slice(0, -3)}.${table}`;
}

/**
 * A request counts when it is made, whatever comes of it, a page of a list when it comes. The driver's own retries are below
 * and do not count: what S3 answers with a 5xx it does not charge for. The inner store stays its owner's to close.
 */
export function meteredObjectStore(inner: ObjectStore, meter: Meter, purpose: Purpose): ObjectStore {
  const count = (key: string, figures: Parameters<Meter['count']>[2]): void =>
    meter.count(tableOfKey(key), purpose, figures);
  return {
    uri: inner.uri,
    async get(key, options) {
      count(key, { get: 1 });
      const object = await inner.get(key, options);
      count(key, { bytesRead: object?.sizeBytes ?? 0 });
      return object;
    },
    async getRange(key, range, options) {
      count(key, { get: 1 });
      const bytes = await inner.getRange(key, range, options);
      count(key, { bytesRead: bytes?.byteLength ?? 0 });
      return bytes;
    },
    head(key, options) {
      count(key, { get: 1 });
      return inner.head(key, options);
    },
    put(key, bytes, options) {
      count(key, { put: 1, bytesWritten: bytes.byteLength });
      return inner.put(key, bytes, options);
    },
    putIfAbsent(key, bytes, options) {
      count(key, { put: 1, bytesWritten: bytes.byteLength });
      return inner.putIfAbsent(key, bytes, options);
    },
    putIfMatch(key, bytes, etag, options) {
      count(key, { put: 1, bytesWritten: bytes.byteLength });
      return inner.putIfMatch(key, bytes, etag, options);
    },
    delete(key, options) {
      count(key, { delete: 1 });
      return inner.delete(key, options);
    },
    async *list(prefix, options): AsyncIterable<ListPage> {
      for await (const page of inner.list(prefix, options)) {
        count(prefix, { list: 1 });
        yield page;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}
