import { type BigIntStats, closeSync, fstatSync, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Random } from '../../base/random.ts';
import type { Durability, LocalDirectories } from './local-directories.ts';
import {
  codeOf,
  etagContentBytesMax,
  etagOf,
  openAsync,
  openObject,
  readBytes,
  syncAsync,
  tempPathFor,
  writeBytes,
} from './local-files.ts';

/**
 * One version of a local object: written under a temporary name, given its name, found again. Names are given and taken by the
 * thread that asks: a turn of Node's threads takes longer, and a small object would need ten of them.
 */

/** A version that is whole and on disk. Disposing closes it and takes its temporary name away, if it still has it. */
export class TempFile implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  #hasName = true;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  stat(): BigIntStats {
    return fstatSync(this.#fd, { bigint: true });
  }

  /** Gives it this name instead of its own, whoever has it. */
  moveTo(path: string): void {
    renameSync(this.#path, path);
    this.#hasName = false;
  }

  /** Gives it this name besides its own, if the name is free. Throws only when the name was surely not given. */
  linkTo(path: string): LinkOutcome {
    try {
      linkSync(this.#path, path);
      return { status: 'made' };
    } catch (error) {
      return this.#afterLinkFailed(error);
    }
  }

  /** Over a network the answer of a link that was made can get lost; the second name tells. */
  #afterLinkFailed(error: unknown): LinkOutcome {
    let linkCount: bigint;
    try {
      linkCount = this.stat().nlink;
    } catch {
      return { status: 'unanswered', cause: error };
    }
    if (linkCount >= 2n) return { status: 'made' };
    if (codeOf(error) === 'EEXIST') return { status: 'taken' };
    throw error;
  }

  dropName(): void {
    unlinkSync(this.#path);
    this.#hasName = false;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (!this.#hasName) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // Listings take away what was left a day ago.
    }
  }
}

export type FoundVersion = {
  readonly stat: BigIntStats;
  readonly etag: string;
  /** Only of small objects, where the etag needs it. */
  readonly content: Uint8Array | undefined;
};

export type LinkOutcome =
  | { readonly status: 'made' | 'taken' }
  | { readonly status: 'unanswered'; readonly cause: unknown };

/** Writes new versions, whole and on disk, beside the place they are meant for. */
export class TempFiles {
  readonly #directories: LocalDirectories;
  readonly #durability: Durability;
  readonly #random: Random;

  constructor(parts: {
    readonly directories: LocalDirectories;
    readonly durability: Durability;
    readonly random: Random;
  }) {
    this.#directories = parts.directories;
    this.#durability = parts.durability;
    this.#random = parts.random;
  }

  async write(path: string, bytes: Uint8Array): Promise<TempFile> {
    const tempPath = tempPathFor(path, this.#random);
    const fd = await this.#create(tempPath);
    const temp = new TempFile(tempPath, fd);
    try {
      await writeBytes(fd, bytes);
      if (this.#durability === 'fsync') await syncAsync(fd);
      return temp;
    } catch (error) {
      temp[Symbol.dispose]();
      throw error;
    }
  }

  async #create(tempPath: string): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#directories.ensure(dirname(tempPath));
      try {
        return await openAsync(tempPath, 'wx');
      } catch (error) {
        // Somebody removed a folder that was there before.
        if (codeOf(error) !== 'ENOENT' || attempt === createAttemptsMax) throw error;
        this.#directories.forget();
      }
    }
  }
}

/** Times a folder may vanish under a write before it gives up. */
const createAttemptsMax = 3;

/** The version at a path; undefined when no object is there. */
export async function versionAt(path: string): Promise<FoundVersion | undefined> {
  const opened = await openObject(path);
  if (opened === undefined) return undefined;
  using file = opened;
  const size = Number(file.stat.size);
  const content = size <= etagContentBytesMax ? await readBytes(file.fd, 0, size) : undefined;
  return { stat: file.stat, etag: etagOf(file.stat, content), content };
}

/** @throws EISDIR when a folder has the name */
export function isTaken(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
  return found !== undefined;
}

export function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}
