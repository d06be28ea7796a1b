/** The package as it is published: bundled, with its dependencies beside it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { olderNode } from '../scripts/older-node.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let folder: string;

/** A project that has installed the package, and what it needs. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidelake-package-'));
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'tidelake');
  mkdirSync(installed, { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(installed, 'package.json'), readFileSync(join(root, 'package.json')));
  run([join(root, 'scripts', 'build-package.mjs'), join(installed, 'dist', 'src')]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(args: readonly string[], node: string = process.execPath): string {
  const { status, stdout, stderr } = spawnSync(node, args, { cwd: folder, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** @returns what the program prints, as JSON */
function runProgram(source: string): unknown {
  const path = join(folder, 'program.mjs');
  writeFileSync(path, source);
  return JSON.parse(run([path]));
}

/** Counts modules by the package they are of, `tidelake` for ours. */
const countModules = `
  import { registerHooks } from 'node:module';
  const loaded = new Set();
  registerHooks({ load(url, context, next) { loaded.add(url); return next(url, context); } });
  const count = name => [...loaded].filter(url => url.includes('/node_modules/' + name + '/')).length;
`;

test('rows are written, read, looked up and queried, and what comes is of the Arrow that the program has', () => {
  const answer = runProgram(`
    import { RecordBatch, Table, tableToIPC, tableFromIPC } from 'apache-arrow';
    import { LakeError, openLake, t } from 'tidelake';
    import { openObjectStore } from 'tidelake/storage';
    await using lake = await openLake({ warehouse: 'file:${join(folder, 'lake')}' });
    const table = await lake.createTable('d.t', { columns: { k: t.int(), v: t.string().nullable() }, primaryKey: ['k'], options: { bucket: 1 } });
    await lake.sql("INSERT INTO d.t VALUES (1, 'a'), (2, NULL)");
    const arrow = await (await lake.sql('SELECT k, v FROM d.t ORDER BY k')).toArrow();
    let batches = 0;
    for await (const batch of table.scan().batches()) if (batch instanceof RecordBatch) batches += 1;
    const refused = await lake.table('d.none').catch(error => error);
    const wrong = await openObjectStore('nothing:x', {}, {}).catch(error => error);
    console.log(JSON.stringify({
      isTable: arrow instanceof Table,
      copied: tableFromIPC(tableToIPC(arrow)).numRows,
      batches,
      rows: await (await lake.sql('SELECT v FROM d.t WHERE k = 1')).rows(),
      refused: [refused instanceof LakeError, refused.code],
      wrong: [wrong instanceof LakeError, wrong.name],
    }));
  `);
  expect(answer).toEqual({
    isTable: true,
    copied: 2,
    batches: 1,
    rows: [{ v: 'a' }],
    refused: [true, 'LAKE_TABLE_NOT_FOUND'],
    wrong: [true, 'LakeError'],
  });
});

test('a read loads few files of ours, and nothing of what it does not need', () => {
  const answer = runProgram(`${countModules}
    const { openLake } = await import('tidelake');
    const atStart = count('tidelake');
    await using lake = await openLake({ warehouse: 'file:${join(folder, 'lake')}' });
    let rows = 0;
    for await (const batch of (await lake.table('d.t')).scan().batches()) rows += batch.numRows;
    const packages = ['@aws-sdk', '@smithy', '@duckdb', '@platformatic', 'avsc', 'zod', 'commander', 'hono'];
    console.log(JSON.stringify({ rows, atStart, isFew: count('tidelake') <= 12, others: packages.filter(count) }));
  `);
  expect(answer).toEqual({ rows: 2, atStart: 2, isFew: true, others: [] });
});

test('a failure that nobody catches is told in a few lines', () => {
  const path = join(folder, 'failing.mjs');
  writeFileSync(
    path,
    `import { openLake } from 'tidelake'; await (await openLake({ warehouse: 'memory:failing' })).table('d.none');`,
  );
  const { status, stderr } = spawnSync(process.execPath, [path], { cwd: folder, encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain('LAKE_DATABASE_NOT_FOUND');
  expect(stderr.length).toBeLessThan(4_000);
});

test('the command line runs, and says where the rows are', () => {
  const program = join(folder, 'node_modules', 'tidelake', 'dist', 'src', 'cli', 'main.js');
  expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  const line = run([program, 'sql', '--warehouse', `file:${join(folder, 'lake')}`, 'SELECT count(*) AS n FROM d.t']);
  expect(line).toContain('2');
});

test('the oldest Node that it is for parses every file of it, and runs its command line', () => {
  const files = join(folder, 'node_modules', 'tidelake', 'dist', 'src');
  const names = readdirSync(files, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.js'));
  expect(names.length).toBeGreaterThan(4);
  const program = join('cli', 'main.js');
  const imports = names.filter(name => name !== program).map(name => `import ${JSON.stringify(join(files, name))};`);
  run(['--input-type=module', '--eval', imports.join('')], olderNode());
  const warehouse = `file:${join(folder, 'lake')}`;
  expect(run([join(files, program), 'sql', '--warehouse', warehouse, 'SELECT v FROM d.t'], olderNode())).toContain('a');
});

test('packages that are bundled are given on with their licenses', () => {
  const text = readFileSync(join(folder, 'node_modules', 'tidelake', 'dist', 'src', 'licenses.txt'), 'utf8');
  for (const name of ['avsc', 'commander', 'zod']) {
    expect(text).toContain(
      `${name} ${JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version}`,
    );
    expect(text).toContain(readFileSync(join(root, 'node_modules', name, 'LICENSE'), 'utf8'));
  }
});

test('what is for browsers asks for nothing of Node', () => {
  const path = join(folder, 'node_modules', 'tidelake', 'dist', 'src', 'client', 'producer.js');
  const text = readFileSync(path, 'utf8');
  expect(text).not.toMatch(/\bimport\b|\brequire\b|node:/);
  expect(text).toMatch(/\bexport\s*{/);
});
