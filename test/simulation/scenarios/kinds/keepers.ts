/**
 * Those who hold on to snapshots, and those who take away what nobody holds: readers, tags, consumers, branches that are
 * made, written, gone over to and deleted, rollback, and maintenance.
 */
import { isLakeError } from '../../../../src/base/errors.ts';
import { createBranch, deleteBranch } from '../../../../src/catalog/branches.ts';
import { fastForward } from '../../../../src/catalog/fast-forward.ts';
import type { Snapshot } from '../../../../src/format/snapshot.ts';
import { ownLine } from '../../../../src/maintenance/lines.ts';
import { maintainTable } from '../../../../src/maintenance/maintain-table.ts';
import { pinSnapshot, unpin } from '../../../../src/table/pins.ts';
import { restoreTable } from '../../../../src/table/restore/restore-table.ts';
import { latestSnapshot, listSnapshots } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import { createTag, deleteTag } from '../../../../src/table/tags/manage-tags.ts';
import type { SimProcess } from '../../process.ts';
import type { KindsBench } from './bench.ts';
import { type Line, same, shown } from './line.ts';
import { readState } from './snapshot-reader.ts';
import { write } from './writers.ts';

const branchesMax = 3;
const branchWritesMax = 6;
/** Other ends mean that something is broken. */
const maintenanceEnds: readonly string[] = ['done', 'LAKE_STORE_UNAVAILABLE', 'LAKE_EXPIRY_RIVAL'];
const orphanShare = 0.4;
/** What may be so for whoever comes late, and is told. */
const lateCodes = [
  'LAKE_SNAPSHOT_EXPIRED',
  'LAKE_SNAPSHOT_NOT_FOUND',
  'LAKE_TAG_NOT_FOUND',
  'LAKE_TAG_EXISTS',
] as const;

function isLate(error: unknown): boolean {
  return lateCodes.some(code => isLakeError(error, code));
}

/** A snapshot shows whoever reads it what it has shown when it came. */
async function readAgain(bench: KindsBench, table: Table, line: Line, snapshot: Snapshot): Promise<void> {
  const read = await readState(table, snapshot);
  const expected = await line.seenAt(snapshot.id);
  bench.world.check(
    same(read, expected),
    () => `snapshot ${snapshot.id} shows ${shown(read)}, and showed ${shown(expected)}`,
  );
}

export function reader(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 2 });
    while (!bench.isStopped) {
      await bench.pause(process, 4);
      if (!isDue()) continue;
      try {
        const snapshots = process.random.next() < 0.6 ? [await latestSnapshot(table)] : await listSnapshots(table);
        const snapshot = snapshots[Math.floor(process.random.next() * snapshots.length)];
        if (snapshot === undefined) continue;
        await readAgain(bench, table, bench.main, snapshot);
        bench.count('reads');
      } catch (error) {
        if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
        bench.count('read expired');
      }
    }
  });
}

/** Holds the newest snapshot by a tag or as a consumer, and finds it whole however late it comes back. */
export function holder(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 4 });
    while (!bench.isStopped) {
      await bench.pause(process, 6);
      if (!isDue()) continue;
      const hold = process.random.next() < 0.5 ? byTag : byConsumer;
      try {
        await hold(bench, process, table);
      } catch (error) {
        if (!isLate(error)) throw error;
        bench.count('hold came too late');
      }
    }
  });
}

async function byTag(bench: KindsBench, process: SimProcess, table: Table): Promise<void> {
  const tag = `${process.name}-${bench.nextNumber()}`;
  const snapshot = await createTag(table, tag);
  if (snapshot === undefined) return;
  await bench.pause(process, 15);
  await held(bench, table, snapshot);
  await deleteTag(table, tag);
  bench.count('tags held');
}

async function byConsumer(bench: KindsBench, process: SimProcess, table: Table): Promise<void> {
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return;
  const line = ownLine(table);
  if ((await pinSnapshot(line, process.name, snapshot)) !== 'pinned') return;
  await bench.pause(process, 15);
  await held(bench, table, snapshot);
  await unpin(line, process.name);
  bench.count('consumers held');
}

/** What is held does not expire. */
async function held(bench: KindsBench, table: Table, snapshot: Snapshot): Promise<void> {
  try {
    await readAgain(bench, table, bench.main, snapshot);
  } catch (error) {
    bench.world.check(
      !isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED'),
      `snapshot ${snapshot.id} expired while it was held`,
    );
    throw error;
  }
}

/** Branches out of a tag, written to, gone over to where that can be, deleted or left. */
export function brancher(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    while (!bench.isStopped && bench.branches.length < branchesMax) {
      await bench.pause(process, 10);
      try {
        await liveOnBranch(bench, process);
      } catch (error) {
        if (!isLate(error)) throw error;
        bench.count('branch came too late');
      }
    }
  });
}

async function liveOnBranch(bench: KindsBench, process: SimProcess): Promise<void> {
  const table = await bench.open(process);
  const name = `b${bench.nextNumber()}`;
  const snapshot = await createTag(table, `of-${name}`);
  if (snapshot === undefined) return;
  const line = bench.branchFrom(name, snapshot);
  await createBranch(table, name, { tag: `of-${name}` });
  await deleteTag(table, `of-${name}`);
  bench.count('branches');
  const branch = await bench.open(process, line);
  for (let index = process.random.next() * branchWritesMax; index > 0 && !bench.isStopped; index -= 1) {
    await bench.pause(process);
    await write(bench, process, branch);
    const head = await latestSnapshot(branch);
    if (head !== undefined) await readAgain(bench, branch, line, head);
  }
  if (canBePutBack(bench) && process.random.next() < 0.5) await goOver(bench, table, line);
  if (process.random.next() < 0.6) await deleteBranch(table, name);
}

/** Index files name data files, and what is gone back to has copies of other names; such tables are refused. */
export function canBePutBack({ kind }: KindsBench): boolean {
  const isMadeByCompaction = kind.producer === 'lookup' || kind.producer === 'full-compaction';
  return !kind.isDynamic && !kind.hasVectors && kind.engine !== 'first-row' && !isMadeByCompaction;
}

async function goOver(bench: KindsBench, table: Table, line: Line): Promise<void> {
  const firstId = line.headId;
  // A commit of the branch whose answer was lost may be in it or come after.
  const apply = (
    _before: ReadonlyMap<number, string>,
    seen: ReadonlyMap<number, string>,
  ): ReadonlyMap<number, string> => {
    const ids = Array.from({ length: line.headId - firstId + 1 }, (_, index) => firstId + index);
    const states = ids.map(id => line.stateAt(id));
    return states.find(state => same(state, seen)) ?? line.stateAt(firstId);
  };
  await bench.do(table, { what: 'fast-forward', apply, replaces: true }, async named => {
    await fastForward(named, line.branch ?? '');
  });
}

export function rollbacker(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process, 15);
      try {
        const snapshots = await listSnapshots(table);
        const snapshot = snapshots[Math.floor(process.random.next() * snapshots.length)];
        if (snapshot === undefined) continue;
        const apply = (): ReadonlyMap<number, string> => bench.main.stateAt(snapshot.id);
        await bench.do(table, { what: 'rollback', apply, replaces: true }, async named => {
          await restoreTable(named, { table: named, snapshot });
        });
      } catch (error) {
        if (!isLate(error)) throw error;
        bench.count('rollback came too late');
      }
    }
  });
}

export function maintainer(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 5 });
    while (!bench.isStopped) {
      await bench.pause(process, 8);
      if (isDue()) await maintain(bench, table, process.random.next() < orphanShare ? 'remove' : 'skip');
    }
  });
}

/** @returns whether it came to its end */
export async function maintain(bench: KindsBench, table: Table, orphans: 'remove' | 'skip'): Promise<boolean> {
  const { end, lines, orphans: receipt } = await maintainTable(table, { orphans });
  for (const { expiry } of lines) if (expiry.expiredCount > 0) bench.count('expiry runs');
  if ((receipt?.removed.fileCount ?? 0) > 0) bench.count('orphan runs');
  const code = end.status === 'done' ? 'done' : end.code;
  bench.count(`maintenance ${code}`);
  bench.world.check(
    maintenanceEnds.includes(code),
    () => `maintenance ended in ${code}: ${end.status === 'done' ? '' : end.cause}`,
  );
  return end.status === 'done';
}
