// Tables whose buckets are postponed (`bucket` = -2), written and compacted by real Paimon: what it shows of them we show, the
// changes that lie in files of another format are refused by name, and nothing is written to such a table.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { readSystemTable } from '../../src/catalog/system-tables.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { changeSourceOf } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { readPlan } from '../../src/table/read/read-split.ts';
import { restoreTable } from '../../src/table/restore/restore-table.ts';
import { planScan } from '../../src/table/scan/plan-scan.ts';
import { filesOf } from '../../src/table/scan/split.ts';
import { latestSnapshot, snapshotById } from '../../src/table/snapshots.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import type { Predicate } from '../../src/types/predicate.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import { type Paimon, startPaimon, type TableRef } from './paimon.ts';

const parts = { clock: systemClock, random: systemRandom };
const refusal = { kind: 'unsupported', message: expect.stringContaining('postponed bucket (bucket=-2)') };

let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-postponed-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(warehouse, { recursive: true, force: true });
});

async function created(name: string, options: Readonly<Record<string, string>>): Promise<TableRef> {
  const ref = { warehouse, table: `d.${name}` };
  const fields = ['p STRING NOT NULL', 'k INT NOT NULL', 'v STRING'].map((text, id) => {
    const [column, ...type] = text.split(' ');
    return { id, name: column, type: type.join(' ') };
  });
  await paimon.create(ref, {
    ...{ version: 3, id: 0, fields, highestFieldId: 2, partitionKeys: ['p'], primaryKeys: ['p', 'k'] },
    ...{ options: { bucket: '-2', ...options }, comment: '', timeMillis: 1 },
  });
  return ref;
}

async function withTable<T>({ table: name }: TableRef, use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read-write' }, parts);
  return await use(await openTable(store, { database: 'd', name: name.slice('d.'.length) }, parts));
}

function printed(batch: RowBatch): readonly string[] {
  const print = canonicalRow(batch);
  return Array.from({ length: batch.rowCount }, (_, row) => print(row));
}

/** Rows, and of how many files they come. */
function read(
  ref: TableRef,
  predicate?: Predicate,
): Promise<{ readonly rows: readonly string[]; readonly files: number }> {
  return withTable(ref, async table => {
    const plan = await planScan(table, await latestSnapshot(table), { predicate });
    const rows: string[] = [];
    for await (const batch of readPlan(table, plan)) rows.push(...printed(batch));
    return { rows: rows.toSorted(), files: plan.splits.flatMap(filesOf).length };
  });
}

async function changeCount(ref: TableRef, id: number): Promise<number> {
  return await withTable(ref, async table => {
    let count = 0;
    for await (const { rows } of readChanges(table, await changeSourceOf(table, id))) count += rows.rowCount;
    return count;
  });
}

function upserts(p: string, first: number, count: number, value: string): readonly string[] {
  return Array.from({ length: count }, (_, index) => `+I ${JSON.stringify({ p, k: first + index, v: value })}`);
}

/** Two partitions of 3 and 2 buckets, and rows of both and of a third that wait. */
async function history(ref: TableRef): Promise<void> {
  await paimon.append(ref, upserts('a', 0, 40, 'old'));
  await paimon.append(ref, [...upserts('a', 10, 20, 'new'), '-D {"p":"a","k":5}']);
  await paimon.compactPostponed(ref, 3);
  await paimon.append(ref, upserts('b', 0, 30, 'b'));
  await paimon.compactPostponed(ref, 2);
  await paimon.append(ref, [...upserts('a', 0, 3, 'waits'), ...upserts('c', 0, 3, 'waits')]);
}

test("a batch read shows what has come into buckets, and finds keys by each partition's count", async () => {
  const ref = await created('batch', {});
  await paimon.append(ref, upserts('a', 0, 5, 'first'));
  expect(await paimon.rows(ref)).toEqual([]);
  expect(await read(ref)).toEqual({ rows: [], files: 0 });
  await history(ref);
  const all = await read(ref);
  expect(all.rows).toEqual(await paimon.rows(ref));
  expect(all.rows).toHaveLength(39 + 30);
  const folders = ['a', 'b', 'c'].map(p => readdirSync(join(warehouse, 'd.db/batch', `p=${p}`)).toSorted());
  expect(folders).toEqual([
    ['bucket-0', 'bucket-1', 'bucket-2', 'bucket-postpone'],
    ['bucket-0', 'bucket-1', 'bucket-postpone'],
    ['bucket-postpone'],
  ]);
  for (let k = 0; k < 40; k += 1) {
    const found = await read(ref, { kind: 'compare', op: '=', column: 'k', value: k });
    expect(found.rows, `key ${k}`).toHaveLength((k === 5 ? 0 : 1) + (k < 30 ? 1 : 0));
    expect(found.files, `key ${k}`).toBeLessThanOrEqual(2);
  }
});

test('system tables show what those of Paimon show', async () => {
  const ref = await created('system', {});
  await history(ref);
  for (const system of ['files', 'buckets', 'partitions'] as const) {
    const columns = (await paimon.columns({ warehouse, table: `${ref.table}$${system}` })).map(
      text => text.split(' ')[0],
    );
    const ours = await withTable(ref, async table => printed(await readSystemTable(table, system)));
    const theirs = await paimon.rows({ warehouse, table: `${ref.table}$${system}` });
    const known = ours.map(line => {
      const row: Record<string, unknown> = JSON.parse(line);
      return JSON.stringify(Object.fromEntries(Object.entries(row).filter(([name]) => columns.includes(name))));
    });
    expect(comparable(known), system).toEqual(comparable(theirs));
  }
});

/** Without what Java prints of byte arrays. */
function comparable(lines: readonly string[]): readonly string[] {
  return lines.map(line => line.replace(/"(min|max)_key":"[^"]*"/g, '')).toSorted();
}

test('changes that wait in postponed files are refused; those of a changelog producer are read', async () => {
  const plain = await created('changes', {});
  await history(plain);
  const last = (await paimon.snapshots(plain)).length;
  await expect(changeCount(plain, 1)).rejects.toMatchObject(refusal);
  await expect(changeCount(plain, last)).rejects.toMatchObject(refusal);
  expect((await paimon.changes(plain, { first: last, last })).length).toBe(6);
  const produced = await created('produced', { 'changelog-producer': 'lookup' });
  await history(produced);
  const ids = Array.from(await paimon.snapshots(produced), (_, index) => index + 1);
  const theirs = await paimon.changes(produced, { first: 1, last: ids.length });
  expect(theirs.length).toBeGreaterThan(60);
  for (const id of ids) {
    const there = theirs.filter(({ snapshot }) => snapshot === id);
    expect(await changeCount(produced, id), `snapshot ${id}`).toBe(there.length);
  }
});

test('nothing is written to such a table, and rows that wait are not copied back', async () => {
  const ref = await created('refused', {});
  await history(ref);
  const before = await paimon.snapshots(ref);
  await withTable(ref, async table => {
    await using committer = new Committer(table);
    await expect(compactTable(table, committer, { isFull: true })).rejects.toMatchObject(refusal);
    const first = await snapshotById(table, 1);
    await expect(restoreTable(table, { table, snapshot: first })).rejects.toMatchObject(refusal);
  });
  expect(await paimon.snapshots(ref)).toEqual(before);
});
