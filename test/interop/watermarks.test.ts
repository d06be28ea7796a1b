// Watermarks: those that we write Paimon travels by and goes on from; Flink finds ours in the table, and we find Flink's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lake, openLake } from '../../src/index.ts';
import { type Flink, startFlink } from './flink.ts';
import { type Paimon, startPaimon } from './paimon.ts';

let folder: string;
let warehouse: string;
let lake: Lake;
let paimon: Paimon;
let flink: Flink;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidelake-watermarks-'));
  warehouse = join(folder, 'lake');
  lake = await openLake({ warehouse, log: `file:${join(folder, 'log')}` });
  await lake.sql('CREATE DATABASE d');
  [paimon, flink] = await Promise.all([startPaimon(), startFlink()]);
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  await flink?.[Symbol.asyncDispose]();
  await lake?.[Symbol.asyncDispose]();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

async function ours(sql: string): Promise<readonly string[]> {
  const rows = await (await lake.sql(sql)).rows();
  return rows.map(row => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? Number(value) : value)));
}

async function put(table: string, ...rows: readonly (readonly [k: number, time: string])[]): Promise<void> {
  const values = rows.map(([k, time]) => `(${k}, TIMESTAMP '1970-01-01 00:${time}')`).join(', ');
  await (await lake.sql(`INSERT INTO d.${table} VALUES ${values}`)).rows();
  await lake.ingest();
}

const columns = 'k INT, ts TIMESTAMP(3), PRIMARY KEY (k) NOT ENFORCED';
const marks = (table: string): Promise<readonly string[]> =>
  ours(`SELECT watermark AS w FROM d.\`${table}$snapshots\` WHERE commit_kind = 'APPEND' ORDER BY snapshot_id`);

test('Paimon reads by the watermarks that ingest has written, and carries them on', async () => {
  await lake.sql(`CREATE TABLE d.t (${columns}, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('bucket' = '1')`);
  await put('t', [1, '01:40'], [2, '01:50']);
  await put('t', [3, '01:20']);
  await put('t', [4, '02:00']);
  expect(await marks('t')).toEqual([105_000, 105_000, 115_000].map(w => JSON.stringify({ w })));
  const theirs = async (ms: number): Promise<number> =>
    (await paimon.read({ warehouse, table: 'd.t' }, { 'scan.watermark': String(ms) })).length;
  expect([await theirs(1), await theirs(105_000), await theirs(105_001), await theirs(115_000)]).toEqual([2, 2, 4, 4]);
  await expect(theirs(115_001)).rejects.toThrow(/watermark/i);
  await paimon.append({ warehouse, table: 'd.t' }, ['+I {"k":5,"ts":"1970-01-01T00:00:00.000"}']);
  expect((await marks('t')).at(-1)).toBe('{"w":115000}');
});

test('Flink finds the watermark of our tables, and we make that of its', async () => {
  const ofOurs = await flink.run({ warehouse, sql: 'DESCRIBE d.t' });
  expect(ofOurs.map(line => JSON.parse(line.slice(3)).watermark)).toEqual([null, "`ts` - INTERVAL '5' SECOND"]);
  await lake.sql(
    `CREATE TABLE d.long (${columns}, WATERMARK FOR ts AS ts - INTERVAL '100' SECOND) WITH ('bucket' = '1')`,
  );
  expect(await flink.run({ warehouse, sql: 'SELECT * FROM d.`long`' })).toEqual([]);
  const ddl = `CREATE TABLE d.f (${columns}, WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('bucket' = '1')`;
  await flink.run({ warehouse, sql: ddl });
  await using bare = await openLake({ warehouse });
  await (await bare.sql("INSERT INTO d.f VALUES (1, TIMESTAMP '1970-01-01 00:02:00')")).rows();
  expect(await marks('f')).toEqual(['{"w":60000}']);
});
