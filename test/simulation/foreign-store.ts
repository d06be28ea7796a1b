/** The store as another engine writes to it: none of our properties, and so no link, in its snapshots (S11). */
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { changedStore } from '../changed-ports.ts';

export function foreignStore(store: ObjectStore): ObjectStore {
  return changedStore(store, {
    putIfAbsent: (key, bytes, options) => {
      if (!/\/snapshot\/snapshot-\d+$/.test(key)) return store.putIfAbsent(key, bytes, options);
      return store.putIfAbsent(key, encodeSnapshot({ ...decodeSnapshot(bytes, key), properties: {} }), options);
    },
  });
}
