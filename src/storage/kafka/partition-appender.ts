/**
 * Appends to one partition, one batch under way at a time, so that what comes later is behind what came before. A batch is
 * the calls that gathered meanwhile; the broker takes it whole or not at all.
 */
import { type MessageRecord, produceV9 } from '@platformatic/kafka';
import { present } from '../../base/assert.ts';
import { retry } from '../../base/retry.ts';
import type { PartLimits } from '../append-parts.ts';
import { type GatheredCall, GatheredCalls } from '../gathered-calls.ts';
import {
  type Broker,
  callAttemptsMax,
  callBackoff,
  failureOf,
  isSurelyUndone,
  type KafkaConnection,
} from './kafka-connection.ts';
import { positionOfOffset } from './kafka-read.ts';

export type PartitionOutcome =
  /** The records of the call are at this and the following positions. */
  | { readonly status: 'appended'; readonly position: bigint }
  | { readonly status: 'failed' | 'unanswered'; readonly cause: unknown };

/** What an appender needs of it. */
export type AppenderConnection = Pick<KafkaConnection, 'uri' | 'clock' | 'random' | 'call' | 'errorOf'>;

export type PartitionSettings = {
  readonly topic: string;
  readonly partition: number;
  readonly batchBytesMax: number;
  /** Who leads the partition; `isStale` when the one known does not. */
  readonly leader: (isStale: boolean) => Promise<Broker>;
};

/** All replicas that are in step have it. */
const acknowledgedByAll = -1;
/** How long the leader waits for them; below the time of a request. */
const replicationTimeoutMs = 20_000;
/** Of a batch. */
const headBytes = 61;
/** Lengths, offset, time, no key and no headers of a record, at most. */
const recordHeadBytes = 32;
const batchRecordsMax = 100_000;

export class PartitionAppender {
  readonly #connection: AppenderConnection;
  readonly #settings: PartitionSettings;
  readonly #calls: GatheredCalls<PartitionOutcome>;

  constructor(connection: AppenderConnection, settings: PartitionSettings) {
    this.#connection = connection;
    this.#settings = settings;
    const limits = batchLimits(settings.batchBytesMax);
    this.#calls = new GatheredCalls({
      where: connection.uri,
      bytesMax: limits.bytesMax,
      recordsMax: limits.countMax,
      appendNext: () => this.#appendNext(),
    });
  }

  /** Records that fit one batch (`batchLimits`). Rejects when the signal aborts; what is under way may be appended all the same. */
  async append(records: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<PartitionOutcome> {
    const bytes = records.reduce((sum, data) => sum + batchBytesOf(data), 0);
    return await this.#calls.append(records, bytes, signal);
  }

  async close(): Promise<void> {
    await this.#calls.close();
  }

  async #appendNext(): Promise<void> {
    const calls = this.#calls.take();
    if (calls.length === 0) return;
    const outcome = await this.#produce(calls);
    let at = 0n;
    for (const { records, settle } of calls) {
      settle(outcome.status === 'appended' ? { ...outcome, position: outcome.position + at } : outcome);
      at += BigInt(records.length);
    }
  }

  async #produce(calls: readonly GatheredCall<PartitionOutcome>[]): Promise<PartitionOutcome> {
    const { topic, partition, leader } = this.#settings;
    // A copy: who gives up waiting may change its bytes, while this tries again.
    const messages = calls.flatMap(({ records }) => records.map(data => messageOf(topic, partition, data)));
    const { clock, random } = this.#connection;
    let mayBeThere = false;
    const options = { clock, random, attemptsMax: callAttemptsMax, backoff: callBackoff, retryable: isWorthTrying };
    try {
      return await retry(async attempt => {
        const broker = await leader(attempt > 0);
        try {
          const answer = await this.#connection.call(broker, undefined, each =>
            produceV9.api.async(each, acknowledgedByAll, replicationTimeoutMs, messages),
          );
          const partitions = typeof answer === 'boolean' ? [] : (answer.responses[0]?.partitionResponses ?? []);
          const { baseOffset } = present(partitions[0], 'the partition that was appended to');
          return { status: 'appended', position: positionOfOffset(baseOffset) } as const;
        } catch (error) {
          mayBeThere ||= !isSurelyUndone(error);
          throw error;
        }
      }, options);
    } catch (error) {
      const cause = this.#connection.errorOf('appending', error);
      // In a log that is gone nothing is.
      const isOpen = mayBeThere && cause.code !== 'LAKE_LOG_NOT_FOUND';
      return { status: isOpen ? 'unanswered' : 'failed', cause };
    }
  }
}

/** What one record may have so that it fits a batch by itself. */
export function recordBytesMaxOf(batchBytesMax: number): number {
  return batchBytesMax - headBytes - recordHeadBytes;
}

/** What a record takes of a batch. */
export function batchBytesOf(data: Uint8Array): number {
  return data.byteLength + recordHeadBytes;
}

export function batchLimits(batchBytesMax: number): PartLimits {
  return { bytesMax: batchBytesMax - headBytes, countMax: batchRecordsMax };
}

/**
 * Another broker may take it. One that stopped leading while its replicas were waited for says the same, and then the batch
 * may be there twice, which the port allows. A topic that was just made is not known to every broker.
 */
function isWorthTrying(error: unknown): boolean {
  const failure = failureOf(error);
  return failure === 'elsewhere' || failure === 'missing';
}

function messageOf(topic: string, partition: number, data: Uint8Array): MessageRecord {
  return { topic, partition, value: Buffer.from(data) };
}
