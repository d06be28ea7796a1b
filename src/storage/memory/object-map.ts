/**
 * Objects in memory with S3's order and versions, each call one step. The state of the memory driver, and of simulation,
 * which decides for itself when a step happens and what its caller hears of it.
 */
import { assert } from '../../base/assert.ts';
import { compareKeys } from '../object-key.ts';
import type { ListedObject, ObjectHead } from '../object-store.ts';

/** Bytes are kept as given: whoever may change them later gives and takes copies. */
export type ObjectVersion = { readonly bytes: Uint8Array; readonly etag: string; readonly lastModifiedMs: number };

export type ObjectPage = { readonly prefix: string; readonly after: string | undefined; readonly keysMax: number };

/** One folder's keys; a folder is what stands before the last slash. */
type Folder = {
  /** In order. */
  readonly keys: string[];
  /** Those that came since somebody looked, to be put among the others. */
  added: string[];
};

export class ObjectMap {
  readonly #versions = new Map<string, ObjectVersion>();
  readonly #folders = new Map<string, Folder>();
  #versionCount = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): ObjectVersion | undefined {
    return this.#versions.get(key);
  }

  /** @param nowMs the store's clock */
  put(key: string, bytes: Uint8Array, nowMs: number): ObjectVersion {
    this.#versionCount += 1;
    const version = { bytes, etag: `"${this.#versionCount}"`, lastModifiedMs: nowMs };
    const before = this.#versions.get(key);
    if (before === undefined) this.#addKey(key);
    this.#bytes += bytes.byteLength - (before?.bytes.byteLength ?? 0);
    this.#versions.set(key, version);
    return version;
  }

  delete(key: string): void {
    const version = this.#versions.get(key);
    if (version === undefined) return;
    this.#bytes -= version.bytes.byteLength;
    this.#versions.delete(key);
    this.#removeKey(key);
  }

  /** The next keys, in ascending order of their UTF-8 bytes. */
  list(page: ObjectPage): readonly ListedObject[] {
    const objects: ListedObject[] = [];
    for (const key of this.#keysFrom(page)) {
      if (objects.length >= page.keysMax) break;
      const version = this.#versions.get(key);
      assert(version !== undefined, () => `${key} is an object`);
      objects.push({ key, sizeBytes: version.bytes.byteLength, lastModifiedMs: version.lastModifiedMs });
    }
    return objects;
  }

  #addKey(key: string): void {
    const name = folderOf(key);
    const folder = this.#folders.get(name);
    if (folder === undefined) this.#folders.set(name, { keys: [key], added: [] });
    else folder.added.push(key);
  }

  #removeKey(key: string): void {
    const name = folderOf(key);
    const folder = this.#folders.get(name);
    assert(folder !== undefined, () => `${key} lies in a folder`);
    const keys = sortedKeys(folder);
    if (keys.length === 1) this.#folders.delete(name);
    else keys.splice(firstIndex(keys, key), 1);
  }

  #keysFrom({ prefix, after, keysMax }: ObjectPage): readonly string[] {
    const isAbove = after !== undefined && compareKeys(after, prefix) >= 0;
    const bound = isAbove ? after : prefix;
    const parts: (readonly string[])[] = [];
    for (const [name, folder] of this.#folders) {
      // All of a folder begins so, or it may hold some that do.
      if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue;
      const keys = sortedKeys(folder);
      let from = firstIndex(keys, bound);
      if (isAbove && keys[from] === bound) from += 1;
      const isWhole = name.startsWith(prefix);
      let end = from;
      while (end < keys.length && end - from < keysMax && (isWhole || (keys[end] ?? '').startsWith(prefix))) end += 1;
      if (end > from) parts.push(keys.slice(from, end));
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

/** Few that came are put in one by one; many are sorted with the others. */
const insertedMax = 8;

function sortedKeys(folder: Folder): string[] {
  const { keys, added } = folder;
  if (added.length === 0) return keys;
  folder.added = [];
  if (added.length <= insertedMax) {
    for (const key of added) keys.splice(firstIndex(keys, key), 0, key);
  } else {
    for (const key of added) keys.push(key);
    keys.sort(compareKeys);
  }
  return keys;
}

/** Index of the first key at or after the bound. */
function firstIndex(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] ?? '', bound) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
