// Deletion vectors that Paimon writes: on append tables, as Spark's DELETE makes them. We read each snapshot, whole and with
// filters, and through SQL.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Lake, openLake } from '../../src/index.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../../src/table/compact/compact-table.ts';
import { openTable } from '../../src/table/table.ts';
import { type Paimon, startPaimon, type TableRef } from './paimon.ts';
import { firstDifference } from './rows.ts';

const parts = { clock: systemClock, random: systemRandom };
let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-vectors-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

type Shape = { readonly partitionKeys?: readonly string[]; readonly options: Readonly<Record<string, string>> };

async function create(name: string, { partitionKeys = [], options }: Shape): Promise<TableRef> {
  const ref = { warehouse, table: `db.${name}` };
  const fields = [
    { id: 0, name: 'p', type: 'STRING' },
    { id: 1, name: 'k', type: 'INT' },
    { id: 2, name: 'v', type: 'STRING' },
  ];
  await paimon.create(ref, {
    version: 3,
    id: 0,
    fields,
    highestFieldId: 2,
    partitionKeys,
    primaryKeys: [],
    options: { 'file.format': 'parquet', 'deletion-vectors.enabled': 'true', ...options },
    timeMillis: 1,
  });
  return ref;
}

function rows(first: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const k = first + index;
    return `+I ${JSON.stringify({ p: `p${k % 2}`, k, v: `v${k}` })}`;
  });
}

async function ours(name: string, snapshot: number): Promise<readonly string[]> {
  await using store = await openObjectStore(warehouse, {}, parts);
  const table = await openTable(store, { database: 'db', name }, parts);
  return await linesOfCase(table, { kind: 'snapshot', id: snapshot, key: '' });
}

async function compactFully(name: string): Promise<CompactReceipt> {
  await using store = await openObjectStore(warehouse, {}, parts);
  const table = await openTable(store, { database: 'db', name }, parts);
  await using committer = new Committer(table);
  return await compactTable(table, committer, { isFull: true });
}

async function countBySql(lake: Lake, name: string, where: string): Promise<unknown> {
  await using result = await lake.sql(`SELECT count(*) AS n, sum(k) AS s FROM db.${name} WHERE ${where}`);
  return (await result.rows())[0];
}

const shapes: Readonly<Record<string, Shape>> = {
  unaware: { options: { bucket: '-1' } },
  unaware_64: { options: { bucket: '-1', 'deletion-vectors.bitmap64': 'true' } },
  partitioned: { partitionKeys: ['p'], options: { bucket: '-1', 'deletion-vector.index-file.target-size': '100 b' } },
  bucketed: { options: { bucket: '2', 'bucket-key': 'k', 'file.block-size': '1 kb' } },
};

for (const [name, shape] of Object.entries(shapes)) {
  test(`rows that Paimon deletes by vectors are gone from our reads of an append table (${name})`, async () => {
    const ref = await create(name, shape);
    await paimon.append(ref, rows(0, 3_000));
    await paimon.append(ref, rows(3_000, 10));
    await paimon.deleteRows(ref, { modulus: 3, remainder: 1 });
    await paimon.append(ref, rows(4_000, 500));
    const last = await paimon.deleteRows(ref, { modulus: 5, remainder: 0 });
    for (let snapshot = 1; snapshot <= last; snapshot += 1) {
      const read = await paimon.rows(ref, { snapshot });
      expect(firstDifference(await ours(name, snapshot), read)).toBeUndefined();
    }
    const all = (await paimon.rows(ref)).map((line): number => Number(JSON.parse(line).k));
    expect(all.length).toBeLessThan(2_100);
    await using lake = await openLake({ warehouse: `file:${warehouse}` });
    const sum = (keys: readonly number[]): number => keys.reduce((total, k) => total + k, 0);
    for (const [where, keys] of [
      ['true', all],
      ['k >= 2500', all.filter(k => k >= 2_500)],
    ] as const) {
      expect(await countBySql(lake, name, where)).toEqual({ n: BigInt(keys.length), s: String(sum(keys)) });
    }
    // And compacted by us: the deleted rows are gone from the files, and their vectors with them.
    const before = await paimon.rows(ref);
    const { snapshotId = 0 } = await compactFully(name);
    expect(snapshotId).toBe(last + 1);
    expect(firstDifference(await paimon.rows(ref), before)).toBeUndefined();
    expect(firstDifference(await ours(name, snapshotId), before)).toBeUndefined();
    await paimon.append(ref, rows(9_000, 10));
    const next = await paimon.deleteRows(ref, { modulus: 7, remainder: 3 });
    expect(firstDifference(await ours(name, next), await paimon.rows(ref))).toBeUndefined();
  });
}
