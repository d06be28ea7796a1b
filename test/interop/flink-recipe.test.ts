// The recipe of docs/SCALE.md, statement by statement: Flink 1.20 compacts and rewrites a table of ours, and we go on with it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Lake, openLake } from '../../src/index.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { liveEntries } from '../../src/table/manifests.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable } from '../../src/table/table.ts';
import { type Flink, startFlink } from './flink.ts';

const parts = { clock: systemClock, random: systemRandom };
const shownWarehouse = 's3://bucket/warehouse';

let flink: Flink;
let lake: Lake;
let warehouse: string;

beforeAll(async () => {
  flink = await startFlink();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-recipe-'));
  lake = await openLake({ warehouse: `file:${warehouse}` });
});

afterAll(async () => {
  await flink?.[Symbol.asyncDispose]();
  await lake?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

/** All statements of the guide's part on other engines, in their order, without comments. */
function recipe(): readonly string[] {
  const guide = readFileSync(new URL('../../docs/SCALE.md', import.meta.url), 'utf8');
  const [, part = ''] = guide.split('## Where Flink and Spark take over');
  const blocks = [...part.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const text = blocks.join('').replaceAll(/^--.*$/gm, '');
  return text.split(';').flatMap(statement => (statement.trim() === '' ? [] : [statement.trim()]));
}

/** Data files of each partition, and the kind of the newest snapshot. */
async function stateOf(): Promise<{ readonly kind: string | undefined; readonly filesBy: readonly number[] }> {
  await using store = await openObjectStore(warehouse, {}, parts);
  const table = await openTable(store, { database: 'db', name: 'events' }, parts);
  const head = await latestSnapshot(table);
  if (head === undefined) throw new Error('the table has a snapshot');
  const live = await liveEntries(table, head);
  const byPartition = Map.groupBy(live, ({ partition }) => Buffer.from(partition).toString('hex'));
  return { kind: head.commitKind, filesBy: [...byPartition.values()].map(files => files.length).toSorted() };
}

/** What both engines read, as dt, id and amount. */
async function expectRows(expected: readonly string[]): Promise<void> {
  const ours = (await (await lake.sql('SELECT dt, id, amount FROM db.events')).rows()).map(
    row => `${row['dt']} ${row['id']} ${row['amount']}`,
  );
  const theirs = (await flink.rows({ warehouse, sql: 'SELECT dt, id, amount FROM db.events' })).map(line => {
    const row: { dt: string; id: string; amount: string } = JSON.parse(line);
    return `${row.dt} ${row.id} ${row.amount}`;
  });
  expect(ours.toSorted()).toEqual(expected);
  expect(theirs.toSorted()).toEqual(expected);
}

async function insert(table: string, rows: readonly string[]): Promise<void> {
  await lake.sql(`INSERT INTO db.${table} VALUES ${rows.join(', ')}`);
}

test('Flink compacts and rewrites our table by the statements of docs/SCALE.md', { timeout: 300_000 }, async () => {
  const [
    alter = '',
    full = '',
    minor = '',
    catalog = '',
    overwrite = '',
    append = '',
    update = '',
    select = '',
    ...more
  ] = recipe();
  expect(more).toEqual([]);
  await lake.sql('CREATE DATABASE db');
  await lake.sql(
    'CREATE TABLE db.events (dt STRING NOT NULL, id BIGINT NOT NULL, amount BIGINT, PRIMARY KEY (dt, id) NOT ENFORCED) ' +
      "PARTITIONED BY (dt) WITH ('bucket' = '1')",
  );
  await lake.sql("CREATE TABLE db.corrections (id BIGINT, amount BIGINT) WITH ('bucket' = '-1')");
  await insert('corrections', ['(1, 111)', '(9, 999)']);
  await lake.sql(alter);
  const write = async (amount: number): Promise<void> =>
    insert('events', [`('2026-11-26', 1, ${amount})`, `('2026-11-27', ${amount}, ${amount})`]);

  for (const amount of [1, 2, 3]) await write(amount);
  expect(await stateOf()).toEqual({ kind: 'APPEND', filesBy: [3, 3] });
  await flink.call({ warehouse, sql: full });
  expect(await stateOf()).toEqual({ kind: 'COMPACT', filesBy: [1, 1] });
  await expectRows(['2026-11-26 1 3', '2026-11-27 1 1', '2026-11-27 2 2', '2026-11-27 3 3']);

  for (const amount of [4, 5, 6, 7, 8, 9]) await write(amount);
  expect((await stateOf()).filesBy).toEqual([7, 7]);
  await flink.call({ warehouse, sql: minor });
  const afterMinor = await stateOf();
  // Of the partition that was named alone.
  expect(afterMinor.kind).toBe('COMPACT');
  expect([Math.min(...afterMinor.filesBy) < 7, Math.max(...afterMinor.filesBy)]).toEqual([true, 7]);

  await flink.run({ warehouse, sql: catalog.replace(shownWarehouse, pathToFileURL(warehouse).href) });
  for (const sql of [overwrite, append, update]) await flink.run({ warehouse, sql });
  const older = ['2026-11-25 1 111', '2026-11-25 9 999', '2026-11-26 1 111', '2026-11-26 9 999'];
  const amounts = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  await expectRows([...older, ...amounts.map(amount => `2026-11-27 ${amount} ${amount}00`)]);
  expect((await flink.run({ warehouse, sql: select })).length).toBe(3);

  // And we go on.
  await insert('events', ["('2026-11-26', 9, 5)"]);
  const changed = older.map(row => (row === '2026-11-26 9 999' ? '2026-11-26 9 5' : row));
  await expectRows([...changed, ...amounts.map(amount => `2026-11-27 ${amount} ${amount}00`)]);
});
