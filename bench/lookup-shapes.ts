/**
 * Point lookups on a table of 10M rows in a local folder, of one bucket and of eight; compacted, and with three level-0 runs
 * of 10,000 rows on top. Random keys, half of the time of rows that are there, each answer checked. Per case: milliseconds
 * of a lookup in a process that has just opened the lake (first), and of 500 more of random keys (p50, p99), their
 * processor time, and what each asked the store for.
 *
 * Run: `npm run bench -- lookup-shapes [ROWS] [--folder F] [--only b8r3]`; a folder that is given is kept, and used again with what is in it.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { createTable } from '../src/catalog/catalog.ts';
import { parseIdentifier } from '../src/catalog/identifier.ts';
import { openLake } from '../src/index.ts';
import { countingObjectStore } from '../src/storage/counting-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { openObjectStore } from '../src/storage/open-object-store.ts';
import { Committer } from '../src/table/commit/commit.ts';
import { compactTable } from '../src/table/compact/compact-table.ts';
import { openTable, type Table } from '../src/table/table.ts';
import { TableWriter } from '../src/table/write/table-writer.ts';
import { wideColumns } from '../test/function-loads/wide-rows.ts';
import { b1Of, keyedBatch } from './tables/keyed-rows.ts';

const lookupCount = 500;
const changedRows = 10_000;
const newerRuns = 3;
const batchRows = 100_000;
const commitRows = 500_000;

const { positionals, values: flags } = parseArgs({
  args: process.argv.slice(process.argv[1]?.endsWith('main.ts') === true ? 3 : 2),
  options: { folder: { type: 'string' }, only: { type: 'string' } },
  allowPositionals: true,
});
const rowCount = Number(positionals[0] ?? 10_000_000);
const folder = flags.folder ?? mkdtempSync(join(tmpdir(), 'tidelake-lookup-'));
const components = { clock: systemClock, random: systemRandom };

type Case = { readonly buckets: number; readonly runs: number };
const tableName = ({ buckets, runs }: Case): string => `b${buckets}r${runs}`;

async function write(
  table: Table,
  keys: { readonly from: number; readonly to: number; readonly step: number },
  turn: number,
): Promise<void> {
  await using committer = new Committer(table);
  const writer = new TableWriter(table, committer);
  for (let at = keys.from; at < keys.to; at += batchRows * keys.step) {
    const length = Math.min(batchRows, Math.ceil((keys.to - at) / keys.step));
    const ids = Float64Array.from({ length }, (_, index) => 2 * (at + index * keys.step));
    await writer.add(keyedBatch(table.schema, ids, turn), new Int8Array(length));
  }
  await writer.commit();
}

/** Keys are even numbers; run K changes every key of a stride. */
async function make(store: ObjectStore, which: Case): Promise<void> {
  const parts = { store, ...components };
  const options = { bucket: String(which.buckets), 'num-sorted-run.compaction-trigger': '99' };
  const definition = { columns: wideColumns, primaryKeys: ['id'], partitionKeys: [], options };
  await createTable(parts, parseIdentifier(`d.${tableName(which)}`), definition, { ifNotExists: false });
  const table = await openTable(store, { database: 'd', name: tableName(which) }, parts);
  for (let from = 0; from < rowCount; from += commitRows) {
    await write(table, { from, to: Math.min(rowCount, from + commitRows), step: 1 }, 0);
  }
  await using committer = new Committer(table);
  const { status } = await compactTable(table, committer, { isFull: true });
  if (status !== 'committed') throw new Error(`compaction: ${status}`);
  const step = Math.max(1, Math.floor(rowCount / changedRows));
  for (let run = 1; run <= which.runs; run += 1) await write(table, { from: run, to: rowCount, step }, run);
}

function turnOf(row: number, { runs }: Case): number {
  const step = Math.max(1, Math.floor(rowCount / changedRows));
  const run = row % step;
  return run >= 1 && run <= runs ? run : 0;
}

async function measure(inner: ObjectStore, which: Case): Promise<void> {
  const store = countingObjectStore(inner);
  await using lake = await openLake({ warehouse: folder }, { store });
  const table = await lake.table(`d.${tableName(which)}`);
  const lookUp = async (index: number): Promise<number> => {
    const isThere = index % 2 === 0;
    const row = Math.floor(Math.random() * rowCount);
    const start = performance.now();
    const found = await table.lookup({ id: 2 * row + (isThere ? 0 : 1) });
    const ms = performance.now() - start;
    const expected = isThere ? b1Of(2 * row, turnOf(row, which)) : undefined;
    if (found?.['b1'] !== expected) throw new Error(`row ${row}: ${String(found?.['b1'])}, not ${String(expected)}`);
    return ms;
  };
  const first = await lookUp(0);
  for (let index = 0; index < 50; index += 1) await lookUp(index);
  store.reset();
  const cpu = process.cpuUsage();
  const times: number[] = [];
  for (let index = 0; index < lookupCount; index += 1) times.push(await lookUp(index));
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const { bytesRead, ...requests } = store.counts();
  const round = (ms: number | undefined): number => Number((ms ?? 0).toFixed(2));
  console.log(
    JSON.stringify({
      rows: rowCount,
      ...which,
      firstMs: round(first),
      p50Ms: round(times[lookupCount / 2]),
      p99Ms: round(times[Math.floor(lookupCount * 0.99)]),
      cpuMs: round((user + system) / 1_000 / lookupCount),
      kbRead: round(bytesRead / 1_000 / lookupCount),
      requests: Object.fromEntries(Object.entries(requests).filter(([, count]) => count > 0)),
    }),
  );
}

const store = await openObjectStore(folder, {}, components);
for (const buckets of [1, 8]) {
  for (const runs of [0, newerRuns]) {
    const which = { buckets, runs };
    if (flags.only !== undefined && flags.only !== tableName(which)) continue;
    if (!existsSync(join(folder, 'd.db', tableName(which)))) await make(store, which);
    await measure(store, which);
  }
}
if (flags.folder === undefined) rmSync(folder, { recursive: true, force: true });
