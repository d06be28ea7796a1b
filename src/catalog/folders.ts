import type { ObjectStore } from '../storage/object-store.ts';

/** A folder holds at most this many children before a listing gives up; each child costs one LIST. */
const childrenMax = 100_000;

/**
 * Names of the folders right below a prefix, in order, without reading what lies in them: one LIST of one key per
 * folder, each beginning behind the former folder's last possible key.
 *
 * @param prefix '' or ending in '/'
 */
export async function* childFolders(store: ObjectStore, prefix: string): AsyncGenerator<string, void, undefined> {
  let startAfter: string | undefined;
  for (let count = 0; count < childrenMax; ) {
    const key = await firstKey(store, prefix, startAfter);
    if (key === undefined) return;
    const rest = key.slice(prefix.length);
    const slash = rest.indexOf('/');
    if (slash < 0) {
      startAfter = key;
      continue;
    }
    const name = rest.slice(0, slash);
    yield name;
    count += 1;
    startAfter = `${prefix}${name}/\u{10ffff}`;
  }
}

export async function firstKey(store: ObjectStore, prefix: string, startAfter?: string): Promise<string | undefined> {
  for await (const page of store.list(prefix, { startAfter, pageKeysMax: 1 })) {
    const first = page.objects[0];
    if (first !== undefined) return first.key;
  }
  return undefined;
}
