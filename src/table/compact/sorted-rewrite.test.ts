// Rows of append tables sorted on rewrite: in memory and in runs, beside others who write and compact, and what is refused.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { int, type RowTable, rowTable, text } from '../../../test/row-fixture.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import type { SortOrder } from '../../format/clustering-options.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { Scalar } from '../../types/scalar.ts';
import { Committer } from '../commit/commit.ts';
import { readPlan } from '../read/read-split.ts';
import { planScan } from '../scan/plan-scan.ts';
import { latestSnapshot } from '../snapshots.ts';
import { partitionTypes } from '../table.ts';
import { compactTable } from './compact-table.ts';

const byKey: SortOrder = { strategy: 'order', columns: ['k'] };

function appendTable(
  options: Readonly<Record<string, string>> = {},
  partitionKeys: readonly string[] = [],
): Promise<RowTable> {
  return rowTable({ primaryKeys: [], partitionKeys, options: { bucket: '-1', ...options } });
}

/** As they lie in the files, file after file. */
async function rowsInOrder(rows: RowTable): Promise<Scalar[][]> {
  const table = await rows.open();
  const found: Scalar[][] = [];
  for await (const batch of readPlan(table, await planScan(table, await latestSnapshot(table)))) {
    found.push(...rowsOf(batch));
  }
  return found;
}

function someRows(count: number, seed: number): Scalar[][] {
  return Array.from({ length: count }, (_, index) => {
    const k = ((index + seed) * 7919) % 1009;
    return [`p${k % 3}`, index % 50 === 7 ? null : k, `value ${index} of ${seed}`];
  });
}

const keyOf = (row: readonly Scalar[]): number => (row[1] === null ? -1 : Number(row[1]));

test('all rows of a table come out in order, those without a value first, equal ones as they were', async () => {
  const rows = await appendTable();
  for (let seed = 0; seed < 3; seed += 1) await rows.write(someRows(200, seed));
  const before = await rowsInOrder(rows);
  const receipt = await rows.compact({ order: byKey });
  expect(receipt).toMatchObject({ status: 'committed', buckets: [{ reason: 'sort', filesBefore: 3, filesAfter: 1 }] });
  expect(await rowsInOrder(rows)).toEqual(before.toSorted((a, b) => keyOf(a) - keyOf(b)));
  expect((await latestSnapshot(await rows.open()))?.commitKind).toBe('COMPACT');
});

test('what does not fit into memory is sorted in runs and merged; the runs are gone afterwards', async () => {
  const rows = await appendTable({
    'target-file-size': '4 kb',
    'file-index.bitmap.columns': 'k',
    'file-index.in-manifest-threshold': '0',
  });
  for (let seed = 0; seed < 40; seed += 1) await rows.write(someRows(60, seed));
  const before = await rowsInOrder(rows);
  const puts = rows.dataPuts.length;
  await rows.compact({ order: byKey, sortBufferBytesMax: 3_000 });
  const after = await rowsInOrder(rows);
  expect(after).toEqual(before.toSorted((a, b) => keyOf(a) - keyOf(b)));
  // More runs than are merged at a time.
  const files = await rows.files();
  expect(rows.dataPuts.length - puts).toBeGreaterThan(16 + 2 * files.length);
  const kept: string[] = [];
  for await (const { objects } of rows.store.list(`${rows.table.path}/bucket-0/`))
    kept.push(...objects.map(({ key }) => key));
  const added = rows.dataPuts.slice(puts).filter(key => kept.includes(key));
  expect(added).toHaveLength(2 * files.length);
  // A role may be allowed to remove these and nothing else.
  const passing = rows.dataPuts.slice(puts).filter(key => !kept.includes(key));
  expect(passing.filter(key => !key.startsWith(`${rows.table.path}/bucket-0/temporary-`))).toEqual([]);
});

test('along a curve no row is lost or made, whatever the values', async () => {
  const value = fc.tuple(fc.constantFrom('a', 'b'), fc.option(fc.integer()), fc.option(fc.string({ maxLength: 12 })));
  await fc.assert(
    fc.asyncProperty(
      fc.array(value, { minLength: 1, maxLength: 40 }),
      fc.constantFrom('zorder', 'hilbert'),
      async (written, strategy) => {
        const rows = await appendTable();
        await rows.write(written);
        const before = await rows.rows();
        await rows.compact({ order: { strategy, columns: ['k', 'v'] }, sortBufferBytesMax: 300 });
        expect(await rows.rows()).toEqual(before);
      },
    ),
    { numRuns: 25 },
  );
});

test('files of a curve hold narrow ranges of every column', async () => {
  const size = 48;
  for (const strategy of ['zorder', 'hilbert'] as const) {
    const rows = await rowTable({
      columns: [
        { name: 'x', type: int },
        { name: 'y', type: int },
      ],
      primaryKeys: [],
      options: { bucket: '-1', 'target-file-size': '1 kb' },
    });
    const points = Array.from({ length: size * size }, (_, index) => (index * 1009) % (size * size));
    await rows.write(points.map(point => [point % size, Math.floor(point / size)]));
    await rows.compact({ order: { strategy, columns: ['x', 'y'] } });
    const files = await rows.files();
    expect(files.length).toBeGreaterThan(1);
    for (const column of ['x', 'y'] as const) {
      const before = rows.dataGets.length;
      await rows.rows({ predicate: { kind: 'compare', op: '=', column, value: 1 } });
      expect(new Set(rows.dataGets.slice(before)).size, `${strategy} ${column}`).toBeLessThan(files.length);
    }
  }
});

test('partitions are sorted each by itself, and only those that are asked for', async () => {
  const rows = await appendTable({}, ['p']);
  await rows.write(someRows(300, 0));
  const untouched = (await rows.files()).map(({ fileName }) => fileName);
  const receipt = await rows.compact({
    order: byKey,
    partitions: { kind: 'compare', op: '=', column: 'p', value: 'p1' },
  });
  expect(receipt.buckets).toHaveLength(1);
  expect((await rows.files()).filter(({ fileName }) => untouched.includes(fileName))).toHaveLength(2);
  const sorted = (await rowsInOrder(rows)).filter(([p]) => p === 'p1');
  expect(sorted).toEqual(sorted.toSorted((a, b) => keyOf(a) - keyOf(b)));
});

test('rows that come while a table is sorted stay; one that another compacts meanwhile is given up', async () => {
  const rows = await appendTable();
  await rows.write(someRows(100, 0));
  await rows.write(someRows(100, 1));
  const before = await rows.rows();
  const table = await rows.open();
  await using committer = new Committer(table);
  const meanwhile = whenDataIsPut(rows, async () => {
    await rows.write([['late', 1, 'late']]);
  });
  expect((await compactTable(meanwhile, committer, { isFull: true, order: byKey })).status).toBe('committed');
  const after = await rows.rows();
  expect(after).toHaveLength(before.length + 1);
  expect(after).toContainEqual(['late', 1, 'late']);
  const rival = whenDataIsPut(rows, async () => {
    expect((await rows.compact({ order: byKey })).status).toBe('committed');
  });
  expect((await compactTable(rival, committer, { isFull: true, order: byKey })).status).toBe('given-up');
  expect(await rows.rows()).toEqual(after);
});

/** The table, and something that happens once, when a data file of it is about to be put. */
function whenDataIsPut(rows: RowTable, happens: () => Promise<void>): RowTable['table'] {
  const { store } = rows.table;
  let isDone = false;
  const changed = changedStore(store, {
    async put(key, bytes, options) {
      if (key.endsWith('.parquet') && !isDone) {
        isDone = true;
        await happens();
      }
      return await store.put(key, bytes, options);
    },
  });
  return { ...rows.table, store: changed };
}

test('orders that make no sense, and tables whose rows lie by key or bucket, are refused', async () => {
  const bad = (rows: RowTable, order: SortOrder): Promise<unknown> =>
    rows.compact({ order }).catch((error: { readonly code?: string }) => error.code);
  const rows = await appendTable();
  await rows.write(someRows(5, 0));
  expect(await bad(rows, { strategy: 'order', columns: ['none'] })).toBe('LAKE_BAD_SORT_ORDER');
  expect(await bad(rows, { strategy: 'zorder', columns: [] })).toBe('LAKE_BAD_SORT_ORDER');
  expect(await bad(rows, { strategy: 'zorder', columns: ['k', 'k'] })).toBe('LAKE_BAD_SORT_ORDER');
  expect(await bad(rows, { strategy: 'hilbert', columns: ['k'] })).toBe('LAKE_BAD_SORT_ORDER');
  const nested = await rowTable({
    columns: [{ name: 'a', type: { kind: 'array', element: text, nullable: true } }],
    primaryKeys: [],
    options: { bucket: '-1' },
  });
  expect(await bad(nested, { strategy: 'order', columns: ['a'] })).toBe('LAKE_BAD_SORT_ORDER');
  expect(await bad(await rowTable(), byKey)).toBe('LAKE_UNSUPPORTED');
  const bucketed = await rowTable({ primaryKeys: [], options: { bucket: '2', 'bucket-key': 'k' } });
  expect(await bad(bucketed, byKey)).toBe('LAKE_UNSUPPORTED');
});

test('a clustered table is sorted run by run, level by level, whoever compacts it', async () => {
  const rows = await appendTable({
    'clustering.incremental': 'true',
    'clustering.columns': 'k',
    'num-sorted-run.compaction-trigger': '3',
  });
  await rows.write(someRows(3_000, 0));
  expect((await rows.compact({ isFull: true })).buckets).toMatchObject([{ reason: 'full' }]);
  const [top] = await rows.files();
  expect(top?.level).toBeGreaterThan(0);
  expect((await rows.compact({ isFull: true })).status).toBe('nothing-to-do');
  expect((await rows.compact()).status).toBe('nothing-to-do');
  for (let seed = 1; seed < 3; seed += 1) await rows.write(someRows(20, seed));
  const before = await rows.rows();
  expect((await rows.compact()).status).toBe('committed');
  const files = await rows.files();
  expect(files.map(({ fileName }) => fileName)).toContain(top?.fileName);
  expect(files.map(({ level }) => level).every(level => level > 0)).toBe(true);
  expect(await rows.rows()).toEqual(before);
  // Sorted by other columns, all of it is to do again.
  await rows.alterOption('clustering.columns', 'v,k');
  expect((await rows.compact({ isFull: true })).status).toBe('committed');
  await rows.alterOption('clustering.columns', 'k');
  expect((await rows.compact({ isFull: true })).status).toBe('committed');
  expect((await rows.compact({ isFull: true })).status).toBe('nothing-to-do');
  const keys = (await rowsInOrder(rows)).map(keyOf);
  expect(keys).toEqual(keys.toSorted((a, b) => a - b));
  await expect(rows.compact({ order: byKey })).rejects.toMatchObject({ code: 'LAKE_BAD_SORT_ORDER' });
  await rows.alterOption('clustering.columns', 'none');
  await expect(rows.compact()).rejects.toMatchObject({ code: 'LAKE_BAD_SORT_ORDER' });
});

test('with the partitions that are asked for some that have come to rest are sorted in full', async () => {
  const options = {
    'clustering.incremental': 'true',
    'clustering.columns': 'k',
    'clustering.history-partition.idle-to-full-sort': '1 h',
    'clustering.history-partition.limit': '1',
  };
  const rows = await appendTable(options, ['p']);
  const write = (p: string, seed: number) =>
    rows.write(Array.from({ length: 9 }, (_, k) => [p, (k * 7 + seed) % 9, 'v']));
  const levels = async (): Promise<Record<string, readonly number[]>> => {
    const types = partitionTypes((await rows.open()).schema);
    const found: Record<string, number[]> = {};
    for (const { partition, file } of await rows.live()) {
      const [p] = deserializeRow(partition, types);
      found[String(p)] = [...(found[String(p)] ?? []), file.level].toSorted();
    }
    return found;
  };
  for (const [index, p] of ['oldest', 'old', 'asked', 'young'].entries()) {
    for (const seed of [0, 1]) await write(p, seed);
    rows.clock.advance(index === 2 ? 2 * 3_600_000 : 1_000);
  }
  const asked = { kind: 'compare', op: '=', column: 'p', value: 'asked' } as const;
  const before = await rows.rows();
  await rows.compact({ partitions: asked });
  expect(await levels()).toMatchObject({ oldest: [5], old: [0, 0], young: [0, 0] });
  await rows.compact({ partitions: asked });
  expect(await levels()).toMatchObject({ oldest: [5], old: [5], young: [0, 0] });
  expect(await rows.rows()).toEqual(before);
  // Whoever asks for all gets all, and none in full.
  const all = await appendTable(options, ['p']);
  for (const seed of [0, 1]) await all.write([['old', seed, 'v']]);
  all.clock.advance(2 * 3_600_000);
  expect((await all.compact()).status).toBe('nothing-to-do');
});
