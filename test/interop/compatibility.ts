/**
 * Writes docs/COMPATIBILITY.md out of what it sees: every golden table is read by us, written anew by us, read and gone on
 * with by real Paimon of several versions, and read by us again.
 *
 *   npm run compatibility
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { readGolden } from '../../src/service/golden-read.ts';
import { replayGolden } from '../../src/service/golden-replay.ts';
import type { GoldenVerdict } from '../../src/service/golden-verdict.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { startFlink } from './flink.ts';
import { olderReadersOption, rootForOlderReaders } from './older-readers.ts';
import { startPaimon } from './paimon.ts';
import { type PaimonVersion, paimonVersions } from './paimon-build.ts';
import { inMicros, startPypaimon } from './pypaimon.ts';
import { firstDifference } from './rows.ts';

const root = fileURLToPath(new URL('../golden/tables', import.meta.url));
const document = fileURLToPath(new URL('../../docs/COMPATIBILITY.md', import.meta.url));
const parts = { clock: systemClock, random: systemRandom };

type Feature = { readonly table: string; readonly features: string };

/** What a version of Paimon made of a table of ours. */
type Outcome = { readonly reads: string; readonly continues: string };

async function main(): Promise<void> {
  const features = readFileSync(join(root, 'index.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Feature);
  console.log('reading');
  const read = await verdicts(readGolden({ root }, parts));
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-compatibility-'));
  console.log('writing');
  const written = await verdicts(replayGolden({ root, out: folder }, parts));
  const outcomes = new Map<PaimonVersion, ReadonlyMap<string, Outcome>>();
  for (const version of paimonVersions) {
    console.log(`asking Paimon ${version}`);
    const own = version === '0.9.0' ? await writtenForOlderReaders(features) : { folder, written };
    outcomes.set(version, await askPaimon(version, own.folder, features, own.written));
    if (own.folder !== folder) rmSync(own.folder, { recursive: true, force: true });
  }
  console.log('asking pypaimon');
  const python = await askPypaimon(folder, features, written);
  console.log('asking Flink');
  const flink = await askFlink(folder, features, written);
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(document, page(features, { read, written, outcomes, engines: [python, flink] }));
  console.log(`wrote ${document}`);
}

type Written = { readonly folder: string; readonly written: ReadonlyMap<string, GoldenVerdict> };

async function writtenForOlderReaders(features: readonly Feature[]): Promise<Written> {
  const names = features.map(({ table }) => table);
  const own = rootForOlderReaders(root, names);
  const folder = mkdtempSync(join(tmpdir(), 'tidelake-compatibility-'));
  const written = await verdicts(replayGolden({ root: own, out: folder }, parts));
  rmSync(own, { recursive: true, force: true });
  return { folder, written };
}

async function verdicts(all: AsyncIterable<GoldenVerdict>): Promise<ReadonlyMap<string, GoldenVerdict>> {
  const found = new Map<string, GoldenVerdict>();
  for await (const verdict of all) found.set(verdict.table, verdict);
  return found;
}

async function askPaimon(
  version: PaimonVersion,
  written: string,
  features: readonly Feature[],
  verdictOf: ReadonlyMap<string, GoldenVerdict>,
): Promise<ReadonlyMap<string, Outcome>> {
  await using paimon = await startPaimon({ version });
  // A copy: each version goes on with what we wrote, not with what another left.
  const warehouse = mkdtempSync(join(tmpdir(), 'tidelake-compatibility-'));
  cpSync(written, warehouse, { recursive: true });
  const outcomes = new Map<string, Outcome>();
  for (const { table } of features) {
    if (verdictOf.get(table)?.status !== 'passed') continue;
    const ref = { warehouse, table: `db.${table}` };
    const reads = await outcomeOf(async () => {
      for (const [at, lines] of expectedStates(table)) {
        if (firstDifference(await paimon.rows(ref, at), lines) !== undefined) return 'other rows';
      }
      return 'yes';
    });
    const continues = await outcomeOf(async () => {
      const rows = (await paimon.rows(ref)).filter((_, index) => index % 2 === 0);
      await paimon.append(
        ref,
        rows.map(row => `+I ${row}`),
        { compaction: false },
      );
      if (!(await isUnaware(warehouse, table))) await paimon.compactFully(ref);
      return firstDifference(await ours(warehouse, table), await paimon.rows(ref)) === undefined ? 'yes' : 'other rows';
    });
    outcomes.set(table, { reads, continues });
  }
  rmSync(warehouse, { recursive: true, force: true });
  return outcomes;
}

async function askPypaimon(
  warehouse: string,
  features: readonly Feature[],
  written: ReadonlyMap<string, GoldenVerdict>,
): Promise<ReadonlyMap<string, string>> {
  await using python = await startPypaimon();
  return await askEngine(table => python.rows({ warehouse, table }), features, written, inMicros);
}

async function askFlink(
  warehouse: string,
  features: readonly Feature[],
  written: ReadonlyMap<string, GoldenVerdict>,
): Promise<ReadonlyMap<string, string>> {
  await using flink = await startFlink();
  return await askEngine(table => flink.rows({ warehouse, sql: `SELECT * FROM ${table}` }), features, written);
}

type RowsAsked = (name: string) => Promise<readonly string[]>;

/** By table, whether another engine reads the newest rows of what we wrote; both are made `comparable` first. */
async function askEngine(
  ask: RowsAsked,
  features: readonly Feature[],
  written: ReadonlyMap<string, GoldenVerdict>,
  comparable: (rows: readonly string[]) => readonly string[] = rows => rows,
): Promise<ReadonlyMap<string, string>> {
  const outcomes = new Map<string, string>();
  for (const { table } of features) {
    if (written.get(table)?.status !== 'passed') continue;
    const expected = readFileSync(join(root, 'expected', table, 'latest.jsonl'), 'utf8')
      .split('\n')
      .slice(0, -1);
    const outcome = await outcomeOf(async () => {
      const rows = await ask(`db.${table}`);
      return firstDifference(comparable(rows), comparable(expected)) === undefined ? 'yes' : 'other rows';
    });
    outcomes.set(table, outcome);
  }
  return outcomes;
}

const causeLengthMax = 160;

/** What was thrown, short. */
async function outcomeOf(ask: () => Promise<string>): Promise<string> {
  try {
    return await ask();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // The last cause says most; what was asked of which table is the cell's own.
    const cause = (text.split(' <- ').at(-1) ?? text).replace(/^\w+ of \w+: /, '').replaceAll(/file:\S+\//g, '…/');
    return `no: ${cause.replaceAll(/\s+/g, ' ').slice(0, causeLengthMax)}`;
  }
}

function* expectedStates(table: string): Generator<[{ readonly snapshot: number } | undefined, readonly string[]]> {
  const folder = join(root, 'expected', table);
  for (const name of readdirSync(folder)) {
    const id = /^snapshot-(\d+)\.jsonl$/.exec(name)?.[1];
    if (id === undefined && name !== 'latest.jsonl') continue;
    const lines = readFileSync(join(folder, name), 'utf8').split('\n');
    yield [id === undefined ? undefined : { snapshot: Number(id) }, lines.filter(line => line !== '')];
  }
}

function ours(warehouse: string, name: string): Promise<readonly string[]> {
  return withTable(warehouse, name, table => linesOfCase(table, { kind: 'latest', key: '' }));
}

/** Paimon's writer does not compact an unaware bucket when it is asked to. */
function isUnaware(warehouse: string, name: string): Promise<boolean> {
  return withTable(
    warehouse,
    name,
    async ({ schema, options }) => schema.primaryKeys.length === 0 && options.bucket < 0,
  );
}

async function withTable<T>(warehouse: string, name: string, use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openObjectStore(warehouse, {}, parts);
  return await use(await openTable(store, { database: 'db', name }, parts));
}

/** All by table. */
type Seen = {
  readonly read: ReadonlyMap<string, GoldenVerdict>;
  readonly written: ReadonlyMap<string, GoldenVerdict>;
  readonly outcomes: ReadonlyMap<PaimonVersion, ReadonlyMap<string, Outcome>>;
  /** pypaimon, Flink. */
  readonly engines: readonly ReadonlyMap<string, string>[];
};

function page(features: readonly Feature[], { read, written, outcomes, engines }: Seen): string {
  const notes: string[] = [];
  const noted = (text: string): string => {
    if (text === 'yes') return 'yes';
    const known = notes.indexOf(text);
    return `[${known < 0 ? notes.push(text) : known + 1}]`;
  };
  const ofVerdict = (verdict: GoldenVerdict | undefined): string =>
    verdict?.status === 'passed' ? 'yes' : noted(`${verdict?.status ?? 'not tried'}: ${verdict?.detail ?? ''}`);
  const rows = features.map(({ table, features: what }) => {
    const cells = [
      what.replaceAll('|', '/'),
      `\`${table}\``,
      ofVerdict(read.get(table)),
      ofVerdict(written.get(table)),
    ];
    for (const version of paimonVersions) {
      const outcome = outcomes.get(version)?.get(table);
      cells.push(
        outcome === undefined ? '' : noted(outcome.reads),
        outcome === undefined ? '' : noted(outcome.continues),
      );
    }
    for (const engine of engines) {
      const outcome = engine.get(table);
      cells.push(outcome === undefined ? '' : noted(outcome));
    }
    return `| ${cells.join(' | ')} |`;
  });
  const versions = paimonVersions.flatMap(version => [`${version} reads it`, `${version} goes on`]);
  const head = [
    'feature',
    'table',
    'we read Paimon’s',
    'we write it',
    ...versions,
    'pypaimon reads it',
    'Flink reads it',
  ];
  return `# Compatibility with Apache Paimon

Written by \`npm run compatibility\` out of what it saw; nothing here is typed. Each line is a golden table
([test/golden](../test/golden/README.md)), written by Paimon 1.4.2 and written anew by us from the same operations.

- *we read Paimon’s*: every snapshot, tag, branch and change of it, equal.
- *we write it*: the same from our own writer and compaction, every snapshot equal when we read it.
- *N reads it*: Paimon of that version reads ours, equal at every snapshot.
- *N goes on*: it appends to ours and fully compacts it (an unaware bucket is appended to only), and we read that equal.
- *pypaimon reads it*: pypaimon 2.1.0 reads ours as it is at the end, equal up to microseconds.
- *Flink reads it*: Flink 1.20.1 with Paimon 1.3.1 reads ours as it is at the end, equal.

Of Paimon 0.9 tables are asked for that set \`${olderReadersOption}\`: its Parquet reader knows no deltas.

| ${head.join(' | ')} |
|${head.map(() => '---').join('|')}|
${rows.join('\n')}

${notes.map((note, index) => `[${index + 1}] ${note}`).join('\n\n')}
`;
}

await main();
