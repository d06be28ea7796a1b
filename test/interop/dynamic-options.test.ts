// Options in hints: what SQL reads with them is what Paimon's batch reads give with the same options; and what is written
// with them Paimon reads and goes on with.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lake } from '../../src/index.ts';
import { type Both, openBoth } from './both.ts';
import type { Paimon } from './paimon.ts';

let paimon: Paimon;
let warehouse: string;
let lake: Lake;
let both: Both;

beforeAll(async () => {
  both = await openBoth('options');
  ({ paimon, warehouse, lake } = both);
});

afterAll(() => both?.[Symbol.asyncDispose]());

type Options = Readonly<Record<string, string>>;

async function ours(table: string, options: Options): Promise<readonly string[]> {
  const pairs = Object.entries(options).map(([key, value]) => `'${key}' = '${value}'`);
  const rows = await (await lake.sql(`SELECT * FROM db.\`${table}\` /*+ OPTIONS(${pairs.join(', ')}) */`)).rows();
  return rows.map(row => JSON.stringify(row)).toSorted();
}

async function theirs(table: string, options: Options): Promise<readonly string[]> {
  return (await paimon.read({ warehouse, table: `db.${table}` }, options)).toSorted();
}

/** Their batch read gives rows that went like any others; which they are is told by the audit log. */
async function theirAdded(table: string, options: Options): Promise<readonly string[]> {
  const kinds = /^\{"rowkind":"\+[IU]",?/;
  const added = (await theirs(`${table}$audit_log`, options)).filter(line => kinds.test(line));
  return added.map(line => line.replace(kinds, '{')).toSorted();
}

const kinds: Readonly<Record<string, Options>> = {
  plain: { bucket: '1' },
  buckets: { bucket: '3' },
  input: { bucket: '1', 'changelog-producer': 'input' },
  lookup: { bucket: '1', 'changelog-producer': 'lookup' },
  full: { bucket: '1', 'changelog-producer': 'full-compaction' },
  vectors: { bucket: '1', 'deletion-vectors.enabled': 'true' },
  first: { bucket: '1', 'merge-engine': 'first-row', 'ignore-delete': 'true' },
  partial: { bucket: '1', 'merge-engine': 'partial-update', 'ignore-delete': 'true' },
  sum: { bucket: '1', 'merge-engine': 'aggregation', 'fields.v.aggregate-function': 'max' },
  append: { bucket: '-1' },
};

const schemaOf = (options: Options, primaryKeys: readonly string[]): object => ({
  ...{ version: 3, id: 0, highestFieldId: 1, partitionKeys: [], timeMillis: 1 },
  fields: [
    { id: 0, name: 'k', type: 'INT NOT NULL' },
    { id: 1, name: 'v', type: 'STRING' },
  ],
  primaryKeys,
  options,
});

const batches: readonly (readonly string[])[] = [
  ['+I {"k":1,"v":"a"}', '+I {"k":2,"v":"b"}', '+I {"k":4,"v":"f"}'],
  ['-D {"k":1,"v":"a"}', '-U {"k":2,"v":"b"}', '+U {"k":2,"v":"c"}', '+I {"k":3,"v":"z"}'],
  ['+U {"k":2,"v":"c"}', '+U {"k":2,"v":"d"}'],
  ['+I {"k":1,"v":"again"}', '-D {"k":3,"v":"z"}'],
];

/** Batches written by Paimon, with compactions in every other commit. */
async function make(name: string, options: Options): Promise<number> {
  const ref = { warehouse, table: `db.${name}` };
  const isAppend = name === 'append';
  await paimon.create(ref, schemaOf(options, isAppend ? [] : ['k']));
  let last = 0;
  for (const [index, batch] of batches.entries()) {
    const isPlain = isAppend || name === 'sum';
    const rows = isPlain ? batch.filter(line => !line.startsWith('-')) : batch;
    last = await paimon.append(ref, rows, { compaction: index % 2 === 1 && !isAppend });
  }
  return isAppend ? paimon.compactAppend(ref) : last;
}

test('changes between states are those of Paimon, of every kind of table', { timeout: 300_000 }, async () => {
  let compared = 0;
  for (const [name, options] of Object.entries(kinds)) {
    const last = await make(name, options);
    for (const mode of ['auto', 'delta', 'changelog', 'diff']) {
      for (const range of ['1,2', `1,${last}`, `2,${last}`, `${last - 1},${last}`]) {
        const between = { 'incremental-between': range, 'incremental-between-scan-mode': mode };
        const what = `${name} ${mode} ${range}`;
        expect(await ours(name, between), what).toEqual(await theirAdded(name, between));
        const audit = await theirs(`${name}$audit_log`, between);
        expect(await ours(`${name}$audit_log`, between), what).toEqual(audit);
        compared += audit.length;
      }
    }
  }
  expect(compared).toBeGreaterThan(150);
});

test('states that options name are those of Paimon', { timeout: 120_000 }, async () => {
  const snapshots = (await paimon.snapshots({ warehouse, table: 'db.plain' })).map(text => JSON.parse(text));
  const times = snapshots.map(({ timeMillis }) => Number(timeMillis));
  const [first = 0, second = 0] = times;
  const list: readonly Options[] = [
    { 'scan.mode': 'from-snapshot-full', 'scan.snapshot-id': '2' },
    { 'scan.mode': 'compacted-full' },
    { 'scan.mode': 'latest' },
    { 'scan.version': '2' },
    { 'scan.creation-time-millis': String(second) },
    { 'scan.creation-time-millis': String(first) },
    { 'scan.file-creation-time-millis': String(first) },
    { 'incremental-between-timestamp': `${first},${times.at(-1)}` },
    { 'incremental-between-timestamp': `0,${second}` },
    { nonsense: 'x', 'scan.plan-sort-partition': 'true', 'file-index.read.enabled': 'false' },
  ];
  await paimon.append({ warehouse, table: 'db.vectors' }, ['+U {"k":2,"v":"fresh"}']);
  for (const options of [{ 'batch-scan-mode': 'compact' }, { 'scan.mode': 'latest' }]) {
    expect(await ours('vectors', options)).toEqual(await theirs('vectors', options));
  }
  expect(await ours('vectors', { 'batch-scan-mode': 'compact' })).not.toEqual(
    await ours('vectors', { 'scan.mode': 'latest' }),
  );
  for (const options of list) {
    const isRange = Object.keys(options).some(key => key.startsWith('incremental'));
    const expected = isRange ? await theirAdded('plain', options) : await theirs('plain', options);
    expect(await ours('plain', options), JSON.stringify(options)).toEqual(expected);
  }
});

test('what Paimon refuses is refused', async () => {
  const list: readonly Options[] = [
    { 'merge-engine': 'first-row' },
    { 'rowkind.field': 'v' },
    { bucket: '-1' },
    { 'deletion-vectors.enabled': 'true' },
    { 'scan.mode': 'latest', 'scan.snapshot-id': '1' },
    { 'scan.mode': 'incremental' },
    { 'scan.snapshot-id': '1', 'scan.tag-name': 'x' },
    { 'scan.snapshot-id': '99' },
    { 'incremental-between': '2,1' },
    { 'incremental-between': '1,99' },
    { 'incremental-between': 'a,b' },
    { 'incremental-between': '0,2', 'incremental-between-scan-mode': 'diff' },
    { 'stream-scan-mode': 'compact-bucket-table' },
    { 'sequence.field': 'nobody' },
  ];
  for (const options of list) {
    await expect(theirs('plain', options), JSON.stringify(options)).rejects.toThrow();
    await expect(ours('plain', options), JSON.stringify(options)).rejects.toMatchObject({ kind: 'invalid' });
  }
});

test('Paimon reads and goes on with what was written with options', { timeout: 60_000 }, async () => {
  const ref = { warehouse, table: 'db.written' };
  await lake.sql("CREATE TABLE db.written (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1')");
  const options = [
    `'file.compression' = 'gzip', 'target-file-size' = '1 kb', 'metadata.stats-mode' = 'none', 'write-only' = 'true'`,
    `'data-file.prefix' = 'mine-', 'file-index.bloom-filter.columns' = 'v', 'sink.parallelism' = '4'`,
    `'data-file.thin-mode' = 'true', 'manifest.compression' = 'null'`,
  ];
  const rows = (from: number): string => Array.from({ length: 50 }, (_, i) => `(${from + i}, 'v${from}-${i}')`).join();
  for (const [index, text] of options.entries()) {
    await lake.sql(`INSERT INTO db.written /*+ OPTIONS(${text}) */ VALUES ${rows(index * 25)}`);
  }
  expect(await theirs('written', {})).toHaveLength(100);
  expect(await ours('written', { nonsense: 'x' })).toEqual(await theirs('written', {}));
  await paimon.append(ref, ['-D {"k":3,"v":null}', '+U {"k":30,"v":"paimon"}']);
  await paimon.compactFully(ref);
  expect(await ours('written', { nonsense: 'x' })).toEqual(await theirs('written', {}));
  expect(await theirs('written', {})).toHaveLength(99);
});

test('the table of the SDK takes options as well', async () => {
  const table = await lake.table('db.plain');
  const between = { 'incremental-between': '1,2' };
  const rows = await table.withOptions(between).scan().rows();
  expect(rows.map(row => JSON.stringify(row)).toSorted()).toEqual(await theirAdded('plain', between));
  expect(await table.withOptions(between).scan().count()).toBe(rows.length);
  const some = await table.withOptions(between).scan({ where: "v LIKE 'c%'" }).rows();
  expect(some).toHaveLength(1);
  expect(await table.withOptions({ 'scan.snapshot-id': '1' }).scan({ where: 'k > 1' }).count()).toBe(2);
  expect(() => table.withOptions({ 'merge-engine': 'first-row' })).toThrow(/merge-engine/);
});
