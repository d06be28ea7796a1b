/**
 * Tables of each kind at the same work: 1M rows of ten columns that are written and compacted, then ten commits of 100,000
 * changed rows. With deletion vectors or a lookup changelog each of these is compacted as far as it must be to be seen; the
 * others are read while they are unmerged, and then compacted. On a local store; CPU is that of the whole process, the
 * codec's threads with it. Run: `npm run bench -- table-kinds [KIND]`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { createTable } from '../src/catalog/catalog.ts';
import { parseIdentifier } from '../src/catalog/identifier.ts';
import { openObjectStore } from '../src/storage/open-object-store.ts';
import { Committer } from '../src/table/commit/commit.ts';
import { compactTable } from '../src/table/compact/compact-table.ts';
import { readPlan } from '../src/table/read/read-split.ts';
import { planScan } from '../src/table/scan/plan-scan.ts';
import { latestSnapshot } from '../src/table/snapshots.ts';
import { openTable, type Table } from '../src/table/table.ts';
import { TableWriter } from '../src/table/write/table-writer.ts';
import type { RowBatch } from '../src/types/row-batch.ts';
import { wideBatches, wideColumns } from '../test/function-loads/wide-rows.ts';

const baseRowCount = 1_000_000;
const changedRowCount = 100_000;
const commitCount = 10;

type Kind = { readonly options: Readonly<Record<string, string>>; readonly shows: 'unmerged' | 'compacted' };

const kinds: Readonly<Record<string, Kind>> = {
  deduplicate: { options: {}, shows: 'unmerged' },
  'dynamic-buckets': { options: { bucket: '-1', 'dynamic-bucket.target-row-num': '300000' }, shows: 'unmerged' },
  'partial-update': { options: { 'merge-engine': 'partial-update' }, shows: 'unmerged' },
  aggregation: {
    options: {
      'merge-engine': 'aggregation',
      'fields.default-aggregate-function': 'last_non_null_value',
      'fields.b1.aggregate-function': 'sum',
      'fields.d1.aggregate-function': 'max',
    },
    shows: 'unmerged',
  },
  'full-compaction': { options: { 'changelog-producer': 'full-compaction' }, shows: 'unmerged' },
  'deletion-vectors': { options: { 'deletion-vectors.enabled': 'true' }, shows: 'compacted' },
  lookup: { options: { 'changelog-producer': 'lookup' }, shows: 'compacted' },
};

async function write(table: Table, batches: readonly RowBatch[]): Promise<void> {
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  for (const batch of batches) await writer.add(batch, new Int8Array(batch.rowCount));
  await writer.commit();
}

async function compact(table: Table, isFull: boolean): Promise<void> {
  await using committer = new Committer(table);
  const { status } = await compactTable(table, committer, { isFull });
  if (status !== 'committed') throw new Error(`compaction: ${status}`);
}

async function read(table: Table): Promise<void> {
  let count = 0;
  for await (const { rowCount } of readPlan(table, await planScan(table, await latestSnapshot(table))))
    count += rowCount;
  if (count !== baseRowCount) throw new Error(`${count} rows`);
}

type Figures = Record<string, { readonly wallMs: number; readonly cpuMs: number }>;

async function measure(figures: Figures, what: string, act: () => Promise<void>): Promise<void> {
  const before = figures[what] ?? { wallMs: 0, cpuMs: 0 };
  const cpu = process.cpuUsage();
  const start = performance.now();
  await act();
  const { user, system } = process.cpuUsage(cpu);
  figures[what] = {
    wallMs: Math.round(before.wallMs + performance.now() - start),
    cpuMs: Math.round(before.cpuMs + (user + system) / 1_000),
  };
}

async function run(name: string, { options, shows }: Kind): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-kinds-'));
  const components = { clock: systemClock, random: systemRandom };
  const store = await openObjectStore(folder, {}, components);
  const parts = { store, ...components };
  const definition = {
    columns: wideColumns,
    primaryKeys: ['id'],
    partitionKeys: [],
    options: { bucket: '1', ...options },
  };
  await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  const table = await openTable(store, { database: 'd', name: 't' }, parts);
  const figures: Figures = {};
  const base = [
    ...wideBatches(table, { count: baseRowCount, turn: 1, idOf: index => (index * 618_033) % baseRowCount }),
  ];
  await measure(figures, 'write 1M', () => write(table, base));
  await measure(figures, 'compact 1M', () => compact(table, true));
  for (let turn = 0; turn < commitCount; turn += 1) {
    const idOf = (index: number): number => {
      const k = (index * 61_803) % changedRowCount;
      return k * 10 + ((k * 7 + turn * 3) % 10);
    };
    const changed = [...wideBatches(table, { count: changedRowCount, turn: 1_000 + turn, idOf })];
    await measure(figures, 'write 10 x 100k', () => write(table, changed));
    if (shows === 'compacted') await measure(figures, 'compact 10 x 100k', () => compact(table, false));
  }
  await measure(figures, 'read', () => read(table));
  await measure(figures, 'read again', () => read(table));
  if (shows === 'unmerged') await measure(figures, 'compact', () => compact(table, true));
  console.log(JSON.stringify({ kind: name, ...figures, rssMb: Math.round(process.resourceUsage().maxRSS / 1024) }));
  rmSync(folder, { recursive: true, force: true });
}

const [, , , only] = process.argv;
for (const [name, kind] of Object.entries(kinds)) if (only === undefined || only === name) await run(name, kind);
