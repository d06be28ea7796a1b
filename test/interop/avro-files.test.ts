// Data files in Avro, alone and beside Parquet: what we write, Paimon reads, goes on with and compacts, and we read that.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createDatabase, createTable } from '../../src/catalog/catalog.ts';
import { fitsAvro } from '../../src/format/avro-data/record-type.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { changeSourceOf } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { DataType } from '../../src/types/data-type.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { arbitraryScalar, nestedTypes, rowTypeOf, sampleTypes } from '../arbitrary-rows.ts';
import { near } from './near.ts';
import { type Paimon, startPaimon } from './paimon.ts';
import { firstDifference } from './rows.ts';

const parts = { clock: systemClock, random: systemRandom };
const identifier = { database: 'db', table: 't', branch: undefined, systemTable: undefined };
const bigint: DataType = { kind: 'bigint', nullable: true };
/** Not those of which Paimon's text depends on how it was written: floats, and far times. */
const types = [...sampleTypes, ...nestedTypes].filter(
  type => fitsAvro(rowTypeOf([type])) && type.kind !== 'float' && type.kind !== 'double' && type.kind !== 'char',
);

let paimon: Paimon;
let folder: string;

beforeAll(async () => {
  paimon = await startPaimon();
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
});

function sampleRows(count: number, from: number): readonly Scalar[][] {
  const rows = fc.sample(fc.tuple(...types.map(arbitraryScalar)), { seed: 7 + from, numRuns: count });
  return rows.map((row, index) => [BigInt(from + index), ...row.map((value, at) => near(value, types[at] ?? bigint))]);
}

async function withTable<T>(use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openObjectStore(folder, {}, parts);
  return await use(await openTable(store, { database: 'db', name: 't' }, parts));
}

const ours = (): Promise<readonly string[]> => withTable(table => linesOfCase(table, { kind: 'latest', key: '' }));

async function write(rows: readonly Scalar[][]): Promise<void> {
  await withTable(async table => {
    await using committer = new Committer(table);
    const writer = new TableWriter(table, committer);
    await writer.add(buildBatch(table.schema, rows), new Int8Array(rows.length));
    await writer.commit();
  });
}

async function compact(): Promise<void> {
  await withTable(async table => {
    await using committer = new Committer(table);
    await compactTable(table, committer, { isFull: true });
  });
}

async function changesOf(id: number): Promise<readonly string[]> {
  return await withTable(async table => {
    const lines: string[] = [];
    for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
      const print = canonicalRow(rows);
      for (let row = 0; row < rows.rowCount; row += 1)
        lines.push(`${['+I', '-U', '+U', '-D'][kinds[row] ?? 0]} ${print(row)}`);
    }
    return lines.toSorted();
  });
}

/** What the files in the buckets end in. */
function endings(): readonly string[] {
  const names = readdirSync(join(folder, 'db.db/t'), { recursive: true, encoding: 'utf8' });
  return [
    ...new Set(names.flatMap(name => /\/(data|changelog)-.*(\.\w+)$/.exec(name)?.slice(1).join('') ?? [])),
  ].toSorted();
}

test.each([
  [['id'], { 'file.format': 'avro' }, ['data.avro']],
  [[], { 'file.format': 'avro' }, ['data.avro']],
  [['id'], { 'file.format.per.level': '0:avro' }, ['data.avro', 'data.parquet']],
  [
    ['id'],
    { 'file.format': 'avro', 'changelog-producer': 'input', 'changelog-file.format': 'parquet' },
    ['changelog.parquet', 'data.avro'],
  ],
  [['id'], { 'changelog-producer': 'lookup', 'changelog-file.format': 'avro' }, ['changelog.avro', 'data.parquet']],
  [['id'], { 'file.format': 'avro', 'deletion-vectors.enabled': 'true' }, ['data.avro']],
] as const)('key %j, %j', async (primaryKeys, options, expected) => {
  folder = mkdtempSync(join(tmpdir(), 'tidelake-avro-'));
  try {
    await using store = await openObjectStore(folder, {}, parts);
    const catalog = { store, ...parts };
    await createDatabase(catalog, 'db', { ifNotExists: true });
    const columns = [
      { name: 'id', type: { kind: 'bigint', nullable: false } as const },
      ...types.map((type, index) => ({ name: `c${index}`, type })),
    ];
    const definition = {
      columns,
      primaryKeys,
      partitionKeys: [],
      options: { bucket: primaryKeys.length > 0 ? '2' : '-1', ...options },
    };
    await createTable(catalog, identifier, definition, { ifNotExists: false });
    const ref = { warehouse: folder, table: 'db.t' };
    await write(sampleRows(100, 0));
    await write(sampleRows(60, 50));
    const written = primaryKeys.length > 0 ? 110 : 160;
    if ('deletion-vectors.enabled' in options || options['changelog-producer' as never] === 'lookup') await compact();
    const first = await ours();
    expect(first).toHaveLength(written);
    expect(firstDifference(await paimon.rows(ref), first)).toBeUndefined();
    await paimon.append(
      ref,
      first.filter((_, index) => index % 3 === 0).map(row => `+I ${row}`),
    );
    expect(firstDifference(await ours(), await paimon.rows(ref))).toBeUndefined();
    if (primaryKeys.length > 0) await paimon.compactFully(ref);
    await compact();
    const last = await ours();
    expect(last.length).toBeGreaterThanOrEqual(written);
    expect(firstDifference(await paimon.rows(ref), last)).toBeUndefined();
    const ids = (await paimon.snapshots(ref)).length;
    const theirs = await paimon.changes(ref, { first: 1, last: ids });
    for (let id = 1; id <= ids; id += 1) {
      const there = theirs.filter(({ snapshot }) => snapshot === id).map(({ line }) => line);
      expect(firstDifference(await changesOf(id), there.toSorted()), `changes of ${id}`).toBeUndefined();
    }
    expect(endings()).toEqual(expected);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
