/** Following snapshots: what changes an answer is told, whatever comes or goes between two looks. */
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { headSnapshot } from '../../table/snapshots.ts';
import { t } from '../column-types.ts';
import { Lake } from '../lake.ts';
import { openLakeParts } from '../lake-parts.ts';
import { openLakeTable } from '../tables.ts';
import { changesRows, WatchedSnapshots } from './watched-snapshots.ts';

async function tableWithRow(name: string) {
  const parts = await openLakeParts({ warehouse: `memory:${name}` });
  const written = await new Lake(parts).createTable('d.t', {
    columns: { k: t.int() },
    primaryKey: ['k'],
    options: { bucket: '1' },
  });
  const put = async (k: number): Promise<void> => {
    await using writer = written.writer();
    await writer.upsert({ k });
  };
  await put(0);
  const table = await openLakeTable(parts, 'd.t');
  const { id } = present(await headSnapshot(table), 'a snapshot');
  return { parts, written, put, table, id, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() };
}

test('what was seen to change is told, also where another snapshot comes amid the look', async () => {
  await using world = await tableWithRow('amid-look');
  const { parts, written, put, table, id } = world;
  await put(1);
  let raceCount = 0;
  const list: ObjectStore['list'] = async function* (prefix, options) {
    // Behind the look, before the newest is asked for.
    if (raceCount === 0) await written.compact({ full: true });
    raceCount += 1;
    yield* parts.store.list(prefix, options);
  };
  const store = new Proxy(table.store, {
    get(target, name) {
      const value: unknown = name === 'list' ? list : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const snapshots = new WatchedSnapshots({ ...table, store }, id, { matters: changesRows, clock: parts.clock });
  expect(await snapshots.catchUp()).toBe('changed');
  expect(raceCount).toBe(2);
});

test('who has not looked for longer than snapshots are kept hears that some went by unseen', async () => {
  await using world = await tableWithRow('long-away');
  const { parts, put, table, id } = world;
  let nowMs = 0;
  const clock = { ...parts.clock, monotonicMs: () => nowMs };
  const snapshots = new WatchedSnapshots(table, id, { matters: changesRows, clock });
  await put(1);
  await put(2);
  await parts.store.delete(`${table.path}/snapshot/snapshot-${id + 1}`);
  nowMs += 3_600_000;
  expect(await snapshots.look()).toBe('lost');
  expect(await snapshots.look()).toBe('none');
  await put(3);
  expect(await snapshots.look()).toBe('changed');
});
