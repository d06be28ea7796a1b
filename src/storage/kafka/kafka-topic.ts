/**
 * A topic as a log: what its partitions are, who leads them, and whether it keeps what a log promises.
 *
 * Partition i of n owns the i-th of n even ranges of hash keys. Another number of partitions is another division, under which
 * records of a key would come from two partitions without an order; so the number is part of the incarnation, and who has
 * read the log under the old one is told that it is another.
 */
import {
  ConfigResourceTypes,
  createTopicsV7,
  describeConfigsV4,
  findErrorBy,
  metadataV12,
  ResponseError,
} from '@platformatic/kafka';
import { present } from '../../base/assert.ts';
import { badLogSettings, logNotFound } from '../log-errors.ts';
import type { LogDescription } from '../log-store.ts';
import { evenRanges, shardIdAt } from '../shard-ranges.ts';
import { type Broker, failureOf, type KafkaConnection, NotSent } from './kafka-connection.ts';

export type KafkaTopic = {
  readonly topicId: string;
  /** By partition; undefined where none leads at the moment. */
  readonly leaders: readonly (Broker | undefined)[];
};

export type TopicRules = {
  /** How long a record is kept, ms; undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** Largest batch of records the brokers take, bytes with its head. */
  readonly batchBytesMax: number;
};

const configNames = ['retention.ms', 'max.message.bytes', 'message.timestamp.type', 'cleanup.policy'] as const;
const createTimeoutMs = 10_000;
const partitionCountMax = 1_000;

/** @throws what the call throws; `missing` when there is no such topic */
export async function findTopic(
  connection: KafkaConnection,
  name: string,
  signal: AbortSignal | undefined,
): Promise<KafkaTopic> {
  const answer = await connection.callAny(signal, each =>
    metadataV12.api.async(each, [name], false, false).catch(answerWithoutLeaders),
  );
  const topic = present(answer.topics[0], 'the topic that was asked for');
  const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
  return { topicId: topic.topicId, leaders: leadersOf(topic, brokers) };
}

/**
 * The client throws an answer with an error anywhere in it. A partition that nobody leads at the moment is one; the other
 * partitions have their leaders all the same.
 */
export function answerWithoutLeaders(error: unknown): metadataV12.MetadataResponse {
  const answer: metadataV12.MetadataResponse | undefined =
    error instanceof ResponseError ? error['response'] : undefined;
  if (answer?.topics[0]?.errorCode !== 0) throw error;
  return answer;
}

/** @throws LakeError `invalid` LAKE_BAD_SETTINGS for a topic that cannot be a log */
export async function topicRules(
  connection: KafkaConnection,
  name: string,
  signal: AbortSignal | undefined,
): Promise<TopicRules> {
  const resource = {
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName: name,
    configurationKeys: [...configNames],
  };
  const answer = await connection.callAny(signal, each => describeConfigsV4.api.async(each, [resource], false, false));
  const values = new Map(present(answer.results[0], 'the topic').configs.map(config => [config.name, config.value]));
  const { uri } = connection;
  if (values.get('message.timestamp.type') !== 'LogAppendTime') {
    throw badLogSettings(
      `${uri}: the topic takes the producers' clocks for times of arrival; set message.timestamp.type=LogAppendTime on it (kafka-configs.sh --alter)`,
    );
  }
  if (values.get('cleanup.policy')?.includes('compact') !== false) {
    throw badLogSettings(
      `${uri}: the topic is compacted, which drops records that were not read yet; set cleanup.policy=delete on it (kafka-configs.sh --alter)`,
    );
  }
  const retentionMs = Number(values.get('retention.ms'));
  const batchBytesMax = Number(values.get('max.message.bytes'));
  return { retentionMs: retentionMs >= 0 ? retentionMs : undefined, batchBytesMax };
}

export function descriptionOf({ topicId, leaders }: KafkaTopic, retentionMs: number | undefined): LogDescription {
  return {
    incarnation: `${topicId}/${leaders.length}`,
    shards: evenRanges(leaders.length).map((range, index) => ({
      shardId: shardIdAt(index),
      parentIds: [],
      ...range,
      closed: false,
    })),
    retentionMs,
  };
}

/** Makes the topic when it is not there; fine when another did meanwhile. */
export async function ensureTopic(connection: KafkaConnection, name: string, partitionCount: number): Promise<void> {
  const { uri } = connection;
  if (!Number.isInteger(partitionCount) || partitionCount < 1 || partitionCount > partitionCountMax) {
    throw badLogSettings(`${uri}: a topic is made with 1 to ${partitionCountMax} partitions, not ${partitionCount}`);
  }
  const topic = {
    name,
    numPartitions: partitionCount,
    // The cluster's own.
    replicationFactor: -1,
    assignments: [],
    configs: [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'cleanup.policy', value: 'delete' },
    ],
  };
  await connection.idempotent('making the topic', undefined, async () => {
    if ((await leadersIfThere(connection, name)) !== undefined) return;
    await connection
      .callAny(undefined, each => createTopicsV7.api.async(each, [topic], createTimeoutMs, false))
      .catch((error: unknown) => {
        if (findErrorBy(error instanceof Error ? error : null, 'apiId', 'TOPIC_ALREADY_EXISTS') === null) throw error;
      });
  });
  // Brokers hear of it one after the other.
  await connection.idempotent('looking for the topic that was made', undefined, async () => {
    const leaders = await leadersIfThere(connection, name);
    if (leaders?.includes(undefined) !== false) throw new NotSent('the topic has no leaders yet');
  });
}

async function leadersIfThere(connection: KafkaConnection, name: string): Promise<KafkaTopic['leaders'] | undefined> {
  try {
    return (await findTopic(connection, name, undefined)).leaders;
  } catch (error) {
    if (failureOf(error) === 'missing') return undefined;
    throw error;
  }
}

/** @throws LakeError `invalid` LAKE_LOG_NOT_FOUND */
export function partitionOf(uri: string, { leaders }: KafkaTopic, shardId: string): number {
  const index = leaders.findIndex((_, partition) => shardIdAt(partition) === shardId);
  if (index === -1) throw logNotFound(uri, `there is no shard ${shardId}`);
  return index;
}

export function leaderOf({ leaders }: KafkaTopic, partition: number): Broker {
  const leader = leaders[partition];
  if (leader === undefined) throw new NotSent(`no broker leads partition ${partition}`);
  return leader;
}

function leadersOf(
  { partitions }: metadataV12.MetadataResponseTopic,
  brokers: ReadonlyMap<number, Broker>,
): readonly (Broker | undefined)[] {
  const sorted = partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  return sorted.map(({ leaderId }) => brokers.get(leaderId));
}
