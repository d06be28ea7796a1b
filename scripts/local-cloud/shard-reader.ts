/** Batches of one shard, from where its checkpoint is to its end, for ever while it is open. */
import {
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis';
import { pause } from './asynchronous-calls.ts';
import type { StreamRecord } from './batch-delivery.ts';
import type { StreamMappingPlan } from './local-stack.ts';

export type ShardReading = {
  readonly client: KinesisClient;
  readonly stream: string;
  readonly shardId: string;
  readonly plan: Pick<StreamMappingPlan, 'batchRecordsMax' | 'batchWindowSeconds'>;
  /** Behind this one; from the beginning when there is none. */
  readonly after: string | undefined;
  readonly signal: AbortSignal;
  readonly onProblem: (problem: string) => void;
};

/** AWS looks once a second. */
const pollMs = 200;
const troubleMs = 500;
/** What an event may hold, its records being base64 with some words around each. */
const eventBytesMax = 6 * 1024 * 1024;
const recordOverheadBytes = 700;
/** The most that a call gives. */
const readRecordsMax = 10_000;

/** Ends when the shard is closed and read to its end, or the signal says so. */
export async function* readShard(reading: ShardReading): AsyncGenerator<readonly StreamRecord[]> {
  const { plan, signal } = reading;
  let waiting: StreamRecord[] = [];
  let waitsSinceMs = 0;
  let last = reading.after;
  let iterator = await openIterator(reading, last);
  while (!signal.aborted) {
    const answer = await read(reading, iterator);
    if (answer === undefined) {
      // An iterator lives five minutes, and a service that was away knows none.
      iterator = await openIterator(reading, last);
      continue;
    }
    const records = (answer.Records ?? []).map(recordOf);
    if (waiting.length === 0) waitsSinceMs = performance.now();
    waiting.push(...records);
    last = records.at(-1)?.sequenceNumber ?? last;
    iterator = answer.NextShardIterator;
    const isClosed = iterator === undefined;
    const isDue = isClosed || performance.now() - waitsSinceMs >= plan.batchWindowSeconds * 1_000;
    for (let size = batchSize(waiting, plan); size > 0; size = batchSize(waiting, plan)) {
      if (!isDue && size === waiting.length && size < plan.batchRecordsMax) break;
      yield waiting.slice(0, size);
      waiting = waiting.slice(size);
    }
    if (isClosed) return;
    if (records.length === 0) await pause(pollMs, signal);
  }
}

/** How many of them go into one event. */
function batchSize(records: readonly StreamRecord[], plan: ShardReading['plan']): number {
  let byteCount = 0;
  for (const [index, { data }] of records.entries()) {
    byteCount += Math.ceil(data.byteLength / 3) * 4 + recordOverheadBytes;
    if (index === plan.batchRecordsMax || (byteCount > eventBytesMax && index > 0)) return index;
  }
  return records.length;
}

async function openIterator(reading: ShardReading, after: string | undefined): Promise<string | undefined> {
  const { client, stream, shardId, signal, onProblem } = reading;
  const place =
    after === undefined
      ? ({ ShardIteratorType: 'TRIM_HORIZON' } as const)
      : ({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: after } as const);
  while (!signal.aborted) {
    try {
      const answer = await client.send(
        new GetShardIteratorCommand({ StreamName: stream, ShardId: shardId, ...place }),
        { abortSignal: signal },
      );
      return answer.ShardIterator;
    } catch (error) {
      onProblem(`${shardId}: ${String(error)}`);
      await pause(troubleMs, signal);
    }
  }
  return undefined;
}

/** undefined: it could not be read; throttled, away, or the iterator has expired. */
async function read(
  { client, shardId, signal, onProblem }: ShardReading,
  iterator: string | undefined,
): Promise<GetRecordsCommandOutput | undefined> {
  try {
    return await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: readRecordsMax }), {
      abortSignal: signal,
    });
  } catch (error) {
    if (!signal.aborted) onProblem(`${shardId}: ${String(error)}`);
    await pause(troubleMs, signal);
    return undefined;
  }
}

function recordOf(record: NonNullable<GetRecordsCommandOutput['Records']>[number]): StreamRecord {
  return {
    sequenceNumber: record.SequenceNumber ?? '',
    partitionKey: record.PartitionKey ?? '',
    data: record.Data ?? new Uint8Array(),
    arrivalMs: record.ApproximateArrivalTimestamp?.getTime() ?? 0,
  };
}
