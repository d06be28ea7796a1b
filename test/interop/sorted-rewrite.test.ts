// Rows sorted on rewrite, against real Paimon: the keys of its curves are ours, byte for byte, and it reads, marks and
// continues the tables that we have sorted.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { isJsonObject, parseJson } from '../../src/base/json.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/index.ts';
import { hilbertLong, zOrderBytes } from '../../src/lsm/curve-values.ts';
import { hilbertKey, interleavedBits } from '../../src/lsm/curves.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { liveEntries } from '../../src/table/manifests.ts';
import { latestSnapshot } from '../../src/table/snapshots.ts';
import { openTable } from '../../src/table/table.ts';
import { canonicalParser } from '../../src/types/canonical-json.ts';
import type { DataType } from '../../src/types/data-type.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { type Paimon, startPaimon, type TableRef } from './paimon.ts';

let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-sorted-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  if (warehouse !== undefined) rmSync(warehouse, { recursive: true, force: true });
});

/** Columns of every type that has an order, and values at their ends. */
const columns: Readonly<Record<string, readonly [type: string, values: readonly unknown[]]>> = {
  b: ['BOOLEAN', [true, false, null]],
  ti: ['TINYINT', [-128, -1, 0, 1, 127, null]],
  si: ['SMALLINT', [-32768, -7, 0, 300, 32767, null]],
  i: ['INT', [-2147483648, -1, 0, 1, 77, 2147483647, null]],
  l: ['BIGINT', ['-9223372036854775808', '-1', '0', '4294967296', '9223372036854775807', null]],
  f: ['FLOAT', [-1.5, 0, 0.25, 3e30, 'NaN', 'Infinity', null]],
  d: ['DOUBLE', [-1e300, -0.1, 0, 1e-300, 12.5, '-Infinity', null]],
  d9: ['DECIMAL(9, 2)', ['-1234567.89', '-0.01', '0.00', '0.99', '7654321.00', null]],
  d38: [
    'DECIMAL(38, 10)',
    ['-1234567890123456789012345678.0123456789', '0.0000000001', '99999999999999999999.9', null],
  ],
  s: ['STRING', ['', 'a', 'ab', 'äöü', 'longer than eight bytes', '\u{1f600}', null]],
  c: ['CHAR(3)', ['abc', 'b', null]],
  y: ['BYTES', ['', '00', 'ff00', '0102030405060708', '010203040506070809', null]],
  dt: ['DATE', ['1960-02-29', '1970-01-01', '2024-12-31', null]],
  tm: ['TIME(3)', ['00:00:00.000', '23:59:59.999', null]],
  t3: ['TIMESTAMP(3)', ['1959-01-01T00:00:00.001', '2024-05-06T07:08:09.123', null]],
  t9: ['TIMESTAMP(9)', ['1969-12-31T23:59:59.999999999', '2024-05-06T07:08:09.123456789', null]],
  z: ['TIMESTAMP(6) WITH LOCAL TIME ZONE', ['1969-12-31T23:59:59.999999Z', '2024-05-06T07:08:09.123456Z', null]],
};

async function create(
  name: string,
  options: Readonly<Record<string, string>> = {},
  partitionKeys: readonly string[] = [],
): Promise<TableRef> {
  const ref = { warehouse, table: `db.${name}` };
  await paimon.create(ref, {
    version: 3,
    id: 0,
    fields: Object.entries(columns).map(([column, [type]], id) => ({ id, name: column, type })),
    highestFieldId: Object.keys(columns).length - 1,
    partitionKeys,
    primaryKeys: [],
    options: { bucket: '-1', 'file.format': 'parquet', ...options },
    timeMillis: 1,
  });
  return ref;
}

const rows: readonly string[] = Array.from({ length: 300 }, (_, row) => {
  const values = Object.entries(columns).map(([name, [, values]], index) => {
    return [name, values[(row * (index + 3) + Math.floor(row / 7)) % values.length]];
  });
  return JSON.stringify(Object.fromEntries(values));
});

const changes = rows.map(row => `+I ${row}`);

const sets: readonly (readonly string[])[] = [
  ['i', 'l'],
  ['s', 'd', 'b'],
  ['ti', 'si', 'i', 'l'],
  ['f', 'd9'],
  ['d38', 'y', 'c'],
  ['dt', 'tm', 't3', 't9', 'z'],
  ['i', 'l', 's', 'd', 'b', 'dt', 'si', 'f', 't3'],
];

test('the keys of both curves are those of Paimon, of every type, with nulls', async () => {
  const ref = await create('keys');
  await using store = await openObjectStore(warehouse, {}, { clock: systemClock, random: systemRandom });
  const table = await openTable(store, { database: 'db', name: 'keys' }, { clock: systemClock, random: systemRandom });
  const parse = canonicalParser(table.schema);
  const parsed = rows.map(line => {
    const json = parseJson(line);
    return isJsonObject(json) ? parse(json) : [];
  });
  const typeOf = (name: string): DataType => {
    const field = table.schema.fields.find(candidate => candidate.name === name);
    if (field === undefined) throw new Error(`no column ${name}`);
    return field.type;
  };
  const scalarOf = (row: readonly Scalar[], name: string): Scalar =>
    row[table.schema.fields.findIndex(field => field.name === name)] ?? null;
  for (const names of sets) {
    const zorder = parsed.map(row =>
      interleavedBits(names.map(name => zOrderBytes(typeOf(name), 8)(scalarOf(row, name)))),
    );
    expect(zorder.map(hex), `zorder ${names}`).toEqual(
      await paimon.curveKeys(ref, { strategy: 'zorder', columns: names }, changes),
    );
    const hilbert = parsed.map(row => hilbertKey(names.map(name => hilbertLong(typeOf(name))(scalarOf(row, name)))));
    // Paimon has 63 bytes of any number of columns.
    const padded = hilbert.map(key => hex(key).padStart(126, '0'));
    expect(padded, `hilbert ${names}`).toEqual(
      await paimon.curveKeys(ref, { strategy: 'hilbert', columns: names }, changes),
    );
  }
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test.each(['order', 'zorder', 'hilbert'])(
  'Paimon reads, marks and continues a table that we have sorted (%s)',
  async strategy => {
    const ref = await create(`sorted_${strategy}`, { 'deletion-vectors.enabled': 'true', 'target-file-size': '20 kb' });
    for (let part = 0; part < 3; part += 1) await paimon.append(ref, changes.slice(part * 100, part * 100 + 100));
    await paimon.deleteRows(ref, { modulus: 9, remainder: 4 });
    const before = await paimon.rows(ref);
    expect(before.length).toBeLessThan(270);
    await using lake = await openLake({ warehouse: `file:${warehouse}` });
    const call = `CALL sys.compact(\`table\` => '${ref.table}', order_strategy => '${strategy}', order_by => 'i, s')`;
    const sort = async (): Promise<unknown> => await (await lake.sql(call)).rows();
    await sort();
    const last: unknown = JSON.parse((await paimon.snapshots(ref)).at(-1) ?? '{}');
    expect(last).toMatchObject({ commitKind: 'COMPACT', totalRecordCount: before.length });
    expect(await paimon.rows(ref)).toEqual(before);
    await paimon.append(ref, changes.slice(0, 5));
    await paimon.deleteRows(ref, { modulus: 7, remainder: 2 });
    await sort();
    const after = await paimon.rows(ref);
    expect(after.length).toBeGreaterThan(200);
    expect(after.length).toBeLessThan(before.length);
  },
);

test('what incremental clustering takes up, and into which level, is what Paimon would take up', {
  timeout: 120_000,
}, async () => {
  const ref = await create('clustered', {
    'clustering.incremental': 'true',
    'clustering.columns': 'i,s',
    'num-sorted-run.compaction-trigger': '4',
  });
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  const parts = { clock: systemClock, random: systemRandom };
  const liveFiles = async (): Promise<readonly { readonly fileName: string; readonly level: number }[]> => {
    await using store = await openObjectStore(warehouse, {}, parts);
    const table = await openTable(store, { database: 'db', name: 'clustered' }, parts);
    const snapshot = await latestSnapshot(table);
    return snapshot === undefined ? [] : (await liveEntries(table, snapshot)).map(({ file }) => file);
  };
  const levels: number[] = [];
  // A file that small ones do not reach: what cannot be compressed makes it large.
  const many = Array.from({ length: 3_000 }, (_, row) => {
    const digest = createHash('sha256').update(`${row}`).digest('hex');
    return `+I ${JSON.stringify({ i: row, s: digest })}`;
  });
  for (let commit = 0; commit < 24; commit += 1) {
    const first = (commit * 37) % 200;
    await paimon.append(ref, commit === 0 ? many : changes.slice(first, first + (commit % 5 === 4 ? 90 : 4)));
    const full = commit === 17;
    const [unit] = await paimon.clusterUnits(ref, { full });
    const before = await liveFiles();
    const rows = await paimon.rows(ref);
    await (
      await lake.sql(`CALL sys.compact(\`table\` => 'db.clustered'${full ? ", compact_strategy => 'full'" : ''})`)
    ).rows();
    const after = await liveFiles();
    const names = new Set(after.map(({ fileName }) => fileName));
    const gone = before.map(({ fileName }) => fileName).filter(name => !names.has(name));
    expect(gone.toSorted(), `commit ${commit}`).toEqual(unit?.files ?? []);
    const added = after.filter(file => !before.some(({ fileName }) => fileName === file.fileName));
    expect(new Set(added.map(({ level }) => level)), `commit ${commit}`).toEqual(
      new Set(unit === undefined ? [] : [unit.level]),
    );
    expect(await paimon.rows(ref)).toEqual(rows);
    if (unit !== undefined) levels.push(unit.level);
  }
  expect(levels.length).toBeGreaterThan(5);
  expect(new Set(levels).size).toBeGreaterThan(1);
});

test('beside the partitions that are asked for the same that rest are sorted in full as Paimon would sort', {
  timeout: 120_000,
}, async () => {
  const options = {
    'clustering.incremental': 'true',
    'clustering.columns': 'l',
    'clustering.history-partition.idle-to-full-sort': '1 ms',
  };
  const ref = await create('resting', options, ['ti']);
  const parts = { clock: systemClock, random: systemRandom };
  const liveFiles = async (): Promise<readonly { readonly fileName: string; readonly level: number }[]> => {
    await using store = await openObjectStore(warehouse, {}, parts);
    const table = await openTable(store, { database: 'db', name: 'resting' }, parts);
    const snapshot = await latestSnapshot(table);
    return snapshot === undefined ? [] : (await liveEntries(table, snapshot)).map(({ file }) => file);
  };
  for (const ti of [1, 2, 3, 1, 2]) {
    await paimon.append(
      ref,
      Array.from({ length: 5 }, (_, row) => `+I ${JSON.stringify({ ti, l: `${row * 7}` })}`),
    );
  }
  const units = await paimon.clusterUnits(ref, { full: false, partition: { ti: '3' } });
  expect(units).toHaveLength(2);
  const [before, rows] = [await liveFiles(), await paimon.rows(ref)];
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  await (await lake.sql("CALL sys.compact(`table` => 'db.resting', partitions => 'ti=3')")).rows();
  const after = await liveFiles();
  const goneFrom = before.filter(({ fileName }) => !after.some(file => file.fileName === fileName));
  expect(goneFrom.map(({ fileName }) => fileName).toSorted()).toEqual(units.flatMap(({ files }) => files).toSorted());
  const added = after.filter(({ fileName }) => !before.some(file => file.fileName === fileName));
  expect(added.map(({ level }) => level)).toEqual(units.map(({ level }) => level));
  expect(await paimon.rows(ref)).toEqual(rows);
  expect(await paimon.clusterUnits(ref, { full: false, partition: { ti: '3' } })).toEqual([]);
});
