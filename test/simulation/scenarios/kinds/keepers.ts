/**
 * Those who make other lines and go back, and those who take away what nobody holds: branches that are made, written, gone
 * over to and deleted, rollback, and maintenance.
 */
import { createBranch, deleteBranch } from '../../../../src/catalog/branches.ts';
import { fastForward } from '../../../../src/catalog/fast-forward.ts';
import { maintainTable } from '../../../../src/maintenance/maintain-table.ts';
import { restoreTable } from '../../../../src/table/restore/restore-table.ts';
import { latestSnapshot, listSnapshots } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import { createTag, deleteTag } from '../../../../src/table/tags/manage-tags.ts';
import { missingFiles } from '../../../maintenance-fixture.ts';
import type { SimProcess } from '../../process.ts';
import type { KindsBench } from './bench.ts';
import type { Line } from './line.ts';
import { isLate, readAgain } from './readers.ts';
import { type State, same } from './rows.ts';
import { write } from './writers.ts';

const branchesMax = 3;
const branchWritesMax = 6;
/** Besides a missing file, which is looked into; other ends mean that something is broken. */
const maintenanceEnds: readonly string[] = ['done', 'LAKE_STORE_UNAVAILABLE', 'LAKE_EXPIRY_RIVAL', 'LAKE_ROOTS_MOVE'];
const orphanShare = 0.4;
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

/** What takes rows back is no change of rows: a changelog that compactions make says nothing of it. */
export function canBePutBack({ kind }: KindsBench): boolean {
  return kind.producer !== 'lookup' && kind.producer !== 'full-compaction';
}

/** Told apart in the counts: what goes back with index files, and what without. */
function deedName({ kind }: KindsBench, what: string): string {
  return kind.isDynamic || kind.hasVectors ? `${what} with index files` : what;
}

async function goOver(bench: KindsBench, table: Table, line: Line): Promise<void> {
  const firstId = line.headId;
  // A commit of the branch whose answer was lost may be in it or come after.
  const apply = (_before: State, seen: State): State => {
    const ids = Array.from({ length: line.headId - firstId + 1 }, (_, index) => firstId + index);
    return bench.main.restoredFrom(line, ids.find(id => same(line.seenOf(id), seen)) ?? firstId, seen);
  };
  await bench.do(table, { what: deedName(bench, 'fast-forward'), apply, replaces: true }, async named => {
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
        const apply = (_before: State, seen: State): State => bench.main.restoredFrom(bench.main, snapshot.id, seen);
        await bench.do(table, { what: deedName(bench, 'rollback'), apply, replaces: true }, async named => {
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
  const { end, lines, orphans: receipt } = await maintainTable(bench.maintained(table), { orphans });
  for (const { expiry, partitions, tags } of lines) {
    if (expiry.expiredCount > 0) bench.count('expiry runs');
    if (partitions.expired.length > 0) bench.count('partition expiries');
    if (tags.created.length > 0) bench.count('tags made by themselves');
    if (tags.removed.length > 0) bench.count('tags expired');
  }
  if ((receipt?.removed.fileCount ?? 0) > 0) bench.count('orphan runs');
  const code = end.status === 'done' ? 'done' : end.code;
  bench.count(`maintenance ${code}`);
  const isExpected = maintenanceEnds.includes(code) || (code === 'LAKE_FILE_MISSING' && (await isWhole(bench, table)));
  bench.world.check(isExpected, () => `maintenance ended in ${code}: ${end.status === 'done' ? '' : end.cause}`);
  return end.status === 'done';
}

/**
 * Whether every snapshot there is has its files: what a run missed was of one that another run expired under it. (A tag that
 * came too late is there until its maker has looked.)
 */
async function isWhole({ world }: KindsBench, table: Table): Promise<boolean> {
  const missing = await missingFiles(world.rawStore(), table);
  return missing.every(line => line.includes('/tag/tag-'));
}
