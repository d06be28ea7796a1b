/**
 * A Kinesis data stream as a log store. A hash key is a record's ExplicitHashKey, a position its sequence number, a
 * shard a shard. How records are put in order is in kinesis-append, what the answers to reads mean in kinesis-read, what
 * failures mean in kinesis-connection.
 */
import { GetRecordsCommand, GetShardIteratorCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { unreachable } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { badLogSettings, logClosed } from '../log-errors.ts';
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
} from '../log-store.ts';
import { checkAppend } from '../shard-ranges.ts';
import { appendInOrder, callRecordsMax, partitionKeyBytes } from './kinesis-append.ts';
import { failureOf, KinesisConnection, type KinesisCredentials } from './kinesis-connection.ts';
import { Cursors } from './kinesis-cursors.ts';
import { answerRecordsMax, type IteratorStart, type KinesisReadCalls, readKinesisShard } from './kinesis-read.ts';
import { describeLog, describeStream, ensureStream, listShards } from './kinesis-shards.ts';

export type KinesisLogSettings = {
  readonly stream: string;
  readonly region?: string | undefined;
  readonly credentials?: KinesisCredentials | undefined;
  /** Of an emulator. */
  readonly endpoint?: string | undefined;
  /** Makes a stream of this many shards when there is none; meant for emulators. */
  readonly createWithShards?: number | undefined;
  /** A shard answers five reads a second, to all readers together: not below 200 on the real service. */
  readonly pollIntervalMs?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
};

/** A record and its partition key are at most 1 MiB together. */
const recordBytesMax = (1 << 20) - partitionKeyBytes;
/** The service takes 10 MiB now, emulators and it formerly 5; a shard takes 1 MiB a second. */
const callBytesMax = 5 << 20;
const pollIntervalMsDefault = 250;
/** An emulator that has not told a time's iterator by then never will. */
const emulatorTimeoutMs = 2_000;

export class KinesisLogStore implements LogStore {
  readonly uri: string;
  readonly supports: LogStoreSupport;
  readonly #stream: string;
  readonly #connection: KinesisConnection;
  readonly #calls: KinesisReadCalls;
  readonly #cursors = new Cursors();
  #closed = false;

  constructor(settings: KinesisLogSettings, connection: KinesisConnection) {
    this.uri = connection.uri;
    this.#stream = settings.stream;
    this.#connection = connection;
    this.#calls = readCalls(connection, settings.stream);
    this.supports = {
      recordBytesMax,
      appendRecordsMax: callRecordsMax,
      appendBytesMax: callBytesMax,
      resharding: true,
      pollIntervalMs: settings.pollIntervalMs ?? pollIntervalMsDefault,
    };
  }

  async describe(options?: LogRequestOptions): Promise<LogDescription> {
    this.#check(options?.signal);
    return await describeLog(this.#connection, this.#stream, options?.signal);
  }

  async append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]> {
    const signal = options?.signal;
    this.#check(signal);
    checkAppend(this.uri, recordBytesMax, records);
    const { client, clock, random } = this.#connection;
    const put = async (batch: readonly LogAppend[]) => {
      const command = new PutRecordsCommand({ StreamName: this.#stream, Records: batch.map(putEntry) });
      return (await client.send(command, abortable(signal))).Records ?? [];
    };
    return await appendInOrder(records, put, { uri: this.uri, clock, random, signal, callBytesMax });
  }

  async read(shardId: string, from: LogStart, options?: LogReadOptions): Promise<LogReadResult> {
    this.#check(options?.signal);
    return await readKinesisShard(this.#calls, this.#cursors, { shardId, from }, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.#connection.close();
    this.#closed = true;
  }

  #check(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#closed) throw logClosed(this.uri);
  }
}

/**
 * Opens a stream that exists, or makes it where the settings say so.
 *
 * @throws LakeError `invalid` LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED, LAKE_BAD_SETTINGS; `unavailable`
 */
export async function openKinesisLog(
  settings: KinesisLogSettings,
  components: { readonly clock: Clock; readonly random: Random },
): Promise<KinesisLogStore> {
  const { stream, createWithShards, ...rest } = settings;
  const uri = `kinesis://${stream}`;
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(stream)) throw badLogSettings(`${uri}: this is no name of a Kinesis stream`);
  const connection = new KinesisConnection({ uri, ...rest }, components);
  try {
    await ensureStream(connection, stream, { createWithShards, signal: undefined });
    return new KinesisLogStore(settings, connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

function putEntry({ hashKey, data }: LogAppend): { Data: Uint8Array; PartitionKey: string; ExplicitHashKey: string } {
  return { Data: data, PartitionKey: hashKey.toString(16), ExplicitHashKey: hashKey.toString() };
}

function abortable(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function readCalls(connection: KinesisConnection, stream: string): KinesisReadCalls {
  const { client, uri, clock, random } = connection;
  const iterator = async (shardId: string, start: IteratorStart, signal: AbortSignal | undefined): Promise<string> => {
    const command = new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...iteratorInput(start) });
    const answer = await client.send(command, abortable(signal));
    if (answer.ShardIterator === undefined) throw new Error('an answer without a shard iterator');
    return answer.ShardIterator;
  };
  return {
    uri,
    iterator: (shardId, start, signal) =>
      connection.idempotent('looking for a place', signal, () => iterator(shardId, start, signal)),
    async iteratorAtTime(shardId, arrivalMs, signal) {
      const start = { type: 'AT_TIMESTAMP', arrivalMs } as const;
      if (!connection.isEmulator) {
        return await connection.idempotent('looking for a time', signal, () => iterator(shardId, start, signal));
      }
      const patience = new AbortController();
      const waited = clock.sleep(emulatorTimeoutMs, patience.signal).catch(() => undefined);
      const either = signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]);
      try {
        return await Promise.race([iterator(shardId, start, either), waited.then(() => undefined)]);
      } catch (error) {
        if (failureOf(error) === 'unanswered') return undefined;
        throw error;
      } finally {
        patience.abort();
      }
    },
    records: (shardIterator, signal) =>
      connection.idempotent('reading', signal, () =>
        client.send(
          new GetRecordsCommand({ ShardIterator: shardIterator, Limit: answerRecordsMax }),
          abortable(signal),
        ),
      ),
    isListed: async (shardId, signal) =>
      (await listShards(connection, stream, signal)).some(shard => shard.shardId === shardId),
    async keptSinceMs(signal) {
      const { createdMs, retentionMs } = await describeStream(connection, stream, signal);
      const horizonMs = connection.serverNowMs() - retentionMs;
      // Nothing is older than the stream.
      return createdMs >= horizonMs ? Number.NEGATIVE_INFINITY : horizonMs;
    },
    serverNowMs: () => connection.serverNowMs(),
    uuid: () => random.uuid(),
  };
}

function iteratorInput(start: IteratorStart): {
  ShardIteratorType: IteratorStart['type'];
  StartingSequenceNumber?: string;
  Timestamp?: Date;
} {
  switch (start.type) {
    case 'AT_SEQUENCE_NUMBER':
      return { ShardIteratorType: start.type, StartingSequenceNumber: start.position.toString() };
    case 'AT_TIMESTAMP':
      return { ShardIteratorType: start.type, Timestamp: new Date(start.arrivalMs) };
    case 'TRIM_HORIZON':
    case 'LATEST':
      return { ShardIteratorType: start.type };
    default:
      return unreachable(start);
  }
}
