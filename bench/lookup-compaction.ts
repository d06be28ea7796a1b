/**
 * What a compaction that only looks at a large file costs: 1M rows of ten columns above level 0, and 10,000 changed rows of
 * level 0 all over them, or in one stretch of a twentieth of the keys, that go up. By deletion vectors, as the first row of
 * a key, and for a lookup changelog. On a store in memory; the best of some rounds. Run: `npm run bench -- lookup-compaction`.
 */

import { Committer } from '../src/table/commit/commit.ts';
import { compactTable } from '../src/table/compact/compact-table.ts';
import { TableWriter } from '../src/table/write/table-writer.ts';
import { makeColumn } from '../src/types/column-buffers.ts';
import type { DataType } from '../src/types/data-type.ts';
import { makeRowBatch, type RowBatch } from '../src/types/row-batch.ts';
import { int, type RowTable, rowTable } from '../test/row-fixture.ts';

const baseRowCount = 1_000_000;
const changedRowCount = 10_000;
const roundCount = 3;
const batchRows = 50_000;

const double: DataType = { kind: 'double', nullable: true };
const columns = [
  { name: 'k', type: int },
  ...Array.from({ length: 9 }, (_, index) => ({ name: `v${index}`, type: double })),
];

type Workload = { readonly what: string; readonly options: Readonly<Record<string, string>>; readonly share: number };

const workloads: readonly Workload[] = [
  { what: 'deletion vectors', options: { 'deletion-vectors.enabled': 'true' }, share: 1 },
  { what: 'first-row', options: { 'merge-engine': 'first-row' }, share: 1 },
  { what: 'lookup changelog', options: { 'changelog-producer': 'lookup' }, share: 1 },
  { what: 'deletion vectors, a twentieth of the keys', options: { 'deletion-vectors.enabled': 'true' }, share: 0.05 },
  { what: 'lookup changelog, a twentieth of the keys', options: { 'changelog-producer': 'lookup' }, share: 0.05 },
];

function batchOf(rows: RowTable, keys: Int32Array): RowBatch {
  const { fields } = rows.table.schema;
  const values = fields.slice(1).map(({ type }, column) => {
    const numbers = Float64Array.from(keys, (key, row) => Math.sin(key * 9 + column + row));
    return makeColumn(type, keys.length, { values: numbers });
  });
  const key = makeColumn(fields[0]?.type ?? int, keys.length, { values: keys });
  return makeRowBatch({ fields }, keys.length, [key, ...values]);
}

async function write(rows: RowTable, count: number, keyAt: (index: number) => number): Promise<void> {
  const table = await rows.open();
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  for (let start = 0; start < count; start += batchRows) {
    const length = Math.min(batchRows, count - start);
    const keys = Int32Array.from({ length }, (_, index) => keyAt(start + index));
    await writer.add(batchOf(rows, keys), new Int8Array(length));
  }
  await writer.commit();
}

async function compact(rows: RowTable, isFull: boolean): Promise<void> {
  const table = await rows.open();
  await using committer = new Committer(table);
  const { status } = await compactTable(table, committer, { isFull });
  if (status !== 'committed') throw new Error(`compaction: ${status}`);
}

for (const { what, options, share } of workloads) {
  const rows = await rowTable({
    columns,
    primaryKeys: ['k'],
    options: { ...options, 'num-sorted-run.compaction-trigger': '9' },
  });
  await write(rows, baseRowCount, index => index);
  await compact(rows, true);
  let wallMs = Number.POSITIVE_INFINITY;
  let cpuMs = Number.POSITIVE_INFINITY;
  let bytesRead = 0;
  for (let round = 0; round < roundCount; round += 1) {
    const step = Math.floor((baseRowCount * share) / changedRowCount);
    await write(rows, changedRowCount, index => index * step + round);
    rows.store.reset();
    const cpu = process.cpuUsage();
    const start = performance.now();
    await compact(rows, false);
    wallMs = Math.min(wallMs, performance.now() - start);
    const { user, system } = process.cpuUsage(cpu);
    cpuMs = Math.min(cpuMs, (user + system) / 1_000);
    bytesRead = rows.store.counts().bytesRead;
  }
  console.log(
    JSON.stringify({
      what,
      wallMs: Math.round(wallMs),
      cpuMs: Math.round(cpuMs),
      mbRead: Number((bytesRead / 1e6).toFixed(1)),
    }),
  );
}
