// Tables whose primary key says nothing of the partition: a key is in one partition, whoever writes.
import { expect, test } from 'vitest';
import {
  addChanges,
  equals,
  int,
  numbered,
  type RowChange,
  type RowTable,
  rowTable,
  sorted,
  text,
} from '../../../test/row-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { rowKindOf } from '../../types/row-kind.ts';
import type { Scalar } from '../../types/scalar.ts';
import { changeSourceOf } from '../changelog/change-source.ts';
import { readChanges } from '../changelog/read-changes.ts';
import { Committer } from '../commit/commit.ts';
import { indexEntriesOf } from '../index-files.ts';
import type { OverwriteTarget } from '../overwrite/overwrite-plan.ts';
import { OverwriteWriter } from '../overwrite/overwrite-writer.ts';
import { latestSnapshot } from '../snapshots.ts';
import { TableWriter } from './table-writer.ts';
import { WriteSession } from './write-session.ts';

type Options = Readonly<Record<string, string>>;

function crossingTable(options: Options = {}): Promise<RowTable> {
  return rowTable({
    primaryKeys: ['k'],
    partitionKeys: ['p'],
    options: { bucket: '-1', 'dynamic-bucket.target-row-num': '10', ...options },
  });
}

async function openWriter(rows: RowTable, changes: readonly RowChange[]): Promise<TableWriter> {
  const table = await rows.open();
  const writer = new TableWriter(table, new Committer(table));
  await addChanges(writer, table, changes);
  return writer;
}

/** Runs something once, when a commit has planned and is about to swap: what others do meanwhile. */
function beforeSwap(rows: RowTable, action: () => Promise<unknown>): void {
  let pending: (() => Promise<unknown>) | undefined = action;
  const put = rows.store.putIfAbsent.bind(rows.store);
  rows.store.putIfAbsent = async (...args) => {
    const rival = pending;
    pending = undefined;
    await rival?.();
    return put(...args);
  };
}

function puts(p: string, first: number, count: number, tag: string): readonly RowChange[] {
  return numbered(p, first, count, tag).map(row => ['+U', ...row] as const);
}

async function changesOf(rows: RowTable, id: number): Promise<readonly string[]> {
  const table = await rows.open();
  const lines: string[] = [];
  for await (const { rows: batch, kinds } of readChanges(table, await changeSourceOf(table, id))) {
    for (const [row, values] of rowsOf(batch).entries())
      lines.push(`${rowKindOf(kinds[row] ?? 0)} ${values.join(' ')}`);
  }
  return lines;
}

test('deduplicate: a row takes its key along into its partition, from wherever it was', async () => {
  const rows = await crossingTable();
  await rows.write([...numbered('a', 0, 15), ...numbered('b', 15, 5)]);
  const { counts } = await rows.change([...puts('b', 5, 3, 'new'), ...puts('c', 17, 1, 'new')]);
  expect(counts).toEqual({ rowsIn: 4, moved: 4, written: 8, mergedAway: 0 });
  const expected = [
    ...numbered('a', 0, 5),
    ...numbered('b', 5, 3, 'new'),
    ...numbered('a', 8, 7),
    ...numbered('b', 15, 2),
    ...numbered('c', 17, 1, 'new'),
    ...numbered('b', 18, 2),
  ];
  expect(await rows.rows()).toEqual(sorted(expected));
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual(sorted(expected));
  const table = await rows.open();
  expect(await indexEntriesOf(table, await latestSnapshot(table))).toEqual([]);
  const live = await rows.live();
  expect(new Set(live.map(({ totalBuckets }) => totalBuckets))).toEqual(new Set([-1]));
  expect(new Set(live.map(({ bucket }) => bucket))).toEqual(new Set([0, 1]));
});

test('a delete takes its key away, whatever partition it names', async () => {
  const rows = await crossingTable();
  await rows.write([...numbered('a', 0, 3), ...numbered('b', 3, 3)]);
  await rows.change([
    ['-D', 'c', 1, 'x'],
    ['-D', 'b', 4, 'x'],
    ['-D', 'b', 9, 'x'],
  ]);
  expect(await rows.rows()).toEqual([...numbered('a', 0, 1), ...numbered('a', 2, 1), ['b', 3, 'v3'], ['b', 5, 'v5']]);
});

test('partial-update: a row goes to where its key is, with the columns it has', async () => {
  const rows = await crossingTable({ 'merge-engine': 'partial-update' });
  await rows.write(numbered('a', 0, 3));
  await rows.change([
    ['+I', 'b', 1, null],
    ['+I', 'b', 2, 'new'],
    ['+I', 'b', 7, 'seven'],
    ['+I', 'c', 7, null],
  ]);
  const expected = [...numbered('a', 0, 2), ['a', 2, 'new'], ['b', 7, 'seven']];
  expect(await rows.rows()).toEqual(expected);
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual(expected);
});

test('aggregation: what comes is added where its key is', async () => {
  const columns = [
    { name: 'p', type: text },
    { name: 'k', type: int },
    { name: 'n', type: int },
  ];
  const options = { bucket: '-1', 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' };
  const rows = await rowTable({ columns, primaryKeys: ['k'], partitionKeys: ['p'], options });
  await rows.write([['a', 1, 10]]);
  await rows.write([
    ['b', 1, 5],
    ['c', 1, 7],
    ['c', 2, 1],
  ]);
  expect(await rows.rows()).toEqual([
    ['a', 1, 22],
    ['c', 2, 1],
  ]);
});

test('first-row: what comes for a key is passed over, also while the first row is not compacted', async () => {
  const rows = await crossingTable({ 'merge-engine': 'first-row' });
  await rows.write(numbered('a', 0, 3));
  const { counts } = await rows.write([...numbered('b', 1, 4, 'later'), ...numbered('a', 0, 1, 'later')]);
  expect(counts).toEqual({ rowsIn: 5, moved: 0, written: 3, mergedAway: 2 });
  await rows.compact({ isFull: true });
  const expected = [...numbered('a', 0, 3), ...numbered('b', 3, 2, 'later')];
  expect(await rows.rows()).toEqual(expected);
  await rows.write(numbered('c', 0, 5, 'latest'));
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual(expected);
});

test('a key with some of the partition columns moves among the partitions that agree with it', async () => {
  const columns = ['p', 'q', 'k', 'v'].map(name => ({ name, type: name === 'k' ? int : text }));
  const rows = await rowTable({
    columns,
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p', 'q'],
    options: { bucket: '-1' },
  });
  await rows.write([
    ['a', 'x', 1, 'ax'],
    ['b', 'x', 1, 'bx'],
  ]);
  await rows.write([['a', 'y', 1, 'ay']]);
  await rows.write([['b', null, 1, 'b-']]);
  expect(await rows.rows()).toEqual([
    ['a', 'y', 1, 'ay'],
    ['b', null, 1, 'b-'],
  ]);
});

test('with an input changelog a move shows as what goes and what comes; with lookup as what was there', async () => {
  for (const [producer, gone] of [
    ['input', '-D a 1 new1'],
    ['lookup', '-D a 1 v1'],
  ] as const) {
    const rows = await crossingTable({ 'changelog-producer': producer });
    await rows.write(numbered('a', 1, 1));
    if (producer === 'lookup') await rows.compact();
    const { snapshotId } = await rows.change(puts('b', 1, 1, 'new'));
    const receipt = producer === 'lookup' ? await rows.compact() : undefined;
    const id = receipt?.snapshotId ?? snapshotId ?? 0;
    expect((await changesOf(rows, id)).toSorted()).toEqual([`+${producer === 'lookup' ? 'I' : 'U'} b 1 new1`, gone]);
  }
});

test('deletion vectors do not hide from a writer where a key is', async () => {
  const rows = await crossingTable({ 'deletion-vectors.enabled': 'true' });
  await rows.write(numbered('a', 0, 6));
  await rows.change(puts('b', 1, 2, 'new'));
  await rows.change(puts('c', 2, 1, 'newer'));
  await rows.compact();
  await rows.change(puts('a', 1, 1, 'back'));
  await rows.compact();
  const expected = [
    ...numbered('a', 0, 1),
    ...numbered('a', 1, 1, 'back'),
    ...numbered('a', 3, 3),
    ...numbered('c', 2, 1, 'newer'),
  ];
  expect(await rows.rows()).toEqual(sorted(expected));
});

test('of two writers that bring one key to two partitions, the later one takes it from the other', async () => {
  const rows = await crossingTable();
  await rows.write(numbered('a', 0, 10));
  const writer = await openWriter(rows, puts('b', 0, 15, 'b'));
  beforeSwap(rows, () => rows.change([...puts('c', 5, 15, 'c'), ['-D', 'a', 0, 'x']]));
  await writer.commit();
  expect(await rows.rows()).toEqual(sorted([...numbered('b', 0, 15, 'b'), ...numbered('c', 15, 5, 'c')]));
});

test('rows that were passed over or went to their key are placed anew when it has gone meanwhile', async () => {
  for (const engine of ['first-row', 'partial-update']) {
    const rows = await crossingTable({ 'merge-engine': engine });
    await rows.write([...numbered('a', 0, 2), ...numbered('b', 2, 2)]);
    const writer = await openWriter(rows, puts('c', 0, 5, 'c'));
    beforeSwap(rows, () => overwrite(rows, { kind: 'chosen', predicate: equals('p', 'a') }, puts('a', 1, 1, 'a')));
    await writer.commit();
    await rows.compact({ isFull: true });
    const kept =
      engine === 'first-row' ? [['a', 1, 'a1'], ...numbered('b', 2, 2)] : [['a', 1, 'c1'], ...numbered('b', 2, 2, 'c')];
    expect(await rows.rows()).toEqual(sorted([['c', 0, 'c0'], ...kept, ['c', 4, 'c4']]));
  }
});

test('rows that had gone to a key stay with it no more when others have taken it away', async () => {
  const rows = await crossingTable({
    'merge-engine': 'partial-update',
    'partial-update.remove-record-on-delete': 'true',
  });
  await rows.write(numbered('a', 0, 2));
  const table = await rows.open();
  const committer = new Committer(table);
  // Its base is remembered from here on.
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, [['+I', 'a', 9, 'nine']]);
  await writer.commit();
  await rows.change([['-D', 'a', 1, 'x']]);
  await addChanges(writer, table, [
    ['+I', 'b', 0, 'new'],
    ['+I', 'b', 1, 'new'],
  ]);
  await writer.commit();
  expect(await rows.rows()).toEqual([
    ['a', 0, 'new'],
    ['a', 9, 'nine'],
    ['b', 1, 'new'],
  ]);
});

test('rows beyond the write buffer wait in files, which are gone in the end, and are placed anew as often as need be', async () => {
  for (const producer of ['none', 'input']) {
    const rows = await crossingTable({ 'write-buffer-size': '8 kb', 'changelog-producer': producer });
    await rows.write(numbered('z', 0, 20));
    const large = await openWriter(rows, puts('a', 0, 40, 'a'));
    for (let round = 0; round < 20; round += 1) {
      await addChanges(large, rows.table, puts(round % 2 === 0 ? 'b' : 'a', 0, 40, `a${round}-`));
    }
    const waiting = rows.dataPuts.filter(key => key.includes('p=a'));
    expect(waiting.length).toBeGreaterThan(0);
    beforeSwap(rows, () => rows.change(puts('c', 15, 30, 'c')));
    await large.commit();
    expect(await rows.rows()).toEqual(sorted([...numbered('a', 0, 40, 'a19-'), ...numbered('c', 40, 5, 'c')]));
    for (const key of waiting) expect(await rows.store.get(key, { bytesMax: 1_000_000 })).toBeUndefined();
  }
});

test('writers at random never have one key in two partitions, whatever compacts and overwrites beside them', async () => {
  for (let seed = 1; seed <= 6; seed += 1) {
    const random = seededRandom(seed);
    const below = (max: number): number => Math.floor(random.next() * max);
    const rows = await crossingTable({ 'dynamic-bucket.target-row-num': '4', 'num-levels': '3' });
    const content = new Map<number, readonly Scalar[]>();
    for (let round = 0; round < 5; round += 1) {
      const writers = [];
      for (let writer = 0; writer < 3; writer += 1) {
        const changes = Array.from({ length: 1 + below(12) }, (_, index): RowChange => {
          const row = ['abc'.charAt(below(3)), below(20), `${round}-${writer}-${index}`] as const;
          return [random.next() < 0.2 ? '-D' : '+U', ...row];
        });
        writers.push({ changes, open: await openWriter(rows, changes) });
      }
      const [first, second, third] = writers;
      // The second comes between the plan of the first and its swap.
      beforeSwap(rows, async () => second?.open.commit());
      await first?.open.commit();
      await third?.open.commit();
      for (const { changes } of [second, first, third].flatMap(writer => writer ?? [])) {
        for (const [kind, ...row] of changes) {
          if (kind === '-D') content.delete(Number(row[1]));
          else content.set(Number(row[1]), row);
        }
      }
      if (random.next() < 0.3) await rows.compact({ isFull: random.next() < 0.5 });
    }
    expect(await rows.rows(), `seed ${seed}`).toEqual(sorted([...content.values()]));
  }
});

test('a writer reads the keys again only of buckets in which others have changed something', async () => {
  const rows = await crossingTable();
  await rows.write(['a', 'b', 'c', 'd'].flatMap((p, index) => numbered(p, index * 5, 5)));
  const table = await rows.open();
  const committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, puts('e', 0, 20, 'e'));
  beforeSwap(rows, () => rows.change(puts('b', 7, 1, 'rival')));
  const before = rows.dataGets.length;
  await writer.commit();
  const read = rows.dataGets.slice(before).map(key => key.split('/').at(-3));
  // Four at first, what the rival looks up, and the one that the rival has changed, whose two files are merged.
  expect(read.toSorted()).toEqual(['p=a', 'p=b', 'p=b', 'p=b', 'p=b', 'p=c', 'p=d']);
  expect(await rows.rows()).toEqual(sorted(numbered('e', 0, 20, 'e')));
});

test('files that surely have none of the keys are not opened', async () => {
  const rows = await crossingTable({ 'file-index.bloom-filter.columns': 'k' });
  await rows.write(numbered('a', 0, 5));
  await rows.write(numbered('b', 100, 5));
  await rows.write([
    ['c', 50, 'v'],
    ['c', 90, 'v'],
  ]);
  const before = rows.dataGets.length;
  await rows.write([
    ['d', 70, 'v'],
    ['d', 101, 'v'],
  ]);
  expect(rows.dataGets.slice(before).map(key => key.split('/').at(-3))).toEqual(['p=b']);
});

test('with an index that forgets, keys of files that are old enough are looked up no more', async () => {
  const rows = await crossingTable({ 'cross-partition-upsert.index-ttl': '1 h' });
  await rows.write(numbered('a', 0, 2));
  rows.clock.advance(3_600_000);
  await rows.write(numbered('b', 0, 1, 'b'));
  expect(await rows.rows()).toEqual([...numbered('a', 1, 1), ...numbered('b', 0, 1, 'b')]);
  rows.clock.advance(3_700_000);
  await rows.write(numbered('c', 0, 2, 'c'));
  expect(await rows.rows()).toEqual([...numbered('a', 1, 1), ...numbered('b', 0, 1, 'b'), ...numbered('c', 0, 2, 'c')]);
});

async function overwrite(rows: RowTable, target: OverwriteTarget, changes: readonly RowChange[]): Promise<void> {
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, target);
  await addChanges(writer, table, changes);
  await writer.commit();
}

const written: OverwriteTarget = { kind: 'written', within: undefined };

test('an overwrite of partitions takes no key that is in one that stays', async () => {
  const rows = await crossingTable();
  await rows.write([...numbered('a', 0, 5), ...numbered('b', 5, 5), ...numbered('c', 10, 1)]);
  await expect(overwrite(rows, written, puts('a', 4, 2, 'x'))).rejects.toMatchObject({ code: 'LAKE_KEY_ELSEWHERE' });
  const onlyA: OverwriteTarget = {
    kind: 'chosen',
    predicate: equals('p', 'a'),
  };
  await expect(overwrite(rows, onlyA, puts('a', 4, 2, 'x'))).rejects.toMatchObject({ code: 'LAKE_KEY_ELSEWHERE' });
  expect(await rows.rows()).toHaveLength(11);
  await overwrite(rows, written, [...puts('a', 4, 2, 'x'), ...puts('b', 20, 1, 'y')]);
  expect(await rows.rows()).toEqual([...numbered('a', 4, 2, 'x'), ...numbered('b', 20, 1, 'y'), ['c', 10, 'v10']]);
  await overwrite(rows, { kind: 'chosen', predicate: undefined }, [...puts('d', 10, 1, 'z'), ...puts('e', 10, 1, 'z')]);
  expect(await rows.rows()).toEqual(numbered('e', 10, 1, 'z'));
});

test('an overwrite replaces a partition whose rows have all gone to another', async () => {
  const rows = await crossingTable({ 'merge-engine': 'partial-update' });
  await rows.write([...numbered('a', 0, 2), ...numbered('b', 2, 2), ...numbered('c', 4, 1)]);
  await overwrite(rows, written, [...puts('a', 9, 1, 'x'), ...puts('b', 9, 1, 'y')]);
  expect(await rows.rows()).toEqual([
    ['a', 9, 'y9'],
    ['c', 4, 'v4'],
  ]);
});

test('an overwrite of first rows passes over those whose key stays elsewhere', async () => {
  const rows = await crossingTable({ 'merge-engine': 'first-row' });
  await rows.write([...numbered('a', 0, 2), ...numbered('b', 2, 2)]);
  await overwrite(rows, written, puts('a', 1, 2, 'x'));
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual([...numbered('a', 1, 1, 'x'), ...numbered('b', 2, 2)]);
});

test('what would double keys is refused by its name, and so is who commits through a log', async () => {
  const rows = await crossingTable();
  expect(() => new WriteSession(rows.table)).toThrow(/in this way: cross-partition upsert/);
  const ignoring = await crossingTable({ 'ignore-delete': 'true' });
  await expect(ignoring.write(numbered('a', 0, 1))).rejects.toThrow(/cross-partition upsert .* with ignore-delete/);
  const partial = await crossingTable({ 'ignore-delete': 'true', 'merge-engine': 'partial-update' });
  await partial.write(numbered('a', 0, 1));
  expect(await partial.rows()).toEqual(numbered('a', 0, 1));
});
