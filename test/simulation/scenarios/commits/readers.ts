import { isLakeError } from '../../../../src/base/errors.ts';
import { tagPath } from '../../../../src/format/paths.ts';
import { encodeSnapshot, type Snapshot } from '../../../../src/format/snapshot.ts';
import { ownLine } from '../../../../src/maintenance/lines.ts';
import { maintainTable } from '../../../../src/maintenance/maintain-table.ts';
import { supersededStaysMs } from '../../../../src/table/commit/limits.ts';
import { liveEntries, whileSnapshotStays } from '../../../../src/table/manifests.ts';
import { pinSnapshot, unpin } from '../../../../src/table/pins.ts';
import { latestSnapshot, listSnapshots, readSnapshot } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import type { Content } from '../../chain-model.ts';
import type { SimProcess } from '../../process.ts';
import { Violation } from '../../world.ts';
import type { CommitsBench } from './bench.ts';

/** Stores tell whole seconds. */
const storeTickMsMax = 1_000;

export function reader(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const { table } = await bench.open(process);
    for (let at = bench.model.headId; !bench.isStopped; ) {
      at = await bench.untilDue(process, at, bench.settings.readEvery);
      if (process.random.next() < 0.95) await readHead(bench, table);
      else await readHistory(bench, process, table);
    }
  });
}

async function readHead(bench: CommitsBench, table: Table): Promise<void> {
  const { scheduler } = bench.world;
  const startedMs = scheduler.nowMs;
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return;
  try {
    await readAll(bench, table, snapshot);
    bench.count('read head');
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
    const tookMs = scheduler.nowMs - startedMs;
    // It was the head when the read began, so it was superseded later.
    bench.world.check(
      tookMs > supersededStaysMs - storeTickMsMax,
      () => `snapshot ${snapshot.id} expired under a reader of ${tookMs} ms`,
    );
    bench.count('read expired');
  }
}

async function readHistory(bench: CommitsBench, process: SimProcess, table: Table): Promise<void> {
  try {
    const snapshots = await listSnapshots(table);
    const snapshot = snapshots[Math.floor(process.random.next() * snapshots.length)];
    if (snapshot === undefined) return;
    await readAll(bench, table, snapshot);
    bench.count('read history');
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
    bench.count('read expired');
  }
}

/** Everything in it is there, and is what the chain says up to it. */
export async function readAll(bench: CommitsBench, table: Table, snapshot: Snapshot): Promise<void> {
  const contents = await whileSnapshotStays(table, snapshot, async () => {
    const byBucket = Map.groupBy(await liveEntries(table, snapshot), ({ bucket }) => bucket);
    const read: Content[] = [];
    for (let bucket = 0; bucket < bench.settings.buckets; bucket += 1) {
      read.push(await bench.contentOf(table, byBucket.get(bucket) ?? []));
    }
    return read;
  });
  for (const [bucket, content] of contents.entries()) {
    const expected = bench.model.content(snapshot, bucket);
    // A number can be a latecomer's only where the chain's own file has expired: no list of the chain shows it.
    if (expected === undefined) throw new Violation(`a reader got snapshot ${snapshot.id}, which is not in the chain`);
    const isSame = expected.count === content.count && expected.sum === content.sum;
    bench.world.check(
      isSame,
      () => `bucket ${bucket} of snapshot ${snapshot.id} has ${content.count} changes, expected ${expected.count}`,
    );
  }
}

/** Holds a snapshot as a consumer or by a tag, and finds it whole however late it comes back. */
export function pinner(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const { table } = await bench.open(process);
    const line = ownLine(table);
    const pin = `${process.name}`;
    while (!bench.isStopped) {
      await bench.pause(process, 10);
      const snapshot = await latestSnapshot(table);
      if (snapshot === undefined) continue;
      const byTag = process.random.next() < 0.5;
      const isHeld = byTag
        ? await tagSnapshot(table, pin, snapshot)
        : (await pinSnapshot(line, pin, snapshot)) === 'pinned';
      bench.count(isHeld ? 'pinned' : 'pin came too late');
      if (!isHeld) continue;
      await bench.pause(process, 20);
      await readAll(bench, table, snapshot);
      if (byTag) await untag(table, pin);
      else await unpin(line, pin);
    }
  });
}

/** R2: the tag first, then a look whether the snapshot is still there. */
export async function tagSnapshot(table: Table, name: string, snapshot: Snapshot): Promise<boolean> {
  const key = tagKey(table, name);
  await table.store.put(key, encodeSnapshot(snapshot));
  const there = await readSnapshot(table, snapshot.id);
  if (there?.deltaManifestList === snapshot.deltaManifestList) return true;
  await table.store.delete(key);
  return false;
}

export function untag(table: Table, name: string): Promise<void> {
  return table.store.delete(tagKey(table, name));
}

function tagKey(table: Table, name: string): string {
  return `${table.metaPath}/${tagPath(name)}`;
}

export function maintainer(bench: CommitsBench, name: string): Promise<void> {
  const { maintainEvery = Number.POSITIVE_INFINITY } = bench.settings;
  return bench.world.supervise(name, async process => {
    const { table } = await bench.open(process);
    for (let at = bench.model.headId; !bench.isStopped; ) {
      at = await bench.untilDue(process, at, maintainEvery);
      await maintain(bench, table);
    }
  });
}

/** A run may give up, over a rival or the store; the next one goes on. @returns whether it came to its end */
export async function maintain(bench: CommitsBench, table: Table): Promise<boolean> {
  const { end, lines, orphans } = await maintainTable(table, { orphans: 'remove' });
  for (const { expiry } of lines) {
    if (expiry.expiredCount > 0) bench.count('expiry runs');
    if (expiry.putBackCount > 0) bench.count('put back');
    if (expiry.garbageCount > 0) bench.count('garbage removed');
  }
  if ((orphans?.removed.fileCount ?? 0) > 0) bench.count('orphan runs');
  bench.count(`maintenance ${end.status === 'done' ? 'done' : end.code}`);
  return end.status === 'done';
}
