/** Producers that were opened before the table changed, and after it, write to one table at one time. */
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { MemoryLogStore } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { t } from './column-types.ts';
import { type Lake, openLake } from './lake.ts';

const columns = { k: t.int(), name: t.string().nullable(), size: t.int().nullable(), gone: t.string().nullable() };

function lakes(): () => Promise<Lake> {
  const random = seededRandom(4);
  const store = new MemoryObjectStore('memory:schemas', systemClock);
  const log = new MemoryLogStore({ name: 'schemas', shardCount: 2 }, { clock: systemClock, random });
  return () => openLake({ warehouse: 'memory:schemas', log: 'memory:schemas' }, { store, log, random });
}

test('rows of producers of five schemas are each as its producer knew the columns, in the tail and in the table', async () => {
  const open = lakes();
  await using lake = await open();
  await lake.createTable('d.t', { columns, primaryKey: ['k'], options: { bucket: 4 } });
  const changes = [
    'ALTER TABLE d.t ADD (color STRING)',
    'ALTER TABLE d.t MODIFY size BIGINT',
    'ALTER TABLE d.t RENAME name TO title',
    'ALTER TABLE d.t DROP (gone)',
  ];
  const rowOf = [
    (k: number) => ({ k, name: `n${k}`, size: k, gone: 'g' }),
    (k: number) => ({ k, name: `n${k}`, size: k, gone: 'g', color: 'red' }),
    (k: number) => ({ k, name: `n${k}`, size: 2n ** 40n, gone: 'g', color: 'red' }),
    (k: number) => ({ k, title: `n${k}`, size: 2n ** 40n, gone: 'g', color: 'red' }),
    (k: number) => ({ k, title: `n${k}`, size: 2n ** 40n, color: 'red' }),
  ];
  const opened: Lake[] = [];
  try {
    const writers = [];
    for (const [index, _row] of rowOf.entries()) {
      const change = changes[index - 1];
      if (change !== undefined) await lake.sql(change);
      const each = await open();
      opened.push(each);
      writers.push((await each.table('d.t')).writer());
    }
    // Newer before older, and the other way round.
    for (const round of [0, 1]) {
      const order = [...writers.keys()];
      for (const index of round === 0 ? order : order.toReversed()) {
        const k = round * 100 + index;
        await writers[index]?.upsert((rowOf[index]?.(k) ?? {}) as never);
      }
    }
    const expected = [0, 100].flatMap(first =>
      rowOf.map((_, index) => ({
        k: first + index,
        title: `n${first + index}`,
        size: index < 2 ? BigInt(first + index) : 2n ** 40n,
        color: index === 0 ? null : 'red',
      })),
    );
    const rows = async (union: boolean): Promise<unknown[]> =>
      (await (await lake.table('d.t')).scan({ union }).rows()).toSorted((a, b) => Number(a['k']) - Number(b['k']));
    expect(await rows(true)).toEqual(expected);
    await lake.ingest();
    expect(await rows(false)).toEqual(expected);
    expect((await (await lake.table('d.t')).accounting()).deadLettered).toBe(0n);
    for (const writer of writers) await writer[Symbol.asyncDispose]();
  } finally {
    for (const each of opened) await each[Symbol.asyncDispose]();
  }
});
