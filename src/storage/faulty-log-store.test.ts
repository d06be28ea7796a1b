import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { seededRandom, systemRandom } from '../base/random.ts';
import { countingLogStore } from './counting-log-store.ts';
import {
  type FaultyLogStore,
  faultyLogStore,
  type LogFault,
  type LogFaultPlan,
  randomLogFaults,
  scriptedLogFaults,
} from './faulty-log-store.ts';
import { logStoreConformance } from './log-store.conformance.ts';
import { readAll, text, texts } from './log-store-testing.ts';
import { MemoryLogStore } from './memory/memory-log-store.ts';

const components = { clock: systemClock, random: seededRandom(3) };

function memory(): MemoryLogStore {
  return new MemoryLogStore({ name: systemRandom.uuid() }, { clock: systemClock, random: systemRandom });
}

logStoreConformance('without faults, counted', [], async () => ({
  log: countingLogStore(faultyLogStore(memory(), () => undefined, components)),
}));

function logsWith(plan: LogFaultPlan): { inner: MemoryLogStore; log: FaultyLogStore } {
  const inner = memory();
  return { inner, log: faultyLogStore(inner, plan, components) };
}

function once(fault: LogFault): LogFaultPlan {
  return scriptedLogFaults([{ fault }]);
}

const shardId = 'shard-000000';
const three = ['1', '2', '3'].map(value => ({ hashKey: 0n, data: text(value) }));

async function kept(inner: MemoryLogStore): Promise<readonly string[]> {
  return texts((await readAll(inner, shardId, { kind: 'earliest' })).records);
}

test('a refused append appends nothing', async () => {
  const { inner, log } = logsWith(once({ kind: 'refused' }));
  expect((await log.append(three)).map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
  expect(await kept(inner)).toEqual([]);
});

test('behind a record that failed nothing of its hash key is appended', async () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const inner = memory();
    const random = seededRandom(seed);
    const log = faultyLogStore(inner, once({ kind: 'partial', failedShare: 0.3 }), { clock: systemClock, random });
    const statuses = (await log.append(three)).map(({ status }) => status);
    const failedAt = statuses.indexOf('failed');
    expect(statuses.slice(failedAt === -1 ? 3 : failedAt).every(status => status === 'failed')).toBe(true);
    expect(await kept(inner)).toEqual(['1', '2', '3'].slice(0, failedAt === -1 ? 3 : failedAt));
  }
});

test('a lost answer has happened, a late append happens later, a doubled one twice in order', async () => {
  const lost = logsWith(once({ kind: 'answer-lost' }));
  expect((await lost.log.append(three)).map(({ status }) => status)).toEqual(Array(3).fill('unanswered'));
  expect(await kept(lost.inner)).toEqual(['1', '2', '3']);
  const late = logsWith(once({ kind: 'late', lateMs: 10 }));
  expect((await late.log.append(three)).map(({ status }) => status)).toEqual(Array(3).fill('unanswered'));
  expect(await kept(late.inner)).toEqual([]);
  await late.log.settle();
  expect(await kept(late.inner)).toEqual(['1', '2', '3']);
  const doubled = logsWith(once({ kind: 'doubled' }));
  expect((await doubled.log.append(three)).map(({ status }) => status)).toEqual(Array(3).fill('appended'));
  expect(await kept(doubled.inner)).toEqual(['1', '1', '2', '2', '3', '3']);
});

test('an empty read loses nothing, not even from latest', async () => {
  const { log } = logsWith(scriptedLogFaults([1, 2, 3].map(() => ({ operation: 'read', fault: { kind: 'empty' } }))));
  const pinned = await log.read(shardId, { kind: 'latest' });
  expect(pinned.atTip).toBe(false);
  await log.append(three);
  const empty = await log.read(shardId, pinned.next);
  expect(empty.records).toEqual([]);
  expect(empty.atTip).toBe(false);
  expect(texts((await readAll(log, shardId, empty.next)).records)).toEqual(['1', '2', '3']);
});

test('a read or a look that fails says so as unavailable', async () => {
  const { log } = logsWith(scriptedLogFaults([{ fault: { kind: 'refused' } }, { fault: { kind: 'answer-lost' } }]));
  const failures = [log.describe(), log.read(shardId, { kind: 'earliest' })];
  for (const failure of failures) {
    expect(isLakeError(await failure.catch((error: unknown) => error), 'LAKE_LOG_UNAVAILABLE')).toBe(true);
  }
});

test('chance brings every kind of fault, and the same seed the same faults', () => {
  const shares = { refused: 0.1, partial: 0.1, answerLost: 0.1, late: 0.1, doubled: 0.1, slow: 0.1, empty: 0.1 };
  const draw = (seed: number): (string | undefined)[] => {
    const plan = randomLogFaults(seededRandom(seed), shares);
    return Array.from({ length: 500 }, () => plan({ operation: 'append' })?.kind);
  };
  expect(new Set(draw(7)).size).toBe(8);
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('requests are counted, with records and bytes both ways, until reset', async () => {
  const asked: string[] = [];
  const log = countingLogStore(memory(), (operation, shard) => asked.push(`${operation} ${shard ?? ''}`));
  await log.append(three);
  await log.describe();
  await log.read(shardId, { kind: 'earliest' });
  await log.read(shardId, { kind: 'latest' });
  await log.waitForMore?.(shardId, { kind: 'earliest' }, { waitMsMax: 10 });
  expect(log.counts()).toEqual({
    ...{ describe: 1, append: 1, read: 2, waitForMore: 1, checkThere: 0 },
    ...{ recordsAppended: 3, bytesAppended: 3, recordsRead: 3, bytesRead: 3 },
  });
  expect(asked).toEqual(['append ', 'describe ', `read ${shardId}`, `read ${shardId}`, `waitForMore ${shardId}`]);
  log.reset();
  expect(Object.values(log.counts()).every(count => count === 0)).toBe(true);
});
