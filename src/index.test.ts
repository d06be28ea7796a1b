/** The SDK as its users see it: writing, reading, following, SQL, types, errors. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, expectTypeOf, test } from 'vitest';
import { type Lake, type LakeSettings, openLake, type RowChange, t } from './index.ts';

async function withFolder(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-sdk-'));
  try {
    await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

let lakeNumber = 0;

/** A lake in memory, of its own. */
function memoryLake(settings: Partial<LakeSettings> = {}): Promise<Lake> {
  lakeNumber += 1;
  return openLake({ warehouse: `memory:sdk-${lakeNumber}`, ...settings });
}

const flightColumns = {
  flight: t.bigint(),
  date: t.timestamp(3),
  origin: t.string(),
  delay: t.int().nullable(),
};

test('rows that were acknowledged are followed, queried and brought into the table', async () => {
  await withFolder(async folder => {
    const stop = new AbortController();
    const { signal } = stop;
    await using lake = await openLake({ warehouse: `file:${folder}/lake`, log: `file:${folder}/lake-log` });
    const flights = await lake.createTable('demo.flights', {
      columns: { flight: t.bigint(), date: t.timestamp(3), origin: t.string(), delay: t.int().nullable() },
      primaryKey: ['flight'],
      options: { bucket: 4 },
    });
    await using writer = flights.writer();
    const { records } = await writer.upsert({ flight: 1n, date: new Date(), origin: 'LAS', delay: 33 });
    expect(records).toMatchObject([
      { number: 1, rowCount: 1, shardId: expect.any(String), position: expect.any(BigInt) },
    ]);
    const seen: string[] = [];
    for await (const change of flights.subscribe({ from: 'full', signal })) {
      seen.push(`${change.kind} ${change.row.origin}`);
      stop.abort();
    }
    expect(seen).toEqual(['+U LAS']);
    const worst = await lake.sql<{
      origin: string;
      d: number;
    }>`SELECT origin, avg(delay) AS d FROM demo.flights GROUP BY origin ORDER BY d DESC LIMIT 10`;
    expect(await worst.rows()).toEqual([{ origin: 'LAS', d: 33 }]);
    await using worker = lake.run();
    expect(worker).toBeDefined();
    while ((await flights.scan().count()) === 0) await new Promise(resolve => setTimeout(resolve, 20));
    expect(await flights.lookup({ flight: 1n })).toMatchObject({ origin: 'LAS', delay: 33 });
  });
});

test('rows, keys and columns are typed from the columns of the table', async () => {
  await using lake = await memoryLake();
  const table = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  await using writer = table.writer();
  type Input = Parameters<typeof writer.upsert>[0];
  type Row = NonNullable<Awaited<ReturnType<typeof table.lookup>>>;
  expectTypeOf<Row>().toEqualTypeOf<{ flight: bigint; date: Date; origin: string; delay: number | null }>();
  expectTypeOf<{ flight: bigint; date: Date; origin: string }>().toExtend<Input>();
  expectTypeOf<{ flight: bigint; date: Date; origin: number }>().not.toExtend<Input>();
  expectTypeOf<Parameters<typeof table.lookup>[0]>().toEqualTypeOf<{ readonly flight: bigint | number | string }>();
  const scan = table.scan({ columns: ['origin'] });
  expectTypeOf(scan.rows()).resolves.toEqualTypeOf<Pick<Row, 'origin'>[]>();
  expectTypeOf(table.subscribe({ from: 'latest' })).toExtend<AsyncIterable<RowChange<Row>>>();
});

test('a batch of rows that nobody awaits one by one is one snapshot', async () => {
  await using lake = await memoryLake();
  const table = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  await using writer = table.writer();
  for (let flight = 0; flight < 1_000; flight += 1) {
    void writer.upsert({ flight, date: new Date(flight), origin: `A${flight % 7}`, delay: flight % 3 ? flight : null });
  }
  await writer.flush();
  expect(await table.scan().count()).toBe(1_000);
  expect(await table.system('snapshots')).toHaveLength(1);
  await writer.delete({ flight: 5 });
  expect(await table.lookup({ flight: 5n })).toBeUndefined();
  expect(await table.lookup({ flight: 6 })).toEqual({ flight: 6n, date: new Date(6), origin: 'A6', delay: null });
});

test('scans give columns, filters, states of the past, objects and Arrow', async () => {
  await using lake = await memoryLake();
  const table = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'], partitionBy: [] });
  await using writer = table.writer();
  await writer.writeAll([
    { flight: 1, date: new Date(0), origin: 'LAS', delay: 5 },
    { flight: 2, date: new Date(0), origin: 'SFO', delay: null },
  ]);
  await writer.upsert({ flight: 2, date: new Date(1), origin: 'JFK', delay: 9 });
  const origins = async (request: Parameters<typeof table.scan>[0]): Promise<string[]> =>
    (await table.scan({ ...request, columns: ['origin'] }).rows()).map(row => row.origin).toSorted();
  expect(await origins({})).toEqual(['JFK', 'LAS']);
  expect(await origins({ snapshot: 1 })).toEqual(['LAS', 'SFO']);
  expect(await origins({ where: 'delay > 5' })).toEqual(['JFK']);
  expect(await origins({ where: "origin LIKE 'L%' OR length(origin) = 9" })).toEqual(['LAS']);
  expect(await origins({ snapshot: 1, where: "upper(origin) = 'SFO'" })).toEqual(['SFO']);
  expect(await table.scan({ where: 'delay IS NOT NULL' }).count()).toBe(2);
  const arrow = await table.scan().toArrow();
  expect(arrow.numRows).toBe(2);
  const copy = await lake.createTable('db.copy', { columns: flightColumns });
  {
    await using copier = copy.writer();
    for await (const batch of table.scan().batches()) await copier.append(batch);
  }
  expect(await copy.scan().rows()).toHaveLength(2);
  const changes: string[] = [];
  for await (const { kind, row, snapshotId } of table.changes({ from: 1 }))
    changes.push(`${snapshotId} ${kind} ${row.origin}`);
  expect(changes.toSorted()).toEqual(['1 +U LAS', '1 +U SFO', '2 +U JFK']);
});

test('with a log, rows are there for union reads and SQL before they are ingested', async () => {
  await using lake = await memoryLake({ log: 'memory:sdk-log' });
  const table = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  await using writer = table.writer();
  await writer.upsert({ flight: 1, date: new Date(0), origin: 'LAS' });
  expect(await table.scan().count()).toBe(0);
  expect(await table.scan({ union: true }).count()).toBe(1);
  expect(await table.lookup({ flight: 1 }, { union: true })).toMatchObject({ origin: 'LAS' });
  const count = await lake.sql<{ n: bigint }>`SELECT count(*) AS n FROM db.t`;
  expect(await count.rows()).toEqual([{ n: 1n }]);
  expect(await lake.ingest()).toMatchObject({ rowCount: 1, commitCount: 1 });
  expect(await table.scan().count()).toBe(1);
});

test('values of a SQL template are never read as SQL', async () => {
  await using lake = await memoryLake();
  const table = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  {
    await using writer = table.writer();
    await writer.upsert({ flight: 1, date: new Date(0), origin: "'; DROP TABLE db.t; --", delay: 1 });
    await writer.upsert({ flight: 2, date: new Date(0), origin: 'LAS', delay: 2 });
  }
  const evil = "'; DROP TABLE db.t; --";
  const found = await lake.sql<{ flight: bigint }>`SELECT flight FROM db.t WHERE origin = ${evil}`;
  expect(await found.rows()).toEqual([{ flight: 1n }]);
  const listed = await lake.sql`SELECT flight FROM db.t WHERE flight IN (${[2n, 3n]})`;
  const batches = [];
  for await (const batch of listed) batches.push(batch.numRows);
  expect(batches).toEqual([1]);
  await expect(lake.sql`SELECT ${[]} FROM db.t`).rejects.toMatchObject({ code: 'LAKE_BAD_VALUE' });
});

test('SQL makes tables and writes them', async () => {
  await using lake = await memoryLake();
  await lake.sql('CREATE TABLE db.s (a INT PRIMARY KEY NOT ENFORCED, b STRING); INSERT INTO db.s VALUES (1, $1)', {
    parameters: ['x'],
  });
  const inserted = await lake.sql`INSERT INTO db.s VALUES (2, ${'y'})`;
  expect(inserted.affectedRows).toBe(1);
  expect(await inserted.rows()).toEqual([]);
  expect(await (await lake.sql('SELECT * FROM db.s ORDER BY a')).rows()).toEqual([
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ]);
  expect(await lake.tables()).toEqual(['db.s']);
});

test('a subscription goes from rows to live changes without a gap', async () => {
  await using lake = await memoryLake({ log: 'memory:sdk-live' });
  const table = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  await using worker = lake.run({ maintenance: false });
  await using writer = table.writer();
  await writer.upsert({ flight: 0, date: new Date(0), origin: 'A' });
  const stop = new AbortController();
  const seen: bigint[] = [];
  const reading = (async () => {
    for await (const { row } of table.subscribe({ from: 'full', signal: stop.signal })) {
      seen.push(row.flight);
      if (row.flight === 200n) stop.abort();
    }
  })();
  for (let flight = 1; flight <= 200; flight += 1) await writer.upsert({ flight, date: new Date(0), origin: 'A' });
  await reading;
  expect(seen.toSorted((a, b) => Number(a - b))).toEqual(Array.from({ length: 201 }, (_, n) => BigInt(n)));
  expect(worker).toBeDefined();
});

test('a bad row is refused by itself and names its column', async () => {
  await using lake = await memoryLake();
  const table = await lake.table('db.t').catch(error => error);
  expect(table).toMatchObject({ name: 'LakeError', kind: 'invalid', code: 'LAKE_DATABASE_NOT_FOUND' });
  const made = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  const loose = await lake.table('db.t');
  await using writer = loose.writer();
  const good = writer.upsert({ flight: 1, date: new Date(0), origin: 'LAS' });
  await expect(writer.upsert({ flight: 2, date: new Date(0), origin: 7 })).rejects.toMatchObject({
    code: 'LAKE_BAD_VALUE',
    message: expect.stringContaining('origin'),
  });
  await expect(writer.upsert({ flight: 2, origin: 'x' })).rejects.toMatchObject({ code: 'LAKE_BAD_VALUE' });
  await expect(writer.upsert({ flight: 2, nope: 1 })).rejects.toMatchObject({ code: 'LAKE_BAD_VALUE' });
  await good;
  expect(await made.scan().count()).toBe(1);
  await expect(made.lookup({ flight: 'x' })).rejects.toMatchObject({ code: 'LAKE_BAD_VALUE' });
  await expect(loose.lookup({ origin: 'x' })).rejects.toMatchObject({ code: 'LAKE_BAD_KEY' });
  await expect(made.scan({ snapshot: 99 }).rows()).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  await expect(made.scan({ where: 'no_such > 1' }).rows()).rejects.toMatchObject({ code: 'LAKE_BAD_FILTER' });
  await expect(made.scan({ where: '1 = 1) OR (1 = 1' }).rows()).rejects.toMatchObject({ code: 'LAKE_BAD_FILTER' });
});

test('a table that is not what the program was written for is refused when it is opened', async () => {
  await using lake = await memoryLake();
  await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'] });
  const open = (columns: Parameters<typeof lake.table>[1]) => lake.table('db.t', columns);
  await expect(open({ columns: { flight: t.int() } })).rejects.toMatchObject({ code: 'LAKE_SCHEMA_MISMATCH' });
  await expect(open({ columns: { gone: t.int() } })).rejects.toThrow('no column gone');
  const some = await lake.table('db.t', {
    columns: { flight: t.bigint(), origin: t.string() },
    primaryKey: ['flight'],
  });
  expect(some.columns).toEqual(['flight', 'origin']);
  await expect(lake.createTable('db.t', { columns: flightColumns })).rejects.toMatchObject({
    code: 'LAKE_TABLE_EXISTS',
  });
  const again = await lake.createTable('db.t', { columns: flightColumns, primaryKey: ['flight'], ifNotExists: true });
  expect(again.primaryKey).toEqual(['flight']);
});

test('settings that are wrong are named', async () => {
  const bad = (settings: object): Promise<unknown> => Reflect.apply(openLake, undefined, [settings]);
  await expect(bad({})).rejects.toMatchObject({
    code: 'LAKE_BAD_SETTINGS',
    message: expect.stringContaining('warehouse'),
  });
  await expect(bad({ warehouse: 'ftp://x' })).rejects.toMatchObject({ code: 'LAKE_BAD_SETTINGS' });
  await expect(bad({ warehouse: 'memory:x', lgo: 'memory:y' })).rejects.toThrow('lgo');
  await expect(bad({ warehouse: 'memory:x', s3: { accessKeyId: 'a' } })).rejects.toThrow('belong together');
});
