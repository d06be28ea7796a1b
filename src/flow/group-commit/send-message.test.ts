/** The sending side of group commit: what is sent, how often, and what the table's position tells. */
import { expect, test } from 'vitest';
import { changedLog, changedStore } from '../../../test/changed-ports.ts';
import { messageOf, type RecordDraft, recordOf } from '../../../test/record-fixture.ts';
import { fixedRequest, fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { bucketHashKey } from '../hash-key.ts';
import { Take } from '../ingest/take.ts';
import { applyMessages } from './apply-messages.ts';
import { type CommitMessage, decodeCommitMessage } from './commit-message.ts';
import { commitByMessage, commitMessageOf, type SendInput } from './send-message.ts';

const random = seededRandom(1);

type Sent = { readonly hashKey: bigint; readonly atMs: number; readonly message: CommitMessage };

/** A table with a commit log; each message that is sent is noted, and then this is done with it. */
async function newWorld(onSent: (world: World, message: CommitMessage) => Promise<void> = async () => {}) {
  const clock = new ManualClock();
  const memory = new MemoryObjectStore('memory:send', clock);
  let readCount = 0;
  const store = changedStore<ObjectStore>(memory, {
    list: (...call) => {
      readCount += 1;
      return memory.list(...call);
    },
  });
  const table = await fixtureTable(store, { clock, random });
  const committer = new Committer(table);
  const sent: Sent[] = [];
  const inner = new MemoryLogStore({ name: 'commits', shardCount: 1 }, { clock, random });
  const commitLog = changedLog<LogStore>(inner, {
    append: async (records, options) => {
      const outcomes = await inner.append(records, options);
      for (const { hashKey, data } of records) {
        const message = decodeCommitMessage(data, 'sent');
        sent.push({ hashKey, atMs: clock.nowMs(), message });
        await onSent(world, message);
      }
      return outcomes;
    },
  });
  const world = { clock, store: memory, table, committer, commitLog, sent, reads: () => readCount };
  return world;
}

type World = {
  readonly clock: ManualClock;
  readonly store: MemoryObjectStore;
  readonly table: Awaited<ReturnType<typeof fixtureTable>>;
  readonly committer: Committer;
  readonly commitLog: LogStore;
  readonly sent: readonly Sent[];
};

function inputOf({ clock, table }: World, draft: RecordDraft = {}, forMs = 60_000): SendInput {
  const record = recordOf(table.schema, [[1, 10, 'x']], draft);
  return {
    incarnation: 'log-1',
    batch: {
      shardId: 'a',
      hashKeys: { start: 0n, end: (1n << 128n) - 1n },
      recorded: undefined,
      records: [record],
      through: { position: 9n, arrivalMs: 12 },
      ended: false,
    },
    retentionMs: undefined,
    listed: [],
    deadlineMs: clock.monotonicMs() + forMs,
  };
}

function send(world: World, input: SendInput = inputOf(world), chance: Random = random) {
  const { store, commitLog, clock, table, committer } = world;
  return commitByMessage({ store, commitLog, clock, random: chance }, { table, committer }, input);
}

/** As the commit function does it. */
async function apply({ table }: World, ...messages: readonly CommitMessage[]): Promise<void> {
  await using committer = new Committer(table);
  await applyMessages(table, committer, messages, { commitUser: 'commit' });
}

test('a message that is applied is committed, with the counters of its rows, after one sending', async () => {
  const world = await newWorld(apply);
  expect(await send(world)).toEqual({
    status: 'committed',
    counters: { rowsIn: 1n, written: 1n, mergedAway: 0n, deadLettered: 0n, duplicates: 0n, gaps: 0n, replayed: 0n },
    headId: 1,
    message: { shardId: expect.any(String), position: 1n },
  });
  expect(world.sent).toMatchObject([
    { hashKey: bucketHashKey('table-1', 0), message: { tableId: 'table-1', from: undefined, to: { position: 9n } } },
  ]);
});

test('a position that is elsewhere is changed: before anything is sent, and after', async () => {
  const world = await newWorld(async (of, message) => apply(of, { ...message, to: { position: 8n, arrivalMs: 12 } }));
  expect(await send(world)).toEqual({ status: 'changed', detail: 'shard a is at 8' });
  expect(await send(world)).toMatchObject({ status: 'changed', detail: 'shard a is at 8, not at nothing' });
  expect(world.sent).toHaveLength(1);
});

test('what others have committed since this process looked last is seen before anything is sent', async () => {
  const world = await newWorld();
  await world.committer.base();
  await apply(world, messageOf({ to: { position: 8n, arrivalMs: 12 }, uploadBeganMs: world.clock.nowMs() }));
  expect(await send(world)).toMatchObject({ status: 'changed', detail: 'shard a is at 8, not at nothing' });
  expect(world.sent).toEqual([]);
});

test('that another shard moves is no answer', async () => {
  const world = await newWorld((of, message) => apply(of, { ...message, shardId: 'b' }));
  await expect(send(world)).rejects.toMatchObject({ code: 'LAKE_COMMIT_UNKNOWN' });
});

test('what another log has recorded is no position of this one', async () => {
  const world = await newWorld(async (of, message) => apply(of, { ...message, incarnation: 'log-0' }));
  await expect(send(world)).rejects.toMatchObject({ code: 'LAKE_COMMIT_UNKNOWN' });
});

test('a message is sent again every five seconds until the deadline, and then nothing is known', async () => {
  const world = await newWorld();
  const beganMs = world.clock.nowMs();
  await expect(send(world, inputOf(world, {}, 12_000))).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_COMMIT_UNKNOWN',
    message: expect.stringContaining('d.t: nobody has committed shard a beyond its beginning in time'),
  });
  const delays = world.sent.map(({ atMs }) => atMs - beganMs);
  expect(delays).toHaveLength(3);
  for (const [index, delay] of delays.entries()) {
    expect(delay).toBeGreaterThanOrEqual(index * 5_000);
    expect(delay).toBeLessThan(index * 5_000 + 3_000);
  }
  expect(world.clock.nowMs() - beganMs).toBeGreaterThanOrEqual(12_000);
  // Each look at the table is a listing: a few in each second, and not one without a pause.
  expect(world.reads()).toBeLessThan(150);
});

test('between its looks at the table it waits longer each time, a second at most, and sends again after five', async () => {
  const pausesWith = async (draw: number, forMs: number) => {
    const world = await newWorld();
    const beganMs = world.clock.nowMs();
    await expect(send(world, inputOf(world, {}, forMs), { ...random, next: () => draw })).rejects.toThrow('in time');
    return { slept: world.clock.slept, sentAfterMs: world.sent.map(({ atMs }) => atMs - beganMs) };
  };
  const { slept } = await pausesWith(0.9999, 4_000);
  expect(slept).toEqual([49, 89, 169, 329, 649, 1_009, 1_009, 1_009]);
  expect((await pausesWith(0, 10_010)).sentAfterMs).toEqual([0, 5_000, 10_000]);
});

test('of a shard with a position it is said how far it is', async () => {
  const world = await newWorld();
  await apply(world, messageOf({ to: { position: 3n, arrivalMs: 1 }, uploadBeganMs: world.clock.nowMs() }));
  const { batch, ...input } = inputOf(world, {}, 100);
  await expect(send(world, { ...input, batch: { ...batch, recorded: 3n } })).rejects.toThrow('beyond 3 in time');
});

test('after the deadline nothing is sent any more', async () => {
  const world = await newWorld();
  await expect(send(world, inputOf(world, {}, 0))).rejects.toMatchObject({ code: 'LAKE_COMMIT_UNKNOWN' });
  expect(world.sent).toEqual([]);
});

test('a message that is larger than a record of the commit log is not sent, one that fills it is', async () => {
  let bytes = 0;
  const sendWith = async (recordBytesMax: number) => {
    const world = await newWorld(apply);
    const commitLog = changedLog(world.commitLog, {
      supports: { ...world.commitLog.supports, recordBytesMax },
      append: async (records, options) => {
        for (const { data } of records) bytes = data.length;
        return world.commitLog.append(records, options);
      },
    });
    // Without rows, so that it is as large each time.
    const { batch, ...input } = inputOf(world);
    const outcome = await send({ ...world, commitLog }, { ...input, batch: { ...batch, records: [] } });
    return { outcome, sentCount: world.sent.length };
  };
  const sent = { outcome: { status: 'committed' }, sentCount: 1 };
  expect(await sendWith(1 << 20)).toMatchObject(sent);
  expect(bytes).toBeGreaterThan(100);
  expect(await sendWith(bytes - 1)).toEqual({ outcome: { status: 'too-large' }, sentCount: 0 });
  expect(await sendWith(bytes)).toMatchObject(sent);
});

test('a table that is dropped before or after the sending is fenced', async () => {
  const drop = async ({ table }: World): Promise<void> => {
    const marker = { kind: 'OVERWRITE', emptied: true, properties: { 'tidelake.dropped': '1' } } as const;
    await using committer = new Committer(table);
    await committer.commit(fixedRequest(table, marker));
  };
  const before = await newWorld();
  await drop(before);
  expect(await send(before)).toEqual({ status: 'fenced', detail: 'dropped' });
  expect(before.sent).toEqual([]);
  const after = await newWorld(drop);
  expect(await send(after)).toEqual({ status: 'fenced', detail: 'dropped' });
  expect(after.sent).toHaveLength(1);
});

test('a message that the log surely did not take ends the call; one that it may have taken is waited for', async () => {
  const cause = new Error('throttled');
  const world = await newWorld();
  const answering = (outcome: Awaited<ReturnType<LogStore['append']>>[number]): World => ({
    ...world,
    commitLog: changedLog(world.commitLog, { append: async () => [outcome] }),
  });
  await expect(send(answering({ status: 'failed', cause }))).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_LOG_UNAVAILABLE',
    message: 'memory:commits: a commit message of d.t was not taken',
    cause,
  });
  const unanswered = answering({ status: 'unanswered', cause });
  await expect(send(unanswered)).rejects.toMatchObject({ code: 'LAKE_COMMIT_UNKNOWN' });
});

test('waiting ends when it is aborted', async () => {
  const stop = new AbortController();
  const world = await newWorld(async () => stop.abort(new Error('stopped')));
  await expect(send(world, { ...inputOf(world), signal: stop.signal })).rejects.toThrow('stopped');
});

test('S7: a message is as old as the first of its uploads, or as of now when there is none', async () => {
  const world = await newWorld();
  const { table, clock } = world;
  const { batch, incarnation } = inputOf(world);
  const found = await world.committer.base();
  if (found.kind === 'fenced') throw new Error(found.reason);
  const take = new Take(table, world.store, { incarnation, shards: [batch], retentionMs: undefined, listed: [] });
  const prepared = await take.prepare(found.base, undefined);
  if (prepared.status === 'stop') throw new Error(prepared.detail);
  const sent = { ...batch, through: { position: 9n, arrivalMs: 12 } };
  const [add] = prepared.adds;
  if (add === undefined) throw new Error('a row makes a file');
  const letters = { file: { name: 'dead-letters-1', rowCount: 2, entryCount: 1 }, uploadBeganMs: 40 };
  const messageWith = (addMs: readonly (number | undefined)[], withLetters: boolean): CommitMessage => {
    const adds = addMs.map(uploadBeganMs => ({ ...add, uploadBeganMs }));
    return commitMessageOf(table, incarnation, sent, { ...prepared, adds, letters: withLetters ? letters : undefined });
  };
  expect(messageWith([50, 60], false).uploadBeganMs).toBe(50);
  expect(messageWith([50, 60], true)).toMatchObject({ uploadBeganMs: 40, deadLetters: [letters.file] });
  expect(messageWith([30], true).uploadBeganMs).toBe(30);
  expect(messageWith([], false)).toMatchObject({ uploadBeganMs: clock.nowMs(), deadLetters: [], files: [] });
  expect(messageWith([undefined], false).uploadBeganMs).toBe(clock.nowMs());
  expect(messageWith([], false)).toMatchObject({
    tableId: 'table-1',
    tableName: 'd.t',
    schemaId: 0,
    incarnation: 'log-1',
    shardId: 'a',
    from: undefined,
    to: { position: 9n, arrivalMs: 12 },
    ended: false,
    producers: new Map([['0/p', { lastNumber: 1, arrivalMs: 12, named: false }]]),
  });
});
