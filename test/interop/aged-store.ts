/** A store whose objects are old enough for maintenance to remove what it may. */
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { changedStore } from '../changed-ports.ts';

const hourMs = 3_600_000;

/** The store, with all that is in it as old as a week, and snapshots the younger the newer, two hours apart. */
export function agedStore(inner: ObjectStore): ObjectStore {
  const aged = <T extends { readonly lastModifiedMs: number }>(key: string, object: T): T => {
    const id = Number(/\/snapshot\/snapshot-(\d+)$/.exec(key)?.[1] ?? 0);
    const ageMs = id > 0 ? (60 - 2 * id) * hourMs : 7 * 24 * hourMs;
    return { ...object, lastModifiedMs: object.lastModifiedMs - ageMs };
  };
  return changedStore(inner, {
    async head(key, options) {
      const head = await inner.head(key, options);
      return head === undefined ? undefined : aged(key, head);
    },
    async get(key, options) {
      const object = await inner.get(key, options);
      return object === undefined ? undefined : aged(key, object);
    },
    async *list(prefix, options) {
      for await (const page of inner.list(prefix, options)) {
        yield { ...page, objects: page.objects.map(object => aged(object.key, object)) };
      }
    },
  });
}
