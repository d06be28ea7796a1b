/** Those who change rows: writers, those who delete rows of append tables, those who overwrite, and compaction. */
import { isLakeError } from '../../../../src/base/errors.ts';
import { PositionedTable, positionFields } from '../../../../src/sql/statements/position-rows.ts';
import { Committer } from '../../../../src/table/commit/commit.ts';
import { compactTable } from '../../../../src/table/compact/compact-table.ts';
import { ChangeWriter } from '../../../../src/table/overwrite/change-writer.ts';
import { OverwriteWriter } from '../../../../src/table/overwrite/overwrite-writer.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import type { Table } from '../../../../src/table/table.ts';
import { TableWriter } from '../../../../src/table/write/table-writer.ts';
import { buildBatch } from '../../../../src/types/column-builder.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import { rowKindByte } from '../../../../src/types/row-kind.ts';
import type { SimProcess } from '../../process.ts';
import type { KindsBench } from './bench.ts';
import type { Line } from './line.ts';
import { type Row, valuesOf, written } from './table-kind.ts';

const keysMin = 9;
/** Of a table of dynamic buckets: keys that nobody has seen come all the time, after so many rows each. */
const rowsOfNewKey = 6;
const rowsMax = 4;
const deleteShare = 0.25;
const takenShare = 0.3;

export function writer(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process);
      await write(bench, process, table);
    }
  });
}

export async function write(bench: KindsBench, process: SimProcess, table: Table): Promise<void> {
  const rows = rowsFor(bench, process);
  const apply = (before: ReadonlyMap<number, string>): ReadonlyMap<number, string> => written(bench.kind, before, rows);
  await bench.do(table, { what: 'write', apply, rows }, async named => {
    await using committer = new Committer(named);
    const tableWriter = new TableWriter(named, committer);
    await tableWriter.add(batchOf(named, rows), Int8Array.from(rows.map(({ kind }) => kind)));
    await tableWriter.commit();
  });
}

function batchOf({ schema }: Table, rows: readonly Row[]): ReturnType<typeof buildBatch> {
  return buildBatch({ fields: schema.fields }, rows.map(valuesOf));
}

/** Each key at most once: what a write does is told by its rows in any order. */
function rowsFor(bench: KindsBench, { random }: SimProcess): readonly Row[] {
  const { kind } = bench;
  const count = 1 + Math.floor(random.next() * rowsMax);
  const rows = new Map<number, Row>();
  const keyCount = keysAt(bench);
  while (rows.size < count) {
    const number = bench.nextNumber();
    const k = kind.engine === 'append' ? number : Math.floor(random.next() * keyCount);
    const isDelete = kind.takesDeletes && random.next() < deleteShare;
    const isPartial = kind.engine === 'partial-update' && random.next() < 0.7;
    const leavesA = isPartial && random.next() < 0.5;
    rows.set(k, {
      kind: rowKindByte[isDelete ? '-D' : '+I'],
      k,
      // A delete's values are nulls: with partial-update, what it carries comes to the row that follows it, as in Paimon.
      a: isDelete || leavesA ? undefined : number,
      b: isDelete || (isPartial && !leavesA) ? undefined : number,
    });
  }
  return [...rows.values()];
}

function keysAt(bench: KindsBench): number {
  return keysMin + (bench.kind.isDynamic ? Math.floor(bench.numbers / rowsOfNewKey) : 0);
}

/** DELETE of an append table: by deletion vectors, or by files that are written anew. */
export function deleter(bench: KindsBench, name: string): Promise<void> {
  return bench.world.supervise(name, async process => {
    const table = await bench.open(process);
    while (!bench.isStopped) {
      await bench.pause(process, 3);
      try {
        await deleteSome(bench, process, table);
      } catch (error) {
        if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
        bench.count('delete expired');
      }
    }
  });
}

async function deleteSome(bench: KindsBench, process: SimProcess, table: Table): Promise<void> {
  const gone = new Set<number>();
  const apply = (before: ReadonlyMap<number, string>): ReadonlyMap<number, string> => {
    for (const key of gone) bench.world.check(before.has(key), `row ${key} is deleted a second time`);
    return new Map([...before].filter(([key]) => !gone.has(key)));
  };
  await bench.do(table, { what: 'delete', apply }, async named => {
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
  });
}

/** Rows to go, by file. */
async function choose(
  process: SimProcess,
  positioned: PositionedTable,
  gone: Set<number>,
): Promise<ReadonlyMap<number, number[]>> {
  const chosen = new Map<number, number[]>();
  const fields = [...positionFields, ...positioned.table.schema.fields];
  for await (const batch of positioned.rows(fields, undefined)) {
    for (const [file, row, k] of rowsOf(batch)) {
      if (process.random.next() >= takenShare) continue;
      gone.add(Number(k));
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
      const rows = rowsFor(bench, process).filter(({ kind }) => kind === rowKindByte['+I']);
      const apply = (): ReadonlyMap<number, string> => written(bench.kind, new Map(), rows);
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
        await compact(bench, table, { isFull: process.random.next() < 0.4, line: bench.main });
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
  { isFull, line }: { readonly isFull: boolean; readonly line: Line },
): Promise<void> {
  const { headId } = line;
  await using committer = new Committer(table);
  const { status, leftCount } = await compactTable(table, committer, { isFull });
  bench.count(`compact ${status}`);
  if (isFull && status !== 'given-up' && leftCount === 0) line.compactedUpTo(headId);
}
