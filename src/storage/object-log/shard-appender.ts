/**
 * Appending to one shard: calls gather while a batch is under way and go together in the next one, so a batch costs one
 * PUT however many calls it holds.
 *
 * A batch goes to the number behind the newest that is known, and only if there is none of that number yet. Where there is
 * one, its token tells whose it is: ours (the answer to an earlier try was lost), a rival's (the next number is tried), or
 * the seal of a shard that ended (the records go to its children). A try without an answer is made again at the same
 * number with the same bytes, so that it cannot happen twice: no record is doubled by the log itself.
 */
import type { Clock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import { GatheredCalls } from '../gathered-calls.ts';
import { logUnavailable } from '../log-errors.ts';
import { type BatchHead, batchRecordsMax, encodeBatch } from './batch-codec.ts';
import type { LogClock } from './log-clock.ts';
import type { ShardObjects } from './shard-objects.ts';
import { whereItLies } from './shard-retention.ts';

export type ShardAppendOutcome =
  | { readonly status: 'appended'; readonly number: number; readonly firstPlace: number }
  /** The shard was split or merged: nothing was appended, its children take the records. */
  | { readonly status: 'sealed' }
  | { readonly status: 'failed' | 'unanswered'; readonly cause: unknown };

export type ShardAppenderParts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly logClock: LogClock;
  readonly retentionMs: number | undefined;
  /** Told after each batch that was appended. */
  readonly onAppended: (number: number) => void;
};

/** Of the records of calls that go into one batch. */
const gatheredBytesMax = 8 << 20;
/** Tries of one number without an answer. */
const unansweredMax = 6;
const backoff = { delayMsMin: 25, delayMsMax: 2_000 };
/** Numbers lost to rivals, one after the other, before the newest is asked for. */
const lostBeforeList = 2;
/** A batch that loses so often is refused: the log has more appenders than a shard can take. */
const lostMax = 200;

/** Looks for the newest batch while retention removes what was it a moment ago. */
const looksMax = 5;

/** A batch behind which there was none yet when it was `atMs` by our clock. */
type Newest = { readonly number: number; readonly arrivalMs: number; readonly atMs: number };

export class ShardAppender {
  readonly #objects: ShardObjects;
  readonly #parts: ShardAppenderParts;
  readonly #calls: GatheredCalls<ShardAppendOutcome>;
  #newest: Newest | undefined;
  #isSealed = false;

  constructor(objects: ShardObjects, parts: ShardAppenderParts) {
    this.#objects = objects;
    this.#parts = parts;
    this.#calls = new GatheredCalls({
      where: objects.where,
      bytesMax: gatheredBytesMax,
      recordsMax: batchRecordsMax,
      appendNext: () => this.#appendNext(),
    });
  }

  /** Rejects only when the signal aborts; records that are being written by then may be appended all the same. */
  async append(records: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<ShardAppendOutcome> {
    const bytes = records.reduce((sum, record) => sum + record.byteLength, 0);
    return await this.#calls.append(records, bytes, signal);
  }

  /** Waits for what was accepted. */
  async close(): Promise<void> {
    await this.#calls.close();
  }

  async #appendNext(): Promise<void> {
    const group = this.#calls.take();
    if (group.length === 0) return;
    const outcome = await this.#put(group.flatMap(call => call.records)).catch((cause: unknown): ShardAppendOutcome => {
      if (!isLakeError(cause)) throw cause;
      return { status: 'failed', cause };
    });
    let place = 0;
    for (const call of group) {
      call.settle(outcome.status === 'appended' ? { ...outcome, firstPlace: place } : outcome);
      place += call.records.length;
    }
    if (outcome.status === 'appended') this.#parts.onAppended(outcome.number);
  }

  async #put(records: readonly Uint8Array[]): Promise<ShardAppendOutcome> {
    if (this.#isSealed) return { status: 'sealed' };
    const { clock, random, logClock, retentionMs } = this.#parts;
    const token = random.uuid().replaceAll('-', '').slice(0, 16);
    for (let lost = 0; lost < lostMax; lost += 1) {
      const newest = await this.#newestKnown(lost);
      if (this.#isSealed) return { status: 'sealed' };
      const number = newest.number + 1;
      const arrivalMs = Math.max(newest.arrivalMs, logClock.nowMs());
      const bytes = encodeBatch(this.#objects.shardId, { number, arrivalMs, token, kind: 'records' }, records);
      const atMs = clock.nowMs();
      const taken = await this.#tryNumber(number, token, bytes);
      this.#newest = undefined;
      if (taken.status === 'unanswered') return taken;
      if (taken.status === 'ours') {
        try {
          const lies = await whereItLies(this.#objects, number, { ms: clock.nowMs() - newest.atMs, retentionMs });
          // An earlier try may have lain in time, and been removed before this one.
          if (lies === 'taken-back' && taken.isFirstTry) continue;
          if (lies !== 'in-place') return { status: 'unanswered', cause: new Error(`batch ${number} is gone by now`) };
        } catch (cause) {
          return { status: 'unanswered', cause };
        }
        this.#newest = { number, arrivalMs, atMs };
        return { status: 'appended', number, firstPlace: 0 };
      }
      this.#newest = { number, arrivalMs: taken.head.arrivalMs, atMs: newest.atMs };
      this.#isSealed = taken.head.kind === 'seal';
      if (this.#isSealed) return { status: 'sealed' };
      await clock.sleep(backoffMs(lost, random, backoff));
    }
    return {
      status: 'failed',
      cause: logUnavailable(this.#objects.where, new Error(`${lostMax} numbers in turn went to other appenders`)),
    };
  }

  /** Puts the bytes at a number until it is known whose batch is there. */
  async #tryNumber(
    number: number,
    token: string,
    bytes: Uint8Array,
  ): Promise<
    | { readonly status: 'ours'; readonly isFirstTry: boolean }
    | { readonly status: 'other'; readonly head: BatchHead }
    | { readonly status: 'unanswered'; readonly cause: unknown }
  > {
    const { clock, random, logClock } = this.#parts;
    let cause: unknown;
    for (let attempt = 0; attempt < unansweredMax; attempt += 1) {
      if (attempt > 0) await clock.sleep(backoffMs(attempt, random, backoff));
      const askedMs = logClock.ownMs();
      const put = this.#objects.store.putIfAbsent(this.#objects.key(number), bytes);
      const outcome = await put.catch((error: unknown) => {
        // It did surely not happen: that says nothing about the tries before it.
        if (attempt === 0) throw error;
        return { status: 'unanswered', cause: error } as const;
      });
      if (outcome.status === 'unanswered') {
        cause = outcome.cause;
        continue;
      }
      logClock.learn(outcome.storeTimeMs, askedMs);
      if (outcome.status === 'created') return { status: 'ours', isFirstTry: attempt === 0 };
      try {
        const head = await this.#objects.head(number, undefined);
        // Gone again: retention removes no batch that is the newest, so it was not, and ours is not there.
        if (head === undefined) return { status: 'unanswered', cause: new Error(`batch ${number} came and went`) };
        return head.token === token ? { status: 'ours', isFirstTry: false } : { status: 'other', head };
      } catch (error) {
        // The batch may be ours.
        cause = error;
      }
    }
    return { status: 'unanswered', cause: logUnavailable(this.#objects.where, cause) };
  }

  async #newestKnown(lost: number): Promise<Newest> {
    const { clock, retentionMs } = this.#parts;
    const known = this.#newest;
    const isFresh = known !== undefined && clock.nowMs() - known.atMs < (retentionMs ?? Number.POSITIVE_INFINITY) / 4;
    if (isFresh && lost < lostBeforeList) return known;
    for (let look = 0; look < looksMax; look += 1) {
      const atMs = clock.nowMs();
      const number = await this.#objects.newest(undefined);
      const head = number === 0 ? undefined : await this.#objects.head(number, undefined);
      if (number > 0 && head === undefined) continue;
      this.#isSealed = head?.kind === 'seal';
      this.#newest = { number, arrivalMs: head?.arrivalMs ?? 0, atMs };
      return this.#newest;
    }
    throw logUnavailable(this.#objects.where, new Error('the newest batch is removed as often as it is asked for'));
  }
}
