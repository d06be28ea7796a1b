/**
 * Names of the logs that tables of a warehouse have chosen (`log.name`), for who ingests: an empty object each, put before the
 * first table that names it, and kept when that is dropped, since others may name it, too.
 */
import { isLogName } from '../format/log-name.ts';
import type { ObjectStore } from '../storage/object-store.ts';

const folder = 'tidelake/logs/';

/** As often as one likes. */
export async function noteLogName(store: ObjectStore, name: string): Promise<void> {
  await store.put(`${folder}${name}`, new Uint8Array());
}

/** In order. */
export async function listLogNames(store: ObjectStore, signal?: AbortSignal): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { objects } of store.list(folder, { signal })) {
    for (const { key } of objects) {
      const name = key.slice(folder.length);
      if (isLogName(name)) names.push(name);
    }
  }
  return names;
}
