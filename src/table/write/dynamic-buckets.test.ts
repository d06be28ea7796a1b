// Tables with dynamic buckets: each key is in one bucket, whoever writes, and the hash index says in which.
import { expect, test } from 'vitest';
import { addChanges, numbered, type RowChange, type RowTable, rowTable, sorted } from '../../../test/row-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { decodeHashIndex } from '../../format/hash-index.ts';
import { hashIndexType } from '../../format/index-manifest.ts';
import { Committer } from '../commit/commit.ts';
import { indexEntriesOf, readIndexFile } from '../index-files.ts';
import { OverwriteWriter } from '../overwrite/overwrite-writer.ts';
import { latestSnapshot } from '../snapshots.ts';
import { TableWriter } from './table-writer.ts';
import { WriteSession } from './write-session.ts';

type Options = Readonly<Record<string, string>>;

function dynamicTable(options: Options = {}, partitioned = false): Promise<RowTable> {
  const keys = partitioned ? { primaryKeys: ['p', 'k'], partitionKeys: ['p'] } : {};
  return rowTable({ ...keys, options: { bucket: '-1', 'dynamic-bucket.target-row-num': '10', ...options } });
}

/** Keys of each bucket, by the hash index; no hash is in two. */
async function indexedCounts(rows: RowTable): Promise<readonly number[]> {
  const table = await rows.open();
  const entries = await indexEntriesOf(table, await latestSnapshot(table));
  const seen = new Set<string>();
  const counts: number[] = [];
  for (const entry of entries.filter(({ indexType }) => indexType === hashIndexType)) {
    const hashes = decodeHashIndex(await readIndexFile(table, entry), entry.fileName);
    expect(entry).toMatchObject({ rowCount: hashes.length, fileSize: 4 * hashes.length });
    const partition = Buffer.from(entry.partition).toString('hex');
    for (const hash of hashes) {
      expect(seen).not.toContain(`${partition}/${hash}`);
      seen.add(`${partition}/${hash}`);
    }
    counts[entry.bucket] = (counts[entry.bucket] ?? 0) + hashes.length;
  }
  return counts;
}

async function openWriter(rows: RowTable, changes: readonly RowChange[]) {
  const table = await rows.open();
  const committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await addChanges(writer, table, changes);
  return writer;
}

function puts(first: number, count: number, tag: string, p = 'x'): readonly RowChange[] {
  return numbered(p, first, count, tag).map(row => ['+U', ...row] as const);
}

test('new keys fill one bucket after the other, known keys go where they are', async () => {
  const rows = await dynamicTable();
  await rows.write(numbered('x', 0, 25));
  expect(await indexedCounts(rows)).toEqual([10, 10, 5]);
  await rows.change(puts(0, 25, 'new'));
  expect(await indexedCounts(rows)).toEqual([10, 10, 5]);
  await rows.change(puts(20, 10, 'newer'));
  expect(await indexedCounts(rows)).toEqual([10, 10, 10]);
  expect(await rows.rows()).toEqual(sorted([...numbered('x', 0, 20, 'new'), ...numbered('x', 20, 10, 'newer')]));
  expect(new Set((await rows.live()).map(({ totalBuckets }) => totalBuckets))).toEqual(new Set([-1]));
});

test('each partition has buckets and an index of its own', async () => {
  const rows = await dynamicTable({}, true);
  await rows.write([...numbered('a', 0, 12), ...numbered('b', 0, 3)]);
  expect(await indexedCounts(rows)).toEqual([13, 2]);
  await rows.change(puts(0, 12, 'new', 'a'));
  expect(await indexedCounts(rows)).toEqual([13, 2]);
  expect(await rows.rows()).toHaveLength(15);
});

test('deletes go to the bucket of their key, and a compaction keeps the index', async () => {
  const rows = await dynamicTable();
  await rows.write(numbered('x', 0, 25));
  await rows.change(numbered('x', 5, 15).map(row => ['-D', ...row] as const));
  expect(await rows.rows()).toHaveLength(10);
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toHaveLength(10);
  expect(await indexedCounts(rows)).toEqual([10, 10, 5]);
});

test('of two writers that give new keys buckets, the second takes those of the first', async () => {
  const rows = await dynamicTable();
  const [first, second] = [await openWriter(rows, puts(0, 30, 'a')), await openWriter(rows, puts(10, 15, 'b'))];
  await second.commit();
  expect(await indexedCounts(rows)).toEqual([10, 5]);
  await first.commit();
  // The later commit wins where both have a row.
  expect(await rows.rows()).toEqual(sorted(numbered('x', 0, 30, 'a')));
  expect((await indexedCounts(rows)).reduce((sum, count) => sum + count, 0)).toBe(30);
});

test('rows that were spilled are placed again, too, and their changelog with them', async () => {
  for (const producer of ['none', 'input']) {
    const rows = await dynamicTable({ 'write-buffer-size': '8 kb', 'changelog-producer': producer });
    const large = await openWriter(rows, puts(0, 40, 'a'));
    for (let round = 0; round < 20; round += 1) await addChanges(large, rows.table, puts(0, 40, `a${round}-`));
    const spilled = rows.dataPuts.length;
    expect(spilled).toBeGreaterThan(0);
    await (await openWriter(rows, puts(15, 20, 'b'))).commit();
    await large.commit();
    expect(await rows.rows()).toEqual(sorted(numbered('x', 0, 40, 'a19-')));
    expect((await indexedCounts(rows)).reduce((sum, count) => sum + count, 0)).toBe(40);
  }
});

test('writers at random never give one key two buckets', async () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    const random = seededRandom(seed);
    const rows = await dynamicTable({ 'dynamic-bucket.target-row-num': '7', 'dynamic-bucket.initial-buckets': '2' });
    const content = new Map<number, readonly unknown[]>();
    for (let round = 0; round < 6; round += 1) {
      const writers = [];
      for (let writer = 0; writer < 3; writer += 1) {
        const changes = puts(Math.floor(random.next() * 40), 1 + Math.floor(random.next() * 20), `${round}-${writer}-`);
        writers.push({ changes, open: await openWriter(rows, changes) });
      }
      for (const { changes, open } of writers.toReversed()) {
        await open.commit();
        for (const [, ...row] of changes) content.set(Number(row[1]), row);
      }
      if (random.next() < 0.4) await rows.compact();
    }
    expect(await rows.rows(), `seed ${seed}`).toEqual(sorted([...content.values()].map(row => [...row] as string[])));
    expect((await indexedCounts(rows)).reduce((sum, count) => sum + count, 0)).toBe(content.size);
  }
});

test('an overwrite begins its partitions anew, and leaves the index of others', async () => {
  const rows = await dynamicTable({}, true);
  await rows.write([...numbered('a', 0, 25), ...numbered('b', 0, 12)]);
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new OverwriteWriter(table, committer, { kind: 'written', within: undefined });
  await addChanges(writer, table, puts(20, 11, 'new', 'a'));
  await writer.commit();
  expect(await indexedCounts(rows)).toEqual([20, 3]);
  await rows.change(puts(0, 40, 'newer', 'a'));
  expect(await rows.rows()).toHaveLength(52);
});

test('at most as many buckets come as may be', async () => {
  const rows = await dynamicTable({ 'dynamic-bucket.max-buckets': '2' });
  await rows.write(numbered('x', 0, 45));
  const counts = await indexedCounts(rows);
  expect(counts).toHaveLength(2);
  expect(counts[0]).toBe(23);
});

test('who does not know dynamic buckets is refused by their name', async () => {
  const rows = await dynamicTable();
  expect(() => new WriteSession(rows.table)).toThrow(/dynamic bucket \(bucket=-1 with a primary key\)/);
});
