/** When hints are written, and that nothing waits for them or fails over them. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { HintWriter } from './hints.ts';

const [latest, earliest] = ['d.db/t/snapshot/LATEST', 'd.db/t/snapshot/EARLIEST'];

type Bench = {
  readonly clock: ManualClock;
  readonly memory: MemoryObjectStore;
  /** What was put, in order. */
  readonly puts: string[];
  readonly hints: HintWriter;
  /** Awaited before each put. */
  readonly gate: { before: () => Promise<void> };
  readonly hint: (key: string) => Promise<string | undefined>;
};

function bench(): Bench {
  const clock = new ManualClock();
  const memory = new MemoryObjectStore('memory:hints', clock);
  const gate = { before: async (): Promise<void> => {} };
  const puts: string[] = [];
  const store = changedStore<ObjectStore>(memory, {
    put: async (key, bytes) => {
      await gate.before();
      puts.push(`${key.split('/').at(-1)} ${Buffer.from(bytes)}`);
      return memory.put(key, bytes);
    },
  });
  const hint = async (key: string): Promise<string | undefined> => {
    const object = await memory.get(key);
    return object && Buffer.from(object.bytes).toString();
  };
  return { clock, memory, puts, hints: new HintWriter({ store, clock, metaPath: 'd.db/t' }), gate, hint };
}

/** What was begun has come to its end. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

test('the first snapshot is the earliest and the latest, later ones are the latest only', async () => {
  const { clock, hints, puts, hint } = bench();
  hints.afterWin(1);
  await settled();
  expect(puts).toEqual(['LATEST 1', 'EARLIEST 1']);
  clock.advance(60_000);
  hints.afterWin(2);
  await settled();
  expect([await hint(latest), await hint(earliest)]).toEqual(['2', '1']);
});

test('a committer writes at most once a minute', async () => {
  const { clock, hints, puts } = bench();
  hints.afterWin(5);
  await settled();
  clock.advance(59_999);
  hints.afterWin(6);
  await settled();
  expect(puts).toEqual(['LATEST 5']);
  clock.advance(1);
  hints.afterWin(7);
  await settled();
  expect(puts).toEqual(['LATEST 5', 'LATEST 7']);
});

test('a hint that is still on its way is not overtaken, and disposing waits for it', async () => {
  const { clock, hints, puts, gate } = bench();
  const opened = Promise.withResolvers<void>();
  gate.before = () => opened.promise;
  hints.afterWin(5);
  clock.advance(60_000);
  hints.afterWin(6);
  let isDisposed = false;
  const disposed = hints[Symbol.asyncDispose]().then(() => {
    isDisposed = true;
  });
  await settled();
  expect([puts, isDisposed]).toEqual([[], false]);
  opened.resolve();
  await disposed;
  expect(puts).toEqual(['LATEST 5']);
  hints.afterWin(7);
  await settled();
  expect(puts).toEqual(['LATEST 5', 'LATEST 7']);
});

test('a hint that cannot be written fails nothing, and the next one is tried', async () => {
  const { clock, hints, gate, hint } = bench();
  gate.before = () => Promise.reject(new Error('away'));
  hints.afterWin(1);
  await hints[Symbol.asyncDispose]();
  expect(await hint(latest)).toBeUndefined();
  gate.before = async () => {};
  clock.advance(60_000);
  hints.afterWin(2);
  await hints[Symbol.asyncDispose]();
  expect(await hint(latest)).toBe('2');
});
