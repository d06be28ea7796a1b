import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { logStoreConformance } from '../log-store.conformance.ts';
import { appendAll, readAll, texts } from '../log-store-testing.ts';
import { deleteMemoryLog, MemoryLogStore, openMemoryLog } from './memory-log-store.ts';

const components = { clock: systemClock, random: systemRandom };

logStoreConformance('memory', ['resharding', 'reopen', 'recreate'], async () => {
  const name = systemRandom.uuid();
  const log = openMemoryLog({ name }, components);
  return {
    log,
    split: async shardId => log.split(shardId),
    merge: async (shardIdA, shardIdB) => log.merge(shardIdA, shardIdB),
    reopen: async () => openMemoryLog({ name }, components),
    recreate: async () => {
      deleteMemoryLog(name);
      return openMemoryLog({ name }, components);
    },
    close: async () => deleteMemoryLog(name),
  };
});

test('retention drops old records and tells whoever needed them', async () => {
  let nowMs = 1000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const log = new MemoryLogStore({ name: 'r', retentionMs: 100 }, { clock, random: systemRandom });
  const appended = await appendAll(log, 0n, ['a', 'b']);
  nowMs = 1080;
  const [third] = await appendAll(log, 0n, ['c']);
  nowMs = 1150;
  const shardId = third?.shardId ?? '';
  const afterFirst = await readAll(log, shardId, { kind: 'after', position: appended[0]?.position ?? 0n });
  expect(texts(afterFirst.records)).toEqual(['c']);
  expect(afterFirst.last.gap).toBe(true);
  expect((await readAll(log, shardId, { kind: 'after', position: appended[1]?.position ?? 0n })).last.gap).toBe(false);
  expect((await readAll(log, shardId, { kind: 'timestamp', arrivalMs: 1000 })).last.gap).toBe(true);
  expect((await readAll(log, shardId, { kind: 'timestamp', arrivalMs: 1001 })).last.gap).toBe(false);
  expect((await readAll(log, shardId, { kind: 'earliest' })).last.gap).toBe(false);
});

test('arrival times come from the clock that was given and do not follow it back', async () => {
  let nowMs = 5000;
  const log = new MemoryLogStore(
    { name: 'c' },
    { clock: { ...systemClock, nowMs: () => nowMs }, random: systemRandom },
  );
  const [first] = await appendAll(log, 0n, ['a']);
  nowMs = 4000;
  await appendAll(log, 0n, ['b']);
  const { records } = await readAll(log, first?.shardId ?? '', { kind: 'earliest' });
  expect(records.map(record => record.arrivalMs)).toEqual([5000, 5000]);
});
