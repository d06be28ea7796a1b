import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type ObjectStoreSettings, openObjectStore } from '../../src/storage/open-object-store.ts';
import { liveEntries } from '../../src/table/manifests.ts';
import { listSnapshots } from '../../src/table/snapshots.ts';
import type { RivalReport, RivalTask } from '../services/commit-rival.ts';
import { startMinio } from '../services/minio.ts';
import { fixtureTable } from '../table-fixture.ts';

// 50 committers in four processes on one table. What they were told is held against what the table then says.

const rivalScript = fileURLToPath(new URL('../services/commit-rival.ts', import.meta.url));
const committersOf: readonly number[] = [13, 13, 12, 12];
const parts = { clock: systemClock, random: systemRandom };

type Contest = { readonly uri: string; readonly settings: ObjectStoreSettings; readonly commitsEach: number };

async function runRival(task: RivalTask): Promise<RivalReport> {
  const { stdout } = await promisify(execFile)(process.execPath, [rivalScript, JSON.stringify(task)], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout) as RivalReport;
}

async function contest({ uri, settings, commitsEach }: Contest): Promise<void> {
  await using store = await openObjectStore(uri, settings, parts);
  const table = await fixtureTable(store, parts, { options: { bucket: '8' } });
  const reports = await Promise.all(
    committersOf.map((committers, index) => runRival({ uri, settings, rival: `r${index}`, committers, commitsEach })),
  );
  for (const { rival, attempts, attemptsMax, elapsedMs, committed } of reports) {
    console.log(`${rival}: ${committed.length} commits, ${attempts} attempts, worst ${attemptsMax}, ${elapsedMs} ms`);
  }
  const expected = 50 * commitsEach;
  expect(reports.flatMap(({ others }) => others)).toEqual([]);
  const committed = reports.flatMap(report => report.committed);
  expect(committed.length).toBe(expected);
  const snapshots = await listSnapshots(table);
  expect(snapshots.map(({ id }) => id)).toEqual(Array.from({ length: expected }, (_, index) => index + 1));
  expect(new Set(committed.map(({ snapshotId }) => snapshotId)).size).toBe(expected);
  const head = snapshots.at(-1);
  if (head === undefined) throw new Error('the table has no snapshot');
  expect(head.totalRecordCount).toBe(BigInt(expected * 10));
  const live = await liveEntries(table, head);
  expect(live.map(({ file }) => file.fileName).toSorted()).toEqual(committed.map(({ name }) => name).toSorted());
  // Sequence order is commit order in each bucket: no two files share a number.
  for (const files of Map.groupBy(live, ({ bucket }) => bucket).values()) {
    const ordered = files.map(({ file }) => file).toSorted((a, b) => Number(a.minSequenceNumber - b.minSequenceNumber));
    for (const [index, file] of ordered.entries()) {
      const before = ordered[index - 1];
      if (before !== undefined) expect(file.minSequenceNumber).toBeGreaterThan(before.maxSequenceNumber);
    }
  }
}

test('50 committers in four processes make 10,000 commits on the local store, each exactly once', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tidelake-commits-'));
  try {
    await contest({ uri: root, settings: {}, commitsEach: 200 });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}, 1_200_000);

test('50 committers in four processes make 200 commits on MinIO, each exactly once', async () => {
  await using minio = await startMinio();
  const { endpoint, region, credentials, bucket } = minio;
  const settings = { s3: { endpoint, region, credentials } };
  await contest({ uri: `s3://${bucket}/commits`, settings, commitsEach: 4 });
}, 600_000);
