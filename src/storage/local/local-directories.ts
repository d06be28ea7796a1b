import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncAsync } from './local-files.ts';

/** Whether a call returns only when the disk has it (`fsync`), or as soon as the operating system has it (`none`). */
export type Durability = 'fsync' | 'none';

/**
 * The folders of a local store: makes them when needed and sees to it that their entries are on disk before anything in
 * them is called durable. A folder made by another process counts as durable only once this process has synced the
 * folder above it too, since the other may not have got that far.
 */
export class LocalDirectories {
  readonly #root: string;
  readonly #durability: Durability;
  readonly #ready = new Set<string>();
  /** Folders with a sync running. */
  readonly #syncs = new Map<string, DirectorySync>();

  /** @param root an existing folder whose own entry is durable */
  constructor(root: string, durability: Durability) {
    this.#root = root;
    this.#durability = durability;
    this.#ready.add(root);
  }

  /** Makes the folder with those above it, durably. `directory` is the root or below it. */
  async ensure(directory: string): Promise<void> {
    if (this.#ready.has(directory)) return;
    await mkdir(directory, { recursive: true });
    const unsynced: string[] = [];
    for (let at = directory; at !== this.#root && !this.#ready.has(at); at = dirname(at)) unsynced.push(at);
    for (const each of unsynced.toReversed()) {
      await this.sync(dirname(each));
      if (this.#ready.size >= readyCountMax) this.#ready.clear();
      this.#ready.add(each);
    }
  }

  /** After someone removed folders: they are made and synced anew when next needed. */
  forget(): void {
    this.#ready.clear();
    this.#ready.add(this.#root);
  }

  /** Puts the entries of a folder on disk, all that were made before the call; calls that wait share one sync. */
  async sync(directory: string): Promise<void> {
    if (this.#durability === 'none') return;
    const current = this.#syncs.get(directory);
    if (current === undefined) return await this.#startSync(directory);
    // The one that runs may have begun before our entry was made.
    current.next ??= current.running.catch(() => undefined).then(() => this.#startSync(directory));
    await current.next;
  }

  async #startSync(directory: string): Promise<void> {
    const sync: DirectorySync = { running: syncDirectory(directory), next: undefined };
    this.#syncs.set(directory, sync);
    try {
      await sync.running;
    } finally {
      if (this.#syncs.get(directory) === sync && sync.next === undefined) this.#syncs.delete(directory);
    }
  }
}

type DirectorySync = { readonly running: Promise<void>; next: Promise<void> | undefined };

/** Folders remembered as durable; above it all are looked at again, which costs a sync each. */
const readyCountMax = 20_000;

/** Makes a folder with those above it; every entry made is on disk afterwards. */
export async function makeDirectoryDurably(directory: string): Promise<void> {
  const firstMade = await mkdir(directory, { recursive: true });
  if (firstMade === undefined) return;
  for (let at = directory; ; at = dirname(at)) {
    await syncDirectory(dirname(at));
    if (at === firstMade || at === dirname(at)) return;
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  // A folder that exists is in memory: opening it takes less than a turn of Node's threads.
  const fd = openSync(directory, 'r');
  try {
    await syncAsync(fd);
  } finally {
    closeSync(fd);
  }
}
