/**
 * Appending to one shard of a local log.
 *
 * Calls gather while a group is being written and go together in the next one: one write, one fsync. A group is written
 * under the shard's lock, in this order: frames behind the head's end, fdatasync, then the head. So
 * - readers, who stop at the head's end, see durable records only: a position once read never comes to mean another
 *   record, not even after a power cut;
 * - whatever lies behind the head's end when the lock is taken was left by a process that died before it could tell
 *   anybody: whole records are made durable and kept (their appender may have been about to say so), and the shard is
 *   cut behind the last of them;
 * - a record before the head's end that is not whole is not torn but broken, and is never cut off.
 * A failed write or fsync is undone by cutting the file back to the head's end before the lock is given up.
 */
import { fstatSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { assert, present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { AppendSignal } from '../append-signal.ts';
import { type GatheredCall, GatheredCalls } from '../gathered-calls.ts';
import { logCorrupt } from '../log-errors.ts';
import { readBytes } from './local-files.ts';
import { localLogFailure } from './log-failure.ts';
import { encodeFrames, frameBytesOf, readFrame } from './log-frame.ts';
import { headerBytes, type LogHead, segmentFileName } from './log-layout.ts';
import type { ShardLock } from './log-lock.ts';
import type { OpenSegment, ShardFiles } from './log-shard-files.ts';

export type ShardWriterSettings = {
  readonly files: ShardFiles;
  readonly lock: ShardLock;
  readonly clock: Clock;
  readonly appended: AppendSignal;
  readonly segmentBytesMax: number;
  readonly retentionMs: number | undefined;
};

/** Of all records of one call for this shard: they share their fate. */
export type ShardAppendOutcome =
  | { readonly status: 'appended'; readonly positions: readonly number[] }
  | { readonly status: 'failed' | 'unanswered'; readonly cause: unknown };

type Call = GatheredCall<ShardAppendOutcome>;

/** Of the frames of a group. */
const groupBytesMax = 16 << 20;
/** Opening a log does not wait long for one who appends: he recovers it himself. */
const recoverWaitMsMax = 1_000;

export class ShardWriter {
  readonly #settings: ShardWriterSettings;
  readonly #calls: GatheredCalls<ShardAppendOutcome>;

  constructor(settings: ShardWriterSettings) {
    this.#settings = settings;
    this.#calls = new GatheredCalls({
      where: settings.files.settings.where,
      bytesMax: groupBytesMax,
      recordsMax: Number.POSITIVE_INFINITY,
      appendNext: () => this.#writeGroup(),
    });
  }

  /** Rejects only when the signal aborts; a call that is being written by then may be appended all the same. */
  async append(records: readonly Uint8Array[], signal?: AbortSignal): Promise<ShardAppendOutcome> {
    const bytes = records.reduce((sum, data) => sum + frameBytesOf(data.byteLength), 0);
    return await this.#calls.append(records, bytes, signal);
  }

  /** Keeps whole records that a dead process left, cuts off a torn one, and drops what retention has passed. */
  async recover(): Promise<void> {
    const { files, lock } = this.#settings;
    assert(!this.#calls.isRunning, 'a shard is recovered before it is written');
    await lock.acquire(recoverWaitMsMax);
    try {
      const head = await files.readHead();
      await this.#withActive(head, segment => this.#recoverTail(head, segment));
      await this.#dropExpired(await files.readHead());
    } finally {
      lock.release();
    }
  }

  /** Writes what was accepted, then lets go of the files. */
  async close(): Promise<void> {
    await this.#calls.close();
    this.#settings.lock.close();
  }

  async #writeGroup(): Promise<void> {
    const { files, lock, appended } = this.#settings;
    let group: readonly Call[] = [];
    try {
      await lock.acquire();
      try {
        group = this.#calls.take();
        if (group.length > 0) await this.#writeLocked(group);
      } finally {
        lock.release();
      }
    } catch (error) {
      // Nothing of the group was written, or it has been cut off again; without the lock nobody could be served.
      const failed = group.length > 0 ? group : this.#calls.takeAll();
      const cause = localLogFailure(files.settings.where, error);
      for (const call of failed) call.settle({ status: 'failed', cause });
    }
    appended.notify();
  }

  /** Settles every call of the group; throws only while nothing of it is written. */
  async #writeLocked(group: readonly Call[]): Promise<void> {
    const { files, clock, segmentBytesMax } = this.#settings;
    const found = await files.readHead();
    let head = await this.#withActive(found, segment => this.#recoverTail(found, segment));
    if (head.end - head.segmentStart >= segmentBytesMax) head = await this.#roll(head);
    const arrivalMs = Math.max(Math.floor(clock.nowMs()), head.lastArrivalMs);
    const records = group.flatMap(call => call.records);
    const { bytes, positions } = encodeFrames(records, { start: head.end, arrivalMs });
    const written = { ...head, end: head.end + bytes.byteLength, lastArrivalMs: arrivalMs };
    const failure = await this.#withActive(head, segment => this.#writeDurably(segment, bytes, written));
    let taken = 0;
    for (const call of group) {
      if (failure !== undefined) call.settle(failure);
      else call.settle({ status: 'appended', positions: positions.slice(taken, taken + call.records.length) });
      taken += call.records.length;
    }
  }

  /** @param head how the shard ends once the bytes are there */
  async #writeDurably(segment: OpenSegment, bytes: Uint8Array, head: LogHead): Promise<ShardAppendOutcome | undefined> {
    const offset = headerBytes + head.end - bytes.byteLength - segment.header.start;
    try {
      await writeFully(segment.file, bytes, offset);
      await this.#sync(segment.file);
    } catch (error) {
      return { status: await cutBack(segment.file, offset), cause: localLogFailure(segment.path, error) };
    }
    try {
      this.#settings.files.writeHead(head);
      return undefined;
    } catch (error) {
      // Readers may have seen the head, and the next appender keeps the records in any case.
      return { status: 'unanswered', cause: localLogFailure(segment.path, error) };
    }
  }

  async #withActive<T>(head: LogHead, action: (segment: OpenSegment) => Promise<T>): Promise<T> {
    const { files } = this.#settings;
    const wrapped = await files.useSegment(head.segmentStart, async segment => ({ result: await action(segment) }));
    if (wrapped !== undefined) return wrapped.result;
    throw logCorrupt(files.settings.where, `the segment ${segmentFileName(head.segmentStart)} is missing`);
  }

  async #recoverTail(head: LogHead, segment: OpenSegment): Promise<LogHead> {
    const { files } = this.#settings;
    const bytesBehind = fstatSync(segment.file.fd).size - (headerBytes + head.end - head.segmentStart);
    if (bytesBehind === 0) return head;
    if (bytesBehind < 0) throw logCorrupt(segment.path, `${-bytesBehind} bytes are missing at its end`);
    const offset = headerBytes + head.end - head.segmentStart;
    const kept = wholeRecords(await readBytes(segment.file.fd, offset, offset + bytesBehind), head);
    await segment.file.truncate(headerBytes + kept.end - head.segmentStart);
    await this.#sync(segment.file);
    files.writeHead(kept);
    this.#settings.appended.notify();
    return kept;
  }

  /** Begins another segment at the end. Its file is durable before the head names it. */
  async #roll(head: LogHead): Promise<LogHead> {
    const { files } = this.#settings;
    await files.makeSegment({ start: head.end, previousArrivalMs: head.lastArrivalMs });
    const rolled = { ...head, segmentStart: head.end };
    await this.#withActive(rolled, async segment => {
      // One that somebody made before dying may hold records that nobody was told of.
      await segment.file.truncate(headerBytes);
      await this.#sync(segment.file);
    });
    files.writeHead(rolled);
    await this.#dropExpired(rolled);
    return rolled;
  }

  /** Removes whole segments whose last record is older than the retention; never the one being written. */
  async #dropExpired(head: LogHead): Promise<void> {
    const { files, clock, retentionMs } = this.#settings;
    if (retentionMs === undefined) return;
    const starts = await files.refreshSegments(head);
    for (const [index, start] of starts.slice(0, -1).entries()) {
      const following = present(starts[index + 1], 'the segment behind');
      const lastArrivalMs = await files.useSegment(following, async segment => segment.header.previousArrivalMs);
      if (lastArrivalMs === undefined || lastArrivalMs >= clock.nowMs() - retentionMs) return;
      await files.removeSegment(start);
    }
  }

  async #sync(file: FileHandle): Promise<void> {
    if (this.#settings.files.settings.durability === 'fsync') await file.datasync();
  }
}

/** The head behind the whole records that a tail begins with. */
function wholeRecords(tail: Uint8Array, head: LogHead): LogHead {
  let kept = head;
  while (kept.end - head.end < tail.byteLength) {
    const read = readFrame(tail, kept.end - head.end, head.end);
    if (read.kind !== 'record') break;
    const lastArrivalMs = Math.max(kept.lastArrivalMs, read.record.arrivalMs);
    kept = { ...kept, end: Number(read.record.position), lastArrivalMs };
  }
  return kept;
}

async function writeFully(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, written, bytes.byteLength - written, offset + written);
    written += bytesWritten;
  }
}

/** After a failed write: nothing was appended if the file can be cut back; else nobody knows. */
async function cutBack(file: FileHandle, offset: number): Promise<'failed' | 'unanswered'> {
  try {
    await file.truncate(offset);
    return 'failed';
  } catch {
    return 'unanswered';
  }
}
