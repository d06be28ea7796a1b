/** Batches of messages as an invoker hands them over: which tables they go to, and what is held. */
import { expect, test } from 'vitest';
import { changedStore, Gauge } from '../../../test/changed-ports.ts';
import { messageOf } from '../../../test/record-fixture.ts';
import { fixtureSchema, ManualClock, putSchema } from '../../../test/table-fixture.ts';
import { LakeError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { openTable } from '../../table/table.ts';
import { applyCommitEvent, type CommitApplier, openCommitApplier } from './commit-event.ts';
import { type CommitMessage, encodeCommitMessage } from './commit-message.ts';

const clock = new ManualClock();
const random = seededRandom(1);

/** Tables `d.t` and `d.u`. Reads of keys with `part` in them fail, swaps have no answer. */
async function newWorld() {
  const memory = new MemoryObjectStore('memory:commits', clock);
  const failing: { part: string | undefined; failure: Error } = { part: undefined, failure: new Error('injected') };
  const failIfAsked = (key: string): void => {
    if (failing.part !== undefined && key.includes(failing.part)) throw failing.failure;
  };
  const store = countingObjectStore(
    changedStore<ObjectStore>(memory, {
      get: async (key, options) => {
        failIfAsked(key);
        return memory.get(key, options);
      },
      putIfAbsent: async (key, bytes, options) => {
        if (failing.part !== undefined && key.includes(failing.part)) {
          return { status: 'unanswered', cause: failing.failure };
        }
        return memory.putIfAbsent(key, bytes, options);
      },
    }),
  );
  await putSchema(memory, fixtureSchema());
  await putSchema(memory, fixtureSchema({ tableId: 'table-2' }), 'd.db/u');
  return { memory, store, failing, applier: openCommitApplier({ store, clock, random }) };
}

function fresh(changes: Partial<CommitMessage> = {}): CommitMessage {
  return messageOf({ uploadBeganMs: clock.nowMs(), ...changes });
}

const ofOther = { tableId: 'table-2', tableName: 'd.u' };

function hand(applier: CommitApplier, messages: readonly CommitMessage[]) {
  const envelopes = messages.map((message, index): LogRecordEnvelope => {
    return { position: BigInt(100 + index), arrivalMs: 1, data: encodeCommitMessage(message) };
  });
  return applyCommitEvent(applier, { shardId: 'commits', envelopes });
}

const none = { applied: [], commits: [], lostSwaps: 0, dropped: [], failed: [] };

/** A snapshot with these messages, wherever the log has them. */
const commit = (snapshotId: number, ...messages: readonly CommitMessage[]) => ({
  snapshotId,
  messages: messages.map(message => ({ message, position: expect.any(BigInt) })),
});

test('messages go to their tables, and each table has one swap by this process', async () => {
  const { store, applier } = await newWorld();
  const first = fresh();
  const second = fresh({ from: 9n, to: { position: 10n, arrivalMs: 13 } });
  const other = fresh(ofOther);
  const result = await hand(applier, [first, other, second]);
  expect(result).toMatchObject({ unreadable: [], heldAt: undefined });
  expect(result.tables).toEqual([
    {
      ...none,
      commits: [commit(1, first, second)],
      applied: [first, second],
      tableName: 'd.t',
      isDropped: false,
      error: undefined,
    },
    { ...none, commits: [commit(1, other)], applied: [other], tableName: 'd.u', isDropped: false, error: undefined },
  ]);
  const table = await openTable(store, { database: 'd', name: 't' }, { clock, random });
  const { id, commitUser } = (await latestSnapshot(table)) ?? {};
  expect({ id, commitUser }).toEqual({ id: 1, commitUser: applier.commitUser });
  expect(commitUser).toMatch(/^commit-./);
});

test('a table stays open between batches, until a message is of a schema that it does not know', async () => {
  const { memory, store, applier } = await newWorld();
  const [first, , third] = [1, 2, 3].map(at => fresh({ from: at === 1 ? undefined : BigInt(at), to: movedTo(at + 1) }));
  if (first === undefined || third === undefined) throw new Error('three were made');
  await hand(applier, [first]);
  const opened = applier.registry.tables[0]?.table;
  await hand(applier, [fresh({ from: 2n, to: movedTo(3) })]);
  expect(applier.registry.tables[0]?.table).toBe(opened);
  await putSchema(memory, fixtureSchema({ schemaId: 1 }));
  store.reset();
  const later = { ...third, schemaId: 1 };
  const last = fresh({ from: 4n, to: movedTo(5) });
  expect((await hand(applier, [later, last])).tables).toMatchObject([{ applied: [later, last], dropped: [] }]);
  expect(applier.registry.tables[0]?.table.schema.id).toBe(1);
});

function movedTo(position: number): CommitMessage['to'] {
  return { position: BigInt(position), arrivalMs: 12 };
}

test('a table that was dropped is fenced once, and after that is known to be gone', async () => {
  const { store, applier } = await newWorld();
  await hand(applier, [fresh()]);
  await dropTable({ store, clock, random }, parseIdentifier('d.t'), { ifExists: false });
  const next = fresh({ from: 9n, to: movedTo(10) });
  const fenced = await hand(applier, [next]);
  expect(fenced.heldAt).toBe(100n);
  expect(fenced.tables).toMatchObject([{ failed: [{ outcome: { status: 'fenced' } }], isDropped: false }]);
  const gone = await hand(applier, [next]);
  expect(gone.heldAt).toBeUndefined();
  expect(gone.tables).toEqual([{ ...none, tableName: 'd.t', isDropped: true, error: undefined }]);
});

test('a store that does not answer holds the first message of that table, and no other table', async () => {
  const { failing, applier } = await newWorld();
  failing.part = 'd.db/u/schema/';
  failing.failure = new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected');
  const [first, other, another] = [fresh(), fresh(ofOther), fresh({ ...ofOther, shardId: 'b' })];
  const result = await hand(applier, [first, other, another]);
  expect(result.heldAt).toBe(101n);
  expect(result.tables).toEqual([
    { ...none, commits: [commit(1, first)], applied: [first], tableName: 'd.t', isDropped: false, error: undefined },
    {
      ...none,
      failed: [{ messages: [other, another], outcome: undefined }],
      tableName: 'd.u',
      isDropped: false,
      error: failing.failure,
    },
  ]);
});

test('a swap without an answer holds its messages, and the table stays open', async () => {
  const { failing, applier } = await newWorld();
  await hand(applier, [fresh()]);
  const [opened] = applier.registry.tables;
  failing.part = 'd.db/t/snapshot/snapshot-2';
  const next = fresh({ from: 9n, to: movedTo(10) });
  const result = await hand(applier, [fresh(ofOther), next]);
  expect(result.heldAt).toBe(101n);
  expect(result.tables[1]).toMatchObject({ failed: [{ messages: [next], outcome: { status: 'unknown' } }] });
  expect(applier.registry.tables[0]?.table).toBe(opened?.table);
});

test('a table that is broken holds nothing: that is for its senders to tell', async () => {
  const { failing, applier } = await newWorld();
  failing.part = 'd.db/u/schema/';
  failing.failure = new LakeError('corrupt', 'LAKE_CORRUPT_SCHEMA', 'injected');
  const result = await hand(applier, [fresh(ofOther)]);
  expect(result.heldAt).toBeUndefined();
  expect(result.tables).toMatchObject([{ failed: [], error: failing.failure, isDropped: false }]);
});

test('a failure that is no fault of the world is thrown', async () => {
  const { failing, applier } = await newWorld();
  failing.part = 'd.db/t/schema/';
  await expect(hand(applier, [fresh()])).rejects.toBe(failing.failure);
  const data = new Uint8Array(64);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  const envelopes = [{ position: 1n, arrivalMs: 1, data }];
  await expect(applyCommitEvent(applier, { shardId: 'commits', envelopes })).rejects.toThrow(TypeError);
});

test('four tables are committed at once', async () => {
  const { memory } = await newWorld();
  const names = [1, 2, 3, 4, 5, 6].map(at => `many${at}`);
  for (const tableId of names) await putSchema(memory, fixtureSchema({ tableId }), `d.db/${tableId}`);
  const opens = new Gauge();
  const store = changedStore<ObjectStore>(memory, {
    get: (key, options) => opens.through(() => memory.get(key, options)),
  });
  await using applier = openCommitApplier({ store, clock, random });
  const { tables } = await hand(
    applier,
    names.map(tableId => fresh({ tableId, tableName: `d.${tableId}` })),
  );
  expect(tables.map(({ applied }) => applied.length)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(opens.max).toBe(4);
});

test('what is no message is told with its place and passed over', async () => {
  const { applier } = await newWorld();
  const envelopes = [{ position: 7n, arrivalMs: 1, data: new Uint8Array(3) }];
  const result = await applyCommitEvent(applier, { shardId: 'commits', envelopes });
  expect(result).toMatchObject({ tables: [], heldAt: undefined });
  expect(result.unreadable.map(({ message }) => message)).toEqual([expect.stringContaining('commits 7')]);
});

test('an applier that is disposed of has closed its tables', async () => {
  const { applier } = await newWorld();
  await hand(applier, [fresh()]);
  expect(applier.registry.tables).toHaveLength(1);
  await applier[Symbol.asyncDispose]();
  expect(applier.registry.tables).toHaveLength(0);
});
