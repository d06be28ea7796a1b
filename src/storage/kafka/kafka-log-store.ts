/**
 * A topic of Apache Kafka (3.1 or newer) as a log store. A shard is a partition, a hash key its place in the partition's range
 * (kafka-topic), a position an offset plus one (kafka-read). Batches of a partition follow one another (partition-appender).
 */
import { listOffsetsV7 } from '@platformatic/kafka';
import { present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { throwIfHopeless } from '../append-outcomes.ts';
import { partsWithin } from '../append-parts.ts';
import { badLogSettings, logClosed, logNotFound } from '../log-errors.ts';
import type {
  LogAppend,
  LogAppendOutcome,
  LogDescription,
  LogReadOptions,
  LogReadResult,
  LogRequestOptions,
  LogStart,
  LogStore,
  LogStoreSupport,
  LogWaitOptions,
} from '../log-store.ts';
import { checkAppend, evenRanges, type HashKeyRange, shardAt, shardIdAt } from '../shard-ranges.ts';
import { type Broker, type KafkaAccess, KafkaConnection } from './kafka-connection.ts';
import { fetchPartition } from './kafka-fetch.ts';
import { type PartitionCalls, readPartition } from './kafka-read.ts';
import {
  descriptionOf,
  ensureTopic,
  findTopic,
  type KafkaTopic,
  leaderOf,
  partitionOf,
  type TopicRules,
  topicRules,
} from './kafka-topic.ts';
import { batchBytesOf, batchLimits, PartitionAppender, recordBytesMaxOf } from './partition-appender.ts';
import { PartitionWaits } from './partition-waits.ts';

export type KafkaLogSettings = {
  readonly brokers: readonly Broker[];
  readonly topic: string;
  readonly access?: KafkaAccess | undefined;
  /** Makes a topic of this many partitions when there is none. */
  readonly createWithPartitions?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
};

const appendRecordsMax = 10_000;
const appendBytesMax = 16 << 20;
/** Only where a wait could not be made. */
const pollIntervalMs = 100;
/** Of a consumer that is none of the brokers. */
const consumerReplica = -1;
const readUncommitted = 0;

export class KafkaLogStore implements LogStore {
  readonly uri: string;
  readonly supports: LogStoreSupport;
  readonly #topicName: string;
  readonly #connection: KafkaConnection;
  readonly #rules: TopicRules;
  readonly #ranges: readonly HashKeyRange[];
  readonly #appenders = new Map<number, PartitionAppender>();
  readonly #waits: PartitionWaits;
  #topic: KafkaTopic;
  #closed: Promise<void> | undefined;

  constructor(settings: KafkaLogSettings, connection: KafkaConnection, topic: KafkaTopic, rules: TopicRules) {
    this.uri = connection.uri;
    this.#topicName = settings.topic;
    this.#connection = connection;
    this.#topic = topic;
    this.#ranges = evenRanges(topic.leaders.length);
    this.#rules = rules;
    this.#waits = new PartitionWaits(connection);
    this.supports = {
      recordBytesMax: recordBytesMaxOf(rules.batchBytesMax),
      appendRecordsMax,
      appendBytesMax,
      resharding: false,
      pollIntervalMs,
    };
  }

  async describe(options?: LogRequestOptions): Promise<LogDescription> {
    this.#check(options?.signal);
    return await this.#connection.idempotent('describing', options?.signal, async () => {
      const [topic, rules] = await Promise.all([
        findTopic(this.#connection, this.#topicName, options?.signal),
        topicRules(this.#connection, this.#topicName, options?.signal),
      ]);
      this.#adopt(topic);
      return descriptionOf(topic, rules.retentionMs);
    });
  }

  async append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]> {
    this.#check(options?.signal);
    checkAppend(this.uri, this.supports.recordBytesMax, records);
    const outcomes: LogAppendOutcome[] = new Array(records.length);
    const byPartition = Map.groupBy(records.keys(), index =>
      shardAt(this.#ranges, present(records[index], 'record').hashKey),
    );
    await Promise.all(
      [...byPartition].map(([partition, indexes]) =>
        this.#appendTo(partition, indexes, { records, outcomes }, options?.signal),
      ),
    );
    throwIfHopeless(outcomes);
    return outcomes;
  }

  async read(shardId: string, from: LogStart, options?: LogReadOptions): Promise<LogReadResult> {
    this.#check(options?.signal);
    const partition = partitionOf(this.uri, this.#topic, shardId);
    const calls = this.#callsOf(partition, options?.signal);
    try {
      return await readPartition(calls, from, options);
    } catch (error) {
      options?.signal?.throwIfAborted();
      throw this.#connection.errorOf('reading', error);
    }
  }

  async waitForMore(shardId: string, from: LogStart, options: LogWaitOptions): Promise<void> {
    this.#check(options.signal);
    const partition = partitionOf(this.uri, this.#topic, shardId);
    const { clock } = this.#connection;
    // There is no place to wait at before there is a record.
    if (from.kind !== 'after') return await clock.sleep(Math.min(pollIntervalMs, options.waitMsMax), options.signal);
    const { topicId } = this.#topic;
    const startedMs = clock.monotonicMs();
    try {
      const leader = leaderOf(this.#topic, partition);
      await this.#waits.wait(leader, { topicId, partition, offset: from.position }, options);
    } catch {
      options.signal?.throwIfAborted();
      // The read that follows says what is wrong, or finds who leads the partition now.
      await this.#find(options.signal).catch(() => undefined);
      options.signal?.throwIfAborted();
      const leftMs = options.waitMsMax - (clock.monotonicMs() - startedMs);
      await clock.sleep(Math.max(0, Math.min(pollIntervalMs, leftMs)), options.signal);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#appenders.values()].map(appender => appender.close()));
    await Promise.all([this.#waits.close(), this.#connection.close()]);
  }

  #check(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw logClosed(this.uri);
  }

  async #find(signal: AbortSignal | undefined): Promise<void> {
    this.#adopt(await findTopic(this.#connection, this.#topicName, signal));
  }

  /** Leaders move; another topic, or other partitions, are another log. */
  #adopt(topic: KafkaTopic): void {
    if (topic.topicId !== this.#topic.topicId || topic.leaders.length !== this.#topic.leaders.length) {
      throw logNotFound(
        this.uri,
        'the topic was made anew, or has another number of partitions: it is another log; open it again',
      );
    }
    this.#topic = topic;
  }

  async #leader(partition: number, isStale: boolean, signal?: AbortSignal): Promise<Broker> {
    if (isStale) await this.#find(signal);
    return leaderOf(this.#topic, partition);
  }

  async #appendTo(
    partition: number,
    indexes: readonly number[],
    call: { readonly records: readonly LogAppend[]; readonly outcomes: LogAppendOutcome[] },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const shardId = shardIdAt(partition);
    const dataOf = (index: number): Uint8Array => present(call.records[index], 'record').data;
    let at = 0;
    for (const batch of partsWithin(
      indexes,
      index => batchBytesOf(dataOf(index)),
      batchLimits(this.#rules.batchBytesMax),
    )) {
      const outcome = await this.#appenderOf(partition).append(batch.map(dataOf), signal);
      at += batch.length;
      for (const [order, index] of batch.entries()) {
        call.outcomes[index] =
          outcome.status === 'appended'
            ? { status: 'appended', shardId, position: outcome.position + BigInt(order) }
            : outcome;
      }
      if (outcome.status === 'appended') continue;
      // What comes behind a record that failed may not be before it.
      for (const index of indexes.slice(at)) call.outcomes[index] = { status: 'failed', cause: outcome.cause };
      return;
    }
  }

  #appenderOf(partition: number): PartitionAppender {
    const known = this.#appenders.get(partition);
    if (known !== undefined) return known;
    const appender = new PartitionAppender(this.#connection, {
      topic: this.#topicName,
      partition,
      batchBytesMax: this.#rules.batchBytesMax,
      leader: isStale => this.#leader(partition, isStale),
    });
    this.#appenders.set(partition, appender);
    return appender;
  }

  #callsOf(partition: number, signal: AbortSignal | undefined): PartitionCalls {
    const connection = this.#connection;
    const { topicId } = this.#topic;
    const name = this.#topicName;
    return {
      where: `${this.uri} ${shardIdAt(partition)}`,
      fetch: async (offset, bytesMax) =>
        await this.#fromLeader(partition, signal, async leader => {
          const place = { topicId, partition, offset };
          return await connection.call(leader, signal, each => fetchPartition(each, place, { bytesMax, waitMs: 0 }));
        }),
      offsetAt: async timestamp =>
        await this.#fromLeader(partition, signal, async leader => {
          const asked = { partitionIndex: partition, currentLeaderEpoch: -1, timestamp };
          const answer = await connection.call(leader, signal, each =>
            listOffsetsV7.api.async(each, consumerReplica, readUncommitted, [{ name, partitions: [asked] }]),
          );
          return present(answer.topics[0]?.partitions[0], 'the partition that was asked for').offset;
        }),
    };
  }

  async #fromLeader<T>(
    partition: number,
    signal: AbortSignal | undefined,
    action: (leader: Broker) => Promise<T>,
  ): Promise<T> {
    return await this.#connection.retried(
      signal,
      async attempt => await action(await this.#leader(partition, attempt > 0, signal)),
    );
  }
}

/**
 * Opens a topic that exists, or makes it where the settings say so.
 *
 * @throws LakeError `invalid` LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED, LAKE_BAD_SETTINGS; `unavailable`
 */
export async function openKafkaLog(
  settings: KafkaLogSettings,
  components: { readonly clock: Clock; readonly random: Random },
): Promise<KafkaLogStore> {
  const { brokers, topic: name, createWithPartitions } = settings;
  const uri = `kafka://${brokers.map(({ host, port }) => `${host}:${port}`).join(',')}/${name}`;
  if (brokers.length === 0 || !/^[a-zA-Z0-9._-]{1,249}$/.test(name)) {
    throw badLogSettings(`${uri}: must name a broker and a topic`);
  }
  const connection = new KafkaConnection({ uri, ...settings }, components);
  try {
    if (createWithPartitions !== undefined) await ensureTopic(connection, name, createWithPartitions);
    const [topic, rules] = await connection.idempotent('opening', undefined, async () => [
      await findTopic(connection, name, undefined),
      await topicRules(connection, name, undefined),
    ]);
    return new KafkaLogStore(settings, connection, topic, rules);
  } catch (error) {
    await connection.close();
    throw error;
  }
}
