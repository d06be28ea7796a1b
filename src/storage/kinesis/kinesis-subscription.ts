/**
 * What the service pushes of one shard (SubscribeToShard), kept until readers take it.
 *
 * - A subscription **covers** a place when everything beyond it that was pushed is still here; records of a reader at such a
 *   place come from here. Any other place is read by GetRecords, and the subscription only wakes its reader.
 * - It never says that a shard has ended, nor that something is lost: where it stops (children, an error, another process
 *   that subscribes as the same consumer, a reader who does not come) GetRecords goes on and tells.
 * - At most `bytesMax` are kept beside the event that passes it. While readers leave them, the connection is not read.
 */
import type { SubscribeToShardEvent, SubscribeToShardEventStream } from '@aws-sdk/client-kinesis';
import type { Clock } from '../../base/clock.ts';
import { AppendSignal } from '../append-signal.ts';
import type { LogReadOptions, LogReadResult, LogRecordEnvelope, LogStart } from '../log-store.ts';
import { keyOf } from './kinesis-cursors.ts';
import { clockSlackMs, envelopeOf, takeWithin } from './kinesis-read.ts';

export type PushStart =
  | { readonly type: 'TRIM_HORIZON' }
  | { readonly type: 'AFTER_SEQUENCE_NUMBER'; readonly position: string }
  | { readonly type: 'AT_TIMESTAMP'; readonly arrivalMs: number };

export type PushParts = {
  readonly uri: string;
  readonly clock: Clock;
  /** One SubscribeToShard; rejects with the service's error, as its events do. */
  readonly subscribe: (start: PushStart, signal: AbortSignal) => Promise<AsyncIterable<SubscribeToShardEventStream>>;
  /** The service's clock. */
  readonly serverNowMs: () => number;
  readonly bytesMax: () => number;
};

/** The service speaks every few seconds, also of a quiet shard: a connection that has said nothing for so long is dead. */
const silenceMsMax = 60_000;
/** Nobody reads or waits any more. */
const leftMsMax = 60_000;
/** A subscription is renewed only as long as retention cannot have passed the place meanwhile; the shortest is a day. */
const renewWithinMs = 600_000;
/** The service refuses a second subscription so soon after the first. */
const renewAfterMs = 5_000;
/** An answer of GetRecords that is older than the last push may not know of it. */
const settleMs = 1_000;
const quietPlacesMax = 1_000;

/** Why there will be no more pushes; undefined error: the shard's end, or nobody came. */
export type SubscriptionEnd = { readonly error: unknown; readonly hadEvents: boolean };

export class ShardSubscription {
  readonly #parts: PushParts;
  readonly #stop = new AbortController();
  readonly #news = new AppendSignal();
  readonly #room = new AppendSignal();
  /** Places that GetRecords found to be the tip, by how many records had been pushed when it was asked. */
  readonly #quiet = new Map<string, number>();
  #records: readonly LogRecordEnvelope[] = [];
  #bytes = 0;
  #pushed = 0;
  #pushedAtMs = Number.NEGATIVE_INFINITY;
  /** Everything pushed beyond it is in `records`. */
  #floor: bigint | undefined;
  #last: bigint | undefined;
  #readThrough = -1n;
  #opened = false;
  #behindMs: number | undefined;
  /** At this time of the service's clock nothing was beyond `last`. */
  #tipMs: number | undefined;
  #touchedMs: number;
  #end: SubscriptionEnd | undefined;
  readonly done: Promise<SubscriptionEnd>;

  /** @param from a place whose reader was at the tip lately: nothing beyond it can have been lost */
  constructor(parts: PushParts, from: PushStart) {
    this.#parts = parts;
    this.#touchedMs = parts.clock.monotonicMs();
    if (from.type === 'AFTER_SEQUENCE_NUMBER') {
      this.#floor = BigInt(from.position);
      this.#last = this.#floor;
    }
    this.done = this.#run(from);
  }

  /** There will be more pushes. */
  get isLive(): boolean {
    return this.#end === undefined;
  }

  /** What a reader who follows is given without a request; undefined when only GetRecords can tell. */
  take(from: LogStart, options: LogReadOptions | undefined): LogReadResult | undefined {
    this.#touch();
    const pushed = this.#covers(from) ? this.#beyond(from.position) : [];
    const records = takeWithin(pushed, options);
    const last = records.at(-1);
    const isAll = records.length === pushed.length;
    const tip = isAll && this.#behindMs === 0 ? { tipMs: this.#tipMs } : {};
    const answer = { ended: false, gap: false, behindMs: this.#behindMs };
    if (last !== undefined) {
      if (last.position > this.#readThrough) this.#readThrough = last.position;
      this.#room.notify();
      const atTip = isAll && this.isLive && this.#behindMs === 0;
      return { ...answer, records, atTip, next: { kind: 'after', position: last.position, ...tip } };
    }
    if (!this.isLive || this.#behindMs !== 0 || !this.#isQuiet(from)) return undefined;
    return { ...answer, records, atTip: true, next: from.kind === 'after' ? { ...from, ...tip } : from };
  }

  /** What has to be known when a GetRecords begins whose answer `noteTip` may be told of; undefined: it would say nothing. */
  mark(): number | undefined {
    const isSettled = this.#parts.clock.monotonicMs() - this.#pushedAtMs >= settleMs;
    return this.#opened && this.isLive && isSettled ? this.#pushed : undefined;
  }

  /** GetRecords, begun at `mark`, found nothing beyond this place. */
  noteTip(place: LogStart, mark: number): void {
    if (this.#quiet.size >= quietPlacesMax) this.#quiet.clear();
    this.#quiet.set(keyOf('', place), mark);
  }

  /** Resolves when there may be something beyond `from`; after `pollMs` where pushes cannot tell, after `waitMs` at the latest. */
  async wait(
    from: LogStart,
    options: { readonly waitMs: number; readonly pollMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const { waitMs, pollMs, signal } = options;
    this.#touch();
    const endMs = this.#parts.clock.monotonicMs() + waitMs;
    const mustPoll = !this.#hasNews(from) && !(this.isLive && this.#isQuiet(from));
    if (mustPoll) return await this.#parts.clock.sleep(Math.min(pollMs, waitMs), signal);
    while (this.isLive && this.#isQuiet(from)) {
      const leftMs = endMs - this.#parts.clock.monotonicMs();
      if (leftMs <= 0) return;
      await this.#news.wait(this.#parts.clock, Math.min(leftMs, leftMsMax / 2), signal);
      this.#touch();
    }
    this.#quiet.delete(keyOf('', from));
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the subscription is given up'));
    await this.done;
  }

  #touch(): void {
    this.#touchedMs = this.#parts.clock.monotonicMs();
  }

  #covers(from: LogStart): from is LogStart & { readonly kind: 'after' } {
    return from.kind === 'after' && this.#floor !== undefined && from.position >= this.#floor;
  }

  /** Nothing that the connection knows of is beyond the place. */
  #isQuiet(from: LogStart): boolean {
    if (this.#covers(from)) return this.#last === undefined || this.#last <= from.position;
    return this.#quiet.get(keyOf('', from)) === this.#pushed;
  }

  #hasNews(from: LogStart): boolean {
    return this.#covers(from) ? !this.#isQuiet(from) : this.#quiet.has(keyOf('', from));
  }

  #beyond(position: bigint): readonly LogRecordEnvelope[] {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const record = this.#records[middle];
      if (record !== undefined && record.position <= position) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? this.#records : this.#records.slice(low);
  }

  async #run(first: PushStart): Promise<SubscriptionEnd> {
    let error: unknown;
    let start: PushStart | undefined = first;
    try {
      while (start !== undefined && !this.#stop.signal.aborted) start = await this.#connection(start);
    } catch (cause) {
      error = this.#stop.signal.aborted ? undefined : cause;
    }
    this.#end = { error, hadEvents: this.#behindMs !== undefined };
    this.#stop.abort();
    this.#news.notify();
    return this.#end;
  }

  /** One connection to its end. @returns where the next one begins; undefined when there shall be none */
  async #connection(start: PushStart): Promise<PushStart | undefined> {
    const { clock, subscribe, serverNowMs } = this.#parts;
    const closing = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, closing.signal]);
    const openedAtServerMs = serverNowMs();
    const openedMs = clock.monotonicMs();
    let heardMs = clock.nowMs();
    let next = start;
    try {
      const events = (await subscribe(start, signal))[Symbol.asyncIterator]();
      this.#opened = true;
      for (;;) {
        if (!(await this.#waitForRoom())) return undefined;
        const answer = await this.#nextEvent(events);
        if (answer.done === true) break;
        const event = answer.value.SubscribeToShardEvent;
        if (event === undefined) continue;
        heardMs = clock.nowMs();
        this.#add(event);
        // The event was made after its connection, whenever it is read.
        if (event.MillisBehindLatest === 0) this.#tipMs = openedAtServerMs - clockSlackMs;
        if ((event.ChildShards ?? []).length > 0) return undefined;
        const position = event.ContinuationSequenceNumber;
        if (position !== undefined && position !== '0') next = { type: 'AFTER_SEQUENCE_NUMBER', position };
      }
    } finally {
      closing.abort();
    }
    // A failure like others, so that it is not tried again at once.
    if (clock.monotonicMs() - openedMs < renewAfterMs)
      throw new Error('the service ended a subscription that had just begun');
    const isNear = clock.nowMs() - heardMs < renewWithinMs && (this.#behindMs ?? 0) < renewWithinMs;
    return isNear ? next : undefined;
  }

  async #nextEvent(
    events: AsyncIterator<SubscribeToShardEventStream>,
  ): Promise<IteratorResult<SubscribeToShardEventStream>> {
    const { clock } = this.#parts;
    const heard = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, heard.signal]);
    try {
      return await Promise.race([
        events.next(),
        clock.sleep(silenceMsMax, signal).then(() => {
          throw new Error(`no event for ${silenceMsMax} ms`);
        }),
      ]);
    } finally {
      heard.abort();
    }
  }

  #add(event: SubscribeToShardEvent): void {
    const records = (event.Records ?? [])
      .map(record => envelopeOf(this.#parts.uri, record))
      // A connection that goes on where another ended may begin with what that one gave.
      .filter(({ position }) => this.#last === undefined || position > this.#last);
    this.#behindMs = event.MillisBehindLatest ?? this.#behindMs;
    const [first] = records;
    if (first === undefined) return;
    this.#floor ??= first.position;
    this.#last = records.at(-1)?.position;
    this.#records = [...this.#records, ...records];
    this.#bytes += bytesOf(records);
    this.#pushed += records.length;
    this.#pushedAtMs = this.#parts.clock.monotonicMs();
    this.#news.notify();
  }

  /** @returns false when nobody comes for what is here */
  async #waitForRoom(): Promise<boolean> {
    const { clock, bytesMax } = this.#parts;
    for (;;) {
      const leftMs = this.#touchedMs + leftMsMax - clock.monotonicMs();
      if (leftMs <= 0) return false;
      if (this.#bytes >= bytesMax()) this.#forgetRead();
      if (this.#bytes < bytesMax()) return true;
      await this.#room.wait(clock, leftMs, this.#stop.signal);
    }
  }

  /** Lets go of what the foremost reader has had; one behind it goes on by GetRecords. */
  #forgetRead(): void {
    const kept = this.#beyond(this.#readThrough);
    if (kept.length === this.#records.length) return;
    this.#floor = this.#readThrough;
    this.#records = kept;
    this.#bytes = bytesOf(kept);
  }
}

function bytesOf(records: readonly LogRecordEnvelope[]): number {
  return records.reduce((sum, record) => sum + record.data.byteLength, 0);
}
