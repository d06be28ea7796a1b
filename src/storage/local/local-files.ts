import { type BigIntStats, closeSync, constants, fstatSync, fsync, open, read, write, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { invalid, type LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { storeDenied, storeFull, storeUnavailable } from '../store-errors.ts';

/** How the local driver names, reads and tells apart files; and what the codes of the file system mean. */

/** The lock of put-if-match, in the root. Not an object. */
export const lockFileName = '.tidelake-lock';

/** Temporary files `.NAME.UUID.tmp`, which Paimon's readers skip too. */
const tempFilePattern = /^\..*\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.tmp$/s;

export function isTempFileName(name: string): boolean {
  return tempFilePattern.test(name);
}

/** A fresh name for a temporary file beside `path`. */
export function tempPathFor(path: string, random: Random): string {
  return join(dirname(path), `.${basename(path).slice(0, tempNameUnitsMax)}.${random.uuid()}.tmp`);
}

/** Part of an object's name that its temporary name repeats: file names end at 255 bytes, a unit has 3 at most. */
const tempNameUnitsMax = 60;

/** The folder above and the file itself of a key, which must have been checked. */
export function pathOfKey(root: string, key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (isTempFileName(name) || key === lockFileName) {
    throw invalid(
      'LAKE_BAD_KEY',
      `object key ${JSON.stringify(key)}: the name is reserved for files of the store itself`,
    );
  }
  return join(root, key);
}

/** Only opening, reading, much writing and syncing may wait for a disk. The rest takes less than a turn of Node's threads. */
export const openAsync: (path: string, flags: number | string) => Promise<number> = promisify(open);
export const syncAsync: (fd: number) => Promise<void> = promisify(fsync);
const readAsync = promisify(read);
const writeAsync = promisify(write);

/** So many bytes are copied to the system's memory sooner than a thread is woken for it. */
const writtenAtOnceMax = 65_536;

/** Writes all of it at the beginning of a new file. */
export async function writeBytes(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at;
    if (left <= writtenAtOnceMax) at += writeSync(fd, bytes, at, left, at);
    else at += (await writeAsync(fd, bytes, at, left, at)).bytesWritten;
  }
}

/** A plain file, to be disposed of. */
export type OpenedObject = Disposable & { readonly fd: number; readonly stat: BigIntStats };

/** Opens for reading without following a link out of the root; undefined when there is no plain file. */
export async function openObject(path: string): Promise<OpenedObject | undefined> {
  let fd: number;
  try {
    // Non-blocking, or a named pipe of that name would hold us for ever.
    fd = await openAsync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (stat.isFile()) return { fd, stat, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** Bytes [start, end) of an open file that is at least `end` long. */
export async function readBytes(fd: number, start: number, end: number): Promise<Uint8Array> {
  const length = end - start;
  const slab = Buffer.allocUnsafeSlow(length);
  const bytes = new Uint8Array(slab.buffer, slab.byteOffset, length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await readAsync(fd, bytes, filled, length - filled, start + filled);
    if (bytesRead === 0) throw new Error(`the file ended at ${start + filled} of ${end} bytes while it was read`);
    filled += bytesRead;
  }
  return bytes;
}

/**
 * The etag of a version: inode, time of writing and size; and for small objects a checksum, since the inode of a
 * version just replaced may be used again within one tick of the file system's clock.
 *
 * @param content the bytes of the object when it is at most `etagContentBytesMax` long
 */
export function etagOf(stat: BigIntStats, content: Uint8Array | undefined): string {
  const checksum = content !== undefined && content.byteLength <= etagContentBytesMax ? crc32(content) : 0;
  return `"${[stat.ino, stat.mtimeNs, stat.size, BigInt(checksum)].map(part => part.toString(36)).join('-')}"`;
}

/** Objects up to this size have their content in the etag. */
export const etagContentBytesMax = 65_536;

/** When the object came to be: ctime, since link(2) keeps the time of writing. */
export function lastModifiedMs(stat: BigIntStats): number {
  return Number(stat.ctimeNs / 1_000_000n);
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Nothing is at the path: no entry, a file where a folder should be, or a link that is not followed. */
export function isAbsent(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}

/** A failure of the file system in the words of the port; what is not of the file system comes back as it is. */
export function localFailure(where: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return failureByCode(where, code, error);
}

function failureByCode(where: string, code: string, error: unknown): LakeError {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return storeFull(where, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return storeDenied(where, error);
    case 'EEXIST':
    case 'EISDIR':
    case 'ENOTDIR':
    case 'ENOTEMPTY':
      return invalid('LAKE_BAD_KEY', `${where}: a folder and an object cannot have one name (${code})`, {
        cause: error,
      });
    case 'ENAMETOOLONG':
      return invalid('LAKE_BAD_KEY', `${where}: a name is too long for this file system`, { cause: error });
    default:
      return storeUnavailable(where, error);
  }
}
