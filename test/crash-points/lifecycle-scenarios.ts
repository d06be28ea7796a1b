/**
 * Changelogs that outlive their snapshots: at any moment all changes above what is gone for good can be read, and in the end
 * nothing is left of what only they needed. And tags that batches of writes end with.
 */
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { expireChangelogs } from '../../src/maintenance/expire-changelogs.ts';
import { ownLine } from '../../src/maintenance/lines.ts';
import { maintainTable } from '../../src/maintenance/maintain-table.ts';
import { removeOrphanFiles } from '../../src/maintenance/remove-orphan-files.ts';
import { changeSourceOf, listChangelogIds } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { changelogMarksOf, readExpiryRecord } from '../../src/table/expiry-record.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { makeBatchTag } from '../../src/table/tags/make-batch-tag.ts';
import { createTag, storedTags } from '../../src/table/tags/manage-tags.ts';
import { rowsOf as batchRows } from '../../src/types/column-reader.ts';
import { rowKindOf } from '../../src/types/row-kind.ts';
import { hourMs, litterIn } from '../maintenance-fixture.ts';
import { makeTable, openLakeTable, rowsNamed, rowsOf, wholeTable, writeRows } from './lake-table.ts';
import type { Scenario } from './scenario.ts';
import { type LakeProcess, newWorld, type World } from './world.ts';

type Parts = Pick<LakeProcess, 'store' | 'clock' | 'random'>;

const retention = { retainedCountMax: 4 };

/** Commits and compactions an hour and a half apart. */
async function oldTable(producer: string): Promise<World> {
  const world = newWorld();
  const options = {
    'changelog-producer': producer,
    'changelog.time-retained': '100 d',
    'manifest.merge-min-count': '2',
  };
  await makeTable(world, { options });
  for (const word of ['a', 'b', 'c', 'd']) {
    await writeRows(world, rowsNamed(word, 2, 8));
    world.clock.advance(1.5 * hourMs);
    if (word === 'a' || word === 'd') continue;
    const table = await openLakeTable(world);
    await using committer = new Committer(table);
    await compactTable(table, committer, { isFull: true });
    world.clock.advance(1.5 * hourMs);
  }
  return world;
}

async function maintained(parts: Parts): Promise<void> {
  const { end } = await maintainTable(await openLakeTable(parts), { orphans: 'skip' });
  strictEqual(end.status, 'done', 'maintenance comes to its end');
}

/** Of every snapshot from that number on. */
async function changesFrom(world: World, first: number): Promise<unknown> {
  const table = await openLakeTable(world);
  const head = await latestSnapshot(table);
  const changes: unknown[] = [];
  for (let id = first; id <= (head?.id ?? 0); id += 1) {
    for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
      const lines = batchRows(rows).map((row, index) => [rowKindOf(kinds[index] ?? 0), ...row].map(String).join(' '));
      changes.push([id, lines]);
    }
  }
  return changes;
}

async function wholeChanges(world: World): Promise<void> {
  await wholeTable(world);
  const { floor } = changelogMarksOf(await readExpiryRecord(ownLine(await openLakeTable(world))));
  await changesFrom(world, floor);
}

/** What readers see, and that nothing is left when the last changelogs are gone as well. */
async function settled(world: World): Promise<unknown> {
  const table = await openLakeTable(world);
  const [oldest] = await listChangelogIds(ownLine(table));
  ok(oldest !== undefined, 'there are changelogs');
  const contents = [oldest, await changesFrom(world, oldest), await rowsOf(world)];
  world.clock.advance(48 * hourMs);
  await writeRows(world, rowsNamed('a', 2, 3));
  const receipt = await maintainTable(await openLakeTable(world), { orphans: 'remove' });
  deepStrictEqual(receipt.end, { status: 'done' }, 'maintenance comes to its end');
  await wholeChanges(world);
  strictEqual((await expireChangelogs(table, { retention: 'all' })).status, 'done');
  // What a run that died had left under a changelog nobody names any more.
  strictEqual((await removeOrphanFiles(table)).status, 'done');
  await wholeTable(world);
  deepStrictEqual(await litterIn(world.store, table), [], 'no litter is left');
  return contents;
}

function expiryOfSnapshots(producer: string): Scenario {
  return {
    operation: `expiry of snapshots whose changelogs stay (producer ${producer})`,
    prepare: () => oldTable(producer),
    async run(process) {
      await maintainTable(await openLakeTable(process), { orphans: 'skip' });
    },
    resume: maintained,
    whole: wholeChanges,
    check: settled,
    diesTwice: true,
  };
}

function expiryOfChangelogs(producer: string): Scenario {
  return {
    operation: `expiry of changelogs (producer ${producer})`,
    async prepare() {
      const world = await oldTable(producer);
      await maintained(world);
      return world;
    },
    async run(process) {
      await expireChangelogs(await openLakeTable(process), { retention });
    },
    async resume(process) {
      const { status } = await expireChangelogs(await openLakeTable(process), { retention });
      strictEqual(status, 'done', 'the next run comes to its end');
    },
    whole: wholeChanges,
    check: settled,
    diesTwice: true,
  };
}

const batchTag = {
  'tag.automatic-creation': 'batch',
  'tag.batch.customized-name': 'last',
  'tag.num-retained-max': '2',
};

/** The tag of the batch before is moved on, and the oldest of three goes. */
const endOfBatch: Scenario = {
  operation: 'the tag that a batch of writes ends with',
  async prepare() {
    const world = newWorld();
    await makeTable(world, { options: batchTag });
    for (const word of ['a', 'b', 'c']) await writeRows(world, rowsNamed(word, 2, 8));
    const table = await openLakeTable(world);
    await createTag(table, 'old', { snapshotId: 1 });
    await createTag(table, 'older', { snapshotId: 2 });
    await createTag(table, 'last', { snapshotId: 2 });
    return world;
  },
  async run(process) {
    await makeBatchTag(await openLakeTable(process));
  },
  async resume(process) {
    strictEqual(await makeBatchTag(await openLakeTable(process)), 'last');
  },
  whole: wholeTable,
  async check(world) {
    const tags = await storedTags(await openLakeTable(world));
    return tags.map(({ name, snapshot }) => [name, snapshot.id]);
  },
  diesTwice: true,
};

export const lifecycleScenarios: readonly Scenario[] = [
  endOfBatch,
  ...['none', 'input'].flatMap(producer => [expiryOfSnapshots(producer), expiryOfChangelogs(producer)]),
];
