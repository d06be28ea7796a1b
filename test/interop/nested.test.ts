// Nested types at every depth, with nulls at every level that may have them: what we write, Paimon reads; we change the
// schema within them, Paimon reads old files under it, goes on and compacts, and we read what it wrote.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { alterTable, createDatabase, createTable } from '../../src/catalog/catalog.ts';
import type { SchemaChange } from '../../src/catalog/schema-change.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import type { DataType } from '../../src/types/data-type.ts';
import type { Scalar } from '../../src/types/scalar.ts';
import { arbitraryScalar, nestedTypes } from '../arbitrary-rows.ts';
import { near } from './near.ts';
import { type Paimon, startPaimon } from './paimon.ts';
import { firstDifference } from './rows.ts';

const parts = { clock: systemClock, random: systemRandom };
const identifier = { database: 'db', table: 't', branch: undefined, systemTable: undefined };
const bigint: DataType = { kind: 'bigint', nullable: true };
const seed = 20_261_126;

let paimon: Paimon;
let folder: string;

beforeAll(async () => {
  paimon = await startPaimon();
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
});

function sampleRows(count: number, from: number): readonly Scalar[][] {
  const rows = fc.sample(fc.tuple(...nestedTypes.map(arbitraryScalar)), { seed: seed + from, numRuns: count });
  return rows.map((row, index) => [
    BigInt(from + index),
    ...row.map((value, at) => near(value, nestedTypes[at] ?? bigint)),
  ]);
}

function withTable<T>(use: (table: Table) => Promise<T>): Promise<T> {
  return (async () => {
    await using store = await openObjectStore(folder, {}, parts);
    return await use(await openTable(store, { database: 'db', name: 't' }, parts));
  })();
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

/** Within a ROW, within the elements of a list and the values of a map, at depth. */
const changes: readonly SchemaChange[] = [
  { kind: 'change-type', name: 'c0', path: ['element'], type: bigint },
  { kind: 'change-type', name: 'c4', path: ['value'], type: { kind: 'double', nullable: true } },
  { kind: 'rename-column', name: 'c7', path: ['x'], newName: 'xx' },
  { kind: 'change-type', name: 'c7', path: ['xx'], type: bigint },
  { kind: 'drop-column', name: 'c7', path: ['y'] },
  { kind: 'add-column', name: 'c7', path: ['y'], type: bigint, position: { kind: 'first' } },
  { kind: 'change-type', name: 'c8', path: ['element', 'm', 'value', 'element'], type: bigint },
  {
    kind: 'add-column',
    name: 'c8',
    path: ['element', 'more'],
    type: { kind: 'array', element: bigint, nullable: true },
  },
  { kind: 'add-column', name: 'c11', path: ['in', 'late'], type: bigint, position: { kind: 'after', column: 's' } },
];

test.each([['id'], []])(
  'nested values go both ways between us and Paimon, before and after the schema changed: key %j',
  async (...keys) => {
    const primaryKeys = keys.filter(key => key === 'id');
    folder = mkdtempSync(join(tmpdir(), 'tidelake-nested-'));
    try {
      await using store = await openObjectStore(folder, {}, parts);
      const catalog = { store, ...parts };
      await createDatabase(catalog, 'db', { ifNotExists: true });
      const columns = [
        { name: 'id', type: { kind: 'bigint', nullable: false } as const },
        ...nestedTypes.map((type, index) => ({ name: `c${index}`, type })),
      ];
      const options = { bucket: primaryKeys.length > 0 ? '2' : '-1' };
      await createTable(
        catalog,
        identifier,
        { columns, primaryKeys, partitionKeys: [], options },
        { ifNotExists: false },
      );
      const ref = { warehouse: folder, table: 'db.t' };
      await write(sampleRows(200, 0));
      const before = await ours();
      expect(before).toHaveLength(200);
      expect(firstDifference(await paimon.rows(ref), before)).toBeUndefined();
      await alterTable(catalog, identifier, changes);
      const after = await ours();
      expect(after).toHaveLength(200);
      expect(firstDifference(await paimon.rows(ref), after)).toBeUndefined();
      // Paimon's rows on top: every third row once more, under the schema as it is now.
      await paimon.append(
        ref,
        after.filter((_, index) => index % 3 === 0).map(row => `+I ${row}`),
        { compaction: false },
      );
      expect(firstDifference(await ours(), await paimon.rows(ref))).toBeUndefined();
      if (primaryKeys.length === 0) return;
      await paimon.compactFully(ref);
      expect(firstDifference(await ours(), after)).toBeUndefined();
      await withTable(async table => {
        await using committer = new Committer(table);
        await compactTable(table, committer, { isFull: true });
      });
      expect(firstDifference(await paimon.rows(ref), after)).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
