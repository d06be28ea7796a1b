/** Where a worker stands in the shards of a log. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { hashKeyCount, type LogStart, type LogStore } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { ownsAny, type ShardCursor, ShardCursors } from './shard-cursors.ts';

const clock = new ManualClock();

function newLog(settings: { readonly shardCount: number; readonly seed?: number }): MemoryLogStore {
  const { shardCount, seed = 1 } = settings;
  return new MemoryLogStore({ name: 'cursors', shardCount }, { clock, random: seededRandom(seed) });
}

const fromStart = async (): Promise<LogStart> => ({ kind: 'earliest' });

function idsOf(cursors: readonly ShardCursor[]): readonly string[] {
  return cursors.map(({ shard }) => shard.shardId);
}

async function readAll(log: LogStore, cursors: ShardCursors, cursor: ShardCursor): Promise<void> {
  cursors.advance(cursor, await log.read(cursor.shard.shardId, cursor.next));
}

/** A log of which another can be shown in its place. */
function replaceable(first: LogStore): { readonly log: LogStore; show: (other: LogStore) => void } {
  let shown = first;
  const log: LogStore = new Proxy(first, {
    get(_target, property) {
      const value: unknown = Reflect.get(shown, property);
      return typeof value === 'function' ? value.bind(shown) : value;
    },
  });
  return { log, show: other => void (shown = other) };
}

test('shards that are not known yet begin where they are told to, and are asked about once', async () => {
  const log = newLog({ shardCount: 2 });
  const { incarnation, shards } = await log.describe();
  const asked: (readonly [string, string])[] = [];
  const cursors = new ShardCursors(log, async (of, shardId) => {
    asked.push([of, shardId]);
    return { kind: 'after', position: 3n };
  });
  expect(() => cursors.description).toThrow('a description');
  await cursors.refresh();
  await cursors.refresh();
  expect(asked).toEqual(shards.map(({ shardId }) => [incarnation, shardId]));
  expect(cursors.all).toEqual(
    shards.map(shard => ({ shard, next: { kind: 'after', position: 3n }, through: undefined, ended: false })),
  );
  expect(cursors.description.shards).toEqual(shards);
});

test('an answer of the log moves a cursor on, and what was read last stays when there was nothing', async () => {
  const log = newLog({ shardCount: 1 });
  const cursors = new ShardCursors(log, fromStart);
  await cursors.refresh();
  const [cursor] = cursors.all;
  if (cursor === undefined) throw new Error('there is a shard');
  await log.append([1n, 2n].map(hashKey => ({ hashKey, data: Uint8Array.of(Number(hashKey)) })));
  const { records } = await log.read(cursor.shard.shardId, cursor.next);
  const last = records.at(-1);
  await readAll(log, cursors, cursor);
  const through = { position: last?.position, arrivalMs: last?.arrivalMs };
  expect(cursor).toMatchObject({ next: { kind: 'after', position: last?.position }, through, ended: false });
  await readAll(log, cursors, cursor);
  expect(cursor).toMatchObject({ through, ended: false });
  log.split(cursor.shard.shardId);
  await readAll(log, cursors, cursor);
  expect(cursor).toMatchObject({ through, ended: true });
});

test('I5: a shard is read when its parents have ended, and not when it has ended itself', async () => {
  const log = newLog({ shardCount: 2 });
  const [left = '', right = ''] = (await log.describe()).shards.map(({ shardId }) => shardId);
  log.merge(left, right);
  const cursors = new ShardCursors(log, fromStart);
  await cursors.refresh();
  const merged = cursors.description.shards.at(-1)?.shardId ?? '';
  expect(idsOf(cursors.readable())).toEqual([left, right]);
  for (const [read, readable] of [
    [left, [right]],
    [right, [merged]],
  ] as const) {
    const cursor = cursors.all.find(({ shard }) => shard.shardId === read);
    if (cursor === undefined) throw new Error(`there is no ${read}`);
    await readAll(log, cursors, cursor);
    expect(idsOf(cursors.readable())).toEqual(readable);
  }
});

test('a shard that has ended has children, which are looked for until one is listed', async () => {
  const log = newLog({ shardCount: 2 });
  const cursors = new ShardCursors(log, fromStart);
  expect(cursors.hasUnlistedChildren).toBe(false);
  await cursors.refresh();
  const [cursor] = cursors.all;
  if (cursor === undefined) throw new Error('there is a shard');
  log.split(cursor.shard.shardId);
  expect(cursors.hasUnlistedChildren).toBe(false);
  await readAll(log, cursors, cursor);
  expect(cursors.hasUnlistedChildren).toBe(true);
  await cursors.refresh();
  expect(cursors.hasUnlistedChildren).toBe(false);
});

test('a parent that the log lists no more holds nobody up', async () => {
  const log = newLog({ shardCount: 1 });
  const [{ shardId } = { shardId: '' }] = (await log.describe()).shards;
  log.split(shardId);
  const { shards } = await log.describe();
  const children = shards.slice(1).map(shard => shard.shardId);
  const forgetful = changedLog(log, {
    describe: async () => ({ ...(await log.describe()), shards: shards.slice(1) }),
  });
  const { log: shown, show } = replaceable(log);
  const cursors = new ShardCursors(shown, fromStart);
  await cursors.refresh();
  expect(idsOf(cursors.readable())).toEqual([shardId]);
  show(forgetful);
  await cursors.refresh();
  expect(idsOf(cursors.all)).toEqual(children);
  expect(idsOf(cursors.readable())).toEqual(children);
});

test('the cursors of another incarnation are forgotten, those of the same one stay', async () => {
  const first = newLog({ shardCount: 1 });
  const { log, show } = replaceable(first);
  const cursors = new ShardCursors(log, fromStart);
  await cursors.refresh();
  const [before] = cursors.all;
  await cursors.refresh();
  expect(cursors.all[0]).toBe(before);
  show(newLog({ shardCount: 1, seed: 2 }));
  await cursors.refresh();
  expect(cursors.all[0]?.shard.shardId).toBe(before?.shard.shardId);
  expect(cursors.all[0]).not.toBe(before);
});

test('cursors go back to where they were marked; a shard that came since stays where it is', async () => {
  const log = newLog({ shardCount: 1 });
  const cursors = new ShardCursors(log, fromStart);
  await cursors.refresh();
  const [parent] = cursors.all;
  if (parent === undefined) throw new Error('there is a shard');
  const marks = cursors.mark();
  await log.append([{ hashKey: 1n, data: Uint8Array.of(1) }]);
  log.split(parent.shard.shardId);
  await readAll(log, cursors, parent);
  await cursors.refresh();
  const child = cursors.all[1];
  if (child === undefined) throw new Error('there is a child');
  child.ended = true;
  expect(parent).toMatchObject({ ended: true });
  cursors.rewind(marks);
  expect(parent).toMatchObject({ next: { kind: 'earliest' }, through: undefined, ended: false });
  expect(child.ended).toBe(true);
});

test('only shards that own one of some hash keys are followed, both ends of a range included', async () => {
  const log = newLog({ shardCount: 4 });
  const { shards } = await log.describe();
  const followed = async (hashKeys: readonly bigint[]): Promise<readonly number[]> => {
    const cursors = new ShardCursors(log, fromStart, shard => ownsAny(shard, hashKeys));
    await cursors.refresh();
    return cursors.all.map(({ shard }) => shards.findIndex(({ shardId }) => shardId === shard.shardId));
  };
  const quarter = hashKeyCount / 4n;
  expect(await followed([])).toEqual([]);
  expect(await followed([quarter])).toEqual([1]);
  expect(await followed([2n * quarter - 1n])).toEqual([1]);
  expect(await followed([0n, hashKeyCount - 1n])).toEqual([0, 3]);
});
