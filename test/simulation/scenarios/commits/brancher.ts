/**
 * Branches as another engine makes them, and writers on them: out of a tag, whose schema and snapshot are copied. A branch
 * goes on by itself from there; its files lie among the table's, and maintenance of the table must know them all.
 */
import { branchPath, schemaPath, snapshotPath } from '../../../../src/format/paths.ts';
import { encodeSnapshot, type Snapshot } from '../../../../src/format/snapshot.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import type { SimProcess } from '../../process.ts';
import type { CommitsBench } from './bench.ts';
import { readAll, tagSnapshot, untag } from './readers.ts';
import { compactBucket, writeChange } from './writers.ts';

const branchesMax = 3;
const deedsMax = 20;
const compactShare = 0.2;
const readShare = 0.3;

export function brancher(bench: CommitsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    while (!bench.isStopped && bench.branches.length < branchesMax) {
      await bench.pause(process, 30);
      const branch = await branchOff(bench, process);
      if (branch !== undefined) await liveOn(branch, process);
    }
  });
}

/** @returns the bench of the new branch; undefined: what it was to begin from has gone */
async function branchOff(bench: CommitsBench, process: SimProcess): Promise<CommitsBench | undefined> {
  const { table } = await bench.open(process);
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return undefined;
  await bench.pause(process);
  const name = process.name.replace('.', '-');
  if (!(await tagSnapshot(table, name, snapshot))) return undefined;
  const branch = bench.branchFrom(`${name}-${bench.branches.length}`, snapshot);
  await copyTo(table, branch.branchName, snapshot);
  // From here on the branch holds the files itself.
  await untag(table, name);
  bench.count('branches');
  return branch;
}

async function copyTo(table: Table, branch: string, snapshot: Snapshot): Promise<void> {
  const folder = `${table.path}/${branchPath(branch)}`;
  const schema = await table.store.get(`${table.path}/${schemaPath(snapshot.schemaId)}`);
  if (schema === undefined) throw new Error('the table has no schema');
  await table.store.put(`${folder}/${schemaPath(snapshot.schemaId)}`, schema.bytes);
  await table.store.put(`${folder}/${snapshotPath(snapshot.id)}`, encodeSnapshot(snapshot));
}

async function liveOn(branch: CommitsBench, process: SimProcess): Promise<void> {
  const opened = await branch.open(process);
  for (let deed = 0; deed < deedsMax && !branch.isStopped; deed += 1) {
    await branch.pause(process);
    await writeChange(branch, process, opened);
    if (process.random.next() < compactShare) await compactBucket(branch, process, opened);
    if (process.random.next() >= readShare) continue;
    const head = await latestSnapshot(opened.table);
    if (head !== undefined) await readAll(branch, opened.table, head);
  }
}
