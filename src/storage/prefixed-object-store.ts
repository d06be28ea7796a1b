import { checkObjectKey, isObjectKey } from './object-key.ts';
import type { ListedObject, ListPage, ObjectStore } from './object-store.ts';
import { badStoreSettings } from './store-errors.ts';

/**
 * The part of a store below a folder, as a store of its own. Owns the inner store: disposing disposes of it.
 *
 * @param folder the folder's key, without slashes at its ends; empty for the whole store
 */
export function prefixedObjectStore(inner: ObjectStore, folder: string): ObjectStore {
  if (folder === '') return inner;
  if (!isObjectKey(folder))
    throw badStoreSettings(`${inner.uri}: ${JSON.stringify(folder)} cannot be a folder of keys`);
  const prefix = `${folder}/`;
  return {
    uri: `${inner.uri}/${folder}`,
    requestsAreFree: inner.requestsAreFree,
    get: async (key, options) => await inner.get(below(prefix, key), options),
    getRange: async (key, range, options) => await inner.getRange(below(prefix, key), range, options),
    head: async (key, options) => await inner.head(below(prefix, key), options),
    put: async (key, bytes, options) => await inner.put(below(prefix, key), bytes, options),
    putIfAbsent: async (key, bytes, options) => await inner.putIfAbsent(below(prefix, key), bytes, options),
    putIfMatch: async (key, bytes, etag, options) => await inner.putIfMatch(below(prefix, key), bytes, etag, options),
    delete: async (key, options) => await inner.delete(below(prefix, key), options),
    async *list(keyPrefix, options): AsyncIterable<ListPage> {
      const startAfter = options?.startAfter;
      const inside = startAfter === undefined ? options : { ...options, startAfter: prefix + startAfter };
      for await (const page of inner.list(prefix + keyPrefix, inside)) {
        yield { objects: page.objects.map(object => withoutPrefix(prefix, object)), storeTimeMs: page.storeTimeMs };
      }
    },
    [Symbol.asyncDispose]: async () => await inner[Symbol.asyncDispose](),
  };
}

/** A key that is wrong by itself must not become right by what is put before it. */
function below(prefix: string, key: string): string {
  checkObjectKey(key);
  return prefix + key;
}

function withoutPrefix(prefix: string, object: ListedObject): ListedObject {
  return { ...object, key: object.key.slice(prefix.length) };
}
