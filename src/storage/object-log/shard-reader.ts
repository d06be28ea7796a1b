/**
 * Reading one shard: the next batch has the next number, so following a shard takes one GET a batch and one that finds
 * nothing at the tip. Who has found one asks for the number behind the next beside it, so that both take one round trip; who
 * goes on finding them is behind, and asks for more at once.
 *
 * A number that is not there is the tip, or was removed by retention. Who was at the tip, or read the batch before it, less
 * than half the retention ago needs not ask; others look where retention has come to, and which batch is the newest. So they do
 * when there is one: it may be that of an appender who stood still, and puts it where one was removed.
 */
import { unreachable } from '../../base/assert.ts';
import type { LakeError } from '../../base/errors.ts';
import { badPosition, logCorrupt, logUnavailable } from '../log-errors.ts';
import type { LogReadOptions, LogReadResult, LogRecordEnvelope, LogStart } from '../log-store.ts';
import type { Batch } from './batch-codec.ts';
import type { LogClock } from './log-clock.ts';
import { type FirstKept, placeOf, positionBehind, positionOf } from './log-objects.ts';
import type { ShardObjects } from './shard-objects.ts';

export type ShardReaderParts = { readonly logClock: LogClock; readonly retentionMs: number | undefined };

const readRecordsMaxDefault = 10_000;
const readBytesMaxDefault = 4 << 20;
/** Batches asked for at one time. */
const aheadMax = 16;
/** Two to the power of it are more than that. */
const hitsMax = 5;
/** Times of which it is remembered how far everything was older. */
const timesMax = 64;
/** Without a retention: how long it is believed that a number that is not there is the tip. */
const looksAnewMs = 24 * 3_600_000;
/** Looks at a shard whose batches retention is just removing. */
const looksMax = 10;

/** Where records are to be given from: from place `place` of batch `number` on. */
type Place = { readonly number: number; readonly place: number };
type Found = Place & { readonly gap: boolean };
type Limits = { readonly recordsMax: number; readonly bytesMax: number };
type Taken = {
  readonly records: readonly LogRecordEnvelope[];
  /** The batch that was not there, or was a seal, or was not asked for any more. */
  readonly end: 'absent' | 'sealed' | 'limit';
  /** Number of the last batch that was seen, `from.number - 1` if none. */
  readonly number: number;
};

export class ShardReader {
  readonly #objects: ShardObjects;
  readonly #parts: ShardReaderParts;
  /** Batches that are read and not yet given. */
  readonly #ahead = new Map<number, Batch>();
  /** Requests, one after the other, in which every number asked for was there. */
  #hits = 0;
  /** The last look found something and came to the tip: what there is when it looks again may be one batch. */
  #isFollowing = false;
  /** Records of the last batch that was given whole: a position is known to be its last. */
  #given: { readonly number: number; readonly recordCount: number; readonly arrivalMs: number } | undefined;
  /** About what the last batches had in records. */
  #batchBytes = 0;
  /** A number that there is or was. */
  #highest = 0;
  readonly #olderThan = new Map<number, number>();

  constructor(objects: ShardObjects, parts: ShardReaderParts) {
    this.#objects = objects;
    this.#parts = parts;
  }

  async read(from: LogStart, options: LogReadOptions | undefined): Promise<LogReadResult> {
    const limits = {
      recordsMax: options?.recordsMax ?? readRecordsMaxDefault,
      bytesMax: options?.bytesMax ?? readBytesMaxDefault,
    };
    const signal = options?.signal;
    const beganMs = this.#parts.logClock.ownMs();
    if (from.kind === 'latest') return await this.#pinned(signal);
    let found = await this.#find(from, signal);
    let gap = found.gap;
    let taken: Taken;
    for (let look = 0; ; look += 1) {
      // Before the look, which goes on to later batches.
      const evidenceMs = this.#evidenceMs(from, found.number);
      taken = await this.#take(found, from, limits, signal);
      const isNothing = taken.records.length === 0 && taken.end === 'absent';
      const other = isNothing
        ? await this.#insteadOfNone(from, taken.number + 1, signal)
        : await this.#insteadOfStray(from, found.number, evidenceMs, signal);
      if (other === undefined) break;
      if (look === looksMax) throw removedTooFast(this.#objects.where);
      gap ||= other.gap;
      found = other;
    }
    const isEnd = taken.end !== 'limit';
    return {
      records: taken.records,
      next: this.#next(from, taken, this.#parts.logClock.at(beganMs)),
      atTip: isEnd,
      ended: taken.end === 'sealed',
      gap,
      behindMs: isEnd ? 0 : undefined,
    };
  }

  async #pinned(signal: AbortSignal | undefined): Promise<LogReadResult> {
    const tipMs = this.#parts.logClock.nowMs();
    const number = await this.#objects.newest(signal);
    const seal = number > 0 && (await this.#objects.head(number, signal))?.kind === 'seal' ? 1 : 0;
    this.#highest = Math.max(this.#highest, number);
    const next: LogStart = { kind: 'after', position: positionBehind(number - seal), tipMs };
    return { records: [], next, atTip: true, ended: seal === 1, gap: false, behindMs: 0 };
  }

  /** @param tipMs before the look that found no more, however long its answer took */
  #next(from: LogStart, { records, end, number }: Taken, tipMs: number): LogStart {
    const last = records.at(-1);
    if (last !== undefined) {
      return { kind: 'after', position: last.position, ...(end === 'limit' ? {} : { tipMs }) };
    }
    if (from.kind === 'after') return { ...from, tipMs };
    // Of a time only those that are older have been passed over, and what comes may be older still.
    if (from.kind === 'timestamp') {
      this.#remember(from.arrivalMs, number);
      return from;
    }
    return { kind: 'after', position: positionBehind(number), tipMs };
  }

  async #find(from: Exclude<LogStart, { kind: 'latest' }>, signal: AbortSignal | undefined): Promise<Found> {
    switch (from.kind) {
      case 'earliest':
        return { number: (await this.#first(signal)).number, place: 0, gap: false };
      case 'after':
        return { ...(await this.#placeAfter(from, signal)), gap: false };
      case 'timestamp':
        return await this.#findTime(from.arrivalMs, signal);
      default:
        return unreachable(from);
    }
  }

  /** @throws LakeError `invalid` LAKE_LOG_POSITION */
  async #placeAfter(
    { position, tipMs }: Extract<LogStart, { kind: 'after' }>,
    signal: AbortSignal | undefined,
  ): Promise<Place> {
    const at = placeOf(position);
    if (at === undefined) throw badPosition(this.#objects.where, position, 'is none of such a log');
    const { number, place } = at;
    if (place === 'behind') {
      if (number > this.#highest) await this.#checkGiven(position, number, signal);
      return { number: number + 1, place: 0 };
    }
    let recordCount = this.#given?.number === number ? this.#given.recordCount : undefined;
    if (recordCount === undefined) {
      const batch = this.#ahead.get(number) ?? (await this.#objects.batch(number, signal));
      if (batch === undefined) {
        await this.#checkGiven(position, number, signal);
        // It was removed. A batch comes whole, so who was ever at the tip behind it misses nothing of it.
        return tipMs === undefined ? { number, place: place + 1 } : { number: number + 1, place: 0 };
      }
      this.#keep(batch);
      recordCount = batch.records.length;
    }
    if (place >= recordCount)
      throw badPosition(this.#objects.where, position, `was never given, batch ${number} has ${recordCount} records`);
    return place + 1 === recordCount ? { number: number + 1, place: 0 } : { number, place: place + 1 };
  }

  async #checkGiven(position: bigint, number: number, signal: AbortSignal | undefined): Promise<void> {
    this.#highest = Math.max(this.#highest, await this.#objects.newest(signal));
    if (number > this.#highest)
      throw badPosition(this.#objects.where, position, `was never given, the shard ends with batch ${this.#highest}`);
  }

  /**
   * Where to go on instead when a number is not there: undefined at the tip, else the first batch that is kept, or the one
   * of this number, which has just come.
   *
   * @throws LakeError `corrupt` LAKE_LOG_CORRUPT when there are batches behind it that retention has not come to
   */
  async #insteadOfNone(from: LogStart, number: number, signal: AbortSignal | undefined): Promise<Found | undefined> {
    if (this.#isFresh(this.#evidenceMs(from, number))) return undefined;
    const newest = await this.#objects.newest(signal);
    if (newest < number) return undefined;
    if ((await this.#objects.head(number, signal)) !== undefined) return { number, place: 0, gap: false };
    const first = await this.#first(signal);
    if (first.number <= number) {
      throw logCorrupt(this.#objects.where, `batch ${number} is missing, while there is a batch ${newest}`);
    }
    return { number: first.number, place: 0, gap: isGap(from, first) };
  }

  /**
   * Where to go on instead of batches that were found from a number on, when retention has passed it: what lies there may have
   * been put by an appender that stood still, and is taken back (`whereItLies`). Asked for after they were read, since what
   * is removed is written down before it goes.
   */
  async #insteadOfStray(
    from: LogStart,
    number: number,
    evidenceMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Found | undefined> {
    if (this.#isFresh(evidenceMs)) return undefined;
    const first = await this.#first(signal);
    if (first.number <= number) return undefined;
    this.#ahead.clear();
    this.#given = undefined;
    return { number: first.number, place: 0, gap: isGap(from, first) };
  }

  /** A time of the log at which no batch of this number had been removed: there was none yet, or the one before had just come. */
  #evidenceMs(from: LogStart, number: number): number {
    const tipMs = from.kind === 'after' ? (from.tipMs ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY;
    const givenMs = this.#given?.number === number - 1 ? this.#given.arrivalMs : Number.NEGATIVE_INFINITY;
    return Math.max(tipMs, givenMs);
  }

  /** Whether that still holds. */
  #isFresh(evidenceMs: number): boolean {
    const { retentionMs, logClock } = this.#parts;
    // Half: the machines that say what is old and when somebody looked have clocks of their own.
    const trustedMs = retentionMs === undefined ? looksAnewMs : retentionMs / 2;
    return logClock.latestMs() - evidenceMs < trustedMs;
  }

  async #first(signal: AbortSignal | undefined): Promise<FirstKept> {
    // Nothing is ever removed from a log without a retention.
    return this.#parts.retentionMs === undefined
      ? { number: 1, previousArrivalMs: 0 }
      : await this.#objects.firstKept(signal);
  }

  async #take(
    { number, place }: Place,
    from: LogStart,
    limits: Limits,
    signal: AbortSignal | undefined,
  ): Promise<Taken> {
    const arrivalMsMin = from.kind === 'timestamp' ? from.arrivalMs : Number.NEGATIVE_INFINITY;
    const records: LogRecordEnvelope[] = [];
    let bytes = 0;
    let skip = place;
    let absent: number | undefined;
    for (let at = number; ; at += 1) {
      const looked = await this.#batch(at, limits, signal);
      const { batch } = looked;
      absent = looked.absent ?? absent;
      if (batch === undefined) return { records, end: 'absent', number: at - 1 };
      if (batch.head.kind === 'seal') return { records, end: 'sealed', number: at - 1 };
      const { arrivalMs } = batch.head;
      if (arrivalMs >= arrivalMsMin) {
        for (const [index, data] of batch.records.entries()) {
          if (index < skip) continue;
          bytes += data.byteLength;
          const isFull = records.length >= limits.recordsMax || bytes > limits.bytesMax;
          if (records.length > 0 && isFull) return { records, end: 'limit', number: at };
          // A copy: the caller keeps its records longer than the batch, or changes them.
          records.push({ position: positionOf(at, index), arrivalMs, data: data.slice() });
        }
      }
      this.#ahead.delete(at);
      this.#given = { number: at, recordCount: batch.records.length, arrivalMs };
      skip = 0;
      // What was asked for at one time is given together; the next request is the next read's.
      if (records.length > 0 && !this.#ahead.has(at + 1)) {
        // It was asked for in this read, and cannot have been there and be removed: the batch before it has just come.
        const isTip = absent === at + 1 && this.#isFresh(arrivalMs);
        return { records, end: isTip ? 'absent' : 'limit', number: at };
      }
    }
  }

  /**
   * A batch that was read ahead, or else the next ones, several at once for who is behind.
   *
   * @returns with it the first number that was now asked for and not there; undefined: there was none, or nothing was asked
   */
  async #batch(
    number: number,
    limits: Limits,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly batch: Batch | undefined; readonly absent: number | undefined }> {
    const kept = this.#ahead.get(number);
    if (kept !== undefined) return { batch: kept, absent: undefined };
    this.#ahead.clear();
    // Who is behind finds a batch, then a second: then there is more.
    const wanted = this.#hits > 0 ? 2 ** (this.#hits - 1) : this.#isFollowing ? 2 : 1;
    const width = Math.min(aheadMax, wanted, this.#fits(limits));
    const numbers = Array.from({ length: width }, (_, index) => number + index);
    const hits = this.#hits;
    // One that cannot be read may not keep those before it from being read alone.
    this.#hits = 0;
    const batches = await Promise.all(numbers.map(each => this.#objects.batch(each, signal)));
    const first = batches.indexOf(undefined);
    if (first < 0) this.#hits = Math.min(Math.max(hits, width - 1) + 1, hitsMax);
    else this.#isFollowing = first > 0 || hits > 0;
    for (const batch of batches) {
      // What follows a number that is not there was appended since, and may not be passed on before it.
      if (batch === undefined) break;
      this.#keep(batch);
    }
    return { batch: batches[0], absent: first < 0 ? undefined : number + first };
  }

  /** How many batches like the last ones an answer has room for. */
  #fits(limits: Limits): number {
    return Math.max(1, Math.floor(limits.bytesMax / Math.max(1, this.#batchBytes)));
  }

  #keep(batch: Batch): void {
    this.#batchBytes = Math.max(batch.head.recordBytes, Math.floor(this.#batchBytes / 2));
    this.#ahead.set(batch.head.number, batch);
    this.#highest = Math.max(this.#highest, batch.head.number);
  }

  /** By bisection over the arrivals of batches, which never go back. */
  async #findTime(arrivalMs: number, signal: AbortSignal | undefined): Promise<Found> {
    const older = this.#olderThan.get(arrivalMs);
    if (older !== undefined) return { number: older + 1, place: 0, gap: false };
    for (let look = 0; look < looksMax; look += 1) {
      const first = await this.#first(signal);
      let low = first.number;
      let high = (await this.#objects.newest(signal)) + 1;
      let isWhole = true;
      while (low < high && isWhole) {
        const middle = Math.floor((low + high) / 2);
        const head = await this.#objects.head(middle, signal);
        isWhole = head !== undefined;
        if (head === undefined) break;
        if (head.kind === 'records' && head.arrivalMs < arrivalMs) low = middle + 1;
        else high = middle;
      }
      if (!isWhole) continue;
      const gap = low === first.number && first.previousArrivalMs >= arrivalMs;
      return { number: low, place: 0, gap };
    }
    throw removedTooFast(this.#objects.where);
  }

  #remember(arrivalMs: number, number: number): void {
    const oldest = this.#olderThan.keys().next();
    if (this.#olderThan.size >= timesMax && !oldest.done) this.#olderThan.delete(oldest.value);
    this.#olderThan.set(arrivalMs, number);
  }
}

function isGap(from: LogStart, first: FirstKept): boolean {
  return from.kind === 'after' || (from.kind === 'timestamp' && first.previousArrivalMs >= from.arrivalMs);
}

function removedTooFast(where: string): LakeError {
  return logUnavailable(where, new Error('batches are removed as fast as they are looked at'));
}
