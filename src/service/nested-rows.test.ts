/** Nested columns as the SDK's users see them: written as objects, through the log and into files, read back, queried. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import { type Lake, openLake, t } from '../index.ts';

const columns = {
  id: t.bigint(),
  a: t.array(t.int().nullable()).nullable(),
  m: t.map(t.string(), t.decimal(12, 3).nullable()).nullable(),
  bag: t.multiset(t.string()).nullable(),
  r: t.row({ city: t.string().nullable(), zip: t.int(), seen: t.array(t.timestamp(3)).nullable() }).nullable(),
};

const first = {
  id: 1n,
  a: [1, null, 3],
  m: new Map([
    ['x', '1.500'],
    ['y', null],
  ]),
  bag: new Map([['q', 2]]),
  r: { city: 'Bern', zip: 3000, seen: [new Date('2024-02-29T12:00:00.123Z')] },
};
const second = { id: 2n, a: [], m: null, bag: new Map<string, number>(), r: null };

async function withLake(action: (lake: Lake) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-nested-'));
  try {
    await using lake = await openLake({ warehouse: `file:${folder}/lake`, log: `file:${folder}/log` });
    await action(lake);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.each([[['id']], [[]]])(
  'rows go through the log into files and come back as they were, primary key %j',
  async primaryKey => {
    await withLake(async lake => {
      const table = await lake.createTable('d.t', { columns, primaryKey: primaryKey.length > 0 ? ['id'] : [] });
      await using writer = table.writer();
      for (const row of [first, second]) await (primaryKey.length > 0 ? writer.upsert(row) : writer.insert(row));
      await writer.flush();
      // Once out of the log, once out of files.
      const logged = await lake.sql`SELECT * FROM d.t ORDER BY id`;
      expect(await logged.rows()).toEqual([first, second]);
      await using worker = lake.run();
      expect(worker).toBeDefined();
      while ((await table.scan().count()) < 2) await new Promise(resolve => setTimeout(resolve, 20));
      const rows = [];
      for await (const row of table.scan()) rows.push(row);
      expect(rows.toSorted((x, y) => Number(x.id - y.id))).toEqual([first, second]);
      const answer = await lake.sql`SELECT id, a[3] AS third, m['x'] AS x, r.zip AS zip, r FROM d.t ORDER BY id`;
      expect(await answer.rows()).toEqual([
        { id: 1n, third: 3, x: '1.500', zip: 3000, r: first.r },
        { id: 2n, third: null, x: null, zip: null, r: null },
      ]);
      for await (const row of table.scan())
        expectTypeOf(row.r).toEqualTypeOf<{ city: string | null; zip: number; seen: Date[] | null } | null>();
    });
  },
);

test('maps are taken as pairs too, and with text keys as objects', async () => {
  await withLake(async lake => {
    const table = await lake.createTable('d.t', { columns, primaryKey: ['id'] });
    await using writer = table.writer();
    await writer.upsert({ id: 3n, m: [['x', 1]], bag: [['q', 1]] });
    const loose: Readonly<Record<string, unknown>> = { id: 4n, m: { y: '2' } };
    await writer.upsert(Object.assign({ id: 4n }, loose));
    await writer.flush();
    const answer = await lake.sql`SELECT id, a, m, bag FROM d.t ORDER BY id`;
    expect(await answer.rows()).toEqual([
      { id: 3n, a: null, m: new Map([['x', '1.000']]), bag: new Map([['q', 1]]) },
      { id: 4n, a: null, m: new Map([['y', '2.000']]), bag: null },
    ]);
  });
});
