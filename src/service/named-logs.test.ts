/** Tables whose rows go through a log of their own: everybody who opens them finds it, and nobody takes it for the lake's. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/table-fixture.ts';
import { systemClock } from '../base/clock.ts';
import { seededRandom, systemRandom } from '../base/random.ts';
import { noteLogName } from '../catalog/log-names.ts';
import { openEventIngest } from '../flow/ingest/ingest-event.ts';
import { Producer } from '../flow/producer.ts';
import { logUnavailable } from '../storage/log-errors.ts';
import type { LogStore } from '../storage/log-store.ts';
import { MemoryLogStore, openMemoryLog } from '../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { buildBatch } from '../types/column-builder.ts';
import { t } from './column-types.ts';
import { ingestOfNamedLogs, ingestRecords } from './functions/ingest-function.ts';
import { parseKinesisEvent } from './functions/kinesis-event.ts';
import { catalogApp } from './http/catalog-app.ts';
import { catalogPartsOf } from './http/catalog-parts.ts';
import { ingestOnce } from './ingest-log.ts';
import { type Lake, openLake } from './lake.ts';
import { openLakeParts } from './lake-parts.ts';
import { loggedTable } from './logged-table.ts';
import { maintainLake } from './maintain-lake.ts';
import { isOfLog, NamedLogs } from './named-logs.ts';
import { producerStanding } from './producer-standing.ts';
import { openLakeTable } from './tables.ts';

const components = { clock: systemClock, random: systemRandom };
const columns = { k: t.int(), v: t.string() };
const hot = { columns, primaryKey: ['k'], options: { bucket: 1, 'log.name': 'hot' } } as const;
const cold = { columns, primaryKey: ['k'], options: { bucket: 1 } } as const;

type Place = { readonly address: string; readonly open: () => Promise<Lake> };

/** A warehouse and a log in memory. */
function newPlace(settings: { readonly retentionMs?: number } = {}): Place {
  const address = `memory:named-${systemRandom.uuid()}`;
  return { address, open: () => openLake({ warehouse: address, log: address, fileLog: settings }) };
}

async function upsert(lake: Lake, name: string, ...ks: readonly number[]): Promise<void> {
  await using writer = (await lake.table(name)).writer();
  await Promise.all(ks.map(k => writer.upsert({ k, v: `v${k}` })));
}

async function recordsIn(address: string): Promise<number> {
  await using log = openMemoryLog({ name: address.slice('memory:'.length) }, components);
  let count = 0;
  for (const { shardId } of (await log.describe()).shards) {
    count += (await log.read(shardId, { kind: 'earliest' })).records.length;
  }
  return count;
}

async function keysOf(lake: Lake, name: string, hint = ''): Promise<readonly unknown[]> {
  const rows = await (await lake.sql<{ k: number }>(`SELECT k FROM ${name} ${hint} ORDER BY k`)).rows();
  return rows.map(({ k }) => k);
}

const committed = "/*+ OPTIONS('scan.mode'='latest') */";

test('rows go through the log that the table names, whoever writes them, and are read from there by all', async () => {
  const { address, open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await lake.createTable('db.cold', cold);
  await using other = await open();
  await upsert(lake, 'db.hot', 1, 2);
  await upsert(other, 'db.hot', 3);
  await other.sql("INSERT INTO db.hot VALUES (4, 'v4')");
  await upsert(lake, 'db.cold', 9);
  expect(await recordsIn(address)).toBe(1);
  expect(await recordsIn(`${address}-hot`)).toBeGreaterThanOrEqual(3);
  const table = await other.table('db.hot');
  expect(await keysOf(other, 'db.hot')).toEqual([1, 2, 3, 4]);
  expect(await keysOf(other, 'db.hot', committed)).toEqual([]);
  expect(await table.lookup({ k: 3 }, { union: true })).toEqual({ k: 3, v: 'v3' });
  expect((await table.scan({ union: true }).rows()).length).toBe(4);
  expect((await table.lag()).shards.length).toBeGreaterThan(0);
  // Of both logs, each table from its own.
  const { rowCount, droppedTableRows } = await other.ingest();
  expect({ rowCount, droppedTableRows }).toEqual({ rowCount: 5, droppedTableRows: 0 });
  expect(await keysOf(lake, 'db.hot', committed)).toEqual([1, 2, 3, 4]);
  expect(await keysOf(lake, 'db.cold', committed)).toEqual([9]);
  await lake.sql('DELETE FROM db.hot WHERE k = 1');
  expect(await keysOf(other, 'db.hot')).toEqual([2, 3, 4]);
  // An overwrite takes in first what the table's own log has acknowledged.
  await lake.sql("INSERT OVERWRITE db.hot VALUES (7, 'v7')");
  expect(await keysOf(other, 'db.hot')).toEqual([7]);
});

test('changes are followed in the log that the table names', async () => {
  const { open } = newPlace();
  await using lake = await open();
  const table = await lake.createTable('db.hot', hot);
  const stop = new AbortController();
  const changes = table.subscribe({ from: 'latest', signal: stop.signal });
  const first = changes.next();
  // Written until it is seen: the subscription begins at a moment of its own.
  let seen = false;
  void first.then(() => {
    seen = true;
  });
  for (let k = 0; !seen && k < 1_000; k += 1) await upsert(lake, 'db.hot', k);
  expect((await first).value).toMatchObject({ kind: '+U', phase: 'log' });
  stop.abort();
  await changes.return();
});

test('a producer that comes back finds its place in the log that the table names', async () => {
  const { address, open } = newPlace();
  await using lake = await open();
  const table = await lake.createTable('db.hot', hot);
  await (await table.producer('feed')).send([{ k: 1, v: 'v1' }], { number: 7 });
  await table.send([{ k: 2, v: 'v2' }], { producer: 'other', number: 3 });
  expect((await table.producer('feed')).resumedNumber).toBe(7);
  await using parts = await openLakeParts({ warehouse: address, log: address });
  const standing = await producerStanding(parts, await openLakeTable(parts, 'db.hot'), 'other');
  expect(standing).toMatchObject({ lastNumber: 3, lanes: [{ isInTable: false }] });
});

test('a worker ingests the logs of all tables, also of those that others make while it runs', async () => {
  const { open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await using other = await open();
  await using _worker = lake.run({ compaction: false, maintenance: false });
  const named = (name: string) => ({ ...hot, options: { ...hot.options, 'log.name': name } });
  await lake.createTable('db.warm', named('warm'));
  await other.createTable('db.late', named('late'));
  for (const name of ['db.hot', 'db.warm', 'db.late']) {
    await upsert(other, name, 1, 2);
    await expect.poll(() => keysOf(other, name, committed), { timeout: 30_000 }).toEqual([1, 2]);
  }
});

test('rows of a table in a log that is not its own do not come into it, and take nothing from its own', async () => {
  const { address, open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await upsert(lake, 'db.hot', 1);
  await lake.ingest();
  await using parts = await openLakeParts({ warehouse: address, log: address });
  const table = await openLakeTable(parts, 'db.hot');
  const strayed: { readonly log: LogStore | undefined } = parts;
  if (strayed.log === undefined) throw new Error('the lake has a log');
  await using producer = new Producer({ ...parts, log: strayed.log }, loggedTable(table));
  const rows = buildBatch({ fields: table.schema.fields }, [[8, 'stray']]);
  await producer.append(rows, new Int8Array(1));
  expect(await lake.ingest()).toMatchObject({ rowCount: 0, droppedTableRows: 1 });
  await upsert(lake, 'db.hot', 2);
  expect(await lake.ingest()).toMatchObject({ rowCount: 1, droppedTableRows: 0 });
  expect(await keysOf(lake, 'db.hot', committed)).toEqual([1, 2]);
});

test('the log of a table is chosen when it is made, and must be there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-named-'));
  try {
    await using lake = await openLake({ warehouse: join(folder, 'lake'), log: join(folder, 'log') });
    for (const name of ['Hot', 'a/b', '-', 'a-', '', 'x'.repeat(64)]) {
      const made = lake.createTable('db.bad', { ...hot, options: { 'log.name': name } });
      await expect(made, name).rejects.toMatchObject({ code: 'LAKE_BAD_OPTION' });
    }
    await writeFile(join(folder, 'log-hot'), 'no log');
    await expect(lake.createTable('db.hot', hot)).rejects.toMatchObject({ code: expect.stringMatching(/^LAKE_LOG_/) });
    expect(await lake.tables()).toEqual([]);
    await rm(join(folder, 'log-hot'));
    await lake.createTable('db.hot', hot);
    await lake.createTable('db.cold', cold);
    for (const statement of [
      "ALTER TABLE db.hot SET ('log.name' = 'other')",
      "ALTER TABLE db.hot RESET ('log.name')",
      "ALTER TABLE db.cold SET ('log.name' = 'hot')",
    ]) {
      await expect(lake.sql(statement), statement).rejects.toMatchObject({ code: 'LAKE_BAD_SCHEMA_CHANGE' });
    }
    await using without = await openLake({ warehouse: join(folder, 'lake') });
    await expect(without.createTable('db.none', hot)).rejects.toMatchObject({ code: 'LAKE_NO_LOG' });
    expect(await (await without.table('db.hot')).scan().count()).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a table made again under its name and log begins anew', async () => {
  const { open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await upsert(lake, 'db.hot', 1, 2);
  await lake.ingest();
  await upsert(lake, 'db.hot', 3);
  await lake.dropTable('db.hot');
  await lake.createTable('db.hot', hot);
  await upsert(lake, 'db.hot', 4);
  expect(await keysOf(lake, 'db.hot')).toEqual([4]);
  await lake.ingest();
  expect(await keysOf(lake, 'db.hot', committed)).toEqual([4]);
});

test('a log that can not be opened keeps ingest from no other, and is told', async () => {
  const { address, open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await upsert(lake, 'db.hot', 1);
  await using parts = await openLakeParts({ warehouse: address, log: address });
  await noteLogName(parts.store, 'gone');
  const openLog = async (of: string): Promise<LogStore> => {
    if (of.endsWith('-gone')) throw logUnavailable(of, 'it is not there');
    return openMemoryLog({ name: of.slice('memory:'.length) }, components);
  };
  await using logs = new NamedLogs(parts.log, { address, openLog });
  await expect(ingestOnce({ ...parts, logs })).rejects.toThrow('it is not there');
  expect(await keysOf(lake, 'db.hot', committed)).toEqual([1]);
});

test('maintenance advances the checkpoints of all logs', async () => {
  const { address, open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await upsert(lake, 'db.hot', 1);
  await lake.ingest();
  await using parts = await openLakeParts({ warehouse: address, log: address });
  const checkpoints = async (): Promise<readonly string[]> =>
    (await Array.fromAsync(parts.store.list('tidelake-log/'))).flatMap(({ objects }) => objects.map(({ key }) => key));
  const before = await checkpoints();
  for (const key of before) await parts.store.delete(key);
  const receipt = await maintainLake(parts, { orphans: 'skip' });
  expect(receipt.checkpoints).toEqual({ advanced: before.length, behind: 0, end: { status: 'done' } });
  expect(await checkpoints()).toEqual(before);
  expect(before.length).toBeGreaterThan(0);
});

test('claims are kept as long as any log keeps records, and while one does not say how long that is', async () => {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const hourMs = 3_600_000;
  const store = new MemoryObjectStore('memory:claims', clock);
  const logOf = (name: string, retentionMs: number): LogStore =>
    new MemoryLogStore({ name, shardCount: 1, retentionMs }, { clock, random });
  const log = logOf('lake', hourMs);
  await noteLogName(store, 'hot');
  await store.put('tidelake/claims/any', new Uint8Array(1));
  clock.advance(3 * 24 * hourMs);
  const maintained = async (openLog: () => Promise<LogStore>): Promise<unknown> => {
    const logs = new NamedLogs(log, { address: 'memory:lake', openLog });
    const { checkpoints } = await maintainLake({ store, clock, random, log, logs }, { orphans: 'skip' });
    return [checkpoints.end.status, (await store.head('tidelake/claims/any')) !== undefined];
  };
  expect(await maintained(async () => logOf('hot', 100 * hourMs))).toEqual(['done', true]);
  expect(await maintained(() => Promise.reject(logUnavailable('hot', 'gone')))).toEqual(['given-up', true]);
  expect(await maintained(async () => logOf('hot', hourMs))).toEqual(['done', false]);
});

test('functions take rows for the log that a table names, and records of its stream', async () => {
  const { address, open } = newPlace();
  await using lake = await open();
  await lake.createTable('db.hot', hot);
  await using parts = await openLakeParts({ warehouse: address, log: address });
  const app = catalogApp(async () => catalogPartsOf({ ...parts, purpose: 'read' }, parts.log));
  const context = { getRemainingTimeInMillis: () => 60_000 };
  const request = new Request('https://lake/v1/tables/db.hot/rows', {
    method: 'POST',
    body: '{"op":"+I","row":{"k":1,"v":"v1"}}\n',
    headers: { 'content-type': 'application/x-ndjson' },
  });
  const response = await app.fetch(request, { context, requestId: 'r', report: () => undefined });
  expect(response.status).toBe(200);
  expect([await recordsIn(address), await recordsIn(`${address}-hot`)]).toEqual([0, 1]);

  // As if both were streams.
  const own = openMemoryLog({ name: address.slice('memory:'.length) }, components);
  const asStream = { ...own, uri: 'kinesis://lake', describe: () => own.describe() } as LogStore;
  await using main = openEventIngest({ ...parts, log: asStream, accepts: isOfLog(undefined) });
  const ingest = { ...main, ofLog: ingestOfNamedLogs(parts) };
  const named = await parts.logs.open('hot');
  const all = new Map<string, Awaited<ReturnType<LogStore['read']>>['records']>();
  for (const { shardId } of (await named.describe()).shards) {
    all.set(shardId, (await named.read(shardId, { kind: 'earliest' })).records);
  }
  const eventOf = (stream: string): unknown => ({
    Records: [...all].flatMap(([shardId, records]) =>
      records.map(({ position, data }) => ({
        eventID: `${shardId}:${position}`,
        eventSourceARN: `arn:aws:kinesis:eu-central-1:000000000000:stream/${stream}`,
        kinesis: {
          sequenceNumber: position.toString(),
          data: Buffer.from(data).toString('base64'),
          approximateArrivalTimestamp: 1,
        },
      })),
    ),
  });
  for (const stream of ['lake-cold', 'other-hot', 'lake-']) {
    const ingested = ingestRecords(ingest, parseKinesisEvent(eventOf(stream)), context);
    await expect(ingested, stream).rejects.toMatchObject({ code: 'LAKE_BAD_EVENT' });
  }
  const { answer, figures } = await ingestRecords(ingest, parseKinesisEvent(eventOf('lake-hot')), context);
  expect(answer).toEqual({ batchItemFailures: [] });
  expect(figures).toMatchObject({ rowsIn: 1, droppedTableRows: 0 });
  expect(await keysOf(lake, 'db.hot', committed)).toEqual([1]);
});
