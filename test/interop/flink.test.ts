// Flink 1.20 reads, changes, follows and compacts tables of ours, and we read what came of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Lake, openLake } from '../../src/index.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import type { GoldenCase } from '../../src/service/golden-root.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { type Flink, startFlink } from './flink.ts';

type Row = {
  readonly p: string;
  readonly k: number;
  readonly v: number | null;
  readonly s: string | null;
};

/** A streaming read of all there was; without the second it looks for snapshots every ten seconds. */
const fromStart = "/*+ OPTIONS('scan.snapshot-id' = '1', 'continuous.discovery-interval' = '100ms') */";
const parts = { clock: systemClock, random: systemRandom };

let flink: Flink;
let lake: Lake;
let warehouse: string;

beforeAll(async () => {
  flink = await startFlink();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-flink-'));
  lake = await openLake({ warehouse: `file:${warehouse}` });
  await lake.sql('CREATE DATABASE d');
});

afterAll(async () => {
  await flink?.[Symbol.asyncDispose]();
  await lake?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

async function withTable<T>(name: string, use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openObjectStore(warehouse, {}, parts);
  return await use(await openTable(store, { database: 'd', name }, parts));
}

/** What we read. */
function ours(name: string, golden: GoldenCase = { kind: 'latest', key: '' }): Promise<readonly string[]> {
  return withTable(name, table => linesOfCase(table, golden));
}

/** All changes of all snapshots, as we read them. */
async function ourChanges(name: string): Promise<readonly string[]> {
  const last = await lastSnapshot(name);
  const lines: string[] = [];
  for (let id = 1; id <= last.id; id += 1) lines.push(...(await ours(name, { kind: 'changes', key: '', id })));
  return lines;
}

async function lastSnapshot(name: string): Promise<{ readonly id: number; readonly commitKind: string }> {
  const snapshot = await withTable(name, latestSnapshot);
  if (snapshot === undefined) throw new Error(`${name} has no snapshot`);
  return snapshot;
}

/** Both engines must read these rows. */
async function expectRows(name: string, rows: Iterable<Row>): Promise<void> {
  const expected = [...rows].map(({ p, k, v, s }) => JSON.stringify({ p, k, v: v === null ? null : String(v), s }));
  expected.sort();
  expect(await ours(name)).toEqual(expected);
  expect(await flink.rows({ warehouse, sql: `SELECT * FROM d.${name}` })).toEqual(expected);
}

function insertOf(name: string, rows: readonly Row[]): string {
  const literal = (text: string | null): string => (text === null ? 'CAST(NULL AS STRING)' : `'${text}'`);
  const values = rows.map(({ p, k, v, s }) => `('${p}', ${k}, ${v ?? 'CAST(NULL AS BIGINT)'}, ${literal(s)})`);
  return `INSERT INTO d.${name} VALUES ${values.join(', ')}`;
}

async function compactByFlink(name: string, rows: Iterable<Row>): Promise<void> {
  const before = await lastSnapshot(name);
  await flink.call({ warehouse, sql: `CALL sys.compact(\`table\` => 'd.${name}', compact_strategy => 'full')` });
  const after = await lastSnapshot(name);
  expect(after.id).toBeGreaterThan(before.id);
  expect(after.commitKind).toBe('COMPACT');
  await expectRows(name, rows);
}

const first: readonly Row[] = [
  { p: 'a', k: 1, v: 10, s: 'x' },
  { p: 'a', k: 2, v: 20, s: 'é' },
  { p: 'b', k: 3, v: null, s: 'z' },
];
const second: readonly Row[] = [
  { p: 'a', k: 2, v: 21, s: null },
  { p: 'c', k: 4, v: 40, s: 'w' },
];
const byFlink: readonly Row[] = [
  { p: 'a', k: 1, v: 11, s: null },
  { p: 'd', k: 5, v: 50, s: '日本' },
];
const third: readonly Row[] = [
  { p: 'd', k: 5, v: null, s: 'n' },
  { p: 'e', k: 6, v: 60, s: 'o' },
];

const keyed = [
  ['keyed_input', "'bucket' = '2', 'changelog-producer' = 'input'"],
  ['keyed_lookup', "'bucket' = '1', 'changelog-producer' = 'lookup'"],
  ['keyed_partial', "'bucket' = '1', 'merge-engine' = 'partial-update', 'changelog-producer' = 'lookup'"],
  ['keyed_vectors', "'bucket' = '2', 'deletion-vectors.enabled' = 'true'"],
  ['keyed_dynamic', "'bucket' = '-1', 'dynamic-bucket.target-row-num' = '2'"],
] as const;

test.each(keyed)('a table with a key (%s)', { timeout: 240_000 }, async (name, options) => {
  const rows = new Map<number, Row>();
  const put = (changes: readonly Row[]): void => {
    for (const row of changes) {
      const old = name === 'keyed_partial' ? rows.get(row.k) : undefined;
      rows.set(row.k, { ...row, v: row.v ?? old?.v ?? null, s: row.s ?? old?.s ?? null });
    }
  };
  // Changes by looking up, and rows under deletion vectors, come out of compactions.
  const isCompacted = /lookup|vectors/.test(options);
  const insert = async (changes: readonly Row[]): Promise<void> => {
    await lake.sql(insertOf(name, changes));
    if (isCompacted) await lake.sql(`CALL sys.compact('d.${name}')`);
    put(changes);
    await expectRows(name, rows.values());
  };
  const columns = 'p STRING NOT NULL, k INT NOT NULL, v BIGINT, s STRING, PRIMARY KEY (p, k) NOT ENFORCED';
  await lake.sql(`CREATE TABLE d.${name} (${columns}) WITH (${options})`);
  await insert(first);
  await insert(second);
  await flink.run({ warehouse, sql: insertOf(name, byFlink) });
  put(byFlink);
  await expectRows(name, rows.values());
  await flink.run({ warehouse, sql: `UPDATE d.${name} SET v = k + 100 WHERE k = 3` });
  put([{ p: 'b', k: 3, v: 103, s: 'z' }]);
  const deletion = flink.run({ warehouse, sql: `DELETE FROM d.${name} WHERE p = 'c'` });
  if (name === 'keyed_partial') {
    await expect(deletion).rejects.toThrow(/partial-update/);
  } else {
    await deletion;
    rows.delete(4);
  }
  await expectRows(name, rows.values());
  await lake.sql(insertOf(name, third));
  put(third);
  await compactByFlink(name, rows.values());
  await insert(second);
  if (!options.includes('changelog-producer')) return;
  const changes = await ourChanges(name);
  if (options.includes('lookup')) expect(changes.join('\n')).toMatch(/^-U (.|\n)*^\+U /m);
  const sql = `SELECT * FROM d.${name} ${fromStart}`;
  expect((await flink.changes({ warehouse, sql }, changes.length)).toSorted()).toEqual(changes.toSorted());
});

const appended = [
  ['append', ''],
  ['append_partitioned', 'PARTITIONED BY (p)'],
  ['append_bucketed', "WITH ('bucket' = '2', 'bucket-key' = 'k')"],
] as const;

test.each(appended)('a table without a key (%s)', { timeout: 240_000 }, async (name, rest) => {
  await lake.sql(`CREATE TABLE d.${name} (p STRING NOT NULL, k INT NOT NULL, v BIGINT, s STRING) ${rest}`);
  await lake.sql(insertOf(name, first));
  await lake.sql(insertOf(name, second));
  await expectRows(name, [...first, ...second]);
  await flink.run({ warehouse, sql: insertOf(name, byFlink) });
  await expectRows(name, [...first, ...second, ...byFlink]);
  await lake.sql(insertOf(name, third));
  const all = [...first, ...second, ...byFlink, ...third];
  await expectRows(name, all);
  const changes = await ourChanges(name);
  const sql = `SELECT * FROM d.${name} ${fromStart}`;
  expect((await flink.changes({ warehouse, sql }, changes.length)).toSorted()).toEqual(changes.toSorted());
});
