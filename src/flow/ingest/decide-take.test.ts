/** Whether handed-over records may be taken as they are, sign by sign. */
import { expect, test } from 'vitest';
import type { LogDescription } from '../../storage/log-store.ts';
import { decideTake, isRepeated, movedShard, type TakeFacts } from './decide-take.ts';
import { emptyState, type IngestState, type ShardState } from './state.ts';
import type { RoutedRecord } from './tail.ts';

const description: LogDescription = {
  incarnation: 'log-1',
  retentionMs: undefined,
  shards: ['a', 'b'].map(shardId => ({ shardId, parentIds: [], hashKeyStart: 0n, hashKeyEnd: 1n, closed: false })),
};
const skewMs = 60_000;
const recordedArrivalMs = 1_000_000;

type Draft = Partial<Pick<RoutedRecord, 'arrivalMs'>> & { readonly producerId?: string; readonly bucket?: number };

function record(position: number, producerNumber: number, draft: Draft = {}): RoutedRecord {
  const { arrivalMs = recordedArrivalMs, producerId = 'p', bucket = 0 } = draft;
  const header = {
    tableId: 'table-1',
    tableName: 'd.t',
    schemaId: 0,
    bucket,
    bucketCount: 4,
    laneCount: undefined,
    producerId,
    producerNamed: false,
    producerNumber,
    rowCount: 1,
    bodyBytes: 0,
    claim: undefined,
  };
  const body = new Uint8Array();
  return {
    shardId: 'a',
    position: BigInt(position),
    arrivalMs,
    record: { header, encoding: 'plain', body },
    data: body,
  };
}

function stateAt(position: bigint, changes: Partial<IngestState> = {}): IngestState {
  const shard: ShardState = { position, row: 0, arrivalMs: recordedArrivalMs, ended: false };
  return {
    ...emptyState('log-1'),
    shards: new Map([['a', shard]]),
    producers: new Map([['0/p', { lastNumber: 5, arrivalMs: recordedArrivalMs, named: false }]]),
    ...changes,
  };
}

function facts(records: readonly RoutedRecord[], changes: Partial<TakeFacts> = {}): TakeFacts {
  return { shardId: 'a', records, state: stateAt(10n), description, ...changes };
}

test('records above the recorded position are taken, in whatever lanes they go on', () => {
  const records = [record(10, 5), record(11, 6), record(12, 1, { producerId: 'new' }), record(13, 7)];
  expect(decideTake(facts(records))).toEqual({ kind: 'take', recorded: 10n, records: records.slice(1) });
});

test('what the recorded position covers is nothing', () => {
  expect(decideTake(facts([record(9, 4), record(10, 5)]))).toEqual({ kind: 'nothing' });
  expect(decideTake(facts([]))).toEqual({ kind: 'nothing' });
});

test('a shard that is new to the table, and a log that is, are read from the log', () => {
  const records = [record(11, 6)];
  const another = stateAt(10n, { incarnation: 'log-0' });
  const withoutShard = stateAt(10n, { shards: new Map() });
  expect(decideTake(facts(records, { state: undefined }))).toEqual({
    kind: 'read-log',
    why: 'the log is new to the table',
  });
  expect(decideTake(facts(records, { state: another }))).toEqual({
    kind: 'read-log',
    why: 'the log is new to the table',
  });
  expect(decideTake(facts(records, { state: withoutShard }))).toEqual({
    kind: 'read-log',
    why: 'the shard is new to the table',
  });
});

test('I1: a shard that neither the table nor the log knows is stale, whatever other shards there are', () => {
  const gone = facts([record(11, 6)], { shardId: 'gone' });
  expect(decideTake(gone)).toEqual({ kind: 'stale' });
  expect(decideTake({ ...gone, state: undefined })).toEqual({ kind: 'stale' });
});

test('I4: a number that a lane skips means that something was not handed over', () => {
  expect(decideTake(facts([record(11, 7)]))).toMatchObject({ kind: 'read-log', why: expect.stringContaining('skips') });
  expect(decideTake(facts([record(11, 6), record(12, 8)]))).toMatchObject({ kind: 'read-log' });
  expect(decideTake(facts([record(11, 2, { producerId: 'new' })]))).toMatchObject({ kind: 'read-log' });
  expect(decideTake(facts([record(11, 2, { bucket: 1 })]))).toMatchObject({ kind: 'read-log' });
});

test('RFC 0013: numbers of requests skip in lanes that a request has no rows for, which shows nothing', () => {
  const request = { producerId: 'request/p' };
  const records = [record(11, 4, request), record(12, 9, request)];
  expect(decideTake(facts(records))).toMatchObject({ kind: 'take', records });
});

test('L1: a repeat of a producer is no skip, and does not make the next one a skip', () => {
  const records = [record(11, 3), record(12, 6), record(13, 4), record(14, 7)];
  expect(decideTake(facts(records))).toEqual({ kind: 'take', recorded: 10n, records });
});

test('a record that arrived more than a minute before the recorded one shows that the order is not that of the log', () => {
  const atMs = (arrivalMs: number): TakeFacts => facts([record(11, 6, { arrivalMs })]);
  expect(decideTake(atMs(recordedArrivalMs - skewMs)).kind).toBe('take');
  expect(decideTake(atMs(recordedArrivalMs - skewMs - 1))).toMatchObject({
    kind: 'read-log',
    why: expect.stringContaining('older'),
  });
});

test('what shows a hole is taken all the same when the log lists the shard no more: there is nothing else to read', () => {
  const records = [record(11, 9)];
  const unlisted = { ...description, shards: description.shards.filter(({ shardId }) => shardId !== 'a') };
  expect(decideTake(facts(records, { description: unlisted }))).toEqual({ kind: 'take', recorded: 10n, records });
});

test('I2: a shard that is elsewhere than it was when its records were read is named, one that is new is nowhere', () => {
  const state = stateAt(10n);
  expect(movedShard(state, [{ shardId: 'a', recorded: 10n }])).toBeUndefined();
  expect(movedShard(state, [{ shardId: 'b', recorded: undefined }])).toBeUndefined();
  expect(movedShard(state, [{ shardId: 'a', recorded: 9n }])).toBe('shard a is at 10, not at 9');
  expect(movedShard(state, [{ shardId: 'a', recorded: undefined }])).toBe('shard a is at 10, not at nothing');
  expect(
    movedShard(state, [
      { shardId: 'a', recorded: 10n },
      { shardId: 'b', recorded: 1n },
    ]),
  ).toBe('shard b is at nothing, not at 1');
});

test('L1: a number is a repeat when its lane has taken it or a later one', () => {
  expect(isRepeated(undefined, 1)).toBe(false);
  expect([4, 5, 6].map(number => isRepeated({ lastNumber: 5 }, number))).toEqual([true, true, false]);
});
