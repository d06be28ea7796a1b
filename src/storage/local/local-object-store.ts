/** The object store in a folder of this machine: files that appear whole under their names, by link(2). */
import type { BigIntStats } from 'node:fs';
import { lstat, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import type { Random } from '../../base/random.ts';
import { checkByteRange, checkObjectKey } from '../object-key.ts';
import type {
  ByteRange,
  GetOptions,
  ListOptions,
  ListPage,
  ObjectHead,
  ObjectStore,
  PutIfAbsentOutcome,
  PutIfMatchOutcome,
  PutReceipt,
  RequestOptions,
  StoredObject,
} from '../object-store.ts';
import { badStoreSettings, checkObjectSize, storeClosed, storeDenied, storeNotFound } from '../store-errors.ts';
import { probeLink } from './link-probe.ts';
import { type Durability, LocalDirectories, makeDirectoryDurably } from './local-directories.ts';
import {
  codeOf,
  etagOf,
  isAbsent,
  lastModifiedMs,
  localFailure,
  openObject,
  pathOfKey,
  readBytes,
} from './local-files.ts';
import { LocalListing, statKeys } from './local-listing.ts';
import { LocalLock } from './local-lock.ts';
import { openFileSystemTime, processTime, type StoreTime } from './local-time.ts';
import { isFolder, isTaken, type TempFile, TempFiles, versionAt } from './local-version.ts';
import { SharedOpens } from './shared-opens.ts';

export type LocalStoreSettings = {
  /** The folder. Made when it is not there, unless the store is only read. */
  readonly root: string;
  /** `none` is for tests and benchmarks: a power cut may undo what was acknowledged. */
  readonly durability?: Durability | undefined;
  /** With `read` nothing in the folder is touched, and its store time is this process's clock. */
  readonly access?: 'read-write' | 'read' | undefined;
};

export type LocalStoreComponents = { readonly clock: Clock; readonly random: Random };

/**
 * Opens a folder of this machine as an object store.
 *
 * @throws LakeError `invalid`: LAKE_STORE_NOT_FOUND, LAKE_STORE_DENIED, LAKE_BAD_SETTINGS when the root is not a folder,
 *   LAKE_STORE_NO_LINK when its file system has no working link(2)
 */
export async function openLocalObjectStore(
  settings: LocalStoreSettings,
  components: LocalStoreComponents,
): Promise<ObjectStore> {
  const root = resolve(settings.root);
  const readOnly = settings.access === 'read';
  try {
    if (!readOnly) await makeDirectoryDurably(root);
    if (!(await stat(root)).isDirectory()) throw badStoreSettings(`file:${root}: is not a folder`);
    if (!readOnly) await probeLink(root, components.random);
    const time = readOnly ? processTime(components.clock) : await openFileSystemTime(root, components.random);
    return new LocalObjectStore({ root, readOnly, durability: settings.durability ?? 'fsync', time }, components);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw storeNotFound(`file:${root}`, 'the folder', error);
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR') {
      throw badStoreSettings(`file:${root}: is not a folder`, error);
    }
    throw localFailure(`file:${root}`, error);
  }
}

type OpenStore = {
  readonly root: string;
  readonly readOnly: boolean;
  readonly durability: Durability;
  readonly time: StoreTime;
};

/**
 * Objects as files of a folder, a key's segments being folders and the file. Every version is a temporary file first,
 * whole and on disk, that then gets its name in one step: by link(2), which fails when the name is taken, or by
 * rename(2). So nobody ever sees half an object, and link(2) decides who creates it. Nothing falls back to O_EXCL on
 * the name itself, whose losers can read the winner's half-written bytes.
 *
 * Folders stay when they get empty: removing them would race with those who are about to put something into them.
 */
class LocalObjectStore implements ObjectStore {
  readonly uri: string;
  readonly requestsAreFree = true;
  readonly #root: string;
  readonly #readOnly: boolean;
  readonly #time: StoreTime;
  readonly #temps: TempFiles;
  readonly #directories: LocalDirectories;
  readonly #lock: LocalLock;
  readonly #operations = new Semaphore(operationsMax);
  readonly #opens = new SharedOpens();
  #closed = false;

  constructor(store: OpenStore, components: LocalStoreComponents) {
    this.uri = `file:${store.root}`;
    this.#root = store.root;
    this.#readOnly = store.readOnly;
    this.#time = store.time;
    this.#directories = new LocalDirectories(store.root, store.durability);
    this.#temps = new TempFiles({ ...store, random: components.random, directories: this.#directories });
    this.#lock = new LocalLock(store.root, components);
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    return await this.#operate(key, options, async path => {
      const opened = await openObject(path);
      if (opened === undefined) return undefined;
      using file = opened;
      checkObjectSize(`${this.uri}/${key}`, Number(file.stat.size), options?.bytesMax);
      const bytes = await readBytes(file.fd, 0, Number(file.stat.size));
      return { ...(await this.#headOf(file.stat, bytes)), bytes };
    });
  }

  async getRange(key: string, range: ByteRange, options?: RequestOptions): Promise<Uint8Array | undefined> {
    return await this.#operate(key, options, async path => {
      checkByteRange(key, range);
      const opened = await this.#opens.open(path);
      if (opened === undefined) return undefined;
      using file = opened;
      const end = Math.min(range.end, Number(file.stat.size));
      return end <= range.start ? new Uint8Array() : await readBytes(file.fd, range.start, end);
    });
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined> {
    return await this.#operate(key, options, async path => {
      const found = await versionAt(path);
      return found === undefined ? undefined : await this.#headOf(found.stat, found.content);
    });
  }

  async put(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutReceipt> {
    return await this.#write(key, options, async path => {
      using temp = await this.#temps.write(path, bytes);
      options?.signal?.throwIfAborted();
      temp.moveTo(path);
      return await this.#receipt(path, temp, bytes);
    });
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutIfAbsentOutcome> {
    return await this.#write(key, options, async path => {
      if (isTaken(path)) return { status: 'exists', storeTimeMs: await this.#time.nowMs() };
      using temp = await this.#temps.write(path, bytes);
      options?.signal?.throwIfAborted();
      const linked = temp.linkTo(path);
      if (linked.status === 'taken') {
        isTaken(path);
        return { status: 'exists', storeTimeMs: await this.#time.nowMs() };
      }
      if (linked.status === 'unanswered') return linked;
      try {
        // Before the receipt, since taking the name away touches the file's ctime.
        temp.dropName();
        return { status: 'created', ...(await this.#receipt(path, temp, bytes)) };
      } catch (cause) {
        return { status: 'unanswered', cause };
      }
    });
  }

  async putIfMatch(key: string, bytes: Uint8Array, etag: string, options?: RequestOptions): Promise<PutIfMatchOutcome> {
    return await this.#write(key, options, async path => {
      if ((await versionAt(path))?.etag !== etag) return await this.#mismatch();
      using temp = await this.#temps.write(path, bytes);
      const replaced = await this.#lock.use(async () => {
        if ((await versionAt(path))?.etag !== etag) return false;
        temp.moveTo(path);
        return true;
      }, options?.signal);
      if (!replaced) return await this.#mismatch();
      try {
        return { status: 'replaced', ...(await this.#receipt(path, temp, bytes)) };
      } catch (cause) {
        return { status: 'unanswered', cause };
      }
    });
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    await this.#write(key, options, async path => {
      try {
        await unlink(path);
      } catch (error) {
        // A folder of that name is not an object; unlink says so in the words of the system.
        if (isAbsent(error) || isFolder(path)) return;
        throw error;
      }
      await this.#directories.sync(dirname(path));
    });
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
    const pageKeysMax = options?.pageKeysMax ?? pageKeysDefault;
    const tempPaths: string[] = [];
    const listing = new LocalListing({
      root: this.#root,
      prefix,
      startAfter: options?.startAfter,
      onTempFile: path => tempPaths.push(path),
    });
    for (;;) {
      options?.signal?.throwIfAborted();
      if (this.#closed) throw storeClosed(this.uri);
      const page = await this.#operations.use(async () => {
        try {
          const keys = await listing.nextKeys(pageKeysMax);
          const objects = await statKeys(this.#root, keys);
          const storeTimeMs = await this.#time.nowMs();
          await this.#removeAbandoned(tempPaths.splice(0), storeTimeMs);
          return { objects, storeTimeMs, more: keys.length === pageKeysMax };
        } catch (error) {
          throw localFailure(`${this.uri}/${prefix}`, error);
        }
      });
      yield { objects: page.objects, storeTimeMs: page.storeTimeMs };
      if (!page.more) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#time[Symbol.asyncDispose]();
    await this.#lock[Symbol.asyncDispose]();
  }

  /** Runs one operation on a key: checks, the bound on how many run at a time, failures in the port's words. */
  async #operate<T>(
    key: string,
    options: RequestOptions | undefined,
    action: (path: string) => Promise<T>,
  ): Promise<T> {
    checkObjectKey(key);
    const path = pathOfKey(this.#root, key);
    return await this.#operations.use(async () => {
      options?.signal?.throwIfAborted();
      if (this.#closed) throw storeClosed(this.uri);
      try {
        return await action(path);
      } catch (error) {
        throw localFailure(`${this.uri}/${key}`, error);
      }
    });
  }

  async #write<T>(key: string, options: RequestOptions | undefined, action: (path: string) => Promise<T>): Promise<T> {
    return await this.#operate(key, options, async path => {
      if (this.#readOnly) throw storeDenied(`${this.uri}/${key}`, 'the store was opened for reading only');
      return await action(path);
    });
  }

  /** Makes the new name durable. */
  async #receipt(path: string, temp: TempFile, bytes: Uint8Array): Promise<PutReceipt> {
    const made = temp.stat();
    await this.#directories.sync(dirname(path));
    return { etag: etagOf(made, bytes), storeTimeMs: lastModifiedMs(made) };
  }

  async #headOf(found: BigIntStats, content: Uint8Array | undefined): Promise<ObjectHead> {
    return {
      sizeBytes: Number(found.size),
      etag: etagOf(found, content),
      lastModifiedMs: lastModifiedMs(found),
      storeTimeMs: await this.#time.nowMs(),
    };
  }

  async #mismatch(): Promise<PutIfMatchOutcome> {
    return { status: 'mismatch', storeTimeMs: await this.#time.nowMs() };
  }

  /**
   * Removes temporary files that a crash left a day ago. One with a second name stays: removing it would make the
   * object under the other name look as if it had come to be now.
   */
  async #removeAbandoned(tempPaths: readonly string[], storeTimeMs: number): Promise<void> {
    if (this.#readOnly) return;
    for (const path of tempPaths) {
      const found = await lstat(path, { bigint: true }).catch(() => undefined);
      if (found === undefined || found.nlink > 1n || storeTimeMs - lastModifiedMs(found) < abandonedAgeMs) continue;
      await unlink(path).catch(() => undefined);
    }
  }
}

/** Operations at a time, and so about as many open files; more only wait for Node's few file system threads. */
const operationsMax = 64;
/** Keys a page unless the caller says otherwise. */
const pageKeysDefault = 1000;
/** No write takes this long; and if one did, its link or rename would fail and nothing be harmed. */
const abandonedAgeMs = 24 * 3_600_000;
