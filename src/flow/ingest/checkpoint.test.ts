/** Checkpoints of shards: where reading may begin. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { LakeError } from '../../base/errors.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import {
  CheckpointWriter,
  checkpointStart,
  isWorthWriting,
  readCheckpoint,
  startAbove,
  writeCheckpoint,
} from './checkpoint.ts';

const clock = new ManualClock();
const newStore = (): MemoryObjectStore => new MemoryObjectStore('memory:checkpoint', clock);

async function keysOf(store: ObjectStore): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.objects.map(({ key }) => key));
  return keys;
}

test('a checkpoint is of one shard of one incarnation, under a name that any store takes', async () => {
  const store = newStore();
  await writeCheckpoint(store, 'arn:aws:stream/x', 'shard 1', { position: 2n ** 90n });
  clock.advance(7_000);
  expect(await keysOf(store)).toEqual(['tidelake-log/arn%3aaws%3astream%2fx/shard%201']);
  expect(await readCheckpoint(store, 'arn:aws:stream/x', 'shard 1')).toEqual({ position: 2n ** 90n, ageMs: 7_000 });
  expect(await readCheckpoint(store, 'arn:aws:stream/x', 'shard 2')).toBeUndefined();
  expect(await readCheckpoint(store, 'another', 'shard 1')).toBeUndefined();
  expect(await checkpointStart(store, 'arn:aws:stream/x', 'shard 1')).toEqual({ kind: 'after', position: 2n ** 90n });
  expect(await checkpointStart(store, 'another', 'shard 1')).toEqual({ kind: 'earliest' });
});

test('a checkpoint that cannot be read says nothing', async () => {
  const store = newStore();
  const texts = ['', 'x', '[]', 'null', '{}', '{"position":1}', '{"position":"-1"}', '{"position":"1x"}'];
  for (const text of [...texts, `{"position":"${'1'.repeat(81)}"}`]) {
    await store.put('tidelake-log/log/shard', Buffer.from(text));
    expect([text, await readCheckpoint(store, 'log', 'shard')]).toEqual([text, undefined]);
  }
});

test('a checkpoint at the end of a shard says when it was the end; a time that is none says nothing', async () => {
  const store = newStore();
  await writeCheckpoint(store, 'log', 'a', { position: 7n, tipMs: 1_790_000_000_000.9 });
  expect(await readCheckpoint(store, 'log', 'a')).toEqual({ position: 7n, tipMs: 1_790_000_000_000, ageMs: 0 });
  expect(await checkpointStart(store, 'log', 'a')).toEqual({ kind: 'after', position: 7n, tipMs: 1_790_000_000_000 });
  for (const tipMs of ['-1', '1.5', '"1"', 'null', '1e30']) {
    await store.put('tidelake-log/log/a', Buffer.from(`{"position":"7","tipMs":${tipMs}}`));
    expect([tipMs, await readCheckpoint(store, 'log', 'a')]).toEqual([tipMs, { position: 7n, ageMs: 0 }]);
  }
  for (const tipMs of [0, -5]) {
    await writeCheckpoint(store, 'log', 'a', { position: 7n, tipMs });
    expect([tipMs, await readCheckpoint(store, 'log', 'a')]).toEqual([tipMs, { position: 7n, tipMs: 0, ageMs: 0 }]);
  }
  await writeCheckpoint(store, 'log', 'a', { position: 7n });
  const text = Buffer.from((await store.get('tidelake-log/log/a'))?.bytes ?? []).toString();
  expect(text).toBe('{"position":"7"}');
});

test('a checkpoint that is too large to be one says nothing; a store that fails is not passed over', async () => {
  const failing = (failure: LakeError): ObjectStore =>
    changedStore<ObjectStore>(newStore(), { get: () => Promise.reject(failure) });
  const tooLarge = failing(new LakeError('corrupt', 'LAKE_OBJECT_TOO_LARGE', 'injected'));
  expect(await readCheckpoint(tooLarge, 'log', 'a')).toBeUndefined();
  const denied = new LakeError('invalid', 'LAKE_STORE_DENIED', 'injected');
  await expect(readCheckpoint(failing(denied), 'log', 'a')).rejects.toBe(denied);
});

test('a checkpoint is worth writing when it is farther on, or has been the end for an hour more', () => {
  const hourMs = 3_600_000;
  expect(isWorthWriting(undefined, { position: 1n })).toBe(true);
  expect(isWorthWriting({ position: 1n, tipMs: hourMs }, { position: 2n })).toBe(true);
  expect(isWorthWriting({ position: 2n }, { position: 2n })).toBe(false);
  expect(isWorthWriting({ position: 2n }, { position: 1n, tipMs: 9 * hourMs })).toBe(false);
  expect(isWorthWriting({ position: 2n }, { position: 2n, tipMs: hourMs - 1 })).toBe(false);
  expect(isWorthWriting({ position: 2n }, { position: 2n, tipMs: hourMs })).toBe(true);
  expect(isWorthWriting({ position: 2n, tipMs: 5 }, { position: 2n, tipMs: hourMs + 4 })).toBe(false);
  expect(isWorthWriting({ position: 2n, tipMs: 5 }, { position: 2n, tipMs: hourMs + 5 })).toBe(true);
});

test('reading begins above a position, and at the beginning where there is none', () => {
  expect(startAbove(undefined)).toEqual({ kind: 'earliest' });
  // A shard that ended without a record.
  expect(startAbove(-1n)).toEqual({ kind: 'earliest' });
  expect(startAbove(0n)).toEqual({ kind: 'after', position: 0n });
  expect(startAbove(3n, 5)).toEqual({ kind: 'after', position: 3n, tipMs: 5 });
});

test('a process writes a shard at most once a minute, and only when it has moved', async () => {
  const inner = newStore();
  const store = countingObjectStore(inner);
  const writer = new CheckpointWriter({ store, clock });
  const written = async (shardId: string, position: bigint): Promise<number> => {
    await writer.reached('log', shardId, position);
    return store.counts().put;
  };
  expect(await written('a', 5n)).toBe(1);
  expect(await written('a', 6n)).toBe(1);
  expect(await written('b', 1n)).toBe(2);
  clock.advance(59_999);
  expect(await written('a', 7n)).toBe(2);
  clock.advance(1);
  expect(await written('a', 5n)).toBe(2);
  expect(await written('a', 4n)).toBe(2);
  expect(await written('a', 8n)).toBe(3);
  expect((await readCheckpoint(inner, 'log', 'a'))?.position).toBe(8n);
});

test('what cannot be written now is written the next time; what is wrong with the store is not passed over', async () => {
  const inner = newStore();
  let failure: Error | undefined = new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected');
  const store = changedStore<ObjectStore>(inner, {
    put: (...call) => (failure === undefined ? inner.put(...call) : Promise.reject(failure)),
  });
  const writer = new CheckpointWriter({ store, clock });
  await writer.reached('log', 'a', 5n);
  for (const bad of [new LakeError('invalid', 'LAKE_STORE_DENIED', 'injected'), new Error('bug')]) {
    failure = bad;
    await expect(writer.reached('log', 'a', 5n)).rejects.toBe(bad);
  }
  failure = undefined;
  await writer.reached('log', 'a', 5n);
  expect((await readCheckpoint(inner, 'log', 'a'))?.position).toBe(5n);
});
