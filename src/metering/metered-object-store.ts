/** Tells a meter what goes to an object store. */
import type { ObjectStore } from '../storage/object-store.ts';
import { type ObjectStoreOperation, watchedObjectStore } from '../storage/watched-object-store.ts';
import type { Meter } from './meter.ts';
import type { Purpose, UsageFigure } from './usage.ts';

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

/** What S3 charges each request as; HEAD is a GET. */
const figureOf: Readonly<Record<ObjectStoreOperation, UsageFigure>> = {
  get: 'get',
  getRange: 'get',
  head: 'get',
  put: 'put',
  putIfAbsent: 'put',
  putIfMatch: 'put',
  delete: 'delete',
  list: 'list',
};

/** Driver's retries do not count: what S3 answers with a 5xx it does not charge for. The inner store stays its owner's to close. */
export function meteredObjectStore(inner: ObjectStore, meter: Meter, purpose: Purpose): ObjectStore {
  const watched = watchedObjectStore(inner, {
    asked: (operation, key, bytesWritten) =>
      meter.count(tableOfKey(key), purpose, { [figureOf[operation]]: 1, bytesWritten }),
    received: (key, bytesRead) => meter.count(tableOfKey(key), purpose, { bytesRead }),
  });
  return { ...watched, async [Symbol.asyncDispose]() {} };
}
