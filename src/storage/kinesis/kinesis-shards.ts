/** What a stream is: its identity, retention and shards with their lineage; and making one for an emulator. */
import {
  CreateStreamCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  ListShardsCommand,
  type Shard,
  StreamMode,
} from '@aws-sdk/client-kinesis';
import { isLakeError } from '../../base/errors.ts';
import { logCorrupt, logNotFound, logUnavailable } from '../log-errors.ts';
import { hashKeyCount, type LogDescription, type LogShard } from '../log-store.ts';
import { failureOf, type KinesisConnection, wholeCallError } from './kinesis-connection.ts';

export type StreamSummary = {
  readonly arn: string;
  readonly incarnation: string;
  readonly status: string;
  readonly createdMs: number;
  readonly retentionMs: number;
  /** Largest record, its partition key included; undefined where the service does not tell. */
  readonly recordBytesMax: number | undefined;
};

/** How many shards a stream is made with: as many as its load wants, by the service, or a number. */
export type ShardPlan = number | 'on-demand';

const pagesMax = 1_000;
const hourMs = 3_600_000;
const readyTriesMax = 600;
const readyIntervalMs = 100;

export async function describeLog(
  connection: KinesisConnection,
  stream: string,
  signal: AbortSignal | undefined,
): Promise<LogDescription> {
  // At one time: a stream takes far longer to be deleted and made again than the two answers lie apart.
  const [{ incarnation, retentionMs }, shards] = await Promise.all([
    describeStream(connection, stream, signal),
    listShards(connection, stream, signal),
  ]);
  return { incarnation, shards: parentsFirst(shards), retentionMs };
}

/** @throws LakeError LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED, LAKE_LOG_UNAVAILABLE */
export async function describeStream(
  connection: KinesisConnection,
  stream: string,
  signal: AbortSignal | undefined,
): Promise<StreamSummary> {
  const options = signal === undefined ? {} : { abortSignal: signal };
  const input = { StreamName: stream };
  try {
    return await connection.idempotent('describing the stream', signal, async () => {
      const { client } = connection;
      try {
        const answer = await client.send(new DescribeStreamSummaryCommand(input), options);
        return summaryOf(connection.uri, answer.StreamDescriptionSummary);
      } catch (error) {
        if (failureOf(error) !== 'unknown-operation') throw error;
        const answer = await client.send(new DescribeStreamCommand({ ...input, Limit: 1 }), options);
        return summaryOf(connection.uri, answer.StreamDescription);
      }
    });
  } catch (error) {
    throw wholeCallError(connection.uri, error);
  }
}

/** Every shard the service lists, in no order that means anything. */
export async function listShards(
  connection: KinesisConnection,
  stream: string,
  signal: AbortSignal | undefined,
): Promise<readonly LogShard[]> {
  const shards: LogShard[] = [];
  let token: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const input = token === undefined ? { StreamName: stream } : { NextToken: token };
    const send = () =>
      connection.client.send(new ListShardsCommand(input), signal === undefined ? {} : { abortSignal: signal });
    const answer = await connection.idempotent('listing shards', signal, send).catch((error: unknown) => {
      throw wholeCallError(connection.uri, error);
    });
    shards.push(...(answer.Shards ?? []).map(shard => shardOf(connection.uri, shard)));
    token = answer.NextToken;
    if (token === undefined) return shards;
  }
  throw logUnavailable(connection.uri, new Error(`listing shards does not end within ${pagesMax} pages`));
}

/** Each shard behind its parents that are listed; otherwise by name, which is the order of their making. */
export function parentsFirst(shards: readonly LogShard[]): readonly LogShard[] {
  const byId = new Map(shards.map(shard => [shard.shardId, shard]));
  const placed = new Set<LogShard>();
  const place = (shard: LogShard): void => {
    if (placed.has(shard)) return;
    for (const parentId of shard.parentIds) {
      const parent = byId.get(parentId);
      // A parent is made before its child, so names can never run in a circle.
      if (parent !== undefined && parent.shardId < shard.shardId) place(parent);
    }
    placed.add(shard);
  };
  for (const shard of shards.toSorted((a, b) => (a.shardId < b.shardId ? -1 : 1))) place(shard);
  return [...placed];
}

/** Makes the stream when there is none, and waits until it can be used. */
export async function ensureStream(
  connection: KinesisConnection,
  stream: string,
  options: { readonly createWithShards: ShardPlan | undefined; readonly signal: AbortSignal | undefined },
): Promise<StreamSummary> {
  let made = false;
  for (let attempt = 0; attempt < readyTriesMax; attempt += 1) {
    try {
      const summary = await describeStream(connection, stream, options.signal);
      const { status } = summary;
      if (status === 'ACTIVE' || status === 'UPDATING') return summary;
      if (status === 'DELETING' && options.createWithShards === undefined) {
        throw logNotFound(connection.uri, 'the stream is being deleted');
      }
    } catch (error) {
      if (options.createWithShards === undefined || !isLakeError(error, 'LAKE_LOG_NOT_FOUND')) throw error;
      if (!made) await createStream(connection, stream, options.createWithShards);
      made = true;
    }
    await connection.clock.sleep(readyIntervalMs, options.signal);
  }
  throw logUnavailable(connection.uri, new Error('the stream does not become active'));
}

async function createStream(connection: KinesisConnection, stream: string, plan: ShardPlan): Promise<void> {
  const shards =
    plan === 'on-demand' ? { StreamModeDetails: { StreamMode: StreamMode.ON_DEMAND } } : { ShardCount: plan };
  try {
    await connection.client.send(new CreateStreamCommand({ StreamName: stream, ...shards }));
  } catch (error) {
    // Another process was quicker, or the answer was lost: the next look tells.
    if (error instanceof Error && error.name === 'ResourceInUseException') return;
    if (failureOf(error) === 'unanswered' || failureOf(error) === 'throttled') return;
    throw wholeCallError(connection.uri, error);
  }
}

type Summary = {
  readonly StreamARN?: string | undefined;
  readonly StreamStatus?: string | undefined;
  readonly StreamCreationTimestamp?: Date | undefined;
  readonly RetentionPeriodHours?: number | undefined;
  readonly MaxRecordSizeInKiB?: number | undefined;
};

function summaryOf(uri: string, summary: Summary | undefined): StreamSummary {
  const { StreamARN, StreamStatus, StreamCreationTimestamp, RetentionPeriodHours, MaxRecordSizeInKiB } = summary ?? {};
  const createdMs = StreamCreationTimestamp?.getTime() ?? Number.NaN;
  if (StreamARN === undefined || StreamStatus === undefined || !Number.isFinite(createdMs)) {
    throw logCorrupt(uri, 'the service describes the stream without name, status or time of creation');
  }
  return {
    arn: StreamARN,
    incarnation: `${StreamARN}@${new Date(createdMs).toISOString()}`,
    status: StreamStatus,
    createdMs,
    retentionMs: (RetentionPeriodHours ?? 24) * hourMs,
    recordBytesMax: MaxRecordSizeInKiB === undefined ? undefined : MaxRecordSizeInKiB * 1024,
  };
}

function shardOf(uri: string, shard: Shard): LogShard {
  const { ShardId, HashKeyRange, SequenceNumberRange, ParentShardId, AdjacentParentShardId } = shard;
  if (ShardId === undefined) throw logCorrupt(uri, 'the service lists a shard without a name');
  return {
    shardId: ShardId,
    parentIds: [ParentShardId, AdjacentParentShardId].filter(parent => parent !== undefined),
    hashKeyStart: hashKey(uri, HashKeyRange?.StartingHashKey),
    hashKeyEnd: hashKey(uri, HashKeyRange?.EndingHashKey),
    closed: SequenceNumberRange?.EndingSequenceNumber !== undefined,
  };
}

function hashKey(uri: string, text: string | undefined): bigint {
  if (text !== undefined && /^\d{1,39}$/.test(text)) {
    const key = BigInt(text);
    if (key < hashKeyCount) return key;
  }
  throw logCorrupt(uri, `the service lists a shard with the hash key ${text}`);
}
