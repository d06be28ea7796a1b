/**
 * Reads of a partition. A position is an offset plus one, so that zero is the place before the first record.
 */
import type { RecordsBatch } from '@platformatic/kafka';
import { unreachable } from '../../base/assert.ts';
import { badPosition } from '../log-errors.ts';
import type { LogReadOptions, LogReadResult, LogRecordEnvelope, LogStart } from '../log-store.ts';
import { failureOf } from './kafka-connection.ts';
import type { FetchAnswer } from './kafka-fetch.ts';

/** Calls to the leader of one partition, which try again while it moves. */
export type PartitionCalls = {
  /** For messages. */
  readonly where: string;
  readonly fetch: (offset: bigint, bytesMax: number) => Promise<FetchAnswer>;
  /** The first offset whose record arrived at this time or later, -1n when there is none; see `earliest`, `latest`. */
  readonly offsetAt: (timestamp: bigint) => Promise<bigint>;
};

/** What `offsetAt` takes for the first offset that is kept, and for the one behind the last. */
const earliest = -2n;
const latest = -1n;
const answerBytesMaxDefault = 4 << 20;
/** Bits of a batch's attributes. */
const arrivalByBroker = 1 << 3;
const isControl = 1 << 5;
/** A place that retention passes between two calls is looked for again. */
const roundsMax = 5;

export function positionOfOffset(offset: bigint): bigint {
  return offset + 1n;
}

export async function readPartition(
  calls: PartitionCalls,
  from: LogStart,
  options: LogReadOptions | undefined,
): Promise<LogReadResult> {
  const bytesMax = Math.max(1, Math.min(options?.bytesMax ?? answerBytesMaxDefault, answerBytesMaxDefault));
  let start = await startOf(calls, from);
  if (start === undefined) return { ...nothing, next: from };
  if (from.kind === 'latest') return { ...nothing, next: { kind: 'after', position: start } };
  let gap = false;
  for (let round = 0; round < roundsMax; round += 1) {
    const partition = await fetched(calls, start, bytesMax);
    if (partition !== undefined) return resultOf(partition, start, { gap, bytesMax, options });
    const [first, end]: readonly bigint[] = await Promise.all([calls.offsetAt(earliest), calls.offsetAt(latest)]);
    if (first === undefined || end === undefined || start > end) {
      throw badPosition(calls.where, start, 'is behind the end of the partition');
    }
    if (start < first) {
      // What was before `first` has gone; from the earliest that is none's loss.
      gap ||= from.kind === 'after';
      start = first;
    }
  }
  // Each time retention was quicker: the next read goes on from there.
  return { ...nothing, atTip: false, gap, next: { kind: 'after', position: start } };
}

const nothing = { records: [], atTip: true, ended: false, gap: false, behindMs: undefined } as const;

/** The first offset to be read; undefined when nothing arrived by a time yet. */
async function startOf(calls: PartitionCalls, from: LogStart): Promise<bigint | undefined> {
  switch (from.kind) {
    case 'earliest':
      return await calls.offsetAt(earliest);
    case 'latest':
      return await calls.offsetAt(latest);
    case 'after':
      // Behind the record at that position, whose offset is one less.
      if (from.position < 0n) throw badPosition(calls.where, from.position, 'is below zero');
      return from.position;
    case 'timestamp': {
      const offset = await calls.offsetAt(BigInt(Math.max(0, Math.ceil(from.arrivalMs))));
      return offset < 0n ? undefined : offset;
    }
    default:
      return unreachable(from);
  }
}

type FetchedPartition = {
  readonly highWatermark: bigint;
  readonly logStartOffset: bigint;
  readonly records?: readonly RecordsBatch[] | null;
};

async function fetched(calls: PartitionCalls, start: bigint, bytesMax: number): Promise<FetchedPartition | undefined> {
  try {
    const partition = (await calls.fetch(start, bytesMax)).responses[0]?.partitions[0];
    if (partition === undefined) throw new Error('an answer without the partition that was asked for');
    return partition;
  } catch (error) {
    if (failureOf(error) === 'out-of-range') return undefined;
    throw error;
  }
}

function resultOf(
  { highWatermark, records }: FetchedPartition,
  start: bigint,
  { gap, bytesMax, options }: { gap: boolean; bytesMax: number; options: LogReadOptions | undefined },
): LogReadResult {
  const batches = records ?? [];
  const recordsMax = options?.recordsMax ?? Number.POSITIVE_INFINITY;
  const given: LogRecordEnvelope[] = [];
  let bytes = 0;
  let next = start;
  let isCut = false;
  for (const envelope of envelopesOf(batches, start)) {
    if (given.length > 0 && (given.length >= recordsMax || bytes + envelope.data.byteLength > bytesMax)) {
      isCut = true;
      break;
    }
    given.push(envelope);
    bytes += envelope.data.byteLength;
    next = envelope.position;
  }
  // Places without a record of ours (marks of transactions) are passed over.
  if (!isCut) next = batches.reduce((end, batch) => larger(end, endOf(batch)), next);
  return {
    records: given,
    next: { kind: 'after', position: next },
    atTip: !isCut && next >= highWatermark,
    ended: false,
    gap,
    behindMs: undefined,
  };
}

/** A batch may begin before the offset that was asked for. */
function* envelopesOf(batches: readonly RecordsBatch[], start: bigint): Iterable<LogRecordEnvelope> {
  for (const { attributes, firstOffset, firstTimestamp, maxTimestamp, records } of batches) {
    if ((attributes & isControl) !== 0) continue;
    for (const { offsetDelta, timestampDelta, value } of records) {
      const offset = firstOffset + BigInt(offsetDelta);
      if (offset < start) continue;
      const arrivalMs = (attributes & arrivalByBroker) !== 0 ? maxTimestamp : firstTimestamp + timestampDelta;
      // A record of another program's may have no value.
      yield { position: positionOfOffset(offset), arrivalMs: Number(arrivalMs), data: value ?? new Uint8Array() };
    }
  }
}

function endOf({ firstOffset, lastOffsetDelta }: RecordsBatch): bigint {
  return firstOffset + BigInt(lastOffsetDelta) + 1n;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
