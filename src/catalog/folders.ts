import type { ObjectStore } from '../storage/object-store.ts';

/** A folder holds at most this many children before a listing gives up; each child costs one LIST. */
const childrenMax = 100_000;
/** Two, since the first of a database's folder is often its marker. */
const pageKeysMax = 2;

/**
 * Names of the folders right below a prefix, in order, without reading what lies in them: one LIST of few keys per
 * folder, each beginning behind the former folder's last possible key.
 *
 * @param prefix '' or ending in '/'
 */
export async function* childFolders(store: ObjectStore, prefix: string): AsyncGenerator<string, void, undefined> {
  let startAfter: string | undefined;
  for (let count = 0; count < childrenMax; count += 1) {
    const name = await firstFolder(store, prefix, startAfter);
    if (name === undefined) return;
    yield name;
    startAfter = `${prefix}${name}/\u{10ffff}`;
  }
}

async function firstFolder(
  store: ObjectStore,
  prefix: string,
  startAfter: string | undefined,
): Promise<string | undefined> {
  for await (const { objects } of store.list(prefix, { startAfter, pageKeysMax })) {
    for (const { key } of objects) {
      const slash = key.indexOf('/', prefix.length);
      if (slash >= 0) return key.slice(prefix.length, slash);
    }
  }
  return undefined;
}

export async function firstKey(store: ObjectStore, prefix: string, startAfter?: string): Promise<string | undefined> {
  for await (const page of store.list(prefix, { startAfter, pageKeysMax: 1 })) {
    const first = page.objects[0];
    if (first !== undefined) return first.key;
  }
  return undefined;
}
