import { expect, test } from 'vitest';
import { ManualClock } from '../../test/table-fixture.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { storeUnavailable } from '../storage/store-errors.ts';
import { decodeLedger, encodeLedger, ledgerKey, mergedLedgerKey, placeOfLedgerKey } from './ledger.ts';
import { LedgerWriter, ledgerIntervalMs } from './ledger-writer.ts';
import { decideDay, mergeLedger } from './merge-ledger.ts';
import { dayOf, Meter } from './meter.ts';
import { meteredLogStore } from './metered-log-store.ts';
import { meteredObjectStore, tableOfKey } from './metered-object-store.ts';
import { readLedger } from './read-ledger.ts';
import { noUsage, sumEntries, type UsageEntry } from './usage.ts';

const dayMs = 86_400_000;

function entry(table: string, put: number, purpose: UsageEntry['purpose'] = 'ingest'): UsageEntry {
  return { table, purpose, usage: { ...noUsage, put } };
}

async function keysOf(store: ObjectStore, prefix = ''): Promise<readonly string[]> {
  const pages = await Array.fromAsync(store.list(prefix));
  return pages.flatMap(page => page.objects.map(object => object.key));
}

function putLedger(store: ObjectStore, day: string, writer: string, entries: readonly UsageEntry[]): Promise<unknown> {
  return store.put(ledgerKey(day, writer), encodeLedger({ writers: [writer], entries }));
}

test('a key counts for the table whose folder it is in, and for none elsewhere', () => {
  expect(tableOfKey('db.db/t/snapshot/snapshot-1')).toBe('db.t');
  expect(tableOfKey('db.db/t/')).toBe('db.t');
  for (const key of ['db.db/t', 'db.db/', 'tidelake/claims/c', '.db/t/x', 'tidelake-log/i/s', '']) {
    expect(tableOfKey(key), key).toBeUndefined();
  }
});

test('requests, bytes and pages of lists count by table and purpose, also those that find nothing', async () => {
  const clock = new ManualClock();
  const inner = new MemoryObjectStore('memory:metered', clock);
  const meter = new Meter(clock);
  const ingest = meteredObjectStore(inner, meter, 'ingest');
  const read = meteredObjectStore(inner, meter, 'read');
  await ingest.put('d.db/t/a', new Uint8Array(10));
  await ingest.putIfAbsent('d.db/t/a', new Uint8Array(3));
  await read.get('d.db/t/a', { bytesMax: 100 });
  await read.getRange('d.db/t/a', { start: 2, end: 6 });
  await read.get('d.db/t/none', { bytesMax: 100 });
  await read.head('d.db/u/none');
  await Array.fromAsync(read.list('tidelake/'));
  await ingest.delete('d.db/t/a');
  expect(sumEntries(meter.entries(dayOf(clock.nowMs())))).toEqual([
    { table: '', purpose: 'read', usage: { ...noUsage, list: 1 } },
    { table: 'd.t', purpose: 'ingest', usage: { ...noUsage, put: 2, delete: 1, bytesWritten: 13 } },
    { table: 'd.t', purpose: 'read', usage: { ...noUsage, get: 3, bytesRead: 14 } },
    { table: 'd.u', purpose: 'read', usage: { ...noUsage, get: 1 } },
  ]);
});

test('a log counts payload units of 25 KB record by record, for the table that each record names', async () => {
  const clock = new ManualClock();
  const meter = new Meter(clock);
  const { openMemoryLog } = await import('../storage/memory/memory-log-store.ts');
  const { seededRandom } = await import('../base/random.ts');
  const inner = await openMemoryLog({ name: 'metered' }, { clock, random: seededRandom(1) });
  const tableOf = (data: Uint8Array): string | undefined => (data[0] === 1 ? 'd.t' : undefined);
  const log = meteredLogStore(inner, { meter, purpose: 'produce', tableOf });
  const record = (first: number, length: number): Uint8Array => new Uint8Array(length).fill(first);
  await log.append([record(1, 25 * 1024), record(1, 25 * 1024 + 1), record(2, 1)].map(data => ({ hashKey: 0n, data })));
  expect(
    sumEntries(meter.entries(dayOf(clock.nowMs()))).map(({ table, usage }) => [
      table,
      usage.logUnit,
      usage.logBytesWritten,
    ]),
  ).toEqual([
    ['', 1, 1],
    ['d.t', 3, 51_201],
  ]);
});

test('an invocation goes to the tables it worked on, by their requests; to none when it made none', () => {
  const clock = new ManualClock();
  const meter = new Meter(clock);
  meter.count('d.old', 'ingest', { put: 9 });
  meter.begin();
  meter.count('d.t', 'ingest', { put: 1 });
  meter.count('d.t', 'ingest', { put: 1 });
  meter.count('d.t', 'ingest', { get: 1 });
  meter.count('d.u', 'ingest', { put: 1 });
  meter.invoked('ingest', 2);
  meter.begin();
  meter.invoked('ingest', 1);
  const seconds = meter
    .entries(dayOf(clock.nowMs()))
    .map(({ table, usage }) => [table, usage.gbSecond, usage.invocation]);
  expect(seconds).toEqual([
    ['d.old', 0, 0],
    ['d.t', 1.5, 0.75],
    ['d.u', 0.5, 0.25],
    ['', 1, 1],
  ]);
});

test('a ledger object comes back as it was, and others are refused', () => {
  const ledger = { writers: ['w'], entries: [{ ...entry('d.t', 3), usage: { ...noUsage, put: 3, gbSecond: 0.25 } }] };
  expect(decodeLedger(encodeLedger(ledger), 'x')).toEqual(ledger);
  const texts = ['', '[]', '{"version":2}', '{"version":1,"writers":["../x"],"entries":[]}'];
  for (const bad of [...texts, '{"version":1,"writers":[],"entries":[{"table":"t","purpose":"ingest","put":-1}]}']) {
    expect(() => decodeLedger(Buffer.from(bad), 'x'), bad).toThrow(/^x: /);
  }
  expect(placeOfLedgerKey('tidelake/cost/2026-11-27/a/b.json')).toBeUndefined();
  expect(placeOfLedgerKey('tidelake/cost/today/w.json')).toBeUndefined();
});

test('a process writes at most once an interval, only what is new, and the same object again', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:writer', clock);
  const meter = new Meter(clock, () => ledger.noticed());
  const ledger: LedgerWriter = new LedgerWriter({ store, meter, clock, writer: 'w' });
  meter.count('d.t', 'ingest', { put: 1 });
  expect(await keysOf(store)).toEqual([]);
  clock.advance(ledgerIntervalMs);
  meter.count('d.t', 'ingest', { put: 1 });
  meter.count('d.t', 'ingest', { put: 1 });
  await ledger.write();
  const today = dayOf(clock.nowMs());
  expect(await keysOf(store)).toEqual([ledgerKey(today, 'w')]);
  clock.advance(10 * ledgerIntervalMs);
  await ledger.write();
  const [day] = await readLedger(store);
  expect(day?.entries.map(({ table, purpose, usage }) => [table, purpose, usage.put])).toEqual([
    ['', 'maintenance', 2],
    ['d.t', 'ingest', 3],
  ]);
});

test('days that are over are written once more and forgotten', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:days', clock);
  const meter = new Meter(clock);
  const ledger = new LedgerWriter({ store, meter, clock, writer: 'w' });
  meter.count('d.t', 'ingest', { put: 1 });
  await ledger.invocationEnded();
  meter.count('d.t', 'ingest', { put: 1 });
  clock.advance(dayMs);
  meter.count('d.t', 'ingest', { put: 5 });
  await ledger.invocationEnded();
  const puts = (await readLedger(store)).map(({ entries }) => entries.find(({ table }) => table === 'd.t')?.usage.put);
  expect(puts).toEqual([2, 5]);
  expect(meter.days).toEqual([dayOf(clock.nowMs())]);
});

test('a store that is away is tried again later, one that refuses is left alone, and neither fails the work', async () => {
  for (const [fault, triesAfter] of [
    [storeUnavailable('x', 'away'), 2],
    [new Error('denied'), 1],
  ] as const) {
    const clock = new ManualClock();
    let tries = 0;
    const inner = new MemoryObjectStore('memory:refusing', clock);
    const store: ObjectStore = {
      ...meteredObjectStore(inner, new Meter(clock), 'read'),
      put: async () => {
        tries += 1;
        throw fault;
      },
    };
    const meter = new Meter(clock);
    const ledger = new LedgerWriter({ store, meter, clock, writer: 'w' });
    meter.count('d.t', 'ingest', { put: 1 });
    await ledger.write();
    clock.advance(ledgerIntervalMs);
    await ledger.invocationEnded();
    expect(tries).toBe(triesAfter);
  }
});

test('a day that is over becomes one object with the same sum, and long past days go', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:merge', clock);
  const nowMs = Date.parse('2026-11-27T12:00:00Z');
  await putLedger(store, '2025-01-01', 'old', [entry('d.t', 1)]);
  await putLedger(store, '2026-11-25', 'a', [entry('d.t', 1), entry('', 2, 'maintenance')]);
  await putLedger(store, '2026-11-25', 'b', [entry('d.t', 4)]);
  await putLedger(store, '2026-11-26', 'a', [entry('d.t', 8)]);
  await putLedger(store, '2026-11-26', 'b', [entry('d.t', 16)]);
  const before = (await readLedger(store, { from: '2026-01-01' })).map(({ day, entries }) => ({ day, entries }));
  expect(await mergeLedger(store, { nowMs })).toEqual({ mergedDays: 1, removedObjects: 3 });
  expect(await keysOf(store)).toEqual([
    mergedLedgerKey('2026-11-25'),
    ledgerKey('2026-11-26', 'a'),
    ledgerKey('2026-11-26', 'b'),
  ]);
  expect(await readLedger(store)).toEqual(before);
  expect(await mergeLedger(store, { nowMs })).toEqual({ mergedDays: 0, removedObjects: 0 });
});

test('who comes late counts after another merge, and who was merged never counts twice', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:late', clock);
  const nowMs = Date.parse('2026-11-27T12:00:00Z');
  await putLedger(store, '2026-11-20', 'a', [entry('d.t', 1)]);
  await putLedger(store, '2026-11-20', 'b', [entry('d.t', 2)]);
  await mergeLedger(store, { nowMs });
  // Merged before, and back from a long sleep; and one that nobody has seen.
  await putLedger(store, '2026-11-20', 'a', [entry('d.t', 9)]);
  await putLedger(store, '2026-11-20', 'late', [entry('d.t', 4)]);
  const putsOf = async (): Promise<unknown> =>
    (await readLedger(store)).map(({ entries }) => entries.map(({ usage }) => usage.put));
  expect(await putsOf()).toEqual([[7]]);
  await mergeLedger(store, { nowMs });
  expect(await putsOf()).toEqual([[7]]);
  expect(await keysOf(store)).toEqual([mergedLedgerKey('2026-11-20')]);
});

test('a merge that died between the sum and the removal is finished by the next', async () => {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:died', clock);
  const nowMs = Date.parse('2026-11-27T12:00:00Z');
  await putLedger(store, '2026-11-20', 'a', [entry('d.t', 1)]);
  await putLedger(store, '2026-11-20', 'b', [entry('d.t', 2)]);
  const dying: ObjectStore = {
    ...meteredObjectStore(store, new Meter(clock), 'maintenance'),
    delete: async () => {
      throw new Error('died');
    },
  };
  await expect(mergeLedger(dying, { nowMs })).rejects.toThrow('died');
  expect(await keysOf(store)).toHaveLength(3);
  expect((await readLedger(store))[0]?.entries[0]?.usage.put).toBe(3);
  await mergeLedger(store, { nowMs });
  expect(await keysOf(store)).toEqual([mergedLedgerKey('2026-11-20')]);
  expect((await readLedger(store))[0]?.entries[0]?.usage.put).toBe(3);
});

test('a day is left alone while processes may still write to it', () => {
  const day = { day: '2026-11-25', mergedKey: undefined, writerKeys: ['a', 'b'] };
  expect(decideDay(day, Date.parse('2026-11-26T23:59:59Z'))).toBe('keep');
  expect(decideDay(day, Date.parse('2026-11-27T00:00:00Z'))).toBe('merge');
  expect(decideDay({ ...day, writerKeys: ['a'] }, Date.parse('2026-11-28'))).toBe('keep');
  expect(decideDay({ ...day, writerKeys: ['a'], mergedKey: 'm' }, Date.parse('2026-11-28'))).toBe('merge');
  expect(decideDay(day, Date.parse('2028-01-01'))).toBe('remove');
});

test('days are read with one list of all, and no other while nothing changes', async () => {
  const inner = new MemoryObjectStore('memory:many-days', new ManualClock());
  for (const day of ['2026-11-01', '2026-11-02', '2026-11-03']) await putLedger(inner, day, 'w', [entry('d.t', 1)]);
  const store = countingObjectStore(inner);
  expect(await readLedger(store)).toHaveLength(3);
  expect(store.counts()).toMatchObject({ list: 1, get: 3 });
});
