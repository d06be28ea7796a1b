/** What changes a table's life as a whole: overwriting, rolling back, tags, branches and going over to one, statistics. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { createBranch, deleteBranch, listBranches, renameBranch } from '../../src/catalog/branches.ts';
import { fastForward } from '../../src/catalog/fast-forward.ts';
import { deserializeRow } from '../../src/format/binary-row.ts';
import { removeMissingFiles } from '../../src/maintenance/remove-missing-files.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { rewriteFileIndexes } from '../../src/table/compact/rewrite-indexes.ts';
import { liveEntries } from '../../src/table/manifests.ts';
import { OverwriteWriter } from '../../src/table/overwrite/overwrite-writer.ts';
import { rescaleTable } from '../../src/table/overwrite/rescale.ts';
import { dataFileKey } from '../../src/table/read/file-source.ts';
import { restoreTable } from '../../src/table/restore/restore-table.ts';
import { latestSnapshot, listTags, snapshotOfTag } from '../../src/table/snapshots.ts';
import { partitionTypes, type Table, withOptions } from '../../src/table/table.ts';
import { commitStatistics, mergedSize, readStatistics } from '../../src/table/table-statistics.ts';
import { createTag, deleteTag, renameTag, replaceTag } from '../../src/table/tags/manage-tags.ts';
import { committedId } from '../../src/table/write/table-writer.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { cleanedUp, makeTable, openLakeTable, rowsNamed, rowsOf, wholeTable, writeRows } from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, type World } from './world.ts';

type Options = Readonly<Record<string, string>>;

/** Two commits, merged; a tag of the first, a branch that has gone on from it, and one commit more. */
async function livedTable(options: Options = {}): Promise<World> {
  const world = newWorld();
  await makeTable(world, { options });
  await writeRows(world, rowsNamed('first', 0, 8));
  const table = await openLakeTable(world);
  // With deletion vectors what is at level 0 does not show.
  if (table.options.vectors.isEnabled) await compact(table);
  await createTag(table, 'first');
  await createBranch(table, 'dev', { tag: 'first' });
  await writeRows(world, rowsNamed('dev', 4, 12), { branch: 'dev' });
  await writeRows(world, rowsNamed('second', 6, 14));
  await compact(table);
  await writeRows(world, rowsNamed('third', 2, 4));
  return world;
}

async function compact(table: Table): Promise<void> {
  await using committer = new Committer(table);
  await compactTable(table, committer, { isFull: true });
}

type Parts = Pick<LakeProcess, 'store' | 'clock' | 'random'>;

async function overwrite(parts: Parts): Promise<void> {
  const table = await openLakeTable(parts);
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, { kind: 'chosen', predicate: undefined });
  await writer.add(buildBatch({ fields: table.schema.fields }, rowsNamed('over', 0, 6)), new Int8Array(6));
  await writer.commit();
}

async function rollback(parts: Parts): Promise<void> {
  const table = await openLakeTable(parts);
  await restoreTable(table, { table, snapshot: await snapshotOfTag(table, 'first') });
}

async function rescale(parts: Parts): Promise<void> {
  await rescaleTable(await openLakeTable(parts), {});
}

async function forget(parts: Parts): Promise<void> {
  await removeMissingFiles(await openLakeTable(parts), { isDryRun: false });
}

async function indexFiles(parts: Parts): Promise<void> {
  const table = withOptions(await openLakeTable(parts), { 'file-index.bloom-filter.columns': 'v,n' });
  await using committer = new Committer(table);
  await rewriteFileIndexes(table, committer);
}

async function goOver(parts: Parts): Promise<void> {
  await fastForward(await openLakeTable(parts), 'dev');
}

/** In one swap: a reader finds the rows from before or those from after. */
function swapScenario(operation: string, run: (parts: Parts) => Promise<void>, options: Options = {}): Scenario {
  const prepare = (): Promise<World> => livedTable(options);
  return {
    operation,
    prepare,
    async run(process) {
      await run(process);
      process.acknowledge(operation);
    },
    resume: run,
    async whole(world) {
      await wholeTable(world);
      const [before, after] = await statesOf(operation, { prepare, run });
      const now = await rowsOf(world);
      const isAfter = same(now, after);
      ok(isAfter || (same(now, before) && !world.acknowledged.has(operation)), 'the rows of before, or those of after');
    },
    async check(world) {
      const contents = [await rowsOf(world), await rowsOf(world, undefined, 'dev')];
      await cleanedUp(world, ['dev']);
      return contents;
    },
    diesTwice: true,
  };
}

type States = readonly [before: Scalar[][], after: Scalar[][]];

const states = new Map<string, States>();

/** The rows before and after an undisturbed run. */
async function statesOf(
  operation: string,
  { prepare, run }: { readonly prepare: () => Promise<World>; readonly run: (parts: Parts) => Promise<void> },
): Promise<States> {
  const known = states.get(operation);
  if (known !== undefined) return known;
  const world = await prepare();
  const before = await rowsOf(world);
  await run(world);
  const both = [before, await rowsOf(world)] as const;
  states.set(operation, both);
  return both;
}

function same(a: readonly Scalar[][], b: readonly Scalar[][]): boolean {
  const textOf = (rows: readonly Scalar[][]): string => rows.map(row => row.map(String).join()).join('\n');
  return textOf(a) === textOf(b);
}

const tagScenario: Scenario = {
  operation: 'tags made, replaced and renamed',
  prepare: () => livedTable(),
  async run(process) {
    const table = await openLakeTable(process);
    await createTag(table, 'one', { snapshotId: 1 });
    await replaceTag(table, 'one', { snapshotId: 2 });
    await renameTag(table, 'one', 'two');
    process.acknowledge('renamed');
  },
  async resume(process) {
    const table = await openLakeTable(process);
    // Also what has held a snapshot while a tag was replaced.
    for (const name of await listTags(table)) if (name !== 'first') await deleteTag(table, name, { ifExists: true });
    await createTag(table, 'two', { snapshotId: 2, ifNotExists: true });
  },
  async whole(world) {
    await wholeTable(world);
    const table = await openLakeTable(world);
    const tags = await listTags(table);
    ok(tags.includes('first'), 'another tag stays');
    if (world.acknowledged.has('renamed')) ok(tags.includes('two') && !tags.includes('one'), 'what was told is so');
    for (const name of tags) await rowsOf(world, await snapshotOfTag(table, name));
  },
  async check(world) {
    const table = await openLakeTable(world);
    const contents = [await listTags(table), await rowsOf(world, await snapshotOfTag(table, 'two'))];
    await cleanedUp(world, ['dev']);
    deepStrictEqual(await listTags(table), ['first', 'two']);
    return contents;
  },
  diesTwice: true,
};

const branchScenario = (operation: string, options: Options = {}): Scenario => ({
  operation,
  prepare: () => livedTable(options),
  async run(process) {
    const table = await openLakeTable(process);
    await createBranch(table, 'one', { tag: 'first' });
    await renameBranch(table, 'one', 'two');
    await deleteBranch(table, 'dev');
    process.acknowledge('deleted');
  },
  async resume(process) {
    const table = await openLakeTable(process);
    for (const name of ['one', 'two', 'dev']) await deleteBranch(table, name, { ifExists: true });
    await createBranch(table, 'two', { tag: 'first' });
  },
  async whole(world) {
    await wholeTable(world);
    const branches = await listBranches(await openLakeTable(world));
    if (world.acknowledged.has('deleted')) ok(!branches.includes('dev'), 'what was told is so');
    for (const name of branches) await rowsOf(world, undefined, name);
  },
  async check(world) {
    const contents = [await listBranches(await openLakeTable(world)), await rowsOf(world, undefined, 'two')];
    await cleanedUp(world, ['two']);
    return contents;
  },
  diesTwice: true,
});

/** As many rows as a reader sees, and the commit of that. */
async function analyze(parts: Parts): Promise<void> {
  const table = await openLakeTable(parts);
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) throw new Error('the table has lived');
  const mergedRecordCount = BigInt((await rowsOf(parts, snapshot)).length);
  const mergedRecordSize = await mergedSize(table, snapshot, mergedRecordCount);
  const { id: schemaId } = table.schema;
  const found = { snapshotId: snapshot.id, schemaId, mergedRecordCount, mergedRecordSize, columns: new Map() };
  committedId(table, await commitStatistics(table, found));
}

const statisticsScenario: Scenario = {
  ...swapScenario('statistics', analyze),
  async check(world) {
    const rows = await rowsOf(world);
    const table = await openLakeTable(world);
    const snapshot = await latestSnapshot(table);
    const statistics = snapshot === undefined ? undefined : await readStatistics(table, snapshot);
    strictEqual(statistics?.mergedRecordCount, BigInt(rows.length), 'what the newest snapshot says of its rows');
    await cleanedUp(world, ['dev']);
    return [rows, statistics.mergedRecordCount];
  },
};

/** Somebody has deleted the newest file of a table. */
const lostFileScenario: Scenario = {
  operation: 'lost files forgotten',
  async prepare() {
    const world = await livedTable();
    const table = await openLakeTable(world);
    const snapshot = await latestSnapshot(table);
    const live = snapshot === undefined ? [] : await liveEntries(table, snapshot);
    const newest = live.find(({ file }) => file.level === 0);
    if (newest === undefined) throw new Error('the last commit has made a file');
    const place = { partitionValues: deserializeRow(newest.partition, partitionTypes(table.schema)), ...newest };
    await world.store.delete(dataFileKey(table, place, newest.file.fileName));
    return world;
  },
  async run(process) {
    await forget(process);
    process.acknowledge('forgotten');
  },
  resume: forget,
  async whole(world) {
    if (world.acknowledged.has('forgotten')) ok((await rowsOf(world)).length > 0, 'what is left can be read');
  },
  check: world => rowsOf(world),
  diesTwice: true,
};

const dynamic: Options = { bucket: '-1', 'dynamic-bucket.target-row-num': '3' };
const vectors: Options = { 'deletion-vectors.enabled': 'true' };
/** A row that came twice shows in the sum. */
const sums: Options = {
  'merge-engine': 'aggregation',
  'fields.n.aggregate-function': 'sum',
  'changelog-producer': 'input',
};

export const tableLifeScenarios: readonly Scenario[] = [
  swapScenario('overwrite', overwrite),
  swapScenario('rescale', rescale),
  lostFileScenario,
  swapScenario('new indexes of files', indexFiles),
  swapScenario('rollback', rollback),
  swapScenario('fast-forward', goOver),
  swapScenario('overwrite of dynamic buckets', overwrite, dynamic),
  swapScenario('rollback of sums with a changelog', rollback, sums),
  swapScenario('fast-forward of sums with a changelog', goOver, sums),
  swapScenario('rollback of dynamic buckets with deletion vectors', rollback, { ...dynamic, ...vectors }),
  swapScenario('fast-forward of dynamic buckets', goOver, dynamic),
  tagScenario,
  branchScenario('branches made, renamed and deleted'),
  branchScenario('branches of a table with index files', { ...dynamic, ...vectors }),
  statisticsScenario,
];
