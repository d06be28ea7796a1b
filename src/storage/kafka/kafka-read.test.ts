/** What the answers of a broker mean, by answers made here; the broker itself is in test/integration. */
import { ProtocolError, type RecordsBatch } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { text, texts } from '../log-store-testing.ts';
import type { FetchAnswer } from './kafka-fetch.ts';
import { type PartitionCalls, readPartition } from './kafka-read.ts';

const brokerTime = 1 << 3;
const control = 1 << 5;

type BatchOptions = { readonly attributes?: number; readonly maxTimestamp?: bigint };

function batch(firstOffset: bigint, values: readonly string[], options: BatchOptions = {}): RecordsBatch {
  const { attributes = brokerTime, maxTimestamp = 500n } = options;
  return {
    firstOffset,
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes,
    lastOffsetDelta: values.length - 1,
    firstTimestamp: 100n,
    maxTimestamp,
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    records: values.map((value, offsetDelta) => ({
      length: 0,
      attributes: 0,
      timestampDelta: BigInt(offsetDelta),
      offsetDelta,
      key: null,
      value: value === '' ? null : Buffer.from(text(value)),
      headers: [],
    })),
  };
}

/** A partition that keeps offsets from `first` on, below `end`. */
function partition(
  batches: readonly RecordsBatch[],
  { first = 0n, end }: { first?: bigint; end: bigint },
): PartitionCalls {
  return {
    where: 'test',
    fetch: async offset => {
      if (offset < first || offset > end) throw new ProtocolError('OFFSET_OUT_OF_RANGE');
      const records = batches.filter(each => each.firstOffset + BigInt(each.lastOffsetDelta) >= offset);
      return answer(records, end);
    },
    offsetAt: async timestamp => (timestamp === -2n ? first : timestamp === -1n ? end : -1n),
  };
}

function answer(records: RecordsBatch[], highWatermark: bigint): FetchAnswer {
  const one = {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark,
    lastStableOffset: highWatermark,
    logStartOffset: 0n,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records,
  };
  return { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses: [{ topicId: '', partitions: [one] }] };
}

test('records before the offset asked for, which come with their batch, are not given', async () => {
  const calls = partition([batch(0n, ['a', 'b', 'c'])], { end: 3n });
  const result = await readPartition(calls, { kind: 'after', position: 2n }, undefined);
  expect(texts(result.records)).toEqual(['c']);
  expect(result).toMatchObject({ next: { kind: 'after', position: 3n }, atTip: true, gap: false, ended: false });
});

test('the time of arrival is the broker’s of the batch, or each record’s own', async () => {
  const calls = partition([batch(0n, ['a', 'b']), batch(2n, ['c', 'd'], { attributes: 0 })], { end: 4n });
  const { records } = await readPartition(calls, { kind: 'earliest' }, undefined);
  expect(records.map(record => record.arrivalMs)).toEqual([500, 500, 100, 101]);
  expect(records.map(record => record.position)).toEqual([1n, 2n, 3n, 4n]);
});

test('marks of transactions are passed over, and places without records do not stop a reader', async () => {
  const calls = partition([batch(0n, ['x'], { attributes: control }), batch(1n, ['a'])], { end: 2n });
  expect(texts((await readPartition(calls, { kind: 'earliest' }, undefined)).records)).toEqual(['a']);
  const only = partition([batch(0n, ['x'], { attributes: control })], { end: 2n });
  const result = await readPartition(only, { kind: 'earliest' }, undefined);
  expect(result).toMatchObject({ records: [], next: { kind: 'after', position: 1n }, atTip: false });
});

test('a record without a value has no bytes', async () => {
  const calls = partition([batch(0n, [''])], { end: 1n });
  const { records } = await readPartition(calls, { kind: 'earliest' }, undefined);
  expect(records.map(record => record.data.byteLength)).toEqual([0]);
});

test('a place that retention has passed is a gap to who had it, and none to who begins at the earliest', async () => {
  const calls = partition([batch(7n, ['h'])], { first: 7n, end: 8n });
  const behind = await readPartition(calls, { kind: 'after', position: 3n }, undefined);
  expect({ texts: texts(behind.records), gap: behind.gap, atTip: behind.atTip }).toEqual({
    texts: ['h'],
    gap: true,
    atTip: true,
  });
  // Retention was quicker than the first fetch.
  let firstAsked = true;
  const racing: PartitionCalls = {
    ...calls,
    offsetAt: async timestamp => {
      if (!firstAsked || timestamp !== -2n) return await calls.offsetAt(timestamp);
      firstAsked = false;
      return 3n;
    },
  };
  const begun = await readPartition(racing, { kind: 'earliest' }, undefined);
  expect({ texts: texts(begun.records), gap: begun.gap }).toEqual({ texts: ['h'], gap: false });
  // Exactly the first that is kept.
  expect((await readPartition(calls, { kind: 'after', position: 7n }, undefined)).gap).toBe(false);
});

test('a position behind the end, or below zero, is none of this partition', async () => {
  const calls = partition([], { end: 3n });
  for (const position of [4n, -1n]) {
    await expect(readPartition(calls, { kind: 'after', position }, undefined)).rejects.toMatchObject({
      code: 'LAKE_LOG_POSITION',
    });
  }
});

test('a time that nothing arrived at yet stays the place to read from', async () => {
  const from = { kind: 'timestamp', arrivalMs: 900 } as const;
  const result = await readPartition(partition([batch(0n, ['a'])], { end: 1n }), from, undefined);
  expect(result).toMatchObject({ records: [], next: from, atTip: true });
});
