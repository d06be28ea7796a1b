/**
 * The files of one shard of a local log as they lie in its folder: head and segments, opened when needed and kept open.
 * Reads, makes and checks them; who may write is not decided here (ShardLock), nor what (log-shard-writer).
 */
import { fstatSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { logCorrupt, logNotFound } from '../log-errors.ts';
import { type Durability, makeDirectoryDurably, syncDirectory } from './local-directories.ts';
import { codeOf, tempPathFor } from './local-files.ts';
import {
  decodeHead,
  decodeSegmentHeader,
  encodeHead,
  encodeSegmentHeader,
  headerBytes,
  headFileName,
  type LogHead,
  type SegmentHeader,
  segmentFileName,
  segmentStartOf,
} from './log-layout.ts';

export type ShardFilesSettings = {
  readonly directory: string;
  /** For messages: `file:/data/log shard-000000`. */
  readonly where: string;
  readonly incarnation: string;
  readonly durability: Durability;
  readonly clock: Clock;
  readonly random: Random;
};

export type OpenSegment = { readonly path: string; readonly file: FileHandle; readonly header: SegmentHeader };

type SegmentEntry = {
  readonly opening: Promise<OpenSegment | undefined>;
  users: number;
  /** No longer in the map; whoever uses it last closes it. */
  dropped: boolean;
  closed: boolean;
};

/** Segments kept open; the one used longest ago is closed first. */
const segmentsOpenMax = 8;
/** A head is replaced within microseconds, so one that stays broken this often is broken. */
const headTriesMax = 100;
/** Tries before a reader gives the writer time by sleeping. */
const headTriesQuick = 10;

export class ShardFiles {
  readonly settings: ShardFilesSettings;
  readonly #head: FileHandle;
  readonly #headBytes = new Uint8Array(headerBytes);
  readonly #segments = new Map<number, SegmentEntry>();
  #starts: readonly number[] = [];

  constructor(settings: ShardFilesSettings, head: FileHandle) {
    this.settings = settings;
    this.#head = head;
  }

  /** Whether the folder was deleted since it was opened. */
  get isGone(): boolean {
    return fstatSync(this.#head.fd).nlink === 0;
  }

  /** @throws LakeError LAKE_LOG_NOT_FOUND when the log was deleted, LAKE_LOG_CORRUPT when the head is broken */
  async readHead(): Promise<LogHead> {
    const { where, incarnation, clock } = this.settings;
    if (this.isGone) throw logNotFound(where, 'the log was deleted; open it again');
    for (let attempt = 0; attempt < headTriesMax; attempt += 1) {
      const length = readSync(this.#head.fd, this.#headBytes, 0, headerBytes, 0);
      const head = decodeHead(this.#headBytes.subarray(0, length), incarnation);
      if (head !== undefined) return head;
      if (attempt >= headTriesQuick) await clock.sleep(1);
    }
    throw logCorrupt(`${where}/${headFileName}`, 'the head is broken, or belongs to another log');
  }

  /** Tells every reader that everything before `head.end` is durable. Only under the shard's lock. */
  writeHead(head: LogHead): void {
    const bytes = encodeHead(head, this.settings.incarnation);
    let written = 0;
    while (written < headerBytes) written += writeSync(this.#head.fd, bytes, written, headerBytes - written, written);
  }

  /** Whether bytes lie behind the head's end: an append under way, or left by a process that died. */
  async hasTail(): Promise<boolean> {
    const head = await this.readHead();
    const end = headerBytes + head.end - head.segmentStart;
    const size = await this.useSegment(head.segmentStart, async segment => fstatSync(segment.file.fd).size);
    return size !== end;
  }

  /** The first places of the kept segments, ascending; never empty. */
  async segmentStarts(head: LogHead): Promise<readonly number[]> {
    if (!this.#starts.includes(head.segmentStart)) await this.refreshSegments(head);
    return this.#starts;
  }

  /** Looks at the folder again, which retention may have thinned. */
  async refreshSegments(head: LogHead): Promise<readonly number[]> {
    const { directory, where } = this.settings;
    const starts = (await readdir(directory)).map(segmentStartOf).filter(start => start !== undefined);
    // A segment beyond the head was made by somebody who died before it was used.
    this.#starts = starts.filter(start => start <= head.segmentStart).toSorted((a, b) => a - b);
    if (!this.#starts.includes(head.segmentStart)) {
      throw logCorrupt(where, `the segment ${segmentFileName(head.segmentStart)} is missing`);
    }
    return this.#starts;
  }

  /**
   * Runs `action` with a segment, whose file stays open meanwhile.
   *
   * @returns undefined when there is no such segment (any more)
   */
  async useSegment<T>(start: number, action: (segment: OpenSegment) => Promise<T>): Promise<T | undefined> {
    const entry = this.#segments.get(start) ?? newEntry(this.#openSegment(start));
    // Put at the end: the order of the map is the order of use.
    this.#segments.delete(start);
    this.#segments.set(start, entry);
    entry.users += 1;
    try {
      const segment = await entry.opening;
      return segment === undefined ? undefined : await action(segment);
    } finally {
      entry.users -= 1;
      if (entry.dropped) await closeUnused(entry);
      await this.#dropSurplus();
    }
  }

  /** Makes the segment that begins at `header.start`, durably; one that is there already is taken as it is. */
  async makeSegment(header: SegmentHeader): Promise<void> {
    const { directory, incarnation } = this.settings;
    await this.#putIfAbsent(join(directory, segmentFileName(header.start)), encodeSegmentHeader(header, incarnation));
  }

  async removeSegment(start: number): Promise<void> {
    this.#starts = this.#starts.filter(each => each !== start);
    await unlink(join(this.settings.directory, segmentFileName(start)));
    await this.#drop(start);
  }

  async close(): Promise<void> {
    for (const start of [...this.#segments.keys()]) await this.#drop(start);
    await this.#head.close();
  }

  /** Forgets an open segment; its file is closed as soon as nobody uses it. */
  async #drop(start: number): Promise<void> {
    const entry = this.#segments.get(start);
    if (entry === undefined) return;
    this.#segments.delete(start);
    entry.dropped = true;
    await closeUnused(entry);
  }

  async #dropSurplus(): Promise<void> {
    for (const [start, entry] of this.#segments) {
      if (this.#segments.size <= segmentsOpenMax) return;
      if (entry.users === 0) await this.#drop(start);
    }
  }

  async #openSegment(start: number): Promise<OpenSegment | undefined> {
    const { directory, where, incarnation } = this.settings;
    const name = segmentFileName(start);
    const path = join(directory, name);
    const file = await openIfThere(path);
    if (file === undefined) return undefined;
    try {
      const bytes = new Uint8Array(headerBytes);
      const { bytesRead } = await file.read(bytes, 0, headerBytes, 0);
      const header = decodeSegmentHeader(bytes.subarray(0, bytesRead), incarnation, `${where}/${name}`);
      if (header.start !== start) throw logCorrupt(`${where}/${name}`, `the header says it begins at ${header.start}`);
      return { path, file, header };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #putIfAbsent(path: string, bytes: Uint8Array): Promise<void> {
    const { directory, durability, random } = this.settings;
    await putFileIfAbsent(path, bytes, { durability, random });
    if (durability === 'fsync') await syncDirectory(directory);
  }
}

function newEntry(opening: Promise<OpenSegment | undefined>): SegmentEntry {
  return { opening, users: 0, dropped: false, closed: false };
}

async function closeUnused(entry: SegmentEntry): Promise<void> {
  if (entry.users > 0 || entry.closed) return;
  entry.closed = true;
  await entry.opening.then(segment => segment?.file.close()).catch(() => undefined);
}

/** Opens the files of a shard; makes them, durably, when they are not there. */
export async function openShardFiles(settings: ShardFilesSettings): Promise<ShardFiles> {
  const { directory, durability, random, incarnation } = settings;
  const headPath = join(directory, headFileName);
  const existing = await openIfThere(headPath);
  if (existing !== undefined) return new ShardFiles(settings, existing);
  if (durability === 'fsync') await makeDirectoryDurably(directory);
  else await mkdir(directory, { recursive: true });
  const first = { start: 0, previousArrivalMs: 0 };
  await putFileIfAbsent(join(directory, segmentFileName(0)), encodeSegmentHeader(first, incarnation), settings);
  if (durability === 'fsync') await syncDirectory(directory);
  const head = encodeHead({ end: 0, segmentStart: 0, lastArrivalMs: 0 }, incarnation);
  await putFileIfAbsent(headPath, head, { durability, random });
  if (durability === 'fsync') await syncDirectory(directory);
  return new ShardFiles(settings, await openForAppendOrRead(headPath));
}

/** Whole or not at all, also for other processes: written beside, then linked to its name. */
export async function putFileIfAbsent(
  path: string,
  bytes: Uint8Array,
  options: { readonly durability: Durability; readonly random: Random },
): Promise<'created' | 'exists'> {
  const temporary = tempPathFor(path, options.random);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      if (options.durability === 'fsync') await file.sync();
    } finally {
      await file.close();
    }
    await link(temporary, path);
    return 'created';
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'exists';
    throw error;
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await openForAppendOrRead(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** For both where it may be written; a log on a read-only medium can still be read. */
async function openForAppendOrRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
    return await open(path, 'r');
  }
}
