/**
 * A network that loses, cuts, delays and doubles: our own proxy in front of a real MinIO. Writers, ingest, compaction and
 * readers go on through it, and the tables hold exactly what was acknowledged.
 */
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { isLakeError } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Lake, LakeError, openLake } from '../../src/index.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openS3ObjectStore } from '../../src/storage/s3/s3-object-store.ts';
import { openTable } from '../../src/table/table.ts';
import {
  checkEventCounts,
  checkEventRows,
  checkFlightRows,
  checkFlightVersions,
  Faults,
} from '../crashes/check-rows.ts';
import { NoteBook, readNotes } from '../crashes/notes.ts';
import { type CrashTables, createTables, openTables, sendChanges } from '../crashes/tables.ts';
import { TableVerifier } from '../crashes/verify-table.ts';
import { FaultyProxy, networkFaults } from '../services/faulty-proxy.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';

const requestsMin = 3_000;
const batchRows = 40;
const elapsedMsMax = 240_000;
const requestTimeoutMs = 600;
/** By turns: where retries get through, and where they run out now and then. */
const faultShares = { mild: 0.1, heavy: 0.35 };

const parts = { clock: systemClock, random: systemRandom };
const seed = Number(process.env['TIDELAKE_NETWORK_SEED'] ?? randomInt(2 ** 31));

function storeAt(minio: S3Service, endpoint: string): Promise<ObjectStore> {
  const { bucket, credentials } = minio;
  return openS3ObjectStore({ bucket, endpoint, credentials, requestTimeoutMs, retryDelayMsMax: 200 }, parts);
}

/** Tries again what the network kept from happening; anything else than that is a fault. */
async function insist<T>(action: () => Promise<T>, counts: { refused: number }): Promise<T> {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof LakeError) || (error.kind !== 'unavailable' && error.kind !== 'conflict')) throw error;
      counts.refused += 1;
    }
  }
}

async function check(tables: CrashTables, notesFolder: string, union: boolean): Promise<Faults> {
  const faults = new Faults();
  const notes = await readNotes(notesFolder);
  checkEventCounts(checkEventRows(await tables.events.scan({ union }).rows(), faults), notes, faults);
  checkFlightVersions(checkFlightRows(await tables.flights.scan({ union }).rows(), faults), notes, faults);
  return faults;
}

/** Writes through the log, ingests, compacts and reads, all over the bad network, until the proxy has seen enough. */
async function work(lake: Lake, proxy: FaultyProxy, notesFolder: string): Promise<number> {
  const counts = { refused: 0 };
  const tables = await insist(() => openTables(lake), counts);
  using notes = new NoteBook(notesFolder, 1, 1);
  await using events = tables.events.writer();
  await using flights = tables.flights.writer();
  const deadlineMs = systemClock.monotonicMs() + elapsedMsMax;
  for (let from = 0; proxy.requestCount < requestsMin; from += batchRows) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`only ${proxy.requestCount} requests in time`);
    const to = from + batchRows;
    const isHeavy = (from / batchRows) % 3 === 2;
    proxy.faultShare = isHeavy ? faultShares.heavy : faultShares.mild;
    notes.willSend(to);
    const sent = sendChanges({ events, flights }, { producer: 1, run: 1, from, to });
    await sent.events.then(() => notes.acknowledged('events', from, to));
    await sent.flights.then(() => notes.acknowledged('flights', from, to));
    await Promise.all([insist(() => lake.ingest(), counts), insist(() => lake.ingest(), counts)]);
    if (from % (batchRows * 3) === 0) {
      await Promise.all([
        insist(() => tables.events.compact(), counts),
        insist(() => tables.flights.compact({ full: from % (batchRows * 6) === 0 }), counts),
      ]);
    }
    const faults = await insist(() => check(tables, notesFolder, from % (batchRows * 2) === 0), counts);
    expect(faults.texts).toEqual([]);
  }
  return counts.refused;
}

test('commits, ingest, compaction and reads through a bad network lose nothing, double nothing and read nothing torn', async () => {
  console.log(`bad network: TIDELAKE_NETWORK_SEED=${seed}`);
  const notesFolder = await mkdtemp(join(tmpdir(), 'tidelake-notes-'));
  await using cleaning = new AsyncDisposableStack();
  cleaning.defer(() => rm(notesFolder, { recursive: true, force: true }));
  const minio = cleaning.use(await startMinio());
  const proxy = cleaning.use(await FaultyProxy.start({ target: minio.endpoint, seed, faultShare: faultShares.mild }));
  const direct = cleaning.use(await storeAt(minio, minio.endpoint));
  const bad = cleaning.use(await storeAt(minio, proxy.endpoint));
  const settings = { warehouse: `s3://${minio.bucket}`, log: `memory:bad-network-${seed}` };
  const goodLake = cleaning.use(await openLake(settings, { store: direct }));
  const tables = await createTables(goodLake);
  const badLake = cleaning.use(await openLake(settings, { store: bad }));
  const refused = await work(badLake, proxy, notesFolder);
  console.log(
    `${proxy.requestCount} requests, ${refused} operations refused, faults ${JSON.stringify(proxy.faultCounts)}`,
  );

  await goodLake.ingest();
  expect((await check(tables, notesFolder, false)).texts).toEqual([]);
  for (const table of [tables.events, tables.flights]) {
    const { rowsIn, written, mergedAway, deadLettered, duplicates, gaps } = await table.accounting();
    expect(rowsIn).toBe(written + mergedAway + deadLettered + duplicates);
    expect({ deadLettered, gaps }).toEqual({ deadLettered: 0n, gaps: 0n });
  }
  const faults = new Faults();
  for (const name of ['events', 'flights']) {
    const verifier = new TableVerifier(await openTable(direct, { database: 'crash', name }, parts));
    console.log(`${name}: ${JSON.stringify(await verifier.verify(faults))}`);
  }
  expect(faults.texts).toEqual([]);
  for (const fault of networkFaults) expect(proxy.faultCounts[fault], fault).toBeGreaterThan(0);
});

test('whatever meets a request, an object is read whole or not at all, and a refused write is not half there', async () => {
  await using minio = await startMinio();
  await using proxy = await FaultyProxy.start({ target: minio.endpoint, seed: seed + 1, faultShare: 0.5 });
  await using bad = await storeAt(minio, proxy.endpoint);
  await using direct = await storeAt(minio, minio.endpoint);
  let [whole, refused] = [0, 0];
  for (let round = 0; round < 60; round += 1) {
    const body = new Uint8Array(1 + ((round * 7_919) % 200_000)).fill(round + 1);
    const key = `objects/${round}`;
    // Each fault has its turn: every upload meets it, and half of the reads do.
    proxy.faults = networkFaults.filter((_, index) => index === round % networkFaults.length);
    proxy.faultShare = 1;
    const put = await bad.putIfAbsent(key, body);
    proxy.faultShare = 0.5;
    const there = await direct.get(key);
    if (put.status === 'created') expect(there?.bytes).toEqual(body);
    if (there !== undefined) expect(there.bytes.byteLength).toBe(body.byteLength);
    await direct.put(key, body);
    const [start, end] = [Math.floor(body.byteLength / 3), body.byteLength];
    const reads = [() => bad.get(key).then(got => got?.bytes), () => bad.getRange(key, { start, end })] as const;
    for (const [index, read] of reads.entries()) {
      try {
        const got = await read();
        expect(got).toEqual(index === 0 ? body : body.subarray(start));
        whole += 1;
      } catch (error) {
        if (!isLakeError(error, 'LAKE_STORE_UNAVAILABLE')) throw error;
        refused += 1;
      }
    }
  }
  console.log(`${whole} whole reads, ${refused} refused, faults ${JSON.stringify(proxy.faultCounts)}`);
  expect(whole).toBeGreaterThan(0);
  for (const fault of networkFaults) expect(proxy.faultCounts[fault], fault).toBeGreaterThan(0);
});
