/** What is read of the log for one table: from where, how far, and what goes into one piece. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import type { LogDescription, LogReadResult, LogShard } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { encodeRecord } from '../log-record.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { owedShards, type ReadOwedInput, readOwed } from './read-owed.ts';
import { emptyState, type IngestState, producerKey, type ShardState } from './state.ts';

function recordOf(tableId: string, producerNumber = 1): Uint8Array {
  const header = {
    tableId,
    tableName: 'd.t',
    schemaId: 0,
    bucket: 0,
    bucketCount: 4,
    laneCount: undefined,
    producerId: 'p',
    producerNamed: false,
    producerNumber,
    rowCount: 1,
    bodyBytes: 1,
    claim: undefined,
  };
  return encodeRecord({ header, encoding: 'plain', body: Uint8Array.of(0) });
}

const recordBytes = recordOf('x').length;

/** A log of one shard, read one record at a time; what of it is read is noted. */
function newWorld(
  settings: { readonly retentionMs?: number } = {},
  answered: (result: LogReadResult, count: number) => LogReadResult = result => result,
) {
  const clock = new ManualClock();
  const inner = new MemoryLogStore({ name: 'owed', shardCount: 1, ...settings }, { clock, random: seededRandom(1) });
  const asked: string[] = [];
  const log = changedLog(inner, {
    read: async (shardId, from, options) => {
      asked.push(`${shardId} ${from.kind === 'after' ? from.position : from.kind} ${options?.bytesMax}`);
      const result = answered(await inner.read(shardId, from, { ...options, recordsMax: 1 }), asked.length);
      return result.records.length > 0 ? result : { ...result, next: from };
    },
  });
  const store = new MemoryObjectStore('memory:owed', clock);
  const append = async (...datas: readonly Uint8Array[]): Promise<void> => {
    for (const data of datas) await inner.append([{ hashKey: 0n, data }]);
  };
  const read = async (changes: Partial<ReadOwedInput> = {}) => {
    const description = await inner.describe();
    const shardId = description.shards.at(-1)?.shardId ?? '';
    const input = {
      tableId: 'x',
      state: undefined,
      description,
      shardId,
      until: 100n,
      bytesMax: 10_000,
      claimedBytesMax: 1_000,
    };
    return readOwed({ log, store }, { ...input, ...changes });
  };
  return { clock, log: inner, store, asked, append, read };
}

function entry(position: bigint, ended = false): ShardState {
  return { position, row: 0, arrivalMs: 0, ended };
}

function stateOf(incarnation: string, shards: Readonly<Record<string, ShardState>>): IngestState {
  return { ...emptyState(incarnation), shards: new Map(Object.entries(shards)) };
}

const shard = (shardId: string, ...parentIds: readonly string[]): LogShard => ({
  shardId,
  parentIds,
  hashKeyStart: 0n,
  hashKeyEnd: 1n,
  closed: false,
});

test('I5: owed are the ancestors that are listed and have not ended, parents first and each once, then the shard', () => {
  const description: LogDescription = {
    incarnation: 'log-1',
    retentionMs: undefined,
    shards: [shard('a', 'gone'), shard('b', 'a'), shard('c', 'a'), shard('d', 'b', 'c')],
  };
  const owed = (shardId: string, shards: Readonly<Record<string, ShardState>>, incarnation = 'log-1') =>
    owedShards({ state: stateOf(incarnation, shards), description, shardId }).map(found => found.shardId);
  expect(owedShards({ state: undefined, description, shardId: 'd' }).map(found => found.shardId)).toEqual([
    'a',
    'b',
    'c',
    'd',
  ]);
  expect(owed('c', {})).toEqual(['a', 'c']);
  expect(owed('d', { a: entry(1n, true) })).toEqual(['b', 'c', 'd']);
  expect(owed('d', { a: entry(1n, true), b: entry(2n, true) })).toEqual(['c', 'd']);
  // What has an entry was begun when its parents had ended.
  expect(owed('d', { b: entry(2n), c: entry(2n, true) })).toEqual(['b', 'd']);
  expect(owed('d', { d: entry(3n) })).toEqual(['d']);
  expect(owed('d', { d: entry(3n, true) })).toEqual(['d']);
  expect(owed('d', { d: entry(3n) }, 'log-0')).toEqual(['a', 'b', 'c', 'd']);
  expect(owed('gone', {})).toEqual([]);
});

test('an answer without records that is not the tip is no end', async () => {
  const nothing = { records: [], atTip: false, ended: false };
  const w = newWorld({}, (result, count) => (count === 1 ? { ...result, ...nothing } : result));
  await w.append(recordOf('x'), recordOf('x'));
  const piece = await w.read({ until: 1n });
  expect(piece).toMatchObject({ isComplete: true, shards: [{ through: { position: 1n } }] });
  expect(w.asked).toHaveLength(2);
});

test('what is gone above a checkpoint is lost to a table that has taken nothing', async () => {
  const w = newWorld({ retentionMs: 1_000 });
  await w.append(recordOf('y'), recordOf('x'));
  const { incarnation, shards } = await w.log.describe();
  const shardId = shards[0]?.shardId ?? '';
  await writeCheckpoint(w.store, incarnation, shardId, { position: 1n });
  w.clock.advance(1_001);
  // Its number says so, too.
  await w.append(recordOf('x', 2));
  expect(await w.read()).toMatchObject({
    isComplete: true,
    lostShards: [shardId],
    shards: [{ through: { position: 3n } }],
  });
});

test('what was found lost stays so, whatever a later gap turns out to be', async () => {
  // The second answer is to whether there is a gap above the checkpoint, too; of the fourth on there is none any more.
  const w = newWorld({}, (result, count) => ({ ...result, gap: count <= 3 }));
  await w.append(...Array.from({ length: 5 }, () => recordOf('x')));
  const { incarnation, shards } = await w.log.describe();
  const shardId = shards[0]?.shardId ?? '';
  await writeCheckpoint(w.store, incarnation, shardId, { position: 2n });
  const state = stateOf(incarnation, { [shardId]: entry(1n) });
  expect(await w.read({ state, until: 5n })).toMatchObject({ isComplete: true, lostShards: [shardId] });
});

test('a shard is read from above the recorded position to where it is asked for, and only for the table', async () => {
  const w = newWorld();
  await w.append(recordOf('x'), recordOf('x'), recordOf('y'), recordOf('x'), recordOf('x'));
  const { incarnation, shards } = await w.log.describe();
  const shardId = shards[0]?.shardId ?? '';
  const piece = await w.read({ state: stateOf(incarnation, { [shardId]: entry(1n) }), until: 4n });
  expect(piece).toMatchObject({ isComplete: true, lostShards: [] });
  expect(piece.shards).toMatchObject([
    {
      shardId,
      hashKeys: { start: shards[0]?.hashKeyStart, end: shards[0]?.hashKeyEnd },
      recorded: 1n,
      through: { position: 4n, arrivalMs: w.clock.nowMs() },
      ended: false,
    },
  ]);
  expect(piece.shards[0]?.records.map(({ position }) => position)).toEqual([2n, 4n]);
  // What is left of the bytes is asked for.
  expect(w.asked).toEqual([1, 2, 3].map(at => `${shardId} ${at} ${10_000 - (at - 1) * recordBytes}`));
});

test('what has no recorded position in this log is read from its checkpoint, or from the beginning', async () => {
  const w = newWorld();
  await w.append(recordOf('x'), recordOf('x'), recordOf('x'));
  const { incarnation, shards } = await w.log.describe();
  const shardId = shards[0]?.shardId ?? '';
  const [beginning] = (await w.read({ state: stateOf('log-0', { [shardId]: entry(2n) }) })).shards;
  expect(beginning?.recorded).toBeUndefined();
  expect(beginning?.records.map(({ position }) => position)).toEqual([1n, 2n, 3n]);
  await writeCheckpoint(w.store, incarnation, shardId, { position: 2n });
  const [behind] = (await w.read()).shards;
  expect(behind?.recorded).toBeUndefined();
  expect(behind?.records.map(({ position }) => position)).toEqual([3n]);
});

test('where a number is missing behind the checkpoint, the shard is read from its beginning', async () => {
  const w = newWorld();
  await w.append(recordOf('x', 1), recordOf('x', 2), recordOf('x', 3));
  const { incarnation, shards } = await w.log.describe();
  const shardId = shards[0]?.shardId ?? '';
  await writeCheckpoint(w.store, incarnation, shardId, { position: 2n });
  const positionsOf = async (state?: IngestState) =>
    (await w.read({ state })).shards[0]?.records.map(({ position }) => position);
  expect(await positionsOf()).toEqual([1n, 2n, 3n]);
  const lane = { lastNumber: 2, arrivalMs: 0, named: false };
  const known = (name: string): IngestState => ({
    ...emptyState(name),
    producers: new Map([[producerKey('p', 0), lane]]),
  });
  expect(await positionsOf(known(incarnation))).toEqual([3n]);
  expect(await positionsOf(known('log-0'))).toEqual([1n, 2n, 3n]);
  // Where something is recorded, that is where reading begins.
  expect(await positionsOf(stateOf(incarnation, { [shardId]: entry(2n) }))).toEqual([3n]);
});

test('the numbers of a child follow those of its parents', async () => {
  const w = newWorld();
  await w.append(recordOf('x', 1), recordOf('x', 2));
  const [parent = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  w.log.split(parent);
  const { incarnation, shards } = await w.log.describe();
  const child = shards.find(({ parentIds }) => parentIds.length > 0)?.shardId ?? '';
  await w.append(recordOf('x', 3), recordOf('y', 1), recordOf('x', 4));
  await writeCheckpoint(w.store, incarnation, child, { position: 3n });
  const numbersOf = async () =>
    (await w.read({ shardId: child })).shards.map(({ records }) =>
      records.map(({ record }) => record.header.producerNumber),
    );
  expect(await numbersOf()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  // None is missing behind this one, as the parent's are known.
  w.asked.length = 0;
  await writeCheckpoint(w.store, incarnation, child, { position: 2n });
  expect(await numbersOf()).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(w.asked.filter(line => line.startsWith(`${child} earliest`))).toEqual([]);
});

test('a piece ends with its bytes; the rest is for another one', async () => {
  const w = newWorld();
  await w.append(recordOf('x'), recordOf('x'), recordOf('x'));
  const cut = await w.read({ bytesMax: 2 * recordBytes });
  expect(cut.isComplete).toBe(false);
  expect(cut.shards).toMatchObject([{ through: { position: 2n } }]);
  const whole = await w.read({ bytesMax: 2 * recordBytes + 1 });
  expect(whole).toMatchObject({ isComplete: true, shards: [{ through: { position: 3n } }] });
});

test('parents are read to their end before their children, whatever was asked for, and share the bytes', async () => {
  const w = newWorld();
  await w.append(recordOf('x'), recordOf('x'));
  const [parent = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  w.log.split(parent);
  const [, child = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  await w.append(recordOf('x'));
  const both = await w.read({ shardId: child, until: 1n });
  expect(both).toMatchObject({
    isComplete: true,
    shards: [
      { shardId: parent, ended: true, through: { position: 2n } },
      { shardId: child, ended: false, through: { position: 3n } },
    ],
  });
  const first = await w.read({ shardId: child, bytesMax: 2 * recordBytes });
  expect(first).toMatchObject({ isComplete: false, shards: [{ shardId: parent, ended: true }] });
  const part = await w.read({ shardId: child, bytesMax: recordBytes });
  expect(part).toMatchObject({ isComplete: false, shards: [{ shardId: parent, ended: false }] });
});

test('a parent that ended without a record is known as ended; a child without one is nothing to take', async () => {
  const w = newWorld();
  const [parent = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  w.log.split(parent);
  const [, child = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  expect(await w.read({ shardId: child })).toEqual({
    isComplete: true,
    lostShards: [],
    shards: [expect.objectContaining({ shardId: parent, records: [], through: undefined, ended: true })],
  });
});

test('a parent that does not say its end yet is waited for by nobody here', async () => {
  const w = newWorld();
  const description = await w.log.describe();
  const [parent = ''] = description.shards.map(({ shardId }) => shardId);
  await w.append(recordOf('x'));
  const child = { ...shard('child', parent), closed: false };
  const listed = { ...description, shards: [...description.shards, child] };
  const piece = await w.read({ description: listed, shardId: 'child' });
  expect(piece).toMatchObject({ isComplete: false, shards: [{ shardId: parent, ended: false }] });
});

test('a log that says the end of a shard only when it is asked once more is asked once more', async () => {
  const w = newWorld({}, result => (result.records.length > 0 ? { ...result, ended: false } : result));
  await w.append(recordOf('x'), recordOf('x'));
  const [parent = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  w.log.split(parent);
  const [, child = ''] = (await w.log.describe()).shards.map(({ shardId }) => shardId);
  const piece = await w.read({ shardId: child });
  expect(piece).toMatchObject({ isComplete: true, shards: [{ shardId: parent, ended: true }] });
});

test('an answer without records that is not at the tip is no end', async () => {
  const w = newWorld({}, (result, count) => (count === 1 ? { ...result, records: [], atTip: false } : result));
  await w.append(recordOf('x'), recordOf('x'));
  const piece = await w.read();
  expect(piece.isComplete).toBe(true);
  expect(piece.shards[0]?.records.map(({ position }) => position)).toEqual([1n, 2n]);
});

test('a shard that has ended is complete, whether or not the log calls that its tip', async () => {
  const w = newWorld({}, result => ({ ...result, atTip: false }));
  await w.append(recordOf('x'));
  const [shardId = ''] = (await w.log.describe()).shards.map(shard => shard.shardId);
  w.log.split(shardId);
  expect(await w.read({ shardId })).toMatchObject({ isComplete: true, shards: [{ ended: true }] });
  expect(w.asked).toHaveLength(1);
});

test('shards of which the log has forgotten what was owed are told', async () => {
  const w = newWorld({ retentionMs: 1_000 });
  await w.append(recordOf('x'), recordOf('x'));
  w.clock.advance(1_001);
  await w.append(recordOf('x'), recordOf('x'));
  const { incarnation, shards } = await w.log.describe();
  const shardId = shards[0]?.shardId ?? '';
  const piece = await w.read({ state: stateOf(incarnation, { [shardId]: entry(1n) }) });
  expect(piece).toMatchObject({ isComplete: true, lostShards: [shardId], shards: [{ through: { position: 4n } }] });
});

test('records that nobody can read are kept beside the tables, and are passed over', async () => {
  const w = newWorld();
  await w.append(Buffer.from('no record'), recordOf('x'));
  const piece = await w.read();
  expect(piece.shards[0]?.records.map(({ position }) => position)).toEqual([2n]);
  const kept: string[] = [];
  for await (const page of w.store.list('tidelake/unreadable/')) kept.push(...page.objects.map(({ key }) => key));
  const { incarnation, shards } = await w.log.describe();
  expect(kept).toEqual([`tidelake/unreadable/${incarnation}-${shards[0]?.shardId}-1`]);
});

test('reading ends when it is aborted', async () => {
  const w = newWorld();
  await w.append(recordOf('x'), recordOf('x'));
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(w.read({ signal })).rejects.toThrow('stopped');
  expect(w.asked).toEqual([]);
});

test('what the log has forgotten above an old position is lost only where no checkpoint says that every table has its own', async () => {
  for (const [checkpoint, isLost] of [
    [undefined, true],
    [1n, true],
    [2n, true],
    [3n, false],
    [4n, false],
  ] as const) {
    const w = newWorld({ retentionMs: 1_000 });
    await w.append(recordOf('x'), recordOf('y'), recordOf('y'));
    w.clock.advance(2_000);
    await w.append(recordOf('x'), recordOf('x'));
    const { incarnation, shards } = await w.log.describe();
    const shardId = shards[0]?.shardId ?? '';
    if (checkpoint !== undefined) await writeCheckpoint(w.store, incarnation, shardId, { position: checkpoint });
    const piece = await w.read({ state: stateOf(incarnation, { [shardId]: entry(1n) }) });
    expect([checkpoint, piece.lostShards]).toEqual([checkpoint, isLost ? [shardId] : []]);
    expect(piece.shards[0]?.records.map(({ position }) => position)).toEqual([4n, 5n]);
  }
});
