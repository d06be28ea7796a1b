/**
 * Tables with rows, in memory, behind a store that counts: for tests of writing, scanning, reading and compacting. The
 * columns are `p` STRING, `k` INT and `v` STRING unless a test says otherwise; rows are written as scalars.
 */
import { type Random, seededRandom } from '../src/base/random.ts';
import { alterTable, createTable } from '../src/catalog/catalog.ts';
import { parseIdentifier } from '../src/catalog/identifier.ts';
import type { ColumnDefinition } from '../src/catalog/table-definition.ts';
import type { DataFileMeta } from '../src/format/data-file.ts';
import { type CountingObjectStore, countingObjectStore } from '../src/storage/counting-object-store.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import { Committer } from '../src/table/commit/commit.ts';
import { type CompactOptions, type CompactReceipt, compactTable } from '../src/table/compact/compact-table.ts';
import type { PlacedFile } from '../src/table/live-files.ts';
import { liveEntries } from '../src/table/manifests.ts';
import { type ReadOptions, readPlan } from '../src/table/read/read-split.ts';
import { planScan, type ScanOptions } from '../src/table/scan/plan-scan.ts';
import { latestSnapshot, snapshotById } from '../src/table/snapshots.ts';
import { openTable, type Table } from '../src/table/table.ts';
import type { WorkMemory } from '../src/table/work-memory.ts';
import { TableWriter, type WriteResult } from '../src/table/write/table-writer.ts';
import { buildBatch } from '../src/types/column-builder.ts';
import { rowsOf } from '../src/types/column-reader.ts';
import type { DataType } from '../src/types/data-type.ts';
import type { Predicate } from '../src/types/predicate.ts';
import { type RowKind, rowKindByte } from '../src/types/row-kind.ts';
import type { Scalar } from '../src/types/scalar.ts';
import { ManualClock } from './table-fixture.ts';

export const int: DataType = { kind: 'int', nullable: true };
export const text: DataType = { kind: 'varchar', length: 2_147_483_647, nullable: true };

export type RowTableSettings = {
  readonly columns?: readonly ColumnDefinition[] | undefined;
  readonly primaryKeys?: readonly string[] | undefined;
  readonly partitionKeys?: readonly string[] | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly workMemory?: WorkMemory | undefined;
};

/** A row, and what it does; +I unless said. */
export type RowChange = readonly [kind: RowKind, ...row: readonly Scalar[]];

type DataRequests = { readonly puts: string[]; readonly gets: string[] };

export class RowTable {
  readonly store: CountingObjectStore;
  readonly clock: ManualClock;
  readonly random: Random = seededRandom(7);
  /** Keys of the data files that were put, in order. */
  readonly dataPuts: readonly string[];
  /** Keys of data files of which bytes were read, in order, once for each request. */
  readonly dataGets: readonly string[];
  readonly table: Table;
  /** Of who opens it from now on. */
  workMemory: WorkMemory | undefined;

  constructor(store: CountingObjectStore, clock: ManualClock, table: Table, data: DataRequests) {
    this.dataPuts = data.puts;
    this.dataGets = data.gets;
    this.store = store;
    this.clock = clock;
    this.table = table;
  }

  /** The table as one sees it who opens it now, with caches of its own. */
  open(branch?: string): Promise<Table> {
    return openTable(this.store, { database: 'd', name: 't', branch }, this);
  }

  /** One commit of rows that are put there. */
  write(rows: readonly (readonly Scalar[])[], branch?: string): Promise<WriteResult> {
    return this.change(
      rows.map(row => ['+I', ...row]),
      branch,
    );
  }

  /** One commit. */
  async change(changes: readonly RowChange[], branch?: string): Promise<WriteResult> {
    const table = await this.open(branch);
    await using committer = new Committer(table);
    const writer = new TableWriter(table, committer);
    await addChanges(writer, table, changes);
    return await writer.commit();
  }

  /** ALTER TABLE … SET. */
  async alterOption(key: string, value: string): Promise<void> {
    await alterTable(this, parseIdentifier('d.t'), [{ kind: 'set-option', key, value }]);
  }

  /** ALTER TABLE … ADD COLUMN, of texts. */
  async addColumn(name: string): Promise<void> {
    await alterTable(this, parseIdentifier('d.t'), [{ kind: 'add-column', name, type: text }]);
  }

  async compact(options: Partial<CompactOptions> = {}): Promise<CompactReceipt> {
    const table = await this.open();
    await using committer = new Committer(table);
    return await compactTable(table, committer, { isFull: false, ...options });
  }

  /** All rows, in order of their text. */
  async rows(
    options: ScanOptions & ReadOptions & { readonly snapshotId?: number; readonly branch?: string } = {},
  ): Promise<Scalar[][]> {
    const table = await this.open(options.branch);
    const { snapshotId } = options;
    const snapshot = snapshotId === undefined ? await latestSnapshot(table) : await snapshotById(table, snapshotId);
    const rows: Scalar[][] = [];
    for await (const batch of readPlan(table, await planScan(table, snapshot, options), options)) {
      rows.push(...rowsOf(batch));
    }
    return sorted(rows);
  }

  async live(): Promise<readonly PlacedFile[]> {
    const table = await this.open();
    const snapshot = await latestSnapshot(table);
    return snapshot === undefined ? [] : liveEntries(table, snapshot);
  }

  async files(): Promise<readonly DataFileMeta[]> {
    return (await this.live()).map(({ file }) => file);
  }
}

export async function rowTable(settings: RowTableSettings = {}): Promise<RowTable> {
  const clock = new ManualClock();
  const data: DataRequests = { puts: [], gets: [] };
  const store = countingObjectStore(new MemoryObjectStore('memory:rows', clock), (operation, key) => {
    if (operation === 'put' && key.includes('/bucket-')) data.puts.push(key);
    if ((operation === 'get' || operation === 'getRange') && key.endsWith('.parquet')) data.gets.push(key);
  });
  const parts = { store, clock, random: seededRandom(5) };
  const definition = {
    columns: settings.columns ?? [
      { name: 'p', type: text },
      { name: 'k', type: int },
      { name: 'v', type: text },
    ],
    primaryKeys: settings.primaryKeys ?? ['k'],
    partitionKeys: settings.partitionKeys ?? [],
    options: { bucket: '1', ...settings.options },
  };
  await createTable(parts, parseIdentifier('d.t'), definition, { ifNotExists: false });
  const rows = new RowTable(store, clock, await openTable(store, { database: 'd', name: 't' }, parts), data);
  rows.workMemory = settings.workMemory;
  return rows;
}

export async function addChanges(
  writer: Pick<TableWriter, 'add'>,
  table: Table,
  changes: readonly RowChange[],
): Promise<void> {
  const rows = changes.map(([, ...row]) => row);
  const kinds = Int8Array.from(changes, ([kind]) => rowKindByte[kind]);
  await writer.add(buildBatch({ fields: table.schema.fields }, rows), kinds);
}

export function sorted(rows: readonly (readonly Scalar[])[]): Scalar[][] {
  const keyed = rows.map(row => ({ row: [...row], key: row.map(String).join('\u0000') }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ row }) => row);
}

/** `count` rows of partition p with keys from `first` on. */
export function numbered(p: string, first: number, count: number, value = 'v'): Scalar[][] {
  return Array.from({ length: count }, (_, index) => [p, first + index, `${value}${first + index}`]);
}

export function equals(column: string, value: Scalar): Predicate {
  return { kind: 'compare', op: '=', column, value };
}
