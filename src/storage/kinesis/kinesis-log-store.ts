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
import { FanOut, type FanOutSettings } from './kinesis-fan-out.ts';
import { answerRecordsMax, type IteratorStart, type KinesisReadCalls, readKinesisShard } from './kinesis-read.ts';
import { describeLog, describeStream, ensureStream, listShards, type ShardPlan } from './kinesis-shards.ts';

export type KinesisLogSettings = {
  readonly stream: string;
  readonly region?: string | undefined;
  readonly credentials?: KinesisCredentials | undefined;
  /** Of an emulator. */
  readonly endpoint?: string | undefined;
  /** Makes a stream of this many shards, or one on demand, when there is none; meant for emulators. */
  readonly createWithShards?: ShardPlan | undefined;
  /** Serves readers who follow a shard by pushes to a registered consumer, instead of by GetRecords. */
  readonly fanOut?: FanOutSettings | undefined;
  /** A shard answers five reads a second, to all readers together: not below 200 on the real service. */
  readonly pollIntervalMs?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly pushProtocol?: 'http1' | 'http2' | undefined;
};

/** A record and its partition key together, where the stream does not say. */
const recordBytesMaxDefault = 1 << 20;
/** Of one call. A stream that says how large its records may be takes the larger; emulators and the service formerly the other. */
const callBytesMaxLarge = 10 << 20;
const callBytesMaxDefault = 5 << 20;
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
  readonly #fanOut: FanOut | undefined;
  /** Only where the service pushes. */
  readonly waitForMore?: NonNullable<LogStore['waitForMore']>;
  #closed = false;

  /** @param recordBytes largest record that the stream takes, its partition key included, where it says */
  constructor(settings: KinesisLogSettings, connection: KinesisConnection, recordBytes?: number) {
    this.uri = connection.uri;
    this.#stream = settings.stream;
    this.#connection = connection;
    const recordBytesMax = (recordBytes ?? recordBytesMaxDefault) - partitionKeyBytes;
    this.#calls = readCalls(connection, settings.stream, recordBytesMax);
    const pollIntervalMs = settings.pollIntervalMs ?? pollIntervalMsDefault;
    this.supports = {
      recordBytesMax,
      appendRecordsMax: callRecordsMax,
      appendBytesMax: recordBytes === undefined ? callBytesMaxDefault : callBytesMaxLarge,
      resharding: true,
      pollIntervalMs,
    };
    const { stream, fanOut } = settings;
    if (fanOut === undefined) return;
    const pushes = new FanOut(connection, connection.pushClient(), { stream, settings: fanOut, pollIntervalMs });
    this.#fanOut = pushes;
    this.waitForMore = async (shardId, from, options) => {
      this.#check(options.signal);
      await pushes.wait(shardId, from, this.#cursors.get(shardId, from)?.atTip === true, options);
    };
  }

  async describe(options?: LogRequestOptions): Promise<LogDescription> {
    this.#check(options?.signal);
    return await describeLog(this.#connection, this.#stream, options?.signal);
  }

  async append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]> {
    const signal = options?.signal;
    this.#check(signal);
    const { recordBytesMax, appendBytesMax: callBytesMax } = this.supports;
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
    const place = { shardId, from };
    const shared = () => readKinesisShard(this.#calls, this.#cursors, place, options);
    return this.#fanOut === undefined ? await shared() : await this.#fanOut.read(place, options, shared);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#fanOut?.close();
    this.#connection.close();
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
  const isName = (name: string): boolean => /^[a-zA-Z0-9_.-]{1,128}$/.test(name);
  if (rest.fanOut !== undefined && !isName(rest.fanOut.consumer)) {
    throw badLogSettings(`${uri}: ${rest.fanOut.consumer} is no name of a stream's consumer`);
  }
  if (!isName(stream)) throw badLogSettings(`${uri}: this is no name of a Kinesis stream`);
  const connection = new KinesisConnection({ uri, ...rest }, components);
  try {
    const { recordBytesMax } = await ensureStream(connection, stream, { createWithShards, signal: undefined });
    return new KinesisLogStore(settings, connection, recordBytesMax);
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

function readCalls(connection: KinesisConnection, stream: string, recordBytesMax: number): KinesisReadCalls {
  const { client, uri, clock, random } = connection;
  const iterator = async (shardId: string, start: IteratorStart, signal: AbortSignal | undefined): Promise<string> => {
    const command = new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...iteratorInput(start) });
    const answer = await client.send(command, abortable(signal));
    if (answer.ShardIterator === undefined) throw new Error('an answer without a shard iterator');
    return answer.ShardIterator;
  };
  return {
    uri,
    recordBytesMax,
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
