/**
 * Writes, deletes, compactions and maintenance of tables with deletion vectors, dynamic buckets, merge engines and
 * changelogs: what must agree besides the rows are index files and the changes that a reader is told of.
 */
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { createBranch } from '../../src/catalog/branches.ts';
import { ownLine } from '../../src/maintenance/lines.ts';
import { maintainTable } from '../../src/maintenance/maintain-table.ts';
import { PositionedTable, positionFields } from '../../src/sql/statements/position-rows.ts';
import { changeSourceOf } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { ChangeWriter } from '../../src/table/overwrite/change-writer.ts';
import { pinSnapshot, readConsumers } from '../../src/table/pins.ts';
import { restoreTable } from '../../src/table/restore/restore-table.ts';
import { latestSnapshot, listSnapshots, listTags, snapshotById, snapshotOfTag } from '../../src/table/snapshots.ts';
import { createTag } from '../../src/table/tags/manage-tags.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { rowsOf as batchRows } from '../../src/types/column-reader.ts';
import { rowKindByte, rowKindOf } from '../../src/types/row-kind.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { hourMs, paths } from '../maintenance-fixture.ts';
import {
  cleanedUp,
  type Draft,
  makeTable,
  openLakeTable,
  rowsNamed,
  rowsOf,
  wholeTable,
  writeRows,
  writeRowsOnce,
} from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, type World } from './world.ts';

type Parts = Pick<LakeProcess, 'store' | 'clock' | 'random'>;

const vectors = { 'deletion-vectors.enabled': 'true' };
const appendVectors: Draft = { keepsRows: true, options: { bucket: '-1', ...vectors } };
/** Rows wait for a compaction that gives them buckets. */
const postponed = { bucket: '-2', 'postpone.default-bucket-num': '2', 'postpone.batch-write-fixed-bucket': 'false' };
const dynamic = { bucket: '-1', 'dynamic-bucket.target-row-num': '3' };
/** A row that is merged twice shows in the sum. */
const sums = { 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' };

async function compact(parts: Parts, isFull: boolean, branch?: string): Promise<void> {
  const table = await openLakeTable(parts, branch);
  await using committer = new Committer(table);
  await compactTable(table, committer, { isFull });
}

/** Rows above level 0, and two commits that are not merged. */
async function layeredTable(draft: Draft): Promise<World> {
  const world = newWorld();
  await makeTable(world, draft);
  await writeRows(world, rowsNamed('first', 0, 9));
  await compact(world, true);
  world.clock.advance(1_000);
  await writeRows(world, rowsNamed('second', 6, 14));
  await writeRows(world, rowsNamed('third', 2, 8));
  return world;
}

/** An append table of two files, each with rows that are deleted. */
async function markedTable(): Promise<World> {
  const world = newWorld();
  await makeTable(world, appendVectors);
  await writeRows(world, rowsNamed('old', 0, 9));
  await writeRows(world, rowsNamed('old', 9, 20));
  await takeAway(world, { every: 5, isUpdate: false });
  return world;
}

type Taken = { readonly every: number; readonly isUpdate: boolean };

/** DELETE or UPDATE of every so many-th row that is an old one; done again, it finds nothing. */
async function takeAway(parts: Parts, { every, isUpdate }: Taken): Promise<void> {
  const table = await openLakeTable(parts);
  const readAt = await latestSnapshot(table);
  const positioned = new PositionedTable(table, readAt);
  const found = new Map<number, number[]>();
  const updated: Scalar[][] = [];
  for await (const batch of positioned.rows([...positionFields, ...table.schema.fields], undefined)) {
    for (const [file, row, k, v, n] of batchRows(batch)) {
      if (Number(k) % every !== 0 || !String(v).startsWith('old')) continue;
      found.set(Number(file), [...(found.get(Number(file)) ?? []), Number(row)]);
      updated.push([k ?? null, `new${k}`, n ?? null]);
    }
  }
  await using committer = new Committer(table);
  const changes = new ChangeWriter(table, committer, { readAt, needs: 'rows' });
  for (const [file, positions] of found) {
    changes.mark({ placed: positioned.file(file), positions, vector: positioned.vectorOf(file) });
  }
  if (isUpdate && updated.length > 0) {
    await changes.add(buildBatch({ fields: table.schema.fields }, updated), new Int8Array(updated.length));
  }
  strictEqual((await changes.commit()).status, 'committed');
}

/** To before rows were deleted, so that files come back with other vectors or with none. */
async function goBack(parts: Parts): Promise<void> {
  const table = await openLakeTable(parts);
  await restoreTable(table, { table, snapshot: await snapshotById(table, 2) });
}

/** Every snapshot is whole, and has each key once: none is in two buckets, none is back that was deleted. */
async function wholeWithKeys(world: World): Promise<void> {
  await wholeTable(world);
  for (const snapshot of await listSnapshots(await openLakeTable(world))) {
    const keys = (await rowsOf(world, snapshot)).map(([k]) => String(k));
    strictEqual(new Set(keys).size, keys.length, `each key is once in snapshot ${snapshot.id}`);
  }
}

type Change = { readonly kind: string; readonly k: string; readonly value: string };

async function changesOf(world: World): Promise<readonly Change[]> {
  const table = await openLakeTable(world);
  const changes: Change[] = [];
  for (const { id } of await listSnapshots(table)) {
    for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
      for (const [row, [k, ...others]] of batchRows(rows).entries()) {
        changes.push({ kind: rowKindOf(kinds[row] ?? 0), k: String(k), value: others.map(String).join() });
      }
    }
  }
  return changes;
}

/** Changes one after the other; what an update or a delete says was there must have been there. */
async function followed(world: World): Promise<ReadonlyMap<string, string>> {
  const state = new Map<string, string>();
  for (const { kind, k, value } of await changesOf(world)) {
    const isAdd = kind === '+I' || kind === '+U';
    strictEqual(state.get(k), isAdd ? undefined : value, `${kind} ${k} fits what was there`);
    if (isAdd) state.set(k, value);
    else state.delete(k);
  }
  return state;
}

/** Rows before and after everything is compacted, and what the changelog says; then maintenance. */
async function settled(world: World, producer: string): Promise<unknown> {
  const before = await rowsOf(world);
  await compact(world, true);
  const rows = await rowsOf(world);
  if (producer === 'lookup' || producer === 'full-compaction') {
    const state = new Map(rows.map(([k, ...others]) => [String(k), others.map(String).join()]));
    const inOrder = (entries: ReadonlyMap<string, string>): unknown =>
      [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
    deepStrictEqual(inOrder(await followed(world)), inOrder(state), 'the changes add up to the rows');
  }
  const changes = producer === 'input' ? await changesOf(world) : [];
  await cleanedUp(world);
  return [before, rows, changes];
}

type Act = (process: LakeProcess) => Promise<void>;

function scenarioOf(
  operation: string,
  { prepare, run, resume, producer }: { prepare: () => Promise<World>; run: Act; resume?: Act; producer: string },
): Scenario {
  return {
    operation,
    prepare,
    async run(process) {
      await run(process);
      process.acknowledge(operation);
    },
    resume: resume ?? run,
    whole: wholeWithKeys,
    check: world => settled(world, producer),
    diesTwice: true,
  };
}

function writeScenario(operation: string, options: Record<string, string>, kind: '+I' | '-D' = '+I'): Scenario {
  const rows = rowsNamed('new', 4, 18);
  const kindByte = rowKindByte[kind];
  return scenarioOf(operation, {
    prepare: () => layeredTable({ options }),
    run: process => writeRows(process, rows, { commitUser: 'writer', kind: kindByte }),
    async resume(process) {
      if (!process.world.acknowledged.has(operation))
        await writeRowsOnce(process, rows, { commitUser: 'writer', kind: kindByte });
    },
    producer: options['changelog-producer'] ?? 'none',
  });
}

/** The key's partition is told by the key and a shift: rows under another shift move their keys. */
function rowsAcross(word: string, from: number, to: number, shift: number): Scalar[][] {
  return rowsNamed(word, from, to).map(([k = null, v = null], index) => [k, v, (from + index + shift) % 3]);
}

/** Keys that have moved, some of them compacted since; a write moves more, with so little memory that its rows wait in files. */
function crossingScenario(operation: string, kind: '+I' | '-D'): Scenario {
  const rows = rowsAcross('new', 2, 10, 2);
  const written = { commitUser: 'writer', kind: rowKindByte[kind] };
  return scenarioOf(operation, {
    async prepare() {
      const world = newWorld();
      const options = { ...dynamic, 'changelog-producer': 'input', 'write-buffer-size': '256 b' };
      await makeTable(world, { isPartitioned: true, options });
      await writeRows(world, rowsAcross('first', 0, 6, 0));
      await compact(world, true);
      world.clock.advance(1_000);
      await writeRows(world, rowsAcross('second', 4, 8, 1));
      return world;
    },
    run: process => writeRows(process, rows, written),
    async resume(process) {
      if (!process.world.acknowledged.has(operation)) await writeRowsOnce(process, rows, written);
    },
    producer: 'input',
  });
}

function compactionScenario(operation: string, options: Record<string, string>, isFull = false): Scenario {
  return scenarioOf(operation, {
    prepare: () => layeredTable({ options: { 'num-sorted-run.compaction-trigger': '2', ...options } }),
    run: process => compact(process, isFull),
    producer: options['changelog-producer'] ?? 'none',
  });
}

function markScenario(operation: string, run: Act): Scenario {
  return scenarioOf(operation, { prepare: markedTable, run, producer: 'none' });
}

/** Index files and changelogs that only a tag, a branch or a consumer still needs, and others that nobody does. */
async function heldTable(): Promise<World> {
  const options = { ...dynamic, ...vectors, 'changelog-producer': 'lookup', 'manifest.merge-min-count': '2' };
  const world = await layeredTable({ options });
  await compact(world, false);
  const table = await openLakeTable(world);
  await createTag(table, 'first');
  await createBranch(table, 'dev', { tag: 'first' });
  await writeRows(world, rowsNamed('dev', 1, 12), { branch: 'dev' });
  await compact(world, false, 'dev');
  for (const word of ['a', 'b', 'c']) {
    await writeRows(world, rowsNamed(word, 3, 12));
    await compact(world, word === 'c');
    if (word === 'a') await hold(world);
    world.clock.advance(2 * hourMs);
  }
  await writeRows(world, rowsNamed('dev-on', 1, 12), { branch: 'dev' });
  await compact(world, true, 'dev');
  const indexFiles = await paths(world.store, 'index/');
  ok(indexFiles.length > 3, 'there are index files of many snapshots');
  world.clock.advance(2 * hourMs);
  return world;
}

async function hold(world: World): Promise<void> {
  const table = await openLakeTable(world);
  const snapshot = await latestSnapshot(table);
  ok(snapshot !== undefined, 'the table has a head');
  strictEqual(await pinSnapshot(ownLine(table), 'job', snapshot), 'pinned');
}

/** What those see who hold on to something: readers of the head, of the branch, of the tag, and the consumer. */
async function contentsOf(world: World): Promise<unknown> {
  const table = await openLakeTable(world);
  const [consumer] = await readConsumers(ownLine(table));
  ok(consumer !== undefined, 'there is the consumer');
  return {
    rows: await rowsOf(world),
    dev: await rowsOf(world, undefined, 'dev'),
    tagged: await rowsOf(world, await snapshotOfTag(table, 'first')),
    consumed: await rowsOf(world, await snapshotById(table, consumer.nextSnapshot)),
    indexFiles: (await paths(world.store, 'index/')).length,
  };
}

const maintenanceOfIndexes: Scenario = {
  operation: 'maintenance of index files and changelogs',
  prepare: heldTable,
  async run(process) {
    await maintainTable(await openLakeTable(process), { orphans: 'remove' });
  },
  async resume(process) {
    const { end } = await maintainTable(await openLakeTable(process), { orphans: 'remove' });
    strictEqual(end.status, 'done', 'the next run comes to its end');
  },
  whole: wholeWithKeys,
  async check(world) {
    const contents = await contentsOf(world);
    await cleanedUp(world, ['dev']);
    await contentsOf(world);
    return contents;
  },
};

const automaticTags = {
  ...vectors,
  'tag.automatic-creation': 'process-time',
  'tag.creation-period': 'hourly',
  'tag.num-retained-max': '2',
};

/** Tags of periods that have gone by, of which the oldest go at once, and with them what only they held. */
const tagsScenario: Scenario = {
  operation: 'automatic tags and expiry',
  async prepare() {
    const world = await layeredTable({ options: automaticTags });
    for (const word of ['a', 'b', 'c']) {
      world.clock.advance(1.1 * hourMs);
      await writeRows(world, rowsNamed(word, 3, 12));
      await compact(world, word === 'b');
      // Otherwise a snapshot of one of the periods is tagged only.
      if (word !== 'b') await maintainTable(await openLakeTable(world), { orphans: 'skip' });
    }
    world.clock.advance(3 * hourMs);
    await writeRows(world, rowsNamed('d', 3, 12));
    return world;
  },
  run: process => maintained(process),
  resume: process => maintained(process),
  whole: wholeWithKeys,
  async check(world) {
    const table = await openLakeTable(world);
    const contents: unknown[] = [await rowsOf(world)];
    for (const name of await listTags(table))
      contents.push([name, await rowsOf(world, await snapshotOfTag(table, name))]);
    ok(contents.length > 1, 'there are automatic tags');
    await cleanedUp(world);
    return contents;
  },
  diesTwice: true,
};

async function maintained(parts: Parts): Promise<void> {
  await maintainTable(await openLakeTable(parts), { orphans: 'skip' });
}

export const indexAndChangelogScenarios: readonly Scenario[] = [
  maintenanceOfIndexes,
  tagsScenario,
  markScenario('delete by deletion vectors', process => takeAway(process, { every: 3, isUpdate: false })),
  markScenario('update by deletion vectors', process => takeAway(process, { every: 3, isUpdate: true })),
  markScenario('rollback of deletes by vectors', goBack),
  markScenario('compaction of an append table with deletion vectors', process => compact(process, true)),
  writeScenario('commit of dynamic buckets', dynamic),
  writeScenario('commit of deletes in dynamic buckets', dynamic, '-D'),
  writeScenario('commit of rows that wait for a bucket', postponed),
  compactionScenario('compaction that gives rows buckets', { ...postponed, 'changelog-producer': 'lookup' }),
  crossingScenario('commit of keys that move between partitions', '+I'),
  crossingScenario('commit of deletes of keys in other partitions', '-D'),
  writeScenario('commit with an input changelog', { 'changelog-producer': 'input' }),
  writeScenario('commit of sums', sums),
  compactionScenario('compaction that makes deletion vectors', vectors),
  compactionScenario('compaction of dynamic buckets with deletion vectors and a changelog', {
    ...dynamic,
    ...vectors,
    'changelog-producer': 'lookup',
  }),
  compactionScenario('compaction of sums with a lookup changelog', { ...sums, 'changelog-producer': 'lookup' }),
  compactionScenario('compaction of first rows with a changelog', {
    'merge-engine': 'first-row',
    'changelog-producer': 'lookup',
  }),
  compactionScenario('full compaction with its changelog', { 'changelog-producer': 'full-compaction' }, true),
];
