/** A disk that really is full: a tmpfs of a few megabytes, mounted for a test. */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, rmdir, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const fillerChunkBytes = 64 * 1024;

export class SmallDisk implements AsyncDisposable {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws Error that says what is missing: a test of full disks must not pass without one */
  static async mount(sizeBytes: number): Promise<SmallDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'tidelake-small-disk-'));
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tidelake-test', folder]);
    } catch (error) {
      await rmdir(folder);
      throw new Error(
        'a small tmpfs cannot be mounted, and without one nothing shows what a full disk does. Run these tests as root ' +
          'with CAP_SYS_ADMIN (in Docker: --privileged), or in `unshare --user --map-root-user --mount`',
        { cause: error },
      );
    }
    return new SmallDisk(folder);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  /** Takes what is free but for `leaveBytes`; `release` of the result gives it back. */
  async fill(leaveBytes: number): Promise<{ readonly release: () => Promise<void> }> {
    const path = join(this.folder, '.filler');
    const file = await open(path, 'w');
    try {
      const chunk = new Uint8Array(fillerChunkBytes).fill(1);
      for (let free = await this.freeBytes(); free > leaveBytes; free = await this.freeBytes()) {
        await file.write(chunk, 0, Math.min(chunk.byteLength, free - leaveBytes));
      }
    } finally {
      await file.close();
    }
    return { release: () => rm(path, { force: true }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['--lazy', this.folder]);
    await rmdir(this.folder);
  }
}
