import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import {
  type FaultPlan,
  faultyObjectStore,
  randomFaults,
  type StoreFault,
  scriptedFaults,
} from './faulty-object-store.ts';
import { MemoryObjectStore } from './memory/memory-object-store.ts';
import { objectStoreConformance } from './object-store.conformance.ts';
import type { ObjectStore } from './object-store.ts';
import { failureOf, utf8 } from './object-store-read.conformance.ts';

const components = { clock: systemClock };

objectStoreConformance('without faults', async () =>
  faultyObjectStore(new MemoryObjectStore('memory:', systemClock), () => undefined, components),
);

function storesWith(plan: FaultPlan): { inner: ObjectStore; store: ReturnType<typeof faultyObjectStore> } {
  const inner = new MemoryObjectStore('memory:', systemClock);
  return { inner, store: faultyObjectStore(inner, plan, components) };
}

function once(fault: StoreFault): FaultPlan {
  return scriptedFaults([{ fault }]);
}

test('a refused request does nothing', async () => {
  for (const operation of ['put', 'putIfAbsent', 'delete'] as const) {
    const { inner, store } = storesWith(scriptedFaults([{ operation, fault: { kind: 'refused' } }]));
    await inner.put('old', utf8('x'));
    if (operation === 'putIfAbsent') expect((await store.putIfAbsent('k', utf8('x'))).status).toBe('unanswered');
    else {
      const failure = await failureOf(operation === 'put' ? store.put('k', utf8('x')) : store.delete('old'));
      expect(isLakeError(failure, 'LAKE_STORE_UNAVAILABLE')).toBe(true);
    }
    expect(await inner.get('k')).toBeUndefined();
    expect(await inner.get('old')).toBeDefined();
  }
});

test('a lost answer has happened all the same, and the next try finds it', async () => {
  const { inner, store } = storesWith(once({ kind: 'answer-lost' }));
  expect((await store.putIfAbsent('k', utf8('mine'))).status).toBe('unanswered');
  expect((await store.putIfAbsent('k', utf8('mine'))).status).toBe('exists');
  expect((await inner.get('k'))?.bytes).toEqual(utf8('mine'));
});

test('a late write happens after its caller gave up, with the bytes of then', async () => {
  const { inner, store } = storesWith(once({ kind: 'late', lateMs: 20 }));
  const bytes = utf8('late');
  expect((await store.putIfAbsent('k', bytes)).status).toBe('unanswered');
  bytes.fill(0);
  expect(await inner.get('k')).toBeUndefined();
  await store.settle();
  expect((await inner.get('k'))?.bytes).toEqual(utf8('late'));
});

test('a cut read gives less than is there', async () => {
  const { store } = storesWith(scriptedFaults([{ operation: 'get', fault: { kind: 'cut', keptShare: 0.5 } }]));
  await store.put('k', utf8('12345678'));
  expect((await store.get('k'))?.bytes).toEqual(utf8('1234'));
  expect((await store.get('k'))?.bytes).toEqual(utf8('12345678'));
});

test('a slow request is aborted by its signal', async () => {
  const { inner, store } = storesWith(once({ kind: 'slow', delayMs: 60_000 }));
  const controller = new AbortController();
  const putting = failureOf(store.put('k', utf8('x'), { signal: controller.signal }));
  const reason = new Error('enough');
  controller.abort(reason);
  expect(await putting).toBe(reason);
  expect(await inner.get('k')).toBeUndefined();
});

test('a script waits for the requests it is meant for', async () => {
  const { store } = storesWith(
    scriptedFaults([
      { operation: 'putIfAbsent', keyPart: 'snapshot-' },
      { operation: 'putIfAbsent', keyPart: 'snapshot-', fault: { kind: 'answer-lost' } },
    ]),
  );
  expect((await store.putIfAbsent('manifest/m', utf8('x'))).status).toBe('created');
  expect((await store.putIfAbsent('snapshot/snapshot-1', utf8('x'))).status).toBe('created');
  expect((await store.putIfAbsent('snapshot/snapshot-2', utf8('x'))).status).toBe('unanswered');
  expect((await store.putIfAbsent('snapshot/snapshot-3', utf8('x'))).status).toBe('created');
});

test('chance brings every kind of fault, and the same seed the same faults', async () => {
  const draw = (seed: number): (string | undefined)[] => {
    const plan = randomFaults(seededRandom(seed), { refused: 0.1, answerLost: 0.1, late: 0.1, slow: 0.1, cut: 0.1 });
    return Array.from({ length: 500 }, () => plan({ operation: 'get', key: 'k' })?.kind);
  };
  expect(new Set(draw(7))).toEqual(new Set(['refused', 'answer-lost', 'late', 'slow', 'cut', undefined]));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('no fault makes two rivals creators, or tells an unopposed one that it lost', async () => {
  const random = seededRandom(42);
  const shares = { refused: 0.1, answerLost: 0.2, late: 0.2, slow: 0.2, delayMsMax: 3 };
  const { inner, store } = storesWith(randomFaults(random, shares));
  for (let round = 0; round < 60; round += 1) {
    const rivals = round % 2 === 0 ? ['a', 'b', 'c'] : ['a'];
    const outcomes = await Promise.all(rivals.map(rival => store.putIfAbsent(`k${round}`, utf8(rival))));
    await store.settle();
    const created = rivals.filter((_, n) => outcomes[n]?.status === 'created');
    expect(created.length).toBeLessThanOrEqual(1);
    const found = await inner.get(`k${round}`);
    if (created[0] !== undefined) expect(found?.bytes).toEqual(utf8(created[0]));
    if (rivals.length === 1) expect(outcomes[0]?.status).not.toBe('exists');
  }
});
