/**
 * Objects in memory with S3's order and versions, each call one step. The state of the memory driver, and of simulation,
 * which decides for itself when a step happens and what its caller hears of it.
 */
import { compareKeys } from '../object-key.ts';
import type { ListedObject, ObjectHead } from '../object-store.ts';

/** Bytes are kept as given: whoever may change them later gives and takes copies. */
export type ObjectVersion = { readonly bytes: Uint8Array; readonly etag: string; readonly lastModifiedMs: number };

export type ObjectPage = { readonly prefix: string; readonly after: string | undefined; readonly keysMax: number };

/** One folder's objects; a folder is what stands before the last slash. */
type Folder = {
  readonly versions: Map<string, ObjectVersion>;
  /** Their keys in order; undefined: to be sorted when somebody lists them. */
  keys: readonly string[] | undefined;
};

export class ObjectMap {
  readonly #folders = new Map<string, Folder>();
  #versionCount = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): ObjectVersion | undefined {
    return this.#folders.get(folderOf(key))?.versions.get(key);
  }

  /** @param nowMs the store's clock */
  put(key: string, bytes: Uint8Array, nowMs: number): ObjectVersion {
    this.#versionCount += 1;
    const version = { bytes, etag: `"${this.#versionCount}"`, lastModifiedMs: nowMs };
    const name = folderOf(key);
    let folder = this.#folders.get(name);
    if (folder === undefined) {
      folder = { versions: new Map(), keys: undefined };
      this.#folders.set(name, folder);
    }
    const before = folder.versions.get(key);
    if (before === undefined) folder.keys = undefined;
    this.#bytes += bytes.byteLength - (before?.bytes.byteLength ?? 0);
    folder.versions.set(key, version);
    return version;
  }

  delete(key: string): void {
    const name = folderOf(key);
    const folder = this.#folders.get(name);
    const version = folder?.versions.get(key);
    if (folder === undefined || version === undefined) return;
    this.#bytes -= version.bytes.byteLength;
    folder.versions.delete(key);
    folder.keys = undefined;
    if (folder.versions.size === 0) this.#folders.delete(name);
  }

  /** The next keys, in ascending order of their UTF-8 bytes. */
  list({ prefix, after, keysMax }: ObjectPage): readonly ListedObject[] {
    const objects: ListedObject[] = [];
    for (const key of this.#keysFrom(prefix, after)) {
      if (objects.length >= keysMax) break;
      const version = this.get(key);
      if (version === undefined) continue;
      objects.push({ key, sizeBytes: version.bytes.byteLength, lastModifiedMs: version.lastModifiedMs });
    }
    return objects;
  }

  #keysFrom(prefix: string, after: string | undefined): readonly string[] {
    const parts: (readonly string[])[] = [];
    for (const [name, folder] of this.#folders) {
      // All of a folder begins so, or it may hold some that do.
      if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
      const keys = sortedKeys(folder);
      const from = firstIndex(keys, prefix, after);
      let end = from;
      while (end < keys.length && (keys[end] ?? '').startsWith(prefix)) end += 1;
      if (end > from) parts.push(from === 0 && end === keys.length ? keys : keys.slice(from, end));
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : parts.flat().sort(compareKeys);
  }
}

export function headOf(version: ObjectVersion, storeTimeMs: number): ObjectHead {
  const { bytes, etag, lastModifiedMs } = version;
  return { sizeBytes: bytes.byteLength, etag, lastModifiedMs, storeTimeMs };
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

function sortedKeys(folder: Folder): readonly string[] {
  return (folder.keys ??= [...folder.versions.keys()].sort(compareKeys));
}

/** Index of the first key at or after the prefix and above `after`. */
function firstIndex(keys: readonly string[], prefix: string, after: string | undefined): number {
  const isAbove = after !== undefined && compareKeys(after, prefix) >= 0;
  const bound = isAbove ? after : prefix;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] ?? '', bound) < 0) low = middle + 1;
    else high = middle;
  }
  return isAbove && keys[low] === bound ? low + 1 : low;
}
