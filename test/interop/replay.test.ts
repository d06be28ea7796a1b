// What we write is what Paimon reads. Golden tables are written anew by our writer and compaction; Paimon reads each
// snapshot, goes on with appends and a full compaction, and we read what came of it. And the other way round: we go on with
// tables that Paimon wrote.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { type JsonObject, parseJson } from '../../src/base/json.ts';
import { systemRandom } from '../../src/base/random.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { replayGolden } from '../../src/service/golden-replay.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { Committer } from '../../src/table/commit/commit.ts';
import { compactTable } from '../../src/table/compact/compact-table.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { misfitOfDelete } from '../../src/table/write/row-misfits.ts';
import { TableWriter } from '../../src/table/write/table-writer.ts';
import { parseCanonicalRow } from '../../src/types/canonical-json.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { type RowKind, rowKindByte } from '../../src/types/row-kind.ts';
import { type Paimon, startPaimon } from './paimon.ts';
import { firstDifference } from './rows.ts';

const root = fileURLToPath(new URL('../golden/tables', import.meta.url));
const parts = { clock: systemClock, random: systemRandom };

/** Types, partitions, evolution, levels, deletes, keys of many types, layouts, merge engines, changelogs, append tables. */
const replayed = [
  'agg_basic',
  'agg_collect',
  'agg_default',
  'agg_remove',
  'agg_retract',
  'ap_bucketed',
  'ap_compacted',
  'ap_part',
  'ap_unaware',
  'cl_agg_lookup',
  'cl_full',
  'cl_input',
  'cl_lookup',
  'cl_lookup_part',
  'dv_lookup',
  'dv_part',
  'dv_pk',
  'dv_pk64',
  'dyn_bucket',
  'dyn_part',
  'emptied',
  'evo_append',
  'evo_columns',
  'evo_default',
  'evo_nested',
  'evo_then_compact',
  'evo_types',
  'fr_basic',
  'fr_lookup',
  'ignore_delete',
  'overwrite',
  'pk_bucketkey',
  'pk_edge',
  'pk_keys',
  'pk_l0_compacted',
  'pk_levels',
  'pk_nested',
  'pk_part',
  'pk_part_chars',
  'pk_part_types',
  'pk_types_b1',
  'pk_types_b4',
  'prefix_dir',
  'pu_basic',
  'pu_remove',
  'pu_seqgroup',
  'pu_seqgroup_agg',
  'rowkind_field',
  'seq_desc',
  'seq_field',
  'seq_field2',
  'rescale',
  'tags',
  'thin_mode',
  'ts_prec',
];
/** Paimon's writer does not compact an unaware bucket when it is asked to. */
const unaware = new Set(['ap_compacted', 'ap_part', 'ap_unaware', 'evo_append']);
/** Paimon's streaming writer refuses tables that have a partition with another count of buckets than the schema's. */
const ofTwoCounts = new Set(['rescale']);
const continued = [
  'agg_basic',
  'ap_bucketed',
  'dv_part',
  'dv_pk',
  'dv_pk64',
  'dyn_bucket',
  'dyn_part',
  'evo_nested',
  'evo_types',
  'fr_basic',
  'overwrite',
  'pk_big',
  'pk_levels',
  'pk_nested',
  'pk_part',
  'pk_types_b4',
  'pu_seqgroup_agg',
  'seq_field2',
  'thin_mode',
];

let paimon: Paimon;
let warehouse: string;
let copies: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-replay-'));
  copies = mkdtempSync(join(tmpdir(), 'tidelake-continued-'));
  for await (const verdict of replayGolden({ root, out: warehouse, tables: replayed }, parts)) {
    expect(verdict).toMatchObject({ status: 'passed' });
  }
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  for (const folder of [warehouse, copies]) if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function expected(table: string, name: string): readonly string[] {
  return readFileSync(join(root, 'expected', table, `${name}.jsonl`), 'utf8')
    .split('\n')
    .filter(line => line !== '');
}

async function withTable<T>(folder: string, name: string, use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openObjectStore(folder, {}, parts);
  return await use(await openTable(store, { database: 'db', name }, parts));
}

function takesDeletes({ schema }: Table): boolean {
  return misfitOfDelete(schema, rowKindByte['-D']) === undefined;
}

function hasChangelog(name: string): Promise<boolean> {
  return withTable(warehouse, name, async table => table.options.changelogProducer !== 'none');
}

function ours(folder: string, name: string): Promise<readonly string[]> {
  return withTable(folder, name, table => linesOfCase(table, { kind: 'latest', key: '' }));
}

/** Of what is there, some is changed, some goes, and some comes that was there already. */
function changesOf(rows: readonly string[], options: { readonly deletes: boolean }): readonly string[] {
  const kinds: readonly RowKind[] = options.deletes ? ['+U', '-D', '+I'] : ['+I'];
  return rows.filter((_, index) => index % 2 === 0).map((row, index) => `${kinds[index % kinds.length]} ${row}`);
}

for (const name of replayed) {
  test(`Paimon reads our ${name} as expected at every snapshot, goes on with it, and we read what it wrote`, async () => {
    const ref = { warehouse, table: `db.${name}` };
    expect(firstDifference(await paimon.rows(ref), expected(name, 'latest'))).toBeUndefined();
    for (const file of readdirSync(join(root, 'expected', name))) {
      const id = Number(/^snapshot-(\d+)\.jsonl$/.exec(file)?.[1] ?? 0);
      if (id === 0) continue;
      const difference = firstDifference(await paimon.rows(ref, { snapshot: id }), expected(name, `snapshot-${id}`));
      expect(difference).toBeUndefined();
    }
    for (const file of readdirSync(join(root, 'expected', name))) {
      const id = Number(/^changes-(\d+)\.jsonl$/.exec(file)?.[1] ?? 0);
      if (id === 0 || !(await hasChangelog(name))) continue;
      const changes = await paimon.changes(ref, { first: id, last: id });
      const lines = changes.map(({ line }) => line);
      expect(firstDifference(lines, expected(name, `changes-${id}`)), `changes ${id}`).toBeUndefined();
    }
    const deletes = await withTable(warehouse, name, async table => takesDeletes(table));
    const changes = changesOf(expected(name, 'latest'), { deletes });
    if (ofTwoCounts.has(name)) {
      await expect(paimon.append(ref, changes, { compaction: false })).rejects.toThrow('previous bucket num is 2');
      return;
    }
    await paimon.append(ref, changes, { compaction: false });
    expect(firstDifference(await ours(warehouse, name), await paimon.rows(ref))).toBeUndefined();
    if (unaware.has(name)) return;
    await paimon.compactFully(ref);
    expect(firstDifference(await ours(warehouse, name), await paimon.rows(ref))).toBeUndefined();
  });
}

for (const name of continued) {
  test(`we go on with Paimon's ${name}: what we append and compact, Paimon reads and follows`, async () => {
    cpSync(join(root, 'warehouse', 'db.db', name), join(copies, 'db.db', name), { recursive: true });
    const ref = { warehouse: copies, table: `db.${name}` };
    const ids = await withTable(copies, name, async table => {
      const deletes = takesDeletes(table);
      const first = await append(table, changesOf(expected(name, 'latest'), { deletes }));
      await using committer = new Committer(table);
      const { snapshotId } = await compactTable(table, committer, { isFull: true });
      return { first, last: snapshotId ?? first };
    });
    const changes = await paimon.changes(ref, ids);
    const followed = await withTable(copies, name, table =>
      linesOfCase(table, { kind: 'changes', id: ids.first, key: '' }),
    );
    expect(
      firstDifference(
        changes.map(({ line }) => line),
        followed,
      ),
    ).toBeUndefined();
    const read = await paimon.rows(ref);
    expect(firstDifference(await ours(copies, name), read)).toBeUndefined();
    // And Paimon once more, on top of ours.
    await paimon.append(
      ref,
      read.slice(0, 3).map(row => `+I ${row}`),
      { compaction: true },
    );
    await paimon.compactFully(ref);
    expect(firstDifference(await ours(copies, name), await paimon.rows(ref))).toBeUndefined();
  });
}

/** One commit through our writer. @returns its snapshot */
async function append(table: Table, changes: readonly string[]): Promise<number> {
  const rows = changes.map(line => parseCanonicalRow(table.schema, Object(parseJson(line.slice(3))) as JsonObject));
  const kinds = Int8Array.from(changes, line => rowKindByte[line.slice(0, 2) as RowKind]);
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  await writer.add(buildBatch(table.schema, rows), kinds);
  return (await writer.commit()).snapshotId ?? 0;
}
