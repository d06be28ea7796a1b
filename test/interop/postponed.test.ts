// Tables whose buckets are postponed (`bucket` = -2), written and compacted by real Paimon and by us, each alone and in turn:
// what it shows of them we show.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { seededRandom, systemRandom } from '../../src/base/random.ts';
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
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { Predicate } from '../../src/types/predicate.ts';
import type { RowBatch } from '../../src/types/row-batch.ts';
import { rowKindOf } from '../../src/types/row-kind.ts';
import { type Paimon, startPaimon, type TableRef } from './paimon.ts';

const parts = { clock: systemClock, random: systemRandom };

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

async function changes(ref: TableRef, id: number): Promise<readonly string[]> {
  return await withTable(ref, async table => {
    const lines: string[] = [];
    for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
      for (const [row, line] of printed(rows).entries()) lines.push(`${rowKindOf(kinds[row] ?? 0)} ${line}`);
    }
    return lines.toSorted();
  });
}

/** Rows as `paimon.append` takes them. */
async function writeOurs(
  ref: TableRef,
  lines: readonly string[],
  { waits }: { readonly waits: boolean },
): Promise<void> {
  await withTable(ref, async table => {
    const options = { ...table.schema.options, 'postpone.batch-write-fixed-bucket': String(!waits) };
    const adjusted = { ...table, schema: { ...table.schema, options } };
    const rows = lines.map(line => JSON.parse(line.slice(3)) as { p: string; k: number; v?: string });
    await using committer = new Committer(table);
    const writer = new TableWriter(adjusted, committer);
    const kinds = Int8Array.from(lines, line => (line.startsWith('-D') ? 3 : 0));
    await writer.add(
      buildBatch(
        table.schema,
        rows.map(({ p, k, v = null }) => [p, k, v]),
      ),
      kinds,
    );
    await writer.commit();
  });
}

async function compactOurs(ref: TableRef): Promise<void> {
  await withTable(ref, async table => {
    await using committer = new Committer(table);
    await compactTable(table, committer, { isFull: true });
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

test.each(['none', 'lookup', 'input'])(
  'changes are those that Paimon streams: changelog-producer %s',
  async producer => {
    const ref = await created(`changes_${producer}`, { 'changelog-producer': producer });
    await history(ref);
    await writeOurs(ref, upserts('a', 0, 9, 'ours'), { waits: true });
    await compactOurs(ref);
    await writeOurs(ref, [...upserts('b', 3, 9, 'ours'), '-D {"p":"a","k":4}'], { waits: false });
    const last = (await paimon.snapshots(ref)).length;
    const theirs = await paimon.changes(ref, { first: 1, last });
    expect(theirs.length).toBeGreaterThan(60);
    for (let id = 1; id <= last; id += 1) {
      const there = theirs.filter(({ snapshot }) => snapshot === id).map(({ line }) => line);
      expect(await changes(ref, id), `snapshot ${id}`).toEqual(there.toSorted());
    }
  },
);

test.each([
  {},
  { 'changelog-producer': 'lookup' },
  { 'deletion-vectors.enabled': 'true' },
  { 'merge-engine': 'partial-update' },
  { 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'listagg' },
])('in turn with Paimon, at random, a table holds what one that Paimon wrote alone does: %j', async options => {
  const name = Object.values(options).join('_').replaceAll('-', '_');
  const both = await created(`both${name}`, options);
  const alone = await created(`alone${name}`, options);
  const random = seededRandom(11 + name.length);
  const below = (count: number): number => Math.floor(random.next() * count);
  for (let step = 0; step < 14; step += 1) {
    const p = 'abc'[below(3)] ?? 'a';
    const lines = upserts(p, below(30), 1 + below(20), `s${step}`);
    await paimon.append(alone, lines);
    if (below(2) === 0) await paimon.append(both, lines);
    else await writeOurs(both, lines, { waits: true });
    if (below(3) > 0) continue;
    await paimon.compactPostponed(alone, 2);
    if (below(2) === 0) await paimon.compactPostponed(both, 2);
    else await compactOurs(both);
    // Level 0 is not in tables of either kind before it is merged.
    await compactOurs(both);
    const expected = await paimon.rows(alone);
    expect(await paimon.rows(both), `step ${step}`).toEqual(expected);
    expect((await read(both)).rows, `step ${step}`).toEqual(expected);
  }
});

test('what goes into buckets at once is there at once, for Paimon and us', async () => {
  const ref = await created('direct', { 'postpone.default-bucket-num': '4' });
  await writeOurs(ref, [...upserts('a', 0, 40, 'one'), ...upserts('b', 0, 3, 'one')], { waits: false });
  expect(await paimon.rows(ref)).toHaveLength(43);
  expect(readdirSync(join(warehouse, 'd.db/direct/p=a')).toSorted()).toEqual([
    'bucket-0',
    'bucket-1',
    'bucket-2',
    'bucket-3',
  ]);
  await paimon.append(ref, upserts('a', 10, 40, 'two'));
  await writeOurs(ref, upserts('a', 20, 5, 'three'), { waits: false });
  // Rows wait there, and so do ours, behind them.
  expect((await read(ref)).rows).toEqual(await paimon.rows(ref));
  expect(await paimon.rows(ref)).toHaveLength(43);
  await paimon.compactPostponed(ref, 4);
  const expected = [
    ...['a', 'b'].flatMap(p => upserts(p, 0, p === 'a' ? 10 : 3, 'one')),
    ...upserts('a', 10, 10, 'two'),
    ...upserts('a', 20, 5, 'three'),
    ...upserts('a', 25, 25, 'two'),
  ].map(line => line.slice(3));
  expect(await paimon.rows(ref)).toEqual(expected.toSorted());
  expect((await read(ref)).rows).toEqual(expected.toSorted());
});

test('Paimon brings back what we have: rows that wait after a rollback go on waiting', async () => {
  const ref = await created('restored', { 'postpone.default-bucket-num': '2' });
  await history(ref);
  const waiting = (await paimon.snapshots(ref)).length;
  await compactOurs(ref);
  const compacted = await paimon.rows(ref);
  await writeOurs(ref, upserts('a', 0, 9, 'gone'), { waits: false });
  await withTable(ref, async table => {
    expect(await restoreTable(table, { table, snapshot: await snapshotById(table, waiting) })).toMatchObject({
      isChanged: true,
    });
  });
  expect((await read(ref)).rows).toEqual(await paimon.rows(ref));
  await paimon.compactPostponed(ref, 2);
  expect(await paimon.rows(ref)).toEqual(compacted);
});
