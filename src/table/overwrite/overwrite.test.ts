import { expect, test } from 'vitest';
import { addChanges, type RowChange, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { reopenTable, type Table } from '../../table/table.ts';
import type { Scalar } from '../../types/scalar.ts';
import { Committer } from '../commit/commit.ts';
import { partitionSpecPredicate } from '../partition-spec.ts';
import { latestSnapshot } from '../snapshots.ts';
import type { OverwriteTarget } from './overwrite-plan.ts';
import { type OverwriteOptions, type OverwriteResult, OverwriteWriter } from './overwrite-writer.ts';

const written: OverwriteTarget = { kind: 'written', within: undefined };
const whole: OverwriteTarget = { kind: 'chosen', predicate: undefined };
const partitioned = { primaryKeys: ['p', 'k'], partitionKeys: ['p'] };

async function overwrite(
  rows: RowTable,
  target: OverwriteTarget,
  changes: readonly RowChange[],
  options: OverwriteOptions & { readonly table?: Table; readonly meanwhile?: () => Promise<unknown> } = {},
): Promise<OverwriteResult> {
  const table = options.table ?? (await rows.open());
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, target);
  await addChanges(writer, table, changes);
  // The committer holds a base from before.
  await committer.base();
  await options.meanwhile?.();
  return await writer.commit(options);
}

function chosen({ table }: RowTable, spec: Readonly<Record<string, string | null>>): OverwriteTarget {
  return { kind: 'chosen', predicate: partitionSpecPredicate(table.schema, spec, table.label) };
}

function puts(...rows: readonly (readonly Scalar[])[]): readonly RowChange[] {
  return rows.map(row => ['+I', ...row]);
}

async function threePartitions(settings: Parameters<typeof rowTable>[0] = partitioned): Promise<RowTable> {
  const rows = await rowTable(settings);
  await rows.write([
    ['a', 1, 'a1'],
    ['a', 2, 'a2'],
    ['b', 1, 'b1'],
    ['c', 1, 'n1'],
  ]);
  return rows;
}

test('the rows of a dynamic overwrite take the place of what their partitions had, and of nothing else', async () => {
  const rows = await threePartitions();
  const result = await overwrite(rows, written, puts(['a', 9, 'new'], ['d', 1, 'd1']));
  expect(result).toMatchObject({ snapshotId: 2, removedFileCount: 1, removedRowCount: 2, counts: { rowsIn: 2 } });
  expect(await rows.rows()).toEqual([
    ['a', 9, 'new'],
    ['b', 1, 'b1'],
    ['c', 1, 'n1'],
    ['d', 1, 'd1'],
  ]);
  const head = await latestSnapshot(await rows.open());
  expect(head).toMatchObject({ commitKind: 'OVERWRITE', deltaRecordCount: 0n, totalRecordCount: 4n });
  // What was there can still be read there.
  expect(await rows.rows({ snapshotId: 1 })).toHaveLength(4);
});

test('a dynamic overwrite without rows does nothing, a static one empties its partitions', async () => {
  const rows = await threePartitions();
  expect((await overwrite(rows, written, [])).snapshotId).toBeUndefined();
  expect(await rows.rows()).toHaveLength(4);
  expect(await overwrite(rows, chosen(rows, { p: 'a' }), [])).toMatchObject({ snapshotId: 2, removedRowCount: 2 });
  expect(await rows.rows()).toEqual([
    ['b', 1, 'b1'],
    ['c', 1, 'n1'],
  ]);
  expect((await overwrite(rows, chosen(rows, { p: 'a' }), [])).snapshotId).toBeUndefined();
  expect((await overwrite(rows, chosen(rows, { p: 'a' }), [], { commitsNothing: true })).snapshotId).toBe(3);
  expect(await overwrite(rows, whole, [])).toMatchObject({ snapshotId: 4, removedFileCount: 2 });
  expect(await rows.rows()).toEqual([]);
});

test('rows outside of the partition of a static overwrite are refused, and nothing is committed', async () => {
  const rows = await threePartitions();
  const a = chosen(rows, { p: 'a' });
  const within = a.kind === 'chosen' ? a.predicate : undefined;
  for (const target of [a, { kind: 'written', within } as const]) {
    const refused = overwrite(rows, target, puts(['a', 1, 'x'], ['b', 1, 'x']));
    await expect(refused).rejects.toMatchObject({ kind: 'invalid', code: 'LAKE_BAD_PARTITION' });
    await expect(refused).rejects.toThrow(/partition p=b/);
  }
  expect((await latestSnapshot(await rows.open()))?.id).toBe(1);
});

test('what others commit before the swap is overwritten, too, and what they delete is not missed', async () => {
  for (const meanwhile of [
    (rows: RowTable) =>
      rows.write([
        ['a', 3, 'late'],
        ['b', 3, 'late'],
      ]),
    (rows: RowTable) => rows.compact({ isFull: true }),
    (rows: RowTable) => overwrite(rows, chosen(rows, { p: 'a' }), puts(['a', 7, 'other'])),
  ]) {
    const rows = await threePartitions();
    const result = await overwrite(rows, written, puts(['a', 9, 'new']), { meanwhile: () => meanwhile(rows) });
    expect(result.snapshotId).toBe(3);
    expect((await rows.rows()).filter(([p]) => p === 'a')).toEqual([['a', 9, 'new']]);
  }
});

test('files that do not overlap go to the top level, others and those of append tables to level 0', async () => {
  const levels = async (rows: RowTable): Promise<readonly number[]> => (await rows.files()).map(file => file.level);
  const plain = await rowTable();
  await overwrite(plain, whole, puts(['x', 1, 'v'], ['x', 2, 'v']));
  expect(await levels(plain)).toEqual([5]);
  expect(await plain.rows()).toHaveLength(2);
  const off = await rowTable({ options: { 'overwrite-upgrade': 'false' } });
  await overwrite(off, whole, puts(['x', 1, 'v']));
  expect(await levels(off)).toEqual([0]);
  const fewer = await rowTable({ options: { 'num-levels': '3' } });
  await overwrite(fewer, whole, puts(['x', 1, 'v']));
  expect(await levels(fewer)).toEqual([2]);
  const append = await rowTable({ primaryKeys: [], options: { bucket: '-1' } });
  await overwrite(append, whole, puts(['x', 1, 'v']));
  expect(await levels(append)).toEqual([0]);
  const deletes = await rowTable();
  await overwrite(deletes, whole, [
    ['+I', 'x', 1, 'v'],
    ['-D', 'x', 2, 'v'],
  ]);
  expect(await levels(deletes)).toEqual([0]);
  expect(await deletes.rows()).toEqual([['x', 1, 'v']]);
});

test('spilled runs whose keys overlap stay where they are merged', async () => {
  const rows = await rowTable({ options: { 'write-buffer-size': '16 kb' } });
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, whole);
  for (let turn = 0; turn < 3; turn += 1) {
    const changes = Array.from({ length: 1_000 }, (_, k): RowChange => ['+U', 'x', k, `turn ${turn}`]);
    await addChanges(writer, table, changes);
  }
  await writer.commit();
  const files = await rows.files();
  expect(files.length).toBeGreaterThan(1);
  expect(files.every(({ level }) => level === 0)).toBe(true);
  expect((await rows.rows()).every(([, , v]) => v === 'turn 2')).toBe(true);
});

test('rows that came after an overwrite are newer than its own', async () => {
  const rows = await rowTable();
  for (let turn = 0; turn < 4; turn += 1) await rows.write([['x', 1, `old ${turn}`]]);
  await overwrite(rows, whole, puts(['x', 1, 'overwritten'], ['x', 2, 'overwritten']));
  await rows.change([
    ['+U', 'x', 1, 'after'],
    ['-D', 'x', 2, null],
  ]);
  expect(await rows.rows()).toEqual([['x', 1, 'after']]);
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual([['x', 1, 'after']]);
});

test('uploads that have grown too old are made again', async () => {
  const rows = await threePartitions();
  const meanwhile = async () => {
    rows.clock.advance(13 * 3_600_000);
    await rows.write([['b', 8, 'late']]);
  };
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, written);
  await addChanges(writer, table, puts(['a', 9, 'new']));
  let rounds = 0;
  const plan = committer.commit.bind(committer);
  // The first plan writes the file, then the world goes on for half a day.
  committer.commit = request =>
    plan({
      ...request,
      plan: async (base, again) => {
        const made = await request.plan(base, again);
        rounds += 1;
        if (rounds === 1) await meanwhile();
        return made;
      },
    });
  expect((await writer.commit()).snapshotId).toBe(3);
  expect((await rows.rows()).filter(([p]) => p === 'a')).toEqual([['a', 9, 'new']]);
});

test('a rescale is ALTER and overwrite: until then a write to the partition is refused with the reason', async () => {
  const rows = await threePartitions({ ...partitioned, options: { bucket: '2' } });
  const old = await rows.open();
  await rows.alterOption('bucket', '4');
  await expect(rows.write([['a', 5, 'x']])).rejects.toThrow(/for 4 buckets, its partition has 2; overwrite/);
  await rows.write([['new', 1, 'x']]);
  const all = (await rows.rows()).filter(([p]) => p === 'a');
  await overwrite(rows, written, puts(...all));
  const counts = new Map(
    (await rows.live()).map(file => [Buffer.from(file.partition).toString('latin1'), file.totalBuckets]),
  );
  expect([...counts.values()].toSorted()).toEqual([2, 2, 4, 4]);
  await rows.write([['a', 5, 'x']]);
  expect((await rows.rows()).filter(([p]) => p === 'a')).toEqual([
    ['a', 1, 'a1'],
    ['a', 2, 'a2'],
    ['a', 5, 'x'],
  ]);
  // Who opened the table before would write under the old count.
  await expect(overwrite(rows, written, puts(['b', 1, 'x']), { table: old })).rejects.toMatchObject({
    code: 'LAKE_COMMIT_CONFLICT',
  });
  expect((await reopenTable(old)).options.bucket).toBe(4);
});

test('partitions are named by text, and null by its default name', async () => {
  const { table } = await rowTable(partitioned);
  const predicate = (spec: Readonly<Record<string, string | null>>) =>
    partitionSpecPredicate(table.schema, spec, 'd.t');
  expect(predicate({ p: 'x' })).toEqual({ kind: 'compare', op: '=', column: 'p', value: 'x' });
  expect(predicate({ p: '__DEFAULT_PARTITION__' })).toEqual({ kind: 'is-null', column: 'p' });
  expect(predicate({ p: null })).toEqual({ kind: 'is-null', column: 'p' });
  expect(predicate({})).toBeUndefined();
  expect(() => predicate({ k: '1' })).toThrow(/`k` is no partition key; they are p/);
  const numbers = await rowTable({ primaryKeys: [], partitionKeys: ['k'], options: { bucket: '-1' } });
  expect(partitionSpecPredicate(numbers.table.schema, { k: '12' }, 'd.t')).toMatchObject({ value: 12 });
  expect(() => partitionSpecPredicate(numbers.table.schema, { k: 'twelve' }, 'd.t')).toThrow(/LAKE|twelve/);
});
