import { fstatSync, futimesSync } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { lastModifiedMs, tempPathFor } from './local-files.ts';

/** Tells the time of a store. */
export type StoreTime = AsyncDisposable & { nowMs(): Promise<number> };

/**
 * The clock of a file system: the ctime it gives to a file that is touched now. The file has no name any more, so a
 * crash leaves nothing behind.
 */
export async function openFileSystemTime(root: string, random: Random): Promise<StoreTime> {
  const path = tempPathFor(join(root, 'clock'), random);
  const file = await open(path, 'wx');
  try {
    await unlink(path);
  } catch (error) {
    await file.close();
    throw error;
  }
  return fileTime(file);
}

/** For stores that are only read: nothing may be touched, and nothing whose age matters is written. */
export function processTime(clock: Clock): StoreTime {
  return { nowMs: async () => clock.nowMs(), [Symbol.asyncDispose]: async () => {} };
}

function fileTime(file: FileHandle): StoreTime {
  let closed: Promise<void> | undefined;
  return {
    async nowMs() {
      // Which times are set does not matter: setting any makes the file system note when. A few microseconds in memory,
      // where a turn of Node's threads for each would be most of what a small read takes.
      if (closed !== undefined) throw Object.assign(new Error('the store is closed'), { code: 'EBADF' });
      futimesSync(file.fd, 0, 0);
      return lastModifiedMs(fstatSync(file.fd, { bigint: true }));
    },
    [Symbol.asyncDispose]: () => (closed ??= file.close()),
  };
}
