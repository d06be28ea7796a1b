// Rollbacks of tables with index files: what the index says goes back with the rows, under names that expiry leaves alone.
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { addChanges, numbered, type RowTable, type RowTableSettings, rowTable } from '../../../test/row-fixture.ts';
import { alterTable } from '../../catalog/catalog.ts';
import { parseIdentifier } from '../../catalog/identifier.ts';
import { decodeHashIndex } from '../../format/hash-index.ts';
import { encodeIndexManifest, hashIndexType } from '../../format/index-manifest.ts';
import { manifestPath } from '../../format/paths.ts';
import { expireSnapshots } from '../../maintenance/expire-snapshots.ts';
import { PositionedTable, positionFields } from '../../sql/statements/position-rows.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { Committer } from '../commit/commit.ts';
import { compactTable } from '../compact/compact-table.ts';
import { indexEntriesOf, readIndexFile } from '../index-files.ts';
import { ChangeWriter } from '../overwrite/change-writer.ts';
import { OverwriteWriter } from '../overwrite/overwrite-writer.ts';
import { latestSnapshot, snapshotById } from '../snapshots.ts';
import { openTable, type Table } from '../table.ts';
import { TableWriter } from '../write/table-writer.ts';
import { type RestoreReceipt, restoreTable } from './restore-table.ts';

const vectors = { 'deletion-vectors.enabled': 'true' };
const dynamic = { bucket: '-1', 'dynamic-bucket.target-row-num': '3' };
const partitioned = { primaryKeys: ['p', 'k'], partitionKeys: ['p'] };

const kinds: readonly (readonly [string, RowTableSettings])[] = [
  ['dynamic buckets', { options: dynamic }],
  ['dynamic buckets of partitions', { ...partitioned, options: dynamic }],
  ['keys with vectors', { ...partitioned, options: { bucket: '2', ...vectors } }],
  [
    'dynamic buckets with vectors of 64 bits',
    { options: { ...dynamic, ...vectors, 'deletion-vectors.bitmap64': 'true' } },
  ],
  ['rows with vectors', { primaryKeys: [], partitionKeys: ['p'], options: { bucket: '-1', ...vectors } }],
  ['rows in buckets with vectors', { primaryKeys: [], options: { bucket: '2', 'bucket-key': 'k', ...vectors } }],
];

async function rollBack(rows: RowTable, id: number, table?: Table): Promise<RestoreReceipt> {
  const opened = table ?? (await rows.open());
  return restoreTable(opened, { table: opened, snapshot: await snapshotById(opened, id) });
}

/** Takes rows away by vectors: those whose key is `rest` modulo 3. */
async function mark(rows: RowTable, rest: number): Promise<void> {
  const table = await rows.open();
  const readAt = await latestSnapshot(table);
  const positioned = new PositionedTable(table, readAt);
  const found = new Map<number, number[]>();
  for await (const batch of positioned.rows([...positionFields, ...table.schema.fields], undefined)) {
    for (const [file, row, , k] of rowsOf(batch)) {
      if (Number(k) % 3 !== rest) continue;
      found.set(Number(file), [...(found.get(Number(file)) ?? []), Number(row)]);
    }
  }
  await using committer = new Committer(table);
  const changes = new ChangeWriter(table, committer, { readAt, needs: 'files' });
  for (const [file, positions] of found) {
    changes.mark({ placed: positioned.file(file), positions, vector: positioned.vectorOf(file) });
  }
  expect((await changes.commit()).status).toBe('committed');
}

async function truncate(rows: RowTable): Promise<void> {
  const table = await rows.open();
  await using committer = new Committer(table);
  await new OverwriteWriter(table, committer, { kind: 'chosen', predicate: undefined }).commit();
}

async function history(settings: RowTableSettings, turns: number): Promise<RowTable> {
  const rows = await rowTable(settings);
  const isKeyed = rows.table.schema.primaryKeys.length > 0;
  for (let turn = 0; turn < turns; turn += 1) {
    const p = turn % 2 === 0 ? 'a' : 'b';
    await rows.write(numbered(p, turn, 5, `turn${turn}-`));
    if (isKeyed && turn % 3 === 1) await rows.change([['-D', p, turn, null]]);
    if (!isKeyed && turn % 2 === 1) await mark(rows, turn % 3);
    if (turn % 3 === 2) await rows.compact({ isFull: turn % 6 === 2 });
    if (turn % 6 === 5) await truncate(rows);
  }
  return rows;
}

/** What the index says: hashes by bucket, and how many rows are deleted. */
async function indexed(rows: RowTable, id: number): Promise<unknown> {
  const table = await rows.open();
  const hashes: string[] = [];
  let deletedCount = 0;
  for (const entry of await indexEntriesOf(table, await snapshotById(table, id))) {
    deletedCount += (entry.vectors ?? []).reduce((sum, { cardinality = 0 }) => sum + cardinality, 0);
    if (entry.indexType !== hashIndexType) continue;
    const place = `${Buffer.from(entry.partition).toString('hex')}/${entry.bucket}`;
    for (const hash of decodeHashIndex(await readIndexFile(table, entry), '')) hashes.push(`${place}/${hash}`);
  }
  return [hashes.toSorted(), deletedCount];
}

type State = { readonly rows: unknown; readonly all: unknown; readonly index: unknown };

async function stateAt(rows: RowTable, snapshotId: number): Promise<State> {
  return {
    rows: await rows.rows({ snapshotId }),
    all: await rows.rows({ snapshotId, withLevel0: true }),
    index: await indexed(rows, snapshotId),
  };
}

async function headId(rows: RowTable): Promise<number> {
  return (await latestSnapshot(await rows.open()))?.id ?? 0;
}

test.each(kinds)(
  'every state of a table can be gone back to with its index, and written on: %s',
  async (_, settings) => {
    const rows = await history(settings, 9);
    const head = await headId(rows);
    const states = new Map<number, State>();
    for (let id = 1; id <= head; id += 1) states.set(id, await stateAt(rows, id));
    for (const id of [1, head, 3, head - 1, 2, 7, 6, 12, 4]) {
      await rollBack(rows, id);
      expect(await stateAt(rows, await headId(rows)), `snapshot ${id}`).toEqual(states.get(id));
      expect((await rollBack(rows, await headId(rows))).isChanged).toBe(false);
    }
    await rows.write(numbered('a', 100, 2, 'after'));
    // Keys that the table has, and keys that it had before.
    if (rows.table.schema.primaryKeys.length > 0) {
      await rows.write(numbered('a', 0, 12, 'again'));
      await rows.write(numbered('b', 0, 12, 'again'));
    }
    await rows.compact({ isFull: true });
    const after = await rows.rows();
    const keys = after.map(([p, k]) => (rows.table.schema.partitionKeys.length > 0 ? `${p}/${k}` : k));
    if (rows.table.schema.primaryKeys.length > 0) expect(new Set(keys).size).toBe(keys.length);
    else expect(after.filter(([, k]) => Number(k) < 100)).toEqual(states.get(4)?.all);
    expect(after.filter(([, k]) => Number(k) >= 100)).toHaveLength(2);
    for (const [id, state] of states) expect(await stateAt(rows, id)).toEqual(state);
  },
);

test.each(kinds)('the index stays when the snapshots it came from expire: %s', async (_, settings) => {
  const retention = { 'snapshot.num-retained.min': '1', 'snapshot.time-retained': '1 ms' };
  const rows = await history({ ...settings, options: { ...settings.options, ...retention } }, 7);
  const state = await stateAt(rows, 5);
  await rollBack(rows, 5);
  for (let turn = 0; turn < 3; turn += 1) {
    rows.clock.advance(2 * 3_600_000);
    await rows.write([['late', 1_000 + turn, 'x']]);
    await expireSnapshots(await rows.open());
  }
  expect((await rows.rows({ withLevel0: true })).filter(([p]) => p !== 'late')).toEqual(state.all);
  await rows.write(numbered('late', 0, 12));
  await expect(rollBack(rows, 5)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
});

/** A store behind which something happens once, right before a snapshot is put. */
function overtaken(rows: RowTable, act: () => Promise<unknown>): Promise<Table> {
  let hasCome = false;
  const store = changedStore(rows.store, {
    async putIfAbsent(key, bytes, options) {
      if (key.includes('/snapshot-') && !hasCome) {
        hasCome = true;
        await act();
      }
      return rows.store.putIfAbsent(key, bytes, options);
    },
  });
  return openTable(store, { database: 'd', name: 't' }, rows);
}

test('a rollback while keys are given buckets takes those back, or comes before', async () => {
  const rows = await rowTable({ options: dynamic });
  await rows.write(numbered('x', 0, 4));
  await rows.write(numbered('x', 4, 4));
  const before = await stateAt(rows, 1);
  const table = await overtaken(rows, () => rows.write(numbered('x', 8, 8)));
  await rollBack(rows, 1, table);
  expect(await stateAt(rows, await headId(rows))).toEqual(before);
  // A writer that has placed its rows by an index that is taken back meanwhile.
  const writing = await overtaken(rows, () => rollBack(rows, 3));
  await using committer = new Committer(writing);
  const writer = new TableWriter(writing, committer);
  await addChanges(
    writer,
    writing,
    numbered('x', 2, 12, 'new').map(row => ['+U', ...row] as const),
  );
  await writer.commit();
  const keys = (await rows.rows()).map(([, k]) => k);
  expect(keys.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 16 }, (_, k) => k));
});

test('a compaction that has read other vectors than those gone back to gives up', async () => {
  const settings = { primaryKeys: [], options: { bucket: '-1', 'compaction.min.file-num': '2', ...vectors } };
  const rows = await rowTable(settings);
  await rows.write(numbered('a', 0, 6));
  await rows.write(numbered('a', 6, 6));
  const before = await stateAt(rows, 2);
  await mark(rows, 0);
  expect(await rows.rows()).toHaveLength(8);
  let receipt: RestoreReceipt | undefined;
  const table = await overtaken(rows, async () => {
    receipt = await rollBack(rows, 2);
  });
  await using committer = new Committer(table);
  const { status } = await compactTable(table, committer, { isFull: true });
  expect(receipt).toMatchObject({ isChanged: true, copiedFileCount: 2 });
  expect(status).toBe('given-up');
  expect(await stateAt(rows, 4)).toEqual(before);
  await rows.compact({ isFull: true });
  expect(await rows.rows()).toEqual(before.rows);
});

test('a file keeps its name where the same rows of it are deleted, wherever that is written', async () => {
  const rows = await rowTable({ primaryKeys: [], options: { bucket: '2', 'bucket-key': 'k', ...vectors } });
  await rows.write(numbered('a', 0, 3));
  await mark(rows, 0);
  await rows.write(numbered('a', 3, 6));
  const state = await stateAt(rows, 2);
  // The bucket's vectors are written anew with one more.
  await mark(rows, 0);
  const receipt = await rollBack(rows, 2);
  expect(receipt.copiedFileCount).toBe(0);
  expect(await stateAt(rows, 5)).toEqual(state);
});

test('index files of other kinds, and states from before vectors, are refused by name', async () => {
  const rows = await rowTable({ options: { ...dynamic, 'deletion-vectors.modifiable': 'true' } });
  await rows.write(numbered('x', 0, 4));
  await rows.write(numbered('x', 4, 4));
  await alterTable(rows, parseIdentifier('d.t'), [
    { kind: 'set-option', key: 'deletion-vectors.enabled', value: 'true' },
  ]);
  await expect(rollBack(rows, 1)).rejects.toMatchObject({ kind: 'unsupported', message: /deletion-vectors.enabled/ });
  await alterTable(rows, parseIdentifier('d.t'), [
    { kind: 'set-option', key: 'deletion-vectors.enabled', value: 'false' },
  ]);
  expect((await rollBack(rows, 1)).isChanged).toBe(true);
  const table = await rows.open();
  const snapshot = await snapshotById(table, 2);
  const entries = await indexEntriesOf(table, snapshot);
  const other = entries.map(entry => ({ ...entry, indexType: 'BTREE' }));
  await rows.store.put(
    `${table.path}/${manifestPath(snapshot.indexManifest ?? '')}`,
    encodeIndexManifest(other, 'null'),
  );
  await expect(rollBack(rows, 2)).rejects.toMatchObject({ kind: 'unsupported', message: /BTREE/ });
});
