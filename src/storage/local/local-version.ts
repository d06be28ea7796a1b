import type { BigIntStats } from 'node:fs';
import { type FileHandle, link, lstat, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Random } from '../../base/random.ts';
import type { Durability, LocalDirectories } from './local-directories.ts';
import { codeOf, etagContentBytesMax, etagOf, openObject, readBytes, tempPathFor } from './local-files.ts';

/** One version of a local object: written under a temporary name, given its name, found again. */

export type TempFile = AsyncDisposable & { readonly path: string; readonly file: FileHandle };
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

  /** Disposing takes the temporary name away, if the version still has it. */
  async write(path: string, bytes: Uint8Array): Promise<TempFile> {
    const tempPath = tempPathFor(path, this.#random);
    const file = await this.#create(tempPath);
    const temp = {
      path: tempPath,
      file,
      async [Symbol.asyncDispose](): Promise<void> {
        await file.close();
        await unlink(tempPath).catch(() => undefined);
      },
    };
    try {
      await file.writeFile(bytes);
      if (this.#durability === 'fsync') await file.sync();
      return temp;
    } catch (error) {
      await temp[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #create(tempPath: string): Promise<FileHandle> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#directories.ensure(dirname(tempPath));
      try {
        return await open(tempPath, 'wx');
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

/** Gives a version its name if the name is free. Throws only when the name was surely not given. */
export async function linkTemp(temp: TempFile, path: string): Promise<LinkOutcome> {
  try {
    await link(temp.path, path);
    return { status: 'made' };
  } catch (error) {
    // Over a network the answer of a link that was made can get lost; the second name tells.
    const nlink = await temp.file.stat().then(
      found => found.nlink,
      () => undefined,
    );
    if (nlink === undefined) return { status: 'unanswered', cause: error };
    if (nlink >= 2) return { status: 'made' };
    if (codeOf(error) === 'EEXIST') return { status: 'taken' };
    throw error;
  }
}

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
export async function isTaken(path: string): Promise<boolean> {
  try {
    const found = await lstat(path);
    if (found.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

export async function isFolder(path: string): Promise<boolean> {
  return await lstat(path).then(
    found => found.isDirectory(),
    () => false,
  );
}
