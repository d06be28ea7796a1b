import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import { numbered, type RowTable, rowTable } from '../../test/row-fixture.ts';
import { expireSnapshots } from '../maintenance/expire-snapshots.ts';
import { removeOrphanFiles } from '../maintenance/remove-orphan-files.ts';
import { latestSnapshot, listTags } from '../table/snapshots.ts';
import { openTable } from '../table/table.ts';
import { createTag, deleteTag } from '../table/tags/manage-tags.ts';
import { createBranch, deleteBranch, listBranches, renameBranch } from './branches.ts';
import { alterTable } from './catalog.ts';
import { fastForward } from './fast-forward.ts';
import { parseIdentifier } from './identifier.ts';

async function tagged(settings: Parameters<typeof rowTable>[0] = {}): Promise<RowTable> {
  const rows = await rowTable(settings);
  await rows.write(numbered('a', 0, 2));
  await createTag(rows.table, 'base');
  await rows.write(numbered('a', 2, 2));
  return rows;
}

const keysOf = async (rows: RowTable, branch?: string): Promise<readonly unknown[]> =>
  (await rows.rows(branch === undefined ? {} : { branch })).map(([, k]) => k);

async function addColumn(rows: RowTable, name: string, table = 'd.t'): Promise<void> {
  const type = { kind: 'int', nullable: true } as const;
  await alterTable(rows, parseIdentifier(table), [{ kind: 'add-column', name, type }]);
}

test('a branch begins at a tag, or empty, and goes its own way', async () => {
  const rows = await tagged();
  expect(await createBranch(rows.table, 'dev', { tag: 'base' })).toBe(true);
  expect(await createBranch(rows.table, 'empty')).toBe(true);
  expect(await listBranches(rows.table)).toEqual(['dev', 'empty']);
  await rows.write(numbered('dev', 10, 1), 'dev');
  await rows.write(numbered('empty', 20, 1), 'empty');
  await rows.write(numbered('a', 4, 1));
  expect([await keysOf(rows), await keysOf(rows, 'dev'), await keysOf(rows, 'empty')]).toEqual([
    [0, 1, 2, 3, 4],
    [0, 1, 10],
    [20],
  ]);
  expect((await latestSnapshot(await rows.open('dev')))?.id).toBe(2);
  expect(await listTags(await rows.open('dev'))).toEqual(['base']);
  expect(await createBranch(rows.table, 'dev', { ifNotExists: true })).toBe(false);
});

test('what is wrong with a name, a tag or a branch is told', async () => {
  const rows = await tagged();
  for (const name of ['main', '12', '', 'a/b', 'x$y', ' x']) {
    await expect(createBranch(rows.table, name), name).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  }
  await createBranch(rows.table, 'dev');
  await expect(createBranch(rows.table, 'dev')).rejects.toMatchObject({ code: 'LAKE_BRANCH_EXISTS' });
  await expect(createBranch(rows.table, 'x', { tag: 'none' })).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  await expect(createBranch(await rows.open('dev'), 'x')).rejects.toMatchObject({ code: 'LAKE_BAD_NAME' });
  for (const action of [deleteBranch(rows.table, 'none'), fastForward(rows.table, 'none')]) {
    await expect(action).rejects.toMatchObject({ code: 'LAKE_BRANCH_NOT_FOUND' });
  }
  await expect(renameBranch(rows.table, 'none', 'x')).rejects.toMatchObject({ code: 'LAKE_BRANCH_NOT_FOUND' });
  await expect(fastForward(rows.table, 'dev')).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_NOT_FOUND' });
  expect(await deleteBranch(rows.table, 'none', { ifExists: true })).toBe(false);
});

test('a deleted branch is gone, with what only it had, and its name is free', async () => {
  const rows = await tagged();
  await createBranch(rows.table, 'dev', { tag: 'base' });
  await rows.write(numbered('dev', 10, 1), 'dev');
  expect(await deleteBranch(rows.table, 'dev')).toBe(true);
  expect(await listBranches(rows.table)).toEqual([]);
  await expect(rows.open('dev')).rejects.toMatchObject({ code: 'LAKE_TABLE_NOT_FOUND' });
  rows.clock.advance(25 * 3_600_000);
  await rows.write(numbered('a', 4, 1));
  const before = rows.dataPuts.length;
  expect((await removeOrphanFiles(rows.table, { isDryRun: false })).removed.fileCount).toBeGreaterThan(0);
  expect(await keysOf(rows)).toEqual([0, 1, 2, 3, 4]);
  await createBranch(rows.table, 'dev', { tag: 'base' });
  expect(await keysOf(rows, 'dev')).toEqual([0, 1]);
  expect(rows.dataPuts.length).toBe(before);
});

test('a renamed branch has everything, also what came while it was renamed', async () => {
  const rows = await tagged();
  await createBranch(rows.table, 'dev', { tag: 'base' });
  let hasCome = false;
  const store = changedStore(rows.store, {
    async put(key, bytes, options) {
      if (key.includes('branch-next') && !hasCome) {
        hasCome = true;
        await rows.write(numbered('late', 10, 1), 'dev');
      }
      return rows.store.put(key, bytes, options);
    },
  });
  await renameBranch(await openTable(store, { database: 'd', name: 't' }, rows), 'dev', 'next');
  expect(await listBranches(rows.table)).toEqual(['next']);
  expect(await keysOf(rows, 'next')).toEqual([0, 1, 10]);
  await createBranch(rows.table, 'dev');
  await expect(renameBranch(rows.table, 'next', 'dev')).rejects.toMatchObject({ code: 'LAKE_BRANCH_EXISTS' });
});

test('a branch keeps the data of its tag when that goes, and is not made of one that goes at that moment', async () => {
  const options = { 'snapshot.num-retained.min': '1', 'snapshot.time-retained': '1 ms' };
  const rows = await tagged({ options });
  await createBranch(rows.table, 'dev', { tag: 'base' });
  await deleteTag(rows.table, 'base');
  await rows.compact({ isFull: true });
  for (let turn = 0; turn < 3; turn += 1) {
    rows.clock.advance(2 * 3_600_000);
    await rows.write(numbered('a', 50 + turn, 1));
  }
  expect((await expireSnapshots(await rows.open())).expiredCount).toBeGreaterThan(2);
  rows.clock.advance(25 * 3_600_000);
  await rows.write(numbered('a', 60, 1));
  await rows.write(numbered('dev', 70, 1), 'dev');
  rows.clock.advance(25 * 3_600_000);
  await rows.write(numbered('a', 61, 1));
  await rows.write(numbered('dev', 71, 1), 'dev');
  await removeOrphanFiles(await rows.open(), { isDryRun: false });
  expect(await keysOf(rows, 'dev')).toEqual([0, 1, 70, 71]);

  await createTag(rows.table, 'going');
  const store = changedStore(rows.store, {
    async putIfAbsent(key, bytes, putOptions) {
      if (key.includes('branch-late')) await deleteTag(rows.table, 'going', { ifExists: true });
      return rows.store.putIfAbsent(key, bytes, putOptions);
    },
  });
  const table = await openTable(store, { database: 'd', name: 't' }, rows);
  await expect(createBranch(table, 'late', { tag: 'going' })).rejects.toMatchObject({ code: 'LAKE_TAG_NOT_FOUND' });
  expect(await listBranches(rows.table)).toEqual(['dev']);
  for await (const page of rows.store.list('d.db/t/branch/branch-late')) expect(page.objects).toEqual([]);
});

test('fast-forward makes the table what the branch is, and both go on by themselves', async () => {
  const rows = await tagged();
  await createBranch(rows.table, 'dev', { tag: 'base' });
  await rows.write([['dev', 0, 'changed']], 'dev');
  await rows.write(numbered('dev', 10, 2), 'dev');
  await rows.compact({ isFull: true });
  const state = await rows.rows({ branch: 'dev' });
  const receipt = await fastForward(rows.table, 'dev');
  expect(receipt).toMatchObject({ snapshotId: 4, previousId: 3, isChanged: true });
  expect(await rows.rows()).toEqual(state);
  await rows.write(numbered('a', 90, 1));
  await rows.compact({ isFull: true });
  await rows.write(numbered('dev', 91, 1), 'dev');
  expect((await keysOf(rows)).toSorted()).toEqual([0, 1, 10, 11, 90]);
  expect((await keysOf(rows, 'dev')).toSorted()).toEqual([0, 1, 10, 11, 91]);
  await fastForward(rows.table, 'dev');
  expect((await keysOf(rows)).toSorted()).toEqual([0, 1, 10, 11, 91]);
});

test('schemas of the branch come with it; where both have changed theirs it is refused', async () => {
  const rows = await tagged();
  await createBranch(rows.table, 'dev', { tag: 'base' });
  await addColumn(rows, 'extra', 'd.t$branch_dev');
  await rows.write([['dev', 10, 'v', 7]], 'dev');
  await fastForward(rows.table, 'dev');
  expect((await rows.rows()).find(([, k]) => k === 10)).toEqual(['dev', 10, 'v', 7]);
  expect((await rows.open()).schema.fields.map(({ name }) => name)).toEqual(['p', 'k', 'v', 'extra']);
  await addColumn(rows, 'mine');
  await addColumn(rows, 'theirs', 'd.t$branch_dev');
  await expect(fastForward(rows.table, 'dev')).rejects.toMatchObject({ code: 'LAKE_BRANCH_DIVERGED' });
});
