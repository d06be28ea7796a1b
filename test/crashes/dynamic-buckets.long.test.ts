/** Real kills of ingest of a table with dynamic buckets, on a folder: each key in one bucket, each row once, nothing lost. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { seededRandom, systemRandom } from '../../src/base/random.ts';
import { openLake, t } from '../../src/index.ts';
import type { LakeSettings } from '../../src/service/settings.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { openTable } from '../../src/table/table.ts';
import { keyPlaces } from '../hash-index-fixture.ts';
import { ManagedProcess } from './managed-process.ts';

const columns = { k: t.int(), n: t.int() };
const keyCount = 300;
const kills = 12;
const batchRows = 40;
const seed = Number(process.env['TIDELAKE_CRASH_SEED'] ?? Math.floor(systemRandom.next() * 2 ** 31));

test('12 kills of two ingest workers and a compactor leave every key in one bucket and every row accounted for', async () => {
  console.log(`kills: TIDELAKE_CRASH_SEED=${seed}`);
  const random = seededRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-dynamic-kills-'));
  await using cleaning = new AsyncDisposableStack();
  cleaning.defer(() => rm(folder, { recursive: true, force: true }));
  const settings: LakeSettings = {
    warehouse: `file:${folder}/lake`,
    log: `file:${folder}/log`,
    ingest: { commitIntervalMs: 50 },
    compaction: { intervalMs: 200 },
    maintenance: { intervalMs: 1_000 },
  };
  const lake = cleaning.use(await openLake(settings));
  const table = await lake.createTable('crash.keys', {
    columns,
    primaryKey: ['k'],
    options: { bucket: -1, 'dynamic-bucket.target-row-num': 30 },
  });
  const faults: string[] = [];
  let commits = 0;
  const processes = ['ingest', 'ingest', 'compactor'].map((role, index) =>
    cleaning.use(
      new ManagedProcess({
        name: `${role}-${index}`,
        script: './worker-process.ts',
        nextTask: () => ({ settings, role }),
        onLine: line => {
          if (line.kind === 'commit') commits += 1;
          if (line.kind === 'fault') faults.push(line.text);
        },
      }),
    ),
  );
  for (const process of processes) process.start();
  await Promise.all(processes.map(process => process.ready()));
  const expected = new Map<number, number>();
  const writer = table.writer();
  let n = 0;
  for (let round = 0; round < kills; round += 1) {
    const commitsBefore = commits;
    const victim = processes[Math.floor(random.next() * processes.length)];
    for (let batch = 0; batch < 4; batch += 1) {
      const rows = Array.from({ length: batchRows }, () => {
        n += 1;
        return { k: Math.floor(random.next() * keyCount), n };
      });
      await writer.writeAll(rows);
      for (const row of rows) expected.set(row.k, row.n);
      await systemClock.sleep(random.next() * 80);
    }
    await victim?.kill();
    victim?.start();
    // Rounds in which nothing came in would prove nothing.
    for (let waits = 0; commits === commitsBefore && waits < 1_000; waits += 1) await systemClock.sleep(20);
  }
  await writer[Symbol.asyncDispose]();
  await Promise.all(processes.map(process => process.stop()));
  await lake.ingest();
  expect(faults).toEqual([]);
  expect(commits).toBeGreaterThan(kills / 2);
  const found = await table.scan().rows();
  expect(found.toSorted((a, b) => a.k - b.k)).toEqual(
    [...expected].map(([k, last]) => ({ k, n: last })).toSorted((a, b) => a.k - b.k),
  );
  const c = await table.accounting();
  expect(c).toMatchObject({ rowsIn: BigInt(n) + c.duplicates, deadLettered: 0n, gaps: 0n });
  expect(c.rowsIn).toBe(c.written + c.mergedAway + c.duplicates);
  const parts = { clock: systemClock, random: systemRandom };
  await using store = await openLocalObjectStore({ root: join(folder, 'lake'), access: 'read' }, parts);
  const places = await keyPlaces(await openTable(store, { database: 'crash', name: 'keys' }, parts));
  expect(places.faults).toEqual([]);
  expect(places.bucketCount).toBeGreaterThan(5);
});
