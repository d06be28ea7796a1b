// Files that a compaction only looks at: how much of them is read, counted at the store, and that the outcome is the same.
import { expect, test } from 'vitest';
import { numbered, type RowChange, type RowTable, rowTable } from '../../../test/row-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import type { Scalar } from '../../types/scalar.ts';

type Options = Readonly<Record<string, string>>;

/** More than is read in one request, in several row groups. */
const rowCount = 130_000;
const valueBytes = 80;

/** Keys ascend by 2; values cannot be compressed. */
function baseRows(): Scalar[][] {
  const random = seededRandom(3);
  const letter = (): string => String.fromCharCode(33 + Math.floor(random.next() * 90));
  return Array.from({ length: rowCount }, (_, index) => [
    'x',
    index * 2,
    Array.from({ length: valueBytes }, letter).join(''),
  ]);
}

/** A table whose large file lies above level 0, out of reach of small compactions. */
async function tableWithLargeFile(options: Options): Promise<{ readonly rows: RowTable; readonly fileBytes: number }> {
  const rows = await rowTable({ options: { 'num-sorted-run.compaction-trigger': '3', ...options } });
  await rows.write(baseRows());
  await rows.compact({ isFull: true });
  const [file] = await rows.files();
  expect(file?.level).toBeGreaterThan(0);
  return { rows, fileBytes: file?.fileSize ?? 0 };
}

/** Bytes that a compaction of these changes reads. */
async function bytesReadFor(rows: RowTable, changes: readonly RowChange[]): Promise<number> {
  await rows.change(changes);
  rows.store.reset();
  const receipt = await rows.compact();
  expect(receipt.status).toBe('committed');
  return rows.store.counts().bytesRead;
}

const ends: readonly RowChange[] = [
  ['+U', 'x', 0, 'first'],
  ['+U', 'x', 1, 'between'],
  ['+U', 'x', rowCount * 2 - 2, 'last'],
];

/** In one of the row groups. */
const narrow: readonly RowChange[] = [
  ['+U', 'x', 100, 'a'],
  ['+U', 'x', 101, 'b'],
  ['+U', 'x', 200, 'c'],
];

async function valuesAt(rows: RowTable, keys: readonly number[]): Promise<readonly Scalar[]> {
  const found = await rows.rows({ predicate: { kind: 'in', column: 'k', values: keys } });
  return found.map(([, , v]) => v ?? null);
}

test('to mark rows whose keys have newer rows, keys are read and no values', async () => {
  const { rows, fileBytes } = await tableWithLargeFile({ 'deletion-vectors.enabled': 'true' });
  expect(await bytesReadFor(rows, ends)).toBeLessThan(fileBytes / 3);
  expect(await valuesAt(rows, [0, 1, rowCount * 2 - 2])).toEqual(['first', 'between', 'last']);
  expect(await rows.rows()).toHaveLength(rowCount + 1);
});

test('the first row of a key is told by its key', async () => {
  const { rows, fileBytes } = await tableWithLargeFile({ 'merge-engine': 'first-row' });
  const inserts = ends.map(([, ...row]): RowChange => ['+I', ...row]);
  expect(await bytesReadFor(rows, inserts)).toBeLessThan(fileBytes / 3);
  expect((await valuesAt(rows, [0, 1])).map(v => String(v).length)).toEqual([valueBytes, 'between'.length]);
  expect(await rows.rows()).toHaveLength(rowCount + 1);
});

test('for a changelog whole rows are read, of the row groups alone that may have the keys', async () => {
  const { rows, fileBytes } = await tableWithLargeFile({ 'changelog-producer': 'lookup' });
  const all = await bytesReadFor(rows, ends);
  expect(all).toBeGreaterThan(fileBytes * 0.8);
  expect(await bytesReadFor(rows, narrow)).toBeLessThan(all * 0.6);
  expect(await valuesAt(rows, [100, 101, 200])).toEqual(['a', 'b', 'c']);
});

test('with a sequence field an older row may win: values are read then', async () => {
  const rows = await rowTable({
    options: { 'deletion-vectors.enabled': 'true', 'sequence.field': 'v', 'num-sorted-run.compaction-trigger': '3' },
  });
  await rows.write(numbered('x', 0, 3_000, 'm'));
  await rows.compact({ isFull: true });
  await rows.change([
    ['+U', 'x', 5, 'a'],
    ['+U', 'x', 6, 'z'],
  ]);
  await rows.compact();
  expect(await valuesAt(rows, [5, 6])).toEqual([expect.stringMatching(/^m/), 'z']);
});
