import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { openLocalObjectStore } from '../storage/local/local-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { canonicalRow } from '../types/canonical-json.ts';
import type { SqlContext } from './context.ts';
import { SqlEngine } from './engine.ts';
import { executeSql } from './execute.ts';

// Every golden table through SQL must give the rows that Paimon gives: the newest, tags, branches, and where the schema
// changed every snapshot.

const golden = join(import.meta.dirname, '../../test/golden/tables');
const warehouse = join(golden, 'warehouse');
const tables = readdirSync(join(golden, 'expected')).toSorted();

let engine: SqlEngine;
let store: ObjectStore;

beforeAll(async () => {
  engine = await SqlEngine.open({ readableFolders: [warehouse], threadsMax: 2 });
  const parts = { clock: systemClock, random: systemRandom };
  store = await openLocalObjectStore({ root: warehouse, access: 'read' }, parts);
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

function contextOf(objects: ObjectStore): SqlContext {
  return { catalog: { store: objects, clock: systemClock, random: systemRandom }, engine };
}

async function linesOf(context: SqlContext, sql: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const result of executeSql(context, { currentDatabase: 'db' }, sql)) {
    if (result.kind === 'ok') continue;
    for await (const batch of result.batches) {
      const print = canonicalRow(batch);
      for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
    }
  }
  return lines.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function expectedLines(table: string, file: string): readonly string[] {
  const text = readFileSync(join(golden, 'expected', table, file), 'utf8');
  return text === '' ? [] : text.trimEnd().split('\n');
}

/** The query that gives what a file of expected rows holds. */
function queryFor(table: string, file: string): string {
  const hint = (key: string, value: string): string =>
    `SELECT * FROM db.\`${table}\` /*+ OPTIONS('${key}'='${value}') */`;
  const [, kind, value = ''] = /^(snapshot|tag)-(.*)\.jsonl$/.exec(file) ?? [];
  if (kind === 'snapshot') return hint('scan.snapshot-id', value);
  return kind === 'tag' ? hint('scan.tag-name', value) : `SELECT * FROM \`${table}\``;
}

type Verdict = 'passed' | { readonly refused: string };

async function judge(context: SqlContext, folder: string, name: string, files: RegExp): Promise<Verdict> {
  const entries = readdirSync(join(golden, 'expected', folder), { withFileTypes: true });
  for (const entry of entries) {
    if (entry.isDirectory()) {
      const branch = `${name}$branch_${entry.name.slice('branch-'.length)}`;
      const verdict = await judge(context, join(folder, entry.name), branch, files);
      if (verdict !== 'passed') return verdict;
    }
    const isSnapshot = entry.name.startsWith('snapshot-') && folder.startsWith('evo_');
    if (!files.test(entry.name) && !isSnapshot) continue;
    try {
      const lines = await linesOf(context, queryFor(name, entry.name));
      expect(lines, `${name} ${entry.name}`).toEqual(expectedLines(folder, entry.name));
    } catch (error) {
      if (isLakeError(error, 'LAKE_UNSUPPORTED')) return { refused: error.message };
      throw error;
    }
  }
  return 'passed';
}

/** Nothing else may be refused, and each for its feature. */
const refusals: Readonly<Record<string, RegExp>> = {};

async function judgeAll(context: SqlContext, files: RegExp): Promise<void> {
  const refused: Record<string, string> = {};
  for (const table of tables) {
    const verdict = await judge(context, table, table, files);
    if (verdict !== 'passed') refused[table] = verdict.refused;
  }
  expect(Object.keys(refused).toSorted()).toEqual(Object.keys(refusals).toSorted());
  for (const [table, message] of Object.entries(refused)) expect(message, table).toMatch(refusals[table] ?? /^$/);
}

test('golden tables read through SQL equal what Paimon reads, from files that DuckDB opens itself', async () => {
  await judgeAll(contextOf(store), /^(latest|tag-.*)\.jsonl$/);
});

test('golden tables read through SQL equal what Paimon reads, from a store that DuckDB cannot reach', async () => {
  await judgeAll(contextOf({ ...countingObjectStore(store), uri: 'remote:golden' }), /^latest\.jsonl$/);
});
