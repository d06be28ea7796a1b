import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { addChanges, type RowChange, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Committer } from '../commit/commit.ts';
import { openTable } from '../table.ts';
import { RunningUploads } from './running-uploads.ts';
import { TableWriter } from './table-writer.ts';

const oneRow: readonly RowChange[] = [['+I', 'x', 1, 'one']];

/** Commits these rows through a store of which some operations are changed. */
async function commitThrough(rows: RowTable, changes: Partial<ObjectStore>): Promise<number | undefined> {
  const table = await openTable(changedStore(rows.store, changes), { database: 'd', name: 't' }, rows);
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, oneRow);
  return (await writer.commit()).snapshotId;
}

function isDataFile(key: string): boolean {
  return key.includes('/bucket-');
}

/** Lets whatever needs no data file go on as far as it comes. */
async function manyTurns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

test('a small data file is on its way while manifests are written, and there before the snapshot', async () => {
  const rows = await rowTable();
  const seen: string[] = [];
  await commitThrough(rows, {
    async put(key, bytes, options) {
      if (isDataFile(key)) await manyTurns();
      const receipt = await rows.store.put(key, bytes, options);
      seen.push(isDataFile(key) ? 'data' : 'metadata');
      return receipt;
    },
    putIfAbsent(key, bytes, options) {
      seen.push('snapshot');
      return rows.store.putIfAbsent(key, bytes, options);
    },
  });
  expect(seen.slice(0, 5)).toEqual(['metadata', 'metadata', 'metadata', 'data', 'snapshot']);
});

test('a data file that cannot be uploaded fails the commit before its snapshot, and not the next', async () => {
  const rows = await rowTable();
  rows.store.reset();
  const lost = commitThrough(rows, {
    async put(key, bytes, options) {
      if (!isDataFile(key)) return rows.store.put(key, bytes, options);
      await manyTurns();
      throw new Error('the disk is full');
    },
  });
  await expect(lost).rejects.toThrow('the disk is full');
  expect(rows.store.counts()).toMatchObject({ put: 3, putIfAbsent: 0 });
  expect(await commitThrough(rows, {})).toBe(1);
});

test('a commit that fails leaves no upload behind that is still on its way', async () => {
  const rows = await rowTable();
  let isThere = false;
  const lost = commitThrough(rows, {
    async put(key, bytes, options) {
      if (!isDataFile(key)) throw new Error('no manifests today');
      await manyTurns();
      isThere = true;
      return rows.store.put(key, bytes, options);
    },
  });
  await expect(lost).rejects.toThrow('no manifests today');
  expect(isThere).toBe(true);
});

test('a swap that is lost does not upload again what another base has room for', async () => {
  const rows = await rowTable({ partitionKeys: ['p'], primaryKeys: ['p', 'k'] });
  let isFirst = true;
  const snapshotId = await commitThrough(rows, {
    async putIfAbsent(key, bytes, options) {
      if (isFirst) await rows.write([['y', 1, 'rival']]);
      isFirst = false;
      return rows.store.putIfAbsent(key, bytes, options);
    },
  });
  expect(snapshotId).toBe(2);
  expect(rows.dataPuts).toHaveLength(2);
  expect(await rows.rows()).toHaveLength(2);
});

test('too many uploads at a time are waited for, and the first failure is told in the end', async () => {
  const uploads = new RunningUploads();
  let underWay = 0;
  let underWayMax = 0;
  for (let file = 0; file < 50; file += 1) {
    const upload = async (): Promise<void> => {
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      await new Promise(resolve => setImmediate(resolve));
      underWay -= 1;
      if (file >= 20) throw new Error(`file ${file}`);
    };
    await uploads.take(upload());
  }
  await expect(uploads.done()).rejects.toThrow('file 20');
  expect(underWay).toBe(0);
  expect(underWayMax).toBeLessThan(10);
});
