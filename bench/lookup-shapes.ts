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
import { openLake } from '../src/index.ts';
import { countingObjectStore } from '../src/storage/counting-object-store.ts';
import { openObjectStore } from '../src/storage/open-object-store.ts';
import { quantile } from './run/statistics.ts';
import { makeRows, type RowRange } from './workload/rows.ts';
import {
  compactWorkTable,
  createWorkTable,
  database,
  openWorkTable,
  type TablePlace,
  workBatches,
  writeBatches,
} from './workload/table.ts';

const lookupCount = 500;
const warmUps = 50;
const changedRows = 10_000;
const newerRuns = 3;
const commitRows = 500_000;

const { positionals, values: flags } = parseArgs({
  args: process.argv.slice(3),
  options: { folder: { type: 'string' }, only: { type: 'string' } },
  allowPositionals: true,
});
const rowCount = Number(positionals[0] ?? 10_000_000);
const folder = flags.folder ?? mkdtempSync(join(tmpdir(), 'tidelake-lookup-'));

type Case = { readonly buckets: number; readonly runs: number };
const tableName = ({ buckets, runs }: Case): string => `b${buckets}r${runs}`;
/** Run K changes row K of each so many. */
const stride = Math.max(newerRuns + 1, Math.floor(rowCount / changedRows));

/** Rows `from` and each `step` further, below `to`. Keys are even numbers; a turn gives each key other values. */
function rangeOf(
  turn: number,
  { from, to, step }: { readonly from: number; readonly to: number; readonly step: number },
): RowRange {
  const idOf = (index: number): number => 2 * (from + index * step);
  return { seed: turn, start: 0, count: Math.ceil((to - from) / step), idOf };
}

async function make(place: TablePlace, which: Case): Promise<void> {
  const options = { bucket: String(which.buckets), 'num-sorted-run.compaction-trigger': '99' };
  {
    await using created = await createWorkTable(place, options);
    for (let from = 0; from < rowCount; from += commitRows) {
      const range = rangeOf(0, { from, to: Math.min(rowCount, from + commitRows), step: 1 });
      await writeBatches(created.table, workBatches(range));
    }
  }
  await compactWorkTable(place);
  await using compacted = await openWorkTable(place);
  for (let run = 1; run <= which.runs; run += 1) {
    await writeBatches(compacted.table, workBatches(rangeOf(run, { from: run, to: rowCount, step: stride })));
  }
}

/** Column b1 of a row as its newest turn has it. */
function expectedOf(row: number, { runs }: Case): bigint | undefined {
  const run = row % stride;
  const turn = run >= 1 && run <= runs ? run : 0;
  return makeRows(rangeOf(turn, { from: row, to: row + 1, step: 1 })).b1[0];
}

async function measure({ warehouse, table: name }: TablePlace, which: Case): Promise<void> {
  await using opened = await openObjectStore(warehouse, {}, { clock: systemClock, random: systemRandom });
  const store = countingObjectStore(opened);
  await using lake = await openLake({ warehouse }, { store });
  const table = await lake.table(`${database}.${name}`);
  const lookUp = async (index: number): Promise<number> => {
    const isThere = index % 2 === 0;
    const row = Math.floor(Math.random() * rowCount);
    const start = performance.now();
    const found = await table.lookup({ id: 2 * row + (isThere ? 0 : 1) });
    const ms = performance.now() - start;
    const expected = isThere ? expectedOf(row, which) : undefined;
    if (found?.['b1'] !== expected) throw new Error(`row ${row}: ${String(found?.['b1'])}, not ${String(expected)}`);
    return ms;
  };
  const first = await lookUp(0);
  for (let index = 0; index < warmUps; index += 1) await lookUp(index);
  store.reset();
  const cpu = process.cpuUsage();
  const times: number[] = [];
  for (let index = 0; index < lookupCount; index += 1) times.push(await lookUp(index));
  const { user, system } = process.cpuUsage(cpu);
  const { bytesRead, ...requests } = store.counts();
  const round = (figure: number): number => Number(figure.toFixed(2));
  console.log(
    JSON.stringify({
      rows: rowCount,
      ...which,
      firstMs: round(first),
      p50Ms: round(quantile(times, 0.5)),
      p99Ms: round(quantile(times, 0.99)),
      cpuMs: round((user + system) / 1_000 / lookupCount),
      kbRead: round(bytesRead / 1_000 / lookupCount),
      requests: Object.fromEntries(Object.entries(requests).filter(([, count]) => count > 0)),
    }),
  );
}

for (const buckets of [1, 8]) {
  for (const runs of [0, newerRuns]) {
    const which = { buckets, runs };
    const place = { warehouse: folder, table: tableName(which) };
    if (flags.only !== undefined && flags.only !== place.table) continue;
    if (!existsSync(join(folder, `${database}.db`, place.table))) await make(place, which);
    await measure(place, which);
  }
}
if (flags.folder === undefined) rmSync(folder, { recursive: true, force: true });
