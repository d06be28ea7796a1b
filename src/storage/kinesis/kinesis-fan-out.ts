/**
 * Enhanced fan-out: shards of a stream that readers of this handle follow are subscribed to, one subscription a shard.
 *
 * A shard is subscribed to when a reader waits at a place that `read` has found to be its tip, and given up a minute after
 * the last one came. While there is no subscription, readers share GetRecords as they do without fan-out: whatever becomes
 * of a subscription, nothing is lost and nothing given twice. Only what a person must mend (rights, an emulator
 * without fan-out) is an error.
 */
import { type KinesisClient, SubscribeToShardCommand, type SubscribeToShardEventStream } from '@aws-sdk/client-kinesis';
import { isLakeError } from '../../base/errors.ts';
import { backoffMs } from '../../base/retry.ts';
import type { LogReadOptions, LogReadResult, LogStart, LogWaitOptions } from '../log-store.ts';
import { failureOf, type KinesisConnection, type KinesisFailure, wholeCallError } from './kinesis-connection.ts';
import { ensureConsumer, isInUse } from './kinesis-consumer.ts';
import { clockSlackMs } from './kinesis-read.ts';
import { describeStream } from './kinesis-shards.ts';
import { type PushStart, ShardSubscription, type SubscriptionEnd } from './kinesis-subscription.ts';

export type FanOutSettings = {
  /** Registered when it is missing, never deregistered. A shard serves one process of a consumer at a time. */
  readonly consumer: string;
  /** How long shared reads serve a shard after its subscription failed or another process took it; doubled each time. */
  readonly pauseMsMin?: number | undefined;
};

/** All that is kept of pushes which readers have not taken. */
const bufferBytesMax = 32 << 20;
const shardBytesMin = 1 << 20;
/** Of the service: sooner than that it refuses to hand a subscription from one process to another. */
const pauseMsMinDefault = 5_000;
/** As long as a subscription lives. */
const pauseMsMax = 300_000;

type Shard = {
  subscription: ShardSubscription | undefined;
  /** In a row. */
  failures: number;
  pausedUntilMs: number;
  /** For whoever waits next. */
  error: unknown;
};

export class FanOut {
  readonly #connection: KinesisConnection;
  readonly #client: KinesisClient;
  readonly #stream: string;
  readonly #settings: FanOutSettings;
  readonly #pollIntervalMs: number;
  readonly #shards = new Map<string, Shard>();
  readonly #closing = new AbortController();
  #subscriptionCount = 0;
  #consumerArn: Promise<string> | undefined;

  /** @param client one that the service pushes to: it speaks HTTP/2 unless an emulator does not */
  constructor(
    connection: KinesisConnection,
    client: KinesisClient,
    options: { readonly stream: string; readonly settings: FanOutSettings; readonly pollIntervalMs: number },
  ) {
    this.#connection = connection;
    this.#client = client;
    this.#stream = options.stream;
    this.#settings = options.settings;
    this.#pollIntervalMs = options.pollIntervalMs;
  }

  /** A read: out of what was pushed where the reader follows, else by `shared`. */
  async read(
    place: { readonly shardId: string; readonly from: LogStart },
    options: LogReadOptions | undefined,
    shared: () => Promise<LogReadResult>,
  ): Promise<LogReadResult> {
    const subscription = this.#shards.get(place.shardId)?.subscription;
    if (subscription === undefined || options?.follows !== true) return await shared();
    const pushed = subscription.take(place.from, options);
    if (pushed !== undefined) return pushed;
    const mark = subscription.mark();
    const result = await shared();
    if (mark !== undefined && result.atTip && !result.ended && result.records.length === 0) {
      subscription.noteTip(result.next, mark);
    }
    return result;
  }

  /** @param isTip a read of this handle found the place to be the tip, and nothing that was lost before it */
  async wait(shardId: string, from: LogStart, isTip: boolean, options: LogWaitOptions): Promise<void> {
    const { waitMsMax, signal } = options;
    const { clock } = this.#connection;
    const shard = this.#shardOf(shardId);
    if (shard.error !== undefined) {
      const { error } = shard;
      shard.error = undefined;
      throw error;
    }
    const isOver = shard.subscription?.isLive !== true;
    const start = isTip && isOver && clock.monotonicMs() >= shard.pausedUntilMs ? this.#startAt(from) : undefined;
    if (start !== undefined) this.#subscribe(shardId, shard, start);
    const { subscription } = shard;
    if (subscription === undefined) return await clock.sleep(Math.min(this.#pollIntervalMs, waitMsMax), signal);
    await subscription.wait(from, { waitMs: waitMsMax, pollMs: this.#pollIntervalMs, signal });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the log is closed'));
    await Promise.all([...this.#shards.values()].map(({ subscription }) => subscription?.stop()));
    this.#client.destroy();
  }

  #shardOf(shardId: string): Shard {
    const known = this.#shards.get(shardId);
    if (known !== undefined) return known;
    const shard: Shard = { subscription: undefined, failures: 0, pausedUntilMs: 0, error: undefined };
    this.#shards.set(shardId, shard);
    return shard;
  }

  #startAt(from: LogStart): PushStart | undefined {
    if (from.kind === 'after') return { type: 'AFTER_SEQUENCE_NUMBER', position: from.position.toString() };
    if (from.kind === 'earliest') return { type: 'TRIM_HORIZON' };
    if (from.kind !== 'timestamp') return undefined;
    const arrivalMs = Math.min(Math.floor(from.arrivalMs), this.#connection.serverNowMs() - clockSlackMs);
    return { type: 'AT_TIMESTAMP', arrivalMs };
  }

  #subscribe(shardId: string, shard: Shard, start: PushStart): void {
    const { uri, clock } = this.#connection;
    const subscription = new ShardSubscription(
      {
        uri,
        clock,
        subscribe: (at, signal) => this.#send(shardId, at, signal),
        serverNowMs: () => this.#connection.serverNowMs(),
        bytesMax: () => Math.max(shardBytesMin, bufferBytesMax / this.#subscriptionCount),
      },
      start,
    );
    shard.subscription = subscription;
    this.#subscriptionCount += 1;
    void subscription.done.then(end => {
      this.#subscriptionCount -= 1;
      this.#ended(shard, end);
    });
  }

  async #send(
    shardId: string,
    start: PushStart,
    signal: AbortSignal,
  ): Promise<AsyncIterable<SubscribeToShardEventStream>> {
    const command = new SubscribeToShardCommand({
      ConsumerARN: await this.#consumer(),
      ShardId: shardId,
      StartingPosition: {
        Type: start.type,
        ...(start.type === 'AFTER_SEQUENCE_NUMBER' ? { SequenceNumber: start.position } : {}),
        ...(start.type === 'AT_TIMESTAMP' ? { Timestamp: new Date(start.arrivalMs) } : {}),
      },
    });
    const { EventStream } = await this.#client.send(command, { abortSignal: signal });
    if (EventStream === undefined) throw new Error('an answer without events');
    return EventStream;
  }

  /** One look for all shards; it goes on when the one who asked first has gone. */
  #consumer(): Promise<string> {
    this.#consumerArn ??= this.#findConsumer().catch((error: unknown) => {
      this.#consumerArn = undefined;
      throw error;
    });
    return this.#consumerArn;
  }

  async #findConsumer(): Promise<string> {
    const { signal } = this.#closing;
    const { arn } = await describeStream(this.#connection, this.#stream, signal);
    return await ensureConsumer(this.#connection, arn, this.#settings.consumer, signal);
  }

  #ended(shard: Shard, { error, hadEvents }: SubscriptionEnd): void {
    if (error === undefined) {
      shard.failures = 0;
      return;
    }
    const { clock, random, uri } = this.#connection;
    const failure = isInUse(error) ? 'throttled' : failureOf(error);
    // Made anew under its name, or deregistered by somebody.
    if (failure === 'missing') this.#consumerArn = undefined;
    const isFinal = isLakeError(error) ? error.kind === 'invalid' : isForPeople[failure];
    if (isFinal) shard.error = wholeCallError(uri, error);
    // Another process took it: it will keep it for as long as a subscription lives.
    const isTaken = isInUse(error) && hadEvents;
    shard.failures = hadEvents ? 1 : shard.failures + 1;
    const leastMs = this.#settings.pauseMsMin ?? pauseMsMinDefault;
    const pauseMs = isTaken ? pauseMsMax : Math.min(pauseMsMax, leastMs * 2 ** Math.min(shard.failures - 1, 10));
    // Half of it by chance, so that two who were refused do not come again together.
    const chanceMs = backoffMs(0, random, { delayMsMin: leastMs, delayMsMax: leastMs });
    shard.pausedUntilMs = clock.monotonicMs() + pauseMs + chanceMs;
  }
}

const isForPeople: Readonly<Record<KinesisFailure, boolean>> = {
  denied: true,
  misconfigured: true,
  'unknown-operation': true,
  refused: true,
  throttled: false,
  unanswered: false,
  missing: false,
  'iterator-expired': false,
};
