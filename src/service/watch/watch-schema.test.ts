/** Watches of tables that change their schema meanwhile, on a lake with a log: what is written under the newer one is seen. */
import { test } from 'vitest';
import { hastyClock } from '../../../test/hasty-clock.ts';
import { present } from '../../base/assert.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import type { WatchBatch } from './watch-rows.ts';

const clock = hastyClock(50);

async function loggedLake(name: string): Promise<Lake> {
  return openLake({ warehouse: `memory:${name}`, log: `memory:${name}` }, { clock });
}

async function logged(lake: Lake) {
  return lake.createTable('d.t', { columns: { k: t.int(), v: t.int() }, primaryKey: ['k'], options: { bucket: '1' } });
}

async function put(lake: Lake, row: object): Promise<void> {
  await using writer = (await lake.table('d.t')).writer();
  await writer.upsert(row as never);
}

/** Batches until a row is given. */
async function given(watch: AsyncGenerator<WatchBatch<object>, void, undefined>, row: object): Promise<void> {
  for (;;) {
    const { changes } = present((await watch.next()).value ?? undefined, 'a batch');
    if (changes.some(change => change.op === '+' && JSON.stringify(change.row) === JSON.stringify(row))) return;
  }
}

test('a query sees rows that are written after columns and the number of buckets have changed', async () => {
  await using lake = await loggedLake('watch-schema');
  await logged(lake);
  await put(lake, { k: 1, v: 1 });
  const watch = lake.watch('SELECT k, v FROM d.t', { key: ['k'] });
  await given(watch, { k: 1, v: 1 });
  await lake.sql('ALTER TABLE d.t ADD w INT');
  await put(lake, { k: 2, v: 2, w: 2 });
  await given(watch, { k: 2, v: 2 });
  await lake.sql('ALTER TABLE d.t RENAME COLUMN w TO x');
  await put(lake, { k: 3, v: 3, x: 2 });
  await given(watch, { k: 3, v: 3 });
  await lake.ingest();
  await lake.sql("ALTER TABLE d.t SET ('bucket' = '2')");
  await lake.sql("CALL sys.rescale('d.t')");
  for (const k of [4, 5, 6]) {
    await put(lake, { k, v: k });
    await given(watch, { k, v: k });
  }
  await watch.return();
});
