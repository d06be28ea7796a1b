// Compactions of tables with deletion vectors: what is above level 0 has each key once, whatever comes between.
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import {
  addChanges,
  equals,
  numbered,
  type RowChange,
  type RowTable,
  rowTable,
  sorted,
} from '../../../test/row-fixture.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { encodeIndexManifest } from '../../format/index-manifest.ts';
import { manifestPath, snapshotPath } from '../../format/paths.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Scalar } from '../../types/scalar.ts';
import { Committer, commit } from '../commit/commit.ts';
import { commitPlan } from '../commit/request.ts';
import { indexEntriesOf } from '../index-files.ts';
import { planVectors } from '../index-plan.ts';
import { OverwriteWriter } from '../overwrite/overwrite-writer.ts';
import { latestSnapshot } from '../snapshots.ts';
import { openTable, partitionTypes, type Table } from '../table.ts';
import { compactTable } from './compact-table.ts';

/** Enough rows for a file that a compaction of a few others does not take in. */
const manyRows = 3_000;

type Options = Readonly<Record<string, string>>;

const enabled: Options = { 'deletion-vectors.enabled': 'true', 'num-sorted-run.compaction-trigger': '3' };

function vectorTable(options: Options = {}, keys: { readonly partitioned?: boolean } = {}): Promise<RowTable> {
  const partitioned = { primaryKeys: ['p', 'k'], partitionKeys: ['p'] };
  return rowTable({ ...(keys.partitioned === true ? partitioned : {}), options: { ...enabled, ...options } });
}

/** Rows deleted by vectors, by data file. */
async function deletedRows(rows: RowTable): Promise<number> {
  const table = await rows.open();
  const entries = await indexEntriesOf(table, await latestSnapshot(table));
  const ranges = entries.flatMap(({ vectors }) => vectors ?? []);
  const live = new Set((await rows.files()).map(({ fileName }) => fileName));
  expect(ranges.filter(({ fileName }) => !live.has(fileName))).toEqual([]);
  return ranges.reduce((sum, { cardinality = 0 }) => sum + cardinality, 0);
}

/** What the table should hold. */
class Model {
  readonly rows = new Map<Scalar, Scalar[]>();

  apply(changes: readonly RowChange[]): void {
    for (const [kind, p, k, v] of changes) {
      if (kind === '-D') this.rows.delete(k ?? null);
      else this.rows.set(k ?? null, [p ?? null, k ?? null, v ?? null]);
    }
  }

  get sorted(): Scalar[][] {
    return sorted([...this.rows.values()]);
  }
}

function changesOf(random: Random, count: number, tag: string): readonly RowChange[] {
  const first = Math.floor(random.next() * 200);
  const span = random.next() < 0.5 ? 30 : 200;
  return Array.from({ length: count }, (_, index) => {
    const k = first + Math.floor(random.next() * span);
    return [random.next() < 0.25 ? '-D' : '+U', 'x', k, `${tag}-${index}`] as const;
  });
}

const variants: Readonly<Record<string, Options>> = {
  'of 32 bits': {},
  'of 64 bits': { 'deletion-vectors.bitmap64': 'true' },
  'with small files': { 'target-file-size': '2 kb' },
  'with a lookup changelog': { 'changelog-producer': 'lookup' },
};

for (const [name, options] of Object.entries(variants)) {
  test(`a table with deletion vectors ${name} shows what was compacted, and with level 0 all that was written`, async () => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const random = seededRandom(seed);
      const rows = await vectorTable({ 'target-file-size': '64 kb', ...options });
      const [written, compacted] = [new Model(), new Model()];
      let pending: RowChange[] = [];
      let mostDeleted = 0;
      for (let step = 0; step < 14; step += 1) {
        const changes = changesOf(random, 5 + Math.floor(random.next() * 60), `s${step}`);
        await rows.change(changes);
        written.apply(changes);
        pending.push(...changes);
        if (random.next() < 0.7) {
          await rows.compact({ isFull: random.next() < 0.15 });
          compacted.apply(pending);
          pending = [];
        }
        expect(await rows.rows(), `seed ${seed}, step ${step}`).toEqual(compacted.sorted);
        expect(await rows.rows({ withLevel0: true }), `seed ${seed}, step ${step}`).toEqual(written.sorted);
        mostDeleted = Math.max(mostDeleted, await deletedRows(rows));
      }
      expect(mostDeleted).toBeGreaterThan(0);
      await rows.compact({ isFull: true });
      expect(await rows.rows()).toEqual(written.sorted);
      expect(await deletedRows(rows)).toBe(0);
    }
  });
}

test('merge-on-read shows level 0 as well', async () => {
  const rows = await vectorTable({ 'deletion-vectors.merge-on-read': 'true' });
  await rows.write(numbered('x', 0, 5));
  expect(await rows.rows()).toHaveLength(5);
  await rows.compact();
  await rows.change([['-D', 'x', 2, null]]);
  expect(await rows.rows()).toHaveLength(4);
});

test('a filter on values leaves out single files where vectors have made rows unique', async () => {
  const rows = await vectorTable({ 'num-sorted-run.compaction-trigger': '10' });
  await rows.write(numbered('x', 0, 100, 'old'));
  await rows.compact();
  await rows.change([['+U', 'x', 5, 'new']]);
  await rows.compact();
  expect(await rows.rows({ predicate: equals('v', 'old5') })).toEqual([]);
  expect(await rows.rows({ predicate: equals('v', 'new') })).toEqual([['x', 5, 'new']]);
  expect(await deletedRows(rows)).toBe(1);
  expect(await rows.rows({ columns: [] })).toHaveLength(100);
});

test('each partition has vectors of its own, and one compaction keeps those of all others', async () => {
  const rows = await vectorTable({ 'num-sorted-run.compaction-trigger': '10' }, { partitioned: true });
  for (const p of ['a', 'b']) await rows.write(numbered(p, 0, manyRows));
  await rows.compact();
  await rows.change([['+U', 'a', 1, 'one']]);
  await rows.compact();
  await rows.change([['-D', 'b', 2, null]]);
  await rows.compact();
  expect(await deletedRows(rows)).toBe(2);
  expect(await rows.rows()).toHaveLength(2 * manyRows - 1);
  expect(await rows.rows({ predicate: equals('k', 1) })).toEqual([
    ['a', 1, 'one'],
    ['b', 1, 'v1'],
  ]);
});

/** Compacts; something else happens once, when the compaction writes its first file below the prefix. */
async function compactWhile(rows: RowTable, prefix: string, meanwhile: () => Promise<unknown>, isFull = false) {
  let isDone = false;
  const store = changedStore<ObjectStore>(rows.store, {
    put: async (key, ...rest) => {
      if (key.includes(prefix) && !isDone) {
        isDone = true;
        await meanwhile();
      }
      return rows.store.put(key, ...rest);
    },
  });
  const table: Table = await openTable(store, { database: 'd', name: 't' }, rows);
  await using committer = new Committer(table);
  const receipt = await compactTable(table, committer, { isFull });
  expect(isDone).toBe(true);
  return receipt;
}

async function twoLevels(): Promise<{ rows: RowTable; expected: Scalar[][] }> {
  const rows = await vectorTable({ 'num-sorted-run.compaction-trigger': '10' });
  await rows.write(numbered('x', 0, manyRows));
  await rows.compact();
  await rows.change([['+U', 'x', 5, 'five']]);
  await rows.change([['-D', 'x', 6, null]]);
  const expected = sorted(
    numbered('x', 0, manyRows)
      .filter(([, k]) => k !== 6)
      .map(row => (row[1] === 5 ? ['x', 5, 'five'] : row)),
  );
  return { rows, expected };
}

for (const prefix of ['/bucket-', '/index/']) {
  test(`of two compactions of one bucket that meet at ${prefix} one gives up, and rows are what they were`, async () => {
    const { rows, expected } = await twoLevels();
    const receipt = await compactWhile(rows, prefix, () => rows.compact());
    expect(receipt.status).toBe('given-up');
    expect(await rows.rows()).toEqual(expected);
    expect(await deletedRows(rows)).toBe(2);
  });

  test(`rows that are written while a compaction is at ${prefix} stay newer than what it marks`, async () => {
    const { rows, expected } = await twoLevels();
    const receipt = await compactWhile(rows, prefix, () => rows.change([['+U', 'x', 5, 'newer']]));
    expect(receipt.status).toBe('committed');
    expect(await rows.rows()).toEqual(expected);
    await rows.compact();
    const newer = expected.map(row => (row[1] === 5 ? ['x', 5, 'newer'] : row));
    expect(await rows.rows()).toEqual(newer);
    expect(await rows.rows({ withLevel0: true })).toEqual(newer);
  });
}

/** Deletes a row of a partition as a program would that only writes vectors. */
async function deleteByVector(rows: RowTable, p: string, position: number): Promise<void> {
  const table = await rows.open();
  const type = partitionTypes(table.schema);
  const found = (await rows.live()).find(
    ({ partition, file }) => file.level > 0 && deserializeRow(partition, type)[0] === p,
  );
  if (found === undefined) throw new Error(`no file of ${p}`);
  const place = { partition: found.partition, bucket: found.bucket };
  const marks = new Map([[found.file.fileName, [position]]]);
  const outcome = await commit(table, {
    commitUser: 'deleter',
    commitIdentifier: 1n,
    plan: async base => {
      const index = await planVectors(table, base, [{ ...place, gone: new Set(), marks }]);
      return commitPlan({ kind: 'OVERWRITE', schemaId: table.schema.id, index });
    },
  });
  expect(outcome.status).toBe('committed');
}

async function twoPartitions(): Promise<RowTable> {
  const rows = await vectorTable({ 'num-sorted-run.compaction-trigger': '10' }, { partitioned: true });
  for (const p of ['a', 'b']) await rows.write(numbered(p, 0, manyRows));
  await rows.compact();
  await rows.change([
    ['-D', 'a', 1, null],
    ['+U', 'a', 2, 'two'],
  ]);
  return rows;
}

for (const prefix of ['/bucket-', '/manifest/']) {
  test(`vectors of another bucket that come when a compaction is at ${prefix} are in what it commits`, async () => {
    const rows = await twoPartitions();
    const receipt = await compactWhile(rows, prefix, () => deleteByVector(rows, 'b', 7));
    expect(receipt).toMatchObject({ status: 'committed', leftCount: 0 });
    expect(await deletedRows(rows)).toBe(3);
    expect(await rows.rows()).toHaveLength(2 * manyRows - 2);
  });

  test(`vectors of the same bucket that come when a compaction is at ${prefix} are joined with its own`, async () => {
    const rows = await twoPartitions();
    const receipt = await compactWhile(rows, prefix, () => deleteByVector(rows, 'a', 7));
    expect(receipt.status).toBe('committed');
    expect(await deletedRows(rows)).toBe(3);
    expect(await rows.rows()).toHaveLength(2 * manyRows - 2);
  });

  test(`a compaction at ${prefix} that rewrites a file of which rows are deleted meanwhile gives up`, async () => {
    const rows = await twoPartitions();
    const isFull = true;
    const receipt = await compactWhile(rows, prefix, () => deleteByVector(rows, 'a', 7), isFull);
    expect(receipt.status).toBe('given-up');
    await rows.compact({ isFull });
    expect(await deletedRows(rows)).toBe(0);
    expect(await rows.rows()).toHaveLength(2 * manyRows - 2);
  });
}

test('an overwrite takes the vectors of its partitions away, and no others', async () => {
  const rows = await twoPartitions();
  await rows.change([['-D', 'b', 1, null]]);
  await rows.compact();
  expect(await deletedRows(rows)).toBe(3);
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, { kind: 'written', within: undefined });
  await addChanges(writer, table, [['+I', 'a', 1, 'again']]);
  await writer.commit();
  expect(await deletedRows(rows)).toBe(1);
  expect(await rows.rows({ predicate: equals('p', 'a') })).toEqual([['a', 1, 'again']]);
  expect(await rows.rows()).toHaveLength(manyRows);
});

test('a vector that another engine has left of a file that is gone stands in no compaction’s way, and goes with it', async () => {
  const rows = await vectorTable();
  await rows.write(numbered('x', 0, manyRows, 'old'));
  await rows.compact({ isFull: true });
  await rows.write([['x', 1, 'new']]);
  await rows.compact();
  expect(await deletedRows(rows)).toBe(1);
  await leaveStray(rows);
  await rows.write([['x', 2, 'new']]);
  expect((await rows.compact()).status).toBe('committed');
  expect(await deletedRows(rows)).toBe(2);
  expect(await rows.rows()).toHaveLength(manyRows);
});

/** The head's index manifest speaks of one file more, which there is not, as Paimon may leave it. */
async function leaveStray(rows: RowTable): Promise<void> {
  const table = await rows.open();
  const head = await latestSnapshot(table);
  if (head === undefined) throw new Error('the table has a snapshot');
  const entries = (await indexEntriesOf(table, head)).map(entry => ({
    ...entry,
    vectors: entry.vectors?.flatMap(range => [range, { ...range, fileName: 'data-gone-0.parquet' }]),
  }));
  await rows.store.put(`${table.path}/${manifestPath('index-manifest-stray-0')}`, encodeIndexManifest(entries));
  const changed = { ...head, id: head.id + 1, indexManifest: 'index-manifest-stray-0', properties: {} };
  await rows.store.put(`${table.path}/${snapshotPath(changed.id)}`, encodeSnapshot(changed));
}
