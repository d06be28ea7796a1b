/** A whole lake is metered: what the ledger says is what the store was asked. */
import { expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { ledgerFolder } from '../../metering/ledger.ts';
import { readLedger } from '../../metering/read-ledger.ts';
import type { UsageFigure } from '../../metering/usage.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { openMemoryLog } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { watchedObjectStore } from '../../storage/watched-object-store.ts';
import { manifestCaches } from '../../table/manifests.ts';
import { t } from '../column-types.ts';
import { compactOnSnapshot } from '../functions/compact-function.ts';
import { LookedTables } from '../functions/looked-tables.ts';
import { openLake } from '../lake.ts';
import { openLakeParts } from '../lake-parts.ts';
import { maintainLake } from '../maintain-lake.ts';
import type { LakeSettings } from '../settings.ts';
import { costReport, costTable } from './cost-report.ts';
import { openMetering } from './metering.ts';
import { chosenPrices } from './price-choice.ts';

const components = { clock: systemClock, random: systemRandom };
const settings: LakeSettings = { warehouse: 'memory:metered-lake', log: 'memory:x', cost: { ledger: 'on' } };
const spec = { columns: { k: t.int(), v: t.string() }, primaryKey: ['k'] } as const;

async function usedLake(inner: MemoryObjectStore) {
  let ledgerBytes = 0;
  const store = countingObjectStore(
    watchedObjectStore(inner, {
      asked: (_operation, key, bytesSent) => {
        if (key.startsWith(`${ledgerFolder}/`)) ledgerBytes += bytesSent;
      },
      received: () => undefined,
    }),
  );
  const log = openMemoryLog({ name: `metered-${systemRandom.uuid()}` }, components);
  await using lake = await openLake(settings, { store, log, ...components });
  const table = await lake.createTable('d.t', { ...spec, options: { bucket: '1' } });
  {
    await using writer = table.writer();
    await Promise.all(Array.from({ length: 100 }, (_, k) => writer.upsert({ k, v: 'x'.repeat(k) })));
  }
  await lake.ingest();
  await table.compact({ full: true });
  await table.scan().rows();
  await table.tags.create('noon');
  await table.tags.delete('noon');
  return { counts: () => store.counts(), ledgerBytes: () => ledgerBytes, log };
}

test('the ledger has every request of a lake, by purpose, and nobody else’s', async () => {
  const inner = new MemoryObjectStore('memory:metered-lake', systemClock);
  const { counts, ledgerBytes } = await usedLake(inner);
  await using parts = await openLakeParts({ ...settings, access: 'read', cost: { ledger: 'off' } }, { store: inner });
  const all = await costReport(parts, {
    table: undefined,
    from: undefined,
    to: undefined,
    list: await chosenPrices(undefined, undefined),
  });
  const sum = (figure: UsageFigure): number => all.lines.reduce((total, { usage }) => total + usage[figure], 0);
  const asked = counts();
  expect(sum('put')).toBe(asked.put + asked.putIfAbsent + asked.putIfMatch);
  expect(sum('get')).toBe(asked.get + asked.getRange + asked.head);
  expect(sum('list')).toBe(asked.list);
  expect(sum('bytesRead')).toBe(asked.bytesRead);
  expect([sum('delete'), asked.delete]).toEqual([1, 1]);
  // How long it is itself the ledger does not know.
  expect(sum('bytesWritten')).toBe(asked.bytesWritten - ledgerBytes());
  expect(ledgerBytes()).toBeGreaterThan(0);
  const ofTable = all.lines.filter(({ table }) => table === 'd.t');
  expect(ofTable.map(({ purpose }) => purpose)).toEqual(['produce', 'ingest', 'compaction', 'read']);
  expect(ofTable.map(({ usage }) => usage.put > 0)).toEqual([false, true, true, true]);
  expect(ofTable[0]?.usage.logUnit).toBeGreaterThan(0);
  expect(all.lines.every(({ dollars }) => dollars >= 0) && sum('put') > 0).toBe(true);
  expect(all.storage.objects).toBeGreaterThan(10);
});

test('a table shows its own cost, the database sys everybody’s, and the report its sum', async () => {
  const inner = new MemoryObjectStore('memory:shown', systemClock);
  await usedLake(inner);
  await using lake = await openLake(
    { ...settings, cost: { ledger: 'off' } },
    { store: inner, log: openMemoryLog({ name: 'y' }, components) },
  );
  const table = await lake.table('d.t');
  const own = await table.system<{ purpose: string; put_requests: bigint; dollars: number }>('cost');
  expect(own.map(({ purpose }) => purpose)).toEqual(['produce', 'ingest', 'compaction', 'read']);
  expect(own[1]?.put_requests).toBeGreaterThan(3n);
  expect(own.every(({ dollars }) => dollars > 0)).toBe(true);
  const everybody = await lake.system<{ table_name: string | null }>('cost');
  expect(new Set(everybody.map(row => row.table_name))).toEqual(new Set([null, 't']));
  await using parts = await openLakeParts({ ...settings, cost: { ledger: 'off' } }, { store: inner });
  const report = await costReport(parts, {
    table: 'd.t',
    from: '2020-01-01',
    to: '9999-12-31',
    list: await chosenPrices('us-west-2', undefined),
  });
  const rows = (await Array.fromAsync(costTable(report).rows)).flat();
  expect(rows).toHaveLength(5);
  expect(rows.at(-1)?.[0]).toBe('total');
  await expect(
    costReport(parts, { table: 'd.t', from: 'today', to: undefined, list: report.list }),
  ).rejects.toMatchObject({ code: 'LAKE_BAD_DAY' });
});

test('a folder is not metered unless it is asked for, and a lake for reading writes no ledger', async () => {
  const inner = new MemoryObjectStore('memory:quiet', systemClock);
  const quiet: readonly LakeSettings[] = [
    { warehouse: 'memory:quiet' },
    { warehouse: 's3://bucket', access: 'read' },
    { warehouse: 's3://bucket', cost: { ledger: 'off' } },
  ];
  for (const off of quiet) {
    const metering = openMetering({ settings: off, store: inner, ...components });
    expect(metering.store(inner, 'read')).toBe(inner);
  }
  const metering = openMetering({ settings: { warehouse: 's3://bucket' }, store: inner, ...components });
  expect(metering.store(inner, 'read')).not.toBe(inner);
});

test('a function’s time and memory go to the tables it worked on, and its first invocation is written at once', async () => {
  const inner = new MemoryObjectStore('memory:function', systemClock);
  const times = { nowMs: 20_000 };
  const clock = { ...systemClock, monotonicMs: () => times.nowMs };
  const metering = openMetering({ settings, store: inner, ...components, clock }, { functionMemoryMb: 512 });
  const store = metering.store(inner, 'ingest');
  {
    await using _invocation = metering.invocation('ingest');
    await store.put('d.db/t/x', new Uint8Array(1));
    times.nowMs += 2_000;
  }
  await using parts = await openLakeParts({ ...settings, cost: { ledger: 'off' } }, { store: inner });
  const report = await costReport(parts, {
    table: 'd.t',
    from: undefined,
    to: undefined,
    list: await chosenPrices(undefined, undefined),
  });
  expect(report.lines.map(({ usage }) => [usage.gbSecond, usage.invocation, usage.put])).toEqual([[1, 1, 1]]);
});

test('an invocation of compaction ends when its work does, not before', async () => {
  const inner = new MemoryObjectStore('memory:compacted', systemClock);
  await using lake = await openLake({ warehouse: 'memory:compacted' }, { store: inner, ...components });
  const options = { bucket: '1', 'num-sorted-run.compaction-trigger': '2', 'num-sorted-run.stop-trigger': '2' };
  const table = await lake.createTable('d.t', { ...spec, options });
  for (let k = 0; k < 3; k += 1) {
    await using writer = table.writer();
    await writer.upsert({ k, v: 'x' });
  }
  const metering = openMetering({ settings, store: inner, ...components }, { functionMemoryMb: 512 });
  const store = metering.store(inner, 'compaction');
  const own = { caches: manifestCaches(), looked: new LookedTables(), metering, purpose: 'compaction' } as const;
  const parts = { ...components, settings: { warehouse: 's3://bucket' }, store, ...own };
  const created = { bucket: 'bucket', key: 'd.db/t/snapshot/snapshot-3' };
  expect(await compactOnSnapshot(parts, created, { getRemainingTimeInMillis: () => 60_000 })).toMatchObject({
    commits: 1,
  });
  const [row] = await table.system<{ put_requests: bigint }>('cost');
  expect(row?.put_requests).toBeGreaterThanOrEqual(5n);
});

test('maintenance looks after the ledger when it looks for orphans', async () => {
  const inner = new MemoryObjectStore('memory:kept', systemClock);
  await usedLake(inner);
  const parts = { store: inner, log: undefined, ...components };
  expect((await maintainLake(parts, { orphans: 'skip' })).ledger).toBeUndefined();
  const { ledger } = await maintainLake(parts, { orphans: 'remove' });
  expect(ledger).toEqual({ mergedDays: 0, removedObjects: 0, end: { status: 'done' } });
});

test('prices are a region’s or a file’s, and what is neither is refused by name', async () => {
  expect((await chosenPrices(undefined, 'eu-north-9')).region).toBe('us-east-1');
  expect((await chosenPrices(undefined, 'us-west-2')).region).toBe('us-west-2');
  await expect(chosenPrices('mars-1', undefined)).rejects.toMatchObject({ code: 'LAKE_NO_PRICES' });
  await expect(chosenPrices('./package.json', undefined)).rejects.toMatchObject({ code: 'LAKE_BAD_PRICES' });
});

test('an invocation that is ended twice is one', async () => {
  const store = new MemoryObjectStore('memory:ended-twice', systemClock);
  await using metering = openMetering({ settings, store, ...components }, { functionMemoryMb: 512 });
  const invocation = metering.invocation('read');
  await invocation[Symbol.asyncDispose]();
  await invocation[Symbol.asyncDispose]();
  await metering[Symbol.asyncDispose]();
  const entries = (await readLedger(store)).flatMap(day => day.entries);
  expect(entries.reduce((sum, { usage }) => sum + usage.invocation, 0)).toBe(1);
});
