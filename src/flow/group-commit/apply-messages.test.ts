/** Messages of one table and what becomes of each: with one swap, with several, or not at all. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { messageOf } from '../../../test/record-fixture.ts';
import {
  type FileDraft,
  fixedRequest,
  fixtureSchema,
  fixtureTable,
  ManualClock,
  plannedFile,
  putSchema,
} from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable, type Table } from '../../table/table.ts';
import { readDeadLetterList } from '../ingest/dead-letter-list.ts';
import { loadState, storeState } from '../ingest/load-state.ts';
import { emptyState, type IngestState } from '../ingest/state.ts';
import { applyMessages } from './apply-messages.ts';
import type { CommitMessage } from './commit-message.ts';

const random = seededRandom(1);

type Settings = Parameters<typeof fixtureSchema>[0];
/** What comes before a swap is sent; what it gives is the swap's answer. */
type OnSwap = () => Promise<Awaited<ReturnType<ObjectStore['putIfAbsent']>> | undefined>;

async function newWorld(settings: Settings = {}) {
  const clock = new ManualClock();
  const memory = new MemoryObjectStore('memory:apply', clock);
  const hooks: { onSwap: OnSwap; onLook: () => Promise<void> } = {
    onSwap: async () => undefined,
    onLook: async () => {},
  };
  const puts: string[] = [];
  const store = changedStore<ObjectStore>(memory, {
    put: async (key, bytes, options) => {
      puts.push(key);
      return memory.put(key, bytes, options);
    },
    head: async (key, options) => {
      if (key.includes('/tidelake/ingested-')) await hooks.onLook();
      return memory.head(key, options);
    },
    putIfAbsent: async (key, bytes, options) => {
      const answer = key.includes('/snapshot/') ? await hooks.onSwap() : undefined;
      return answer ?? memory.putIfAbsent(key, bytes, options);
    },
  });
  const table = await fixtureTable(store, { clock, random }, settings);
  const other = await openTable(memory, { database: 'd', name: 't' }, { clock, random });
  await other.store.head('x');
  return { clock, memory, table, other, hooks, puts };
}

async function apply(table: Table, messages: readonly CommitMessage[]) {
  await using committer = new Committer(table);
  return applyMessages(table, committer, messages, { commitUser: 'commit' });
}

/** Of shard `shard-{at}`, with one file of its own. */
function message(table: Table, at: number, draft: Partial<FileDraft> = {}, changes: Partial<CommitMessage> = {}) {
  const files = [plannedFile(table, { name: `file-${at}`, sequence: [100 + at * 10, 109 + at * 10], ...draft })];
  return messageOf({ shardId: `shard-${at}`, uploadBeganMs: table.storeTimeMs(), files, ...changes });
}

async function snapshotOf(table: Table) {
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) throw new Error('nothing is committed');
  return snapshot;
}

async function stateOf(table: Table): Promise<IngestState> {
  const state = await loadState(table, (await snapshotOf(table)).properties);
  if (state === undefined) throw new Error('there is no state');
  return state;
}

/** By somebody else. */
async function commit(table: Table, draft: Parameters<typeof fixedRequest>[1]): Promise<void> {
  await using committer = new Committer(table);
  const outcome = await committer.commit(fixedRequest(table, draft));
  if (outcome.status !== 'committed') throw new Error(outcome.status);
}

/** Files of partition x count three buckets, others may count the two of the schema. */
async function newRescaledWorld() {
  const world = await newWorld({ partitioned: true });
  const old = plannedFile(world.table, { name: 'old', partition: 'x', totalBuckets: 3 });
  await commit(world.other, { adds: [old] });
  const refused = (at: number): CommitMessage => message(world.table, at, { partition: 'x' });
  const good = (at: number): CommitMessage => message(world.table, at, { partition: 'y' });
  return { ...world, refused, good };
}

test('without messages nothing is committed', async () => {
  const { table } = await newWorld();
  expect(await apply(table, [])).toEqual({ applied: [], commits: [], dropped: [], failed: [] });
  expect(await latestSnapshot(table)).toBeUndefined();
});

test('what fits is one snapshot, and where nothing fits there is none', async () => {
  const { table } = await newWorld();
  const messages = [message(table, 1), message(table, 2)];
  expect(await apply(table, messages)).toEqual({
    applied: messages,
    commits: [{ snapshotId: 1, messages }],
    dropped: [],
    failed: [],
  });
  expect(await snapshotOf(table)).toMatchObject({ id: 1, commitUser: 'commit', commitKind: 'APPEND' });
  const again = await apply(table, messages);
  expect(again).toMatchObject({ applied: [], failed: [] });
  expect(again.dropped.map(({ message: dropped }) => dropped)).toEqual(messages);
  expect((await snapshotOf(table)).id).toBe(1);
});

test('the log that the first message of a table is of is the log of the table', async () => {
  const { table } = await newWorld();
  const [first, second] = [message(table, 1), message(table, 2, {}, { incarnation: 'log-2' })];
  expect(await apply(table, [first, second])).toMatchObject({ applied: [first], dropped: [{ message: second }] });
  const third = message(table, 3);
  expect(await apply(table, [second, third])).toMatchObject({ applied: [third], dropped: [{ message: second }] });
});

test('a base that is older than the first rows from the log takes nothing and drops nothing', async () => {
  const { table, other, hooks } = await newWorld();
  await commit(other, {});
  hooks.onLook = async () => {
    hooks.onLook = async () => {};
    await commit(other, { properties: (await storeState(other, emptyState('log-1'))).properties });
    await other.store.put('d.db/t/tidelake/ingested-table-1', new Uint8Array());
  };
  expect(await apply(table, [message(table, 1)])).toEqual({ applied: [], commits: [], dropped: [], failed: [] });
  expect((await snapshotOf(table)).id).toBe(2);
});

test('what the guards refuse for its numbers is dropped with their words, in one swap with the others', async () => {
  const { memory, other, clock } = await newWorld();
  const older = message(other, 7);
  await putSchema(memory, fixtureSchema({ schemaId: 1 }));
  const table = await openTable(memory, { database: 'd', name: 't' }, { clock, random });
  await commit(table, {});
  const overlapping = [
    plannedFile(table, { name: 'fine', sequence: [120, 129] }),
    plannedFile(table, { name: 'low', sequence: [120, 129] }),
  ];
  const [first, bad, last] = [message(table, 0), message(table, 1, {}, { files: overlapping }), message(table, 5)];
  const outcome = await apply(table, [first, bad, last, older]);
  // That one of them is of an older schema with the same duties is no fault.
  expect(outcome).toMatchObject({ applied: [first, last, older], failed: [] });
  expect(outcome.dropped).toEqual([{ message: bad, why: expect.stringContaining('sequence numbers') }]);
  expect((await snapshotOf(table)).id).toBe(2);
});

test('messages under an older schema whose duties were others are dropped, in one swap with those of the new one', async () => {
  const { memory, other, clock } = await newWorld();
  const old = message(other, 1);
  await putSchema(memory, fixtureSchema({ schemaId: 1, options: { 'deletion-vectors.bitmap64': 'true' } }));
  const table = await openTable(memory, { database: 'd', name: 't' }, { clock, random });
  await commit(table, {});
  const fresh = [0, 2].map(at => message(table, at, {}, { schemaId: 1 }));
  const outcome = await apply(table, [...fresh.slice(0, 1), old, ...fresh.slice(1)]);
  expect(outcome).toMatchObject({ applied: fresh, failed: [] });
  expect(outcome.dropped).toEqual([{ message: old, why: expect.stringContaining('duties') }]);
  expect(await snapshotOf(table)).toMatchObject({ id: 2, schemaId: 1 });
});

test('a message that cannot be had on this base is dropped by itself, with the words of the rule', async () => {
  const { table, refused, good } = await newRescaledWorld();
  const late = message(table, 9, {}, { from: 3n });
  const messages = [good(1), good(2), late, refused(3), good(4), refused(5)];
  const outcome = await apply(table, messages);
  expect(outcome.failed).toEqual([]);
  expect(outcome.applied).toEqual([messages[0], messages[1], messages[4]]);
  expect(outcome.dropped.map(({ message: dropped }) => dropped)).toEqual([late, messages[3], messages[5]]);
  expect(outcome.dropped[1]?.why).toMatch(/bucket/);
  const { shards } = await stateOf(table);
  expect([...shards.keys()]).toEqual(['shard-1', 'shard-2', 'shard-4']);
});

test('of two that cannot be had each is dropped, after what was dropped before', async () => {
  const { table, refused } = await newRescaledWorld();
  const late = message(table, 9, {}, { from: 3n });
  for (const [messages, dropped] of [
    [
      [refused(1), late],
      ['shard-9', 'shard-1'],
    ],
    [
      [refused(1), late, refused(2)],
      ['shard-9', 'shard-1', 'shard-2'],
    ],
  ] as const) {
    const outcome = await apply(table, messages);
    expect(outcome.dropped.map(({ message: { shardId } }) => shardId)).toEqual(dropped);
    expect(outcome).toMatchObject({ applied: [], failed: [] });
  }
});

test('a swap without an answer fails for the messages that it was for, and for no other', async () => {
  const { table, hooks, refused, good } = await newRescaledWorld();
  hooks.onSwap = async () => ({ status: 'unanswered', cause: new Error('injected') });
  const late = message(table, 9, {}, { from: 3n });
  const alone = await apply(table, [late, good(6)]);
  expect(alone).toMatchObject({ applied: [], dropped: [{ message: late }] });
  expect(alone.failed).toMatchObject([{ messages: [good(6)], outcome: { status: 'unknown' } }]);
  const messages = [good(1), refused(2), good(3)];
  const outcome = await apply(table, messages);
  expect(outcome).toMatchObject({ applied: [], dropped: [{ message: messages[1] }] });
  expect(outcome.failed.map(({ messages: of }) => of)).toEqual([[messages[0]], [messages[2]]]);
});

test('S4: a swap that is lost too often is worth another try of all its messages', async () => {
  const { clock, table, other, hooks } = await newWorld();
  let count = 0;
  hooks.onSwap = async () => {
    count += 1;
    clock.advance(60_000);
    await commit(other, {});
    return undefined;
  };
  const messages = [message(table, 1), message(table, 2)];
  const outcome = await apply(table, messages);
  expect(outcome).toMatchObject({ applied: [], dropped: [], failed: [{ outcome: { rule: 'S4' } }] });
  expect(outcome.failed.map(({ messages: of }) => of)).toEqual([messages]);
  expect(count).toBeLessThan(60);
});

test('S6: numbers count up in buckets; append tables without have no order; no message brings files of dynamic ones', async () => {
  const isBelow = 'bucket 0 has numbers up to 9 (S6)';
  for (const [settings, why] of [
    [{ primaryKey: false, options: { bucket: '-1' } }, undefined],
    [{ primaryKey: false, options: { bucket: '1', 'bucket-key': 'k' } }, isBelow],
    [{ primaryKey: true, options: { bucket: '1' } }, isBelow],
    [{ primaryKey: true, options: { bucket: '-1' } }, 'its buckets are dynamic'],
  ] as const) {
    const { table, other } = await newWorld(settings);
    await commit(other, { adds: [plannedFile(table, { name: 'old', sequence: [0, 9] })] });
    const sent = message(table, 1, { sequence: [0, 9] });
    const outcome = await apply(table, [sent]);
    expect([settings, outcome.dropped]).toEqual([settings, why === undefined ? [] : [{ message: sent, why }]]);
  }
});

test('a file whose partition is none costs its message', async () => {
  const { table } = await newWorld({ partitioned: true });
  const [good, bad] = [message(table, 1, { partition: 'y' }), message(table, 2, { partition: 'y' })];
  const files = bad.files.map(file => ({ ...file, partition: Uint8Array.of(1, 2, 3) }));
  const broken = { ...bad, files };
  expect(await apply(table, [broken, good])).toEqual({
    applied: [good],
    commits: [{ snapshotId: 1, messages: [good] }],
    dropped: [{ message: broken, why: 'file-2 is of no partition of this table' }],
    failed: [],
  });
});

test('dead letters of what is applied are listed after those before; without any the list stays', async () => {
  const { memory, table, puts } = await newWorld();
  const letters = (at: number) => [{ name: `dead-letters-${at}`, rowCount: at, entryCount: 1 }];
  const late = message(table, 9, {}, { from: 3n, deadLetters: letters(9) });
  await apply(table, [message(table, 1, {}, { deadLetters: letters(1) }), late]);
  const first = await stateOf(table);
  expect((await readDeadLetterList(table, first.deadLetters)).files).toEqual([{ ...letters(1)[0], snapshotId: 1 }]);
  puts.length = 0;
  await apply(table, [message(table, 2)]);
  expect((await stateOf(table)).deadLetters).toBe(first.deadLetters);
  expect(puts.filter(key => key.includes('dead-letter'))).toEqual([]);
  await apply(table, [message(table, 3, {}, { deadLetters: letters(3) })]);
  const last = await stateOf(table);
  expect((await readDeadLetterList(table, last.deadLetters)).files).toEqual([
    { ...letters(1)[0], snapshotId: 1 },
    { ...letters(3)[0], snapshotId: 3 },
  ]);
  expect(await memory.head(`d.db/t/tidelake/${first.deadLetters}`)).toBeDefined();
});
