/** Those who change rows: writers, those who delete rows of append tables, those who overwrite, and compaction. */
import { isLakeError } from '../../../../src/base/errors.ts';
import type { Random } from '../../../../src/base/random.ts';
import { PositionedTable, positionFields } from '../../../../src/sql/statements/position-rows.ts';
import { Committer } from '../../../../src/table/commit/commit.ts';
import { compactTable } from '../../../../src/table/compact/compact-table.ts';
import { ChangeWriter } from '../../../../src/table/overwrite/change-writer.ts';
import { OverwriteWriter } from '../../../../src/table/overwrite/overwrite-writer.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import { reopenTable, type Table } from '../../../../src/table/table.ts';
import { TableWriter } from '../../../../src/table/write/table-writer.ts';
import { buildBatch } from '../../../../src/types/column-builder.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import { rowKindByte } from '../../../../src/types/row-kind.ts';
import type { SimProcess } from '../../process.ts';
import type { KindsBench } from './bench.ts';
import type { Line } from './line.ts';
import { dayAt, dayOfText, keyOf, type Row, type State, valuesOf, written } from './rows.ts';
import { valueFields } from './table-kind.ts';

const keysMin = 9;
/** So many that most are left alone between two compactions. */
const keysOfCopies = 40;
/** Of a table of dynamic buckets: keys that nobody has seen come all the time, after so many rows each. */
const rowsOfNewKey = 6;
const rowsMax = 4;
const daysBack = 3;
const deleteShare = 0.25;
const sortShare = 0.2;
const takenShare = 0.3;
const sortOrder = { strategy: 'zorder', columns: ['b', 'k'] } as const;

export function writer(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process);
      await write(bench, process, table);
    }
  });
}

export async function write(bench: KindsBench, process: SimProcess, opened: Table): Promise<void> {
  // With the schema it was opened with a writer goes on until it looks again.
  const table = bench.kind.evolves && process.random.next() < 0.5 ? await reopenTable(opened) : opened;
  const rows = rowsFor(bench, process, table);
  const apply = (before: State): State => written(bench.kind, before, rows);
  await bench.do(table, { what: 'write', apply, rows }, async named => {
    await using committer = new Committer(named);
    const tableWriter = new TableWriter(named, committer);
    await tableWriter.add(batchOf(named, rows), Int8Array.from(rows.map(({ kind }) => kind)));
    await tableWriter.commit();
  });
}

function batchOf({ schema: { fields } }: Table, rows: readonly Row[]): ReturnType<typeof buildBatch> {
  return buildBatch(
    { fields },
    rows.map(row => valuesOf(row, fields)),
  );
}

/** Each key at most once: what a write does is told by its rows in any order. */
function rowsFor(bench: KindsBench, { random }: SimProcess, table: Table): readonly Row[] {
  const { kind } = bench;
  const count = 1 + Math.floor(random.next() * rowsMax);
  const rows = new Map<number, Row>();
  const keyCount = keysAt(bench);
  const hasThird = valueFields(table.schema.fields).length > 2;
  while (rows.size < count) {
    const number = bench.nextNumber();
    const day = kind.isPartitioned ? dayAt(bench.world.scheduler.nowMs) - Math.floor(random.next() * daysBack) : 0;
    const k = kind.engine === 'append' ? number : Math.floor(random.next() * keyCount);
    const isDelete = kind.takesDeletes && random.next() < deleteShare;
    const isPartial = kind.engine === 'partial-update' && random.next() < 0.7;
    const leavesA = isPartial && random.next() < 0.5;
    const c = hasThird && random.next() < 0.6 ? number : undefined;
    rows.set(keyOf({ day, k }), {
      kind: rowKindByte[isDelete ? '-D' : '+I'],
      day,
      k,
      // A delete's values are nulls: with partial-update, what it carries comes to the row that follows it, as in Paimon.
      values: isDelete
        ? [undefined, undefined, undefined]
        : [leavesA ? undefined : number, isPartial && !leavesA ? undefined : secondFor(bench, random, number), c],
    });
  }
  return [...rows.values()];
}

/** Where rows expire by it, a time, and of some one that is nearly over. */
function secondFor({ kind, world }: KindsBench, random: Random, number: number): number {
  if (kind.recordSeconds === undefined) return number;
  return Math.floor(world.scheduler.nowMs / 1_000 - random.next() * kind.recordSeconds);
}

function keysAt(bench: KindsBench): number {
  if (bench.kind.copies) return keysOfCopies;
  return keysMin + (bench.kind.isDynamic ? Math.floor(bench.numbers / rowsOfNewKey) : 0);
}

/** DELETE of an append table: by deletion vectors, or by files that are written anew. */
export function deleter(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    let table = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process, 3);
      try {
        if ((await deleteSome(bench, process, table)) === 'again') table = await reopenTable(table);
      } catch (error) {
        if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
        bench.count('delete expired');
      }
    }
  });
}

async function deleteSome(bench: KindsBench, process: SimProcess, table: Table): Promise<'committed' | 'again'> {
  const gone = new Set<number>();
  const apply = (before: State): State => {
    for (const key of gone) bench.world.check(before.has(key), `row ${key} is deleted a second time`);
    return new Map([...before].filter(([key]) => !gone.has(key)));
  };
  return bench.do(table, { what: 'delete', apply }, async named => {
    const snapshot = await latestSnapshot(named);
    const positioned = new PositionedTable(named, snapshot);
    await using committer = new Committer(named);
    const changes = new ChangeWriter(named, committer, { readAt: snapshot, needs: 'files' });
    for (const [file, rows] of await choose(process, positioned, gone)) {
      const placed = positioned.file(file);
      if (bench.kind.hasVectors) {
        changes.mark({ placed, positions: rows.toSorted((a, b) => a - b), vector: positioned.vectorOf(file) });
        continue;
      }
      changes.replace(placed);
      const taken = new Set(rows);
      for await (const kept of positioned.rowsBut(file, row => taken.has(row))) {
        await changes.add(kept, new Int8Array(kept.rowCount));
      }
    }
    const outcome = await changes.commit();
    bench.count(`delete ${outcome.status}`);
    return outcome.status;
  });
}

/** Rows to go, by file. */
async function choose(
  process: SimProcess,
  positioned: PositionedTable,
  gone: Set<number>,
): Promise<ReadonlyMap<number, number[]>> {
  const chosen = new Map<number, number[]>();
  const isPartitioned = positioned.table.schema.partitionKeys.length > 0;
  const fields = [...positionFields, ...positioned.table.schema.fields];
  for await (const batch of positioned.rows(fields, undefined)) {
    for (const [file, row, k, _a, _b, p] of rowsOf(batch)) {
      if (process.random.next() >= takenShare) continue;
      gone.add(keyOf({ day: isPartitioned ? dayOfText(String(p)) : 0, k: Number(k) }));
      chosen.set(Number(file), [...(chosen.get(Number(file)) ?? []), Number(row)]);
    }
  }
  return chosen;
}

/** INSERT OVERWRITE of the whole table. */
export function overwriter(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process, 12);
      const rows = rowsFor(bench, process, table).filter(({ kind }) => kind === rowKindByte['+I']);
      const apply = (): State => written(bench.kind, new Map(), rows);
      await bench.do(table, { what: 'overwrite', apply, replaces: true }, async named => {
        await using committer = new Committer(named);
        const overwriting = new OverwriteWriter(named, committer, { kind: 'chosen', predicate: undefined });
        await overwriting.add(batchOf(named, rows), new Int8Array(rows.length));
        await overwriting.commit({ commitsNothing: true });
      });
    }
  });
}

export function compactor(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    const isDue = bench.due(process, { commits: 2 });
    while (!bench.isStopped) {
      await bench.pause(process, 4);
      if (!isDue()) continue;
      try {
        const sorts = bench.kind.engine === 'append' && process.random.next() < sortShare;
        await compact(bench, table, { isFull: process.random.next() < 0.4, line: bench.main, sorts });
      } catch (error) {
        if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
        bench.count('compact expired');
      }
    }
  });
}

export async function compact(
  bench: KindsBench,
  table: Table,
  { isFull, line, sorts = false }: { readonly isFull: boolean; readonly line: Line; readonly sorts?: boolean },
): Promise<void> {
  const { headId } = line;
  await using committer = new Committer(table);
  const order = sorts ? sortOrder : undefined;
  const { status, leftCount, snapshotId, buckets } = await compactTable(table, committer, { isFull, order });
  bench.count(`${sorts ? 'sort' : 'compact'} ${status}`);
  if (buckets.some(({ bytesCopied }) => bytesCopied > 0)) bench.count('compact copied row groups');
  if (isFull && status !== 'given-up' && leftCount === 0) line.compactedUpTo(headId, snapshotId ?? line.headId);
}
