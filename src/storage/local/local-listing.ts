import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mapBounded } from '../../base/concurrency.ts';
import { canBeginKey, compareKeys, isObjectKey } from '../object-key.ts';
import type { ListedObject } from '../object-store.ts';
import { isAbsent, isTempFileName, lastModifiedMs, lockFileName } from './local-files.ts';

/** What to list. */
export type LocalListingOptions = {
  readonly root: string;
  readonly prefix: string;
  readonly startAfter: string | undefined;
  /** Told of every temporary file met, by its path. */
  readonly onTempFile: (path: string) => void;
};

/**
 * Walks the folders of a local store in the order of keys. Folders that hold no key asked for are not read: those
 * beside the prefix, and those wholly before the start.
 */
export class LocalListing {
  readonly #options: LocalListingOptions;
  /** The folders we are in, outermost first. */
  readonly #frames: Frame[] = [];
  #begun = false;

  constructor(options: LocalListingOptions) {
    this.#options = options;
  }

  /** The next keys, fewer than `keysMax` only when there are no more. */
  async nextKeys(keysMax: number): Promise<string[]> {
    if (!this.#begun) await this.#begin();
    const keys: string[] = [];
    while (keys.length < keysMax) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) break;
      const name = frame.names[frame.next];
      frame.next += 1;
      if (name === undefined) this.#frames.pop();
      else if (name.endsWith('/')) await this.#enter(frame.folder + name);
      else if (this.#wants(frame.folder + name)) keys.push(frame.folder + name);
    }
    return keys;
  }

  async #begin(): Promise<void> {
    this.#begun = true;
    const { prefix } = this.#options;
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    if (canBeginKey(prefix)) await this.#enter(folder);
  }

  /** @param folder the part of keys it stands for, ending in `/` unless it is the root */
  async #enter(folder: string): Promise<void> {
    const { prefix, startAfter } = this.#options;
    if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) return;
    if (startAfter !== undefined && !startAfter.startsWith(folder) && compareKeys(folder, startAfter) < 0) return;
    this.#frames.push({ folder, names: await this.#namesIn(folder), next: 0 });
  }

  /** Objects and folders in a folder, in order of keys; folders end in `/`. */
  async #namesIn(folder: string): Promise<string[]> {
    const path = join(this.#options.root, folder);
    const names: string[] = [];
    try {
      for (const entry of await readdir(path, { withFileTypes: true })) {
        if (entry.isDirectory()) names.push(`${entry.name}/`);
        else if (!entry.isFile()) continue;
        else if (isTempFileName(entry.name)) this.#options.onTempFile(join(path, entry.name));
        else names.push(entry.name);
      }
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    return names.sort(compareKeys);
  }

  #wants(key: string): boolean {
    const { prefix, startAfter } = this.#options;
    if (!key.startsWith(prefix) || key === lockFileName) return false;
    return (startAfter === undefined || compareKeys(key, startAfter) > 0) && isObjectKey(key);
  }
}

type Frame = { readonly folder: string; readonly names: readonly string[]; next: number };

/** Size and age of each key; keys that have gone meanwhile are left out. */
export async function statKeys(root: string, keys: readonly string[]): Promise<ListedObject[]> {
  const found = await mapBounded(keys, statsMax, async key => {
    try {
      const stat = await lstat(join(root, key), { bigint: true });
      return stat.isFile() ? [{ key, sizeBytes: Number(stat.size), lastModifiedMs: lastModifiedMs(stat) }] : [];
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  });
  return found.flat();
}

/** Files looked at at a time. */
const statsMax = 32;
