/** Claims that are handed over, or read, at once are taken in by several commits, none of which is more than memory and time are for. */
import { expect, test } from 'vitest';
import { handed, newTakeWorld, rows, stateOf, type TakeWorld, take } from '../../../test/take-records-fixture.ts';
import { workMemoryOf } from '../../table/work-memory.ts';
import { buildBatch } from '../../types/column-builder.ts';
import type { Scalar } from '../../types/scalar.ts';
import { loadRows } from '../load/load.ts';
import type { LogRows } from '../log-record.ts';
import { TableRegistry } from '../table-registry.ts';
import { sharingCount } from './sharing-count.ts';

const claimedBytes = 30_000;

/** A world of little memory, with a load of many claims in its log. */
async function loadedWorld(name: string, world?: TakeWorld): Promise<TakeWorld> {
  const w = world ?? (await newTakeWorld());
  const { schema } = w;
  async function* batches(): AsyncGenerator<LogRows, void, undefined> {
    for (let batch = 0; batch < 20; batch += 1) {
      const part = Array.from({ length: 50 }, (_, key): Scalar[] => [
        batch * 50 + key,
        10,
        `${name} ${'x'.repeat(40)}`,
      ]);
      yield { rows: buildBatch({ fields: schema.fields }, part), kinds: new Int8Array(50) };
    }
  }
  const target = { tableId: 'table-1', tableName: 'd.t', schema };
  await loadRows(w.parts, target, { name, settings: { claimBytes: 2_000 } }, batches());
  const registry = new TableRegistry({ ...w.parts, workMemory: { ...workMemoryOf(), claimedBytes } });
  return { ...w, parts: { ...w.parts, registry } };
}

test('as many records share a commit as have claims of so many bytes, and one at least', () => {
  const records = [20, 5, 5, 40, 1].map(bodyBytes => ({
    record: { header: { bodyBytes, claim: { name: 'c', sizeBytes: 1, sha256: '' } } },
  }));
  const counts = [1, 24, 25, 29, 30, 69, 70, 1_000].map(bytes => sharingCount(Object(records), bytes));
  expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4, 5]);
  expect(sharingCount([], 1)).toBe(0);
});

test('claims of a load that are handed over at once, or are read, are in the table after several commits', async () => {
  // Nothing of the shard is recorded: they are read.
  const world = await loadedWorld('first');
  const read = await take(world);
  expect(read).toMatchObject({ status: 'taken', counters: rows(1_000n) });
  expect(read.commitCount).toBeGreaterThan(2);
  // Now they are handed over.
  const again = await loadedWorld('second', world);
  const given = await take(again);
  expect(given).toMatchObject({ status: 'taken', counters: rows(1_000n) });
  expect(given.commitCount).toBeGreaterThan(2);
  expect((await stateOf(again)).id).toBe(read.commitCount + given.commitCount);
  // Nobody was in the way, so nothing was waited for.
  expect(world.clock.slept).toEqual([]);
});

test('what time was enough for stays, and the next invocation goes on behind it', async () => {
  const begun = await loadedWorld('first');
  await take(begun);
  const world = await loadedWorld('second', begun);
  const late = await handed(world, { deadlineMs: 0 });
  const first = await take(world, { deadlineMs: 0 });
  expect(first).toMatchObject({ status: 'failed', commitCount: 1 });
  expect(first.counters.written).toBeGreaterThan(0n);
  const held = late.records.findIndex(({ position }) => position === first.heldAt);
  expect(held).toBeGreaterThan(0);
  const rest = await take(world, { records: late.records.slice(held) });
  expect(rest.status).toBe('taken');
  expect(first.counters.written + rest.counters.written).toBe(1_000n);
});
