/**
 * The event source mapping of Lambda between a Kinesis stream and a function: each shard in order, parents before children, at
 * least once.
 */
import { KinesisClient, ListShardsCommand, type Shard } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { pause } from './asynchronous-calls.ts';
import { deliver, type GivenUp, type StreamRecord } from './batch-delivery.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { LocalFunction } from './local-function.ts';
import type { LocalQueue } from './local-queue.ts';
import { localAccountId, type StreamMappingPlan } from './local-stack.ts';
import { readShard } from './shard-reader.ts';

export type StreamMappingSettings = {
  readonly plan: StreamMappingPlan;
  readonly called: LocalFunction;
  readonly failures: LocalQueue | undefined;
  readonly checkpoints: Checkpoints;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly onProblem: (problem: string) => void;
  /** Whether a batch that has been taken is handed over once more, as AWS may do at any time. */
  readonly repeats?: ((shardId: string) => boolean) | undefined;
};

const lookMs = 1_000;

export class StreamMapping implements AsyncDisposable {
  readonly #settings: StreamMappingSettings;
  readonly #client: KinesisClient;
  readonly #stop = new AbortController();
  readonly #shards = new Map<string, Promise<void>>();
  readonly #running: Promise<void>;
  /** Batches that were handed over once more. */
  repeatCount = 0;

  constructor(settings: StreamMappingSettings) {
    this.#settings = settings;
    const { endpoint, region, credentials } = settings;
    this.#client = new KinesisClient({
      endpoint,
      region,
      credentials: { ...credentials },
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({ requestTimeout: 10_000, throwOnRequestTimeout: true }),
    });
    this.#running = this.#run();
  }

  get stream(): string {
    return this.#settings.plan.streamArn.split('/').at(-1) ?? '';
  }

  /** Shards of which something is or was handed over since the start. */
  get shardIds(): readonly string[] {
    return [...this.#shards.keys()];
  }

  /** An invocation that runs is not waited for: what it does not answer any more comes again. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return this.#running;
    this.#stop.abort();
    await this.#running;
    this.#client.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const { ShardId = '' } of await this.#readyShards()) {
        if (!this.#shards.has(ShardId)) this.#shards.set(ShardId, this.#follow(ShardId));
      }
      await pause(lookMs, this.#stop.signal);
    }
    await Promise.all(this.#shards.values());
  }

  /** Those that are not handed over to their end, and whose parents are, as far as these still exist. */
  async #readyShards(): Promise<readonly Shard[]> {
    try {
      const answer = await this.#client.send(new ListShardsCommand({ StreamName: this.stream }), {
        abortSignal: this.#stop.signal,
      });
      const shards = answer.Shards ?? [];
      const open = new Set(shards.flatMap(({ ShardId }) => (this.#isDone(ShardId) ? [] : (ShardId ?? []))));
      return shards.filter(
        ({ ShardId = '', ParentShardId = '', AdjacentParentShardId = '' }) =>
          open.has(ShardId) && !open.has(ParentShardId) && !open.has(AdjacentParentShardId),
      );
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#settings.onProblem(`${this.stream}: ${String(error)}`);
      return [];
    }
  }

  async #follow(shardId: string): Promise<void> {
    const { checkpoints, plan, onProblem } = this.#settings;
    const { signal } = this.#stop;
    const name = this.#nameOf(shardId);
    const after = checkpoints.get(name).sequenceNumber;
    const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
    const reading = { client: this.#client, stream: this.stream, shardId, plan, after, signal, onProblem };
    for await (const records of readShard(reading)) {
      const delivered = deliver(records, {
        plan,
        invoke: part => this.#invoke(shardId, part),
        checkpoint: last => checkpoints.set(name, { sequenceNumber: last.sequenceNumber }),
        giveUp: given => this.#giveUp(shardId, given),
        pause: ms => pause(ms, signal),
        nowMs: () => Date.now(),
        isStopped: () => signal.aborted,
      });
      await Promise.race([delivered, stopped]);
    }
    if (!signal.aborted) checkpoints.set(name, { isDone: true });
  }

  async #invoke(shardId: string, records: readonly StreamRecord[]) {
    const { called, plan, repeats } = this.#settings;
    const payload = JSON.stringify({ Records: records.map(record => eventRecord(record, shardId, plan.streamArn)) });
    const answer = await called.invokeBuffered(payload);
    if (answer.kind === 'error' || repeats?.(shardId) !== true) return answer;
    this.repeatCount += 1;
    return called.invokeBuffered(payload);
  }

  #giveUp(shardId: string, { records, condition, callCount }: GivenUp): void {
    const [first, last] = [records[0], records.at(-1)];
    this.#settings.onProblem(`${shardId}: ${records.length} records given up: ${condition}`);
    this.#settings.failures?.send({
      version: '1.0',
      timestamp: new Date().toISOString(),
      requestContext: {
        functionArn: this.#settings.called.spec.functionArn,
        condition,
        approximateInvokeCount: callCount,
      },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      KinesisBatchInfo: {
        shardId,
        startSequenceNumber: first?.sequenceNumber,
        endSequenceNumber: last?.sequenceNumber,
        approximateArrivalOfFirstRecord: new Date(first?.arrivalMs ?? 0).toISOString(),
        approximateArrivalOfLastRecord: new Date(last?.arrivalMs ?? 0).toISOString(),
        batchSize: records.length,
        streamArn: this.#settings.plan.streamArn,
      },
    });
  }

  #isDone(shardId: string | undefined): boolean {
    return shardId !== undefined && this.#settings.checkpoints.get(this.#nameOf(shardId)).isDone === true;
  }

  #nameOf(shardId: string): string {
    return `${this.#settings.called.spec.functionName} ${this.stream} ${shardId}`;
  }
}

function eventRecord(record: StreamRecord, shardId: string, streamArn: string): unknown {
  return {
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey: record.partitionKey,
      sequenceNumber: record.sequenceNumber,
      data: Buffer.from(record.data).toString('base64'),
      approximateArrivalTimestamp: record.arrivalMs / 1_000,
    },
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `${shardId}:${record.sequenceNumber}`,
    eventName: 'aws:kinesis:record',
    invokeIdentityArn: `arn:aws:iam::${localAccountId}:role/local`,
    awsRegion: streamArn.split(':')[3],
    eventSourceARN: streamArn,
  };
}
