/** The command line as scripts see it: a process, its output and its exit status, on a folder. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { mapBounded } from '../base/concurrency.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

const processesMax = 3;

// Many processes, each of which loads the whole program.
vi.setConfig({ testTimeout: 240_000 });

type Outcome = { readonly status: number | null; readonly stdout: string; readonly stderr: string };
type RunOptions = {
  readonly input?: string;
  readonly interruptWhen?: string;
  readonly env?: Readonly<Record<string, string>>;
};

type Cli = (args: readonly string[], options?: RunOptions) => Promise<Outcome>;

/** Runs commands in a folder of its own that is the place of all paths. */
async function withCli(action: (cli: Cli, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-cli-'));
  try {
    await action((args, options) => run(folder, args, options), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(folder: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { TIDELAKE_WAREHOUSE: _w, TIDELAKE_LOG: _l, ...env } = process.env;
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env: { ...env, ...options.env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    output.stderr += text;
    if (options.interruptWhen !== undefined && output.stderr.includes(options.interruptWhen)) child.kill('SIGINT');
  });
  // A command that refuses its arguments does not read its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', status => resolve({ status, ...output }));
  });
}

const lake = ['--warehouse', 'lake'];
const log = ['--log', 'file:lake-log'];
const ddl =
  'CREATE TABLE t (k BIGINT, v STRING NOT NULL, d DECIMAL(10, 2), PRIMARY KEY (k) NOT ENFORCED) ' +
  "WITH ('bucket' = '2')";

function lines(...changes: readonly object[]): string {
  return changes.map(change => `${JSON.stringify(change)}\n`).join('');
}

function put(k: number, v: string): object {
  return { op: '+I', row: { k: String(k), v } };
}

function sorted({ status, stdout, stderr }: Outcome): readonly string[] {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').slice(0, -1).toSorted();
}

test('rows of an append table are sorted', async () => {
  await withCli(async cli => {
    await cli([...lake, 'create', 'db.s', '--ddl', 'CREATE TABLE s (k INT, v STRING)']);
    await cli([...lake, 'sql', "INSERT INTO db.s VALUES (3, 'c'), (1, 'a'), (2, 'b')"]);
    expect((await cli([...lake, 'compact', 'db.s', '--order-by', 'k'])).stderr).toBe('compacted db.s: snapshot 2\n');
    const { stdout } = await cli([...lake, 'scan', 'db.s', '--columns', 'k']);
    expect(stdout).toBe('{"k":1}\n{"k":2}\n{"k":3}\n');
    const curve = await cli([...lake, 'compact', 'db.s', '--order-by', 'k', '--order-strategy', 'hilbert']);
    expect(curve).toMatchObject({ status: 1, stderr: expect.stringContaining('LAKE_BAD_SORT_ORDER') });
    expect((await cli([...lake, 'compact', 'db.s', '--order-strategy', 'zorder'])).status).toBe(2);
  });
});

test('a table is made, written, read, changed, compacted and described', async () => {
  await withCli(async (cli, folder) => {
    expect(await cli([...lake, 'create', 'db.t', '--ddl', ddl])).toEqual({
      status: 0,
      stdout: '',
      stderr: 'created db.t\n',
    });
    await writeFile(join(folder, 'in.jsonl'), lines(put(1, 'a'), put(2, 'b'), { op: 'commit' }, put(1, 'c')));
    const written = await cli(['write', 'db.t', '--in', 'in.jsonl', ...lake]);
    expect(written).toMatchObject({ status: 0, stdout: '', stderr: 'wrote 3 rows in 2 commits, newest snapshot 2\n' });
    const row = (k: number, v: string): string => `{"k":"${k}","v":"${v}","d":null}`;
    expect(sorted(await cli([...lake, 'scan', 'db.t']))).toEqual([row(1, 'c'), row(2, 'b')]);
    expect(sorted(await cli([...lake, 'scan', 'db.t', '--snapshot', '1']))).toEqual([row(1, 'a'), row(2, 'b')]);
    expect(sorted(await cli([...lake, 'scan', 'db.t', '--columns', 'v', '--where', 'k = 2']))).toEqual(['{"v":"b"}']);
    expect(sorted(await cli([...lake, 'scan', 'db.t', '--where', 'k % 2 = 1', '--count']))).toEqual(['1']);
    expect(sorted(await cli([...lake, 'scan', 'db.t', '--count']))).toEqual(['2']);
    expect(sorted(await cli([...lake, 'lookup', 'db.t', '--key', '{"k":"2"}']))).toEqual([row(2, 'b')]);
    expect(sorted(await cli([...lake, 'lookup', 'db.t', '--key', '{"k":7}']))).toEqual([]);
    expect(sorted(await cli([...lake, 'changes', 'db.t', '--from', '1', '--to', '2']))).toEqual([
      `+I ${row(1, 'a')}`,
      `+I ${row(1, 'c')}`,
      `+I ${row(2, 'b')}`,
    ]);
    const remembered = ['follow', 'db.t', '--from', '1', '--until', 'now', '--consumer', 'c', '--columns', 'k'];
    expect(sorted(await cli([...lake, ...remembered]))).toEqual(['+I {"k":"1"}']);
    expect(sorted(await cli([...lake, ...remembered]))).toEqual([]);
    const past = ['--from', '1', '--until', 'now', '--where', "v <> 'a'", '--columns', 'k'];
    expect(sorted(await cli([...lake, 'follow', 'db.t', ...past]))).toEqual(['+I {"k":"1"}']);
    expect(sorted(await cli([...lake, 'follow', 'db.t', '--from', '1', '--full', '--until', '1']))).toEqual([
      `+I ${row(1, 'a')}`,
      `+I ${row(2, 'b')}`,
    ]);
    expect((await cli([...lake, 'compact', 'db.t', '--full'])).stderr).toBe('compacted db.t: snapshot 3\n');
    expect(sorted(await cli([...lake, 'files', 'db.t', '--json'])).every(line => line.includes('"level":5'))).toBe(
      true,
    );
    expect(sorted(await cli([...lake, 'options', 'db.t', '--json']))).toContain('{"key":"bucket","value":"2"}');
    expect((await cli([...lake, 'schema', 'db.t'])).stdout).toMatch(/k +BIGINT NOT NULL +primary/);
    expect(sorted(await cli([...lake, 'snapshots', 'db.t', '--json']))).toHaveLength(3);
    await writeFile(join(folder, 's.json'), (await cli([...lake, 'schema', 'db.t', '--json'])).stdout);
    expect(await cli([...lake, 'create', 'db.copy', '--schema', 's.json'])).toMatchObject({ status: 0 });
    const copied = await cli([
      ...lake,
      'sql',
      'INSERT INTO db.copy SELECT * FROM db.t; SELECT k FROM db.copy ORDER BY k',
    ]);
    expect(copied).toEqual({ status: 0, stdout: 'k\n-\n1\n2\n', stderr: '2 rows into db.copy\n' });
    expect(sorted(await cli([...lake, 'sql', '--json', 'SELECT sum(k) AS s FROM db.t']))).toEqual(['{"s":"3"}']);
  });
});

test('rows go through the log, are read before they are in the table, and come in once', async () => {
  await withCli(async cli => {
    await cli([...lake, 'create', 'db.t', '--ddl', ddl]);
    const put1 = await cli([...lake, ...log, 'write', 'db.t', '--in', '-', '--via-log'], { input: lines(put(1, 'a')) });
    expect(put1).toMatchObject({ status: 0, stderr: 'wrote 1 rows in 1 commits\n' });
    const row = '{"k":"1","v":"a","d":null}';
    expect(sorted(await cli([...lake, 'scan', 'db.t']))).toEqual([]);
    expect(sorted(await cli([...lake, 'scan', 'db.t', '--union', ...log]))).toEqual([row]);
    expect(sorted(await cli([...lake, ...log, 'log', 'tail', 'db.t']))).toEqual([`+I ${row}`]);
    expect(await cli(['ingest', '--once', ...lake, ...log])).toMatchObject({ status: 0, stdout: '' });
    expect(await cli(['ingest', '--once', ...lake, ...log])).toMatchObject({
      stderr: 'ingested 0 rows in 0 commits\n',
    });
    expect(sorted(await cli([...lake, 'scan', 'db.t']))).toEqual([row]);
    expect(sorted(await cli([...lake, ...log, 'log', 'tail', 'db.t']))).toEqual([]);
    await cli([...lake, ...log, 'write', 'db.t', '--in', '-'], { input: lines({ op: '-D', row: { k: 1 } }) });
    expect(sorted(await cli([...lake, 'scan', 'db.t']))).toEqual([]);
  });
});

test('dev takes the log into tables until it is interrupted, and ends cleanly', async () => {
  await withCli(async cli => {
    await cli([...lake, 'create', 'db.t', '--ddl', ddl]);
    await cli([...lake, ...log, 'write', 'db.t', '--in', '-', '--via-log'], { input: lines(put(1, 'a'), put(2, 'b')) });
    const dev = await cli([...lake, 'dev'], { interruptWhen: 'ingested 2 rows into db.t' });
    expect(dev).toMatchObject({ status: 0, stdout: '' });
    expect(sorted(await cli([...lake, 'scan', 'db.t', '--count']))).toEqual(['2']);
  });
});

test('a failure is one line with a code and leaves the table as it was', async () => {
  await withCli(async (cli, folder) => {
    await cli([...lake, 'create', 'db.t', '--ddl', ddl]);
    await cli([...lake, 'write', 'db.t', '--in', '-'], { input: lines(put(1, 'a')) });
    const cases: readonly (readonly [string, readonly string[], string?])[] = [
      ['LAKE_TABLE_NOT_FOUND', ['scan', 'db.nope']],
      ['LAKE_DATABASE_NOT_FOUND', ['scan', 'nope.t']],
      ['LAKE_UNKNOWN_COLUMN', ['scan', 'db.t', '--columns', 'k,zz']],
      ['LAKE_BAD_FILTER', ['scan', 'db.t', '--where', 'zz = 1']],
      ['LAKE_SNAPSHOT_NOT_FOUND', ['changes', 'db.t', '--from', '1', '--to', '9']],
      ['LAKE_SQL_SYNTAX', ['create', 'db.u', '--ddl', 'CREATE TABLE u (']],
      ['LAKE_BAD_INPUT', ['write', 'db.t', '--in', 'nope.jsonl']],
      ['LAKE_BAD_VALUE', ['write', 'db.t', '--in', '-'], lines(put(2, 'b'), { op: '+I', row: { k: 'x', v: '' } })],
      ['LAKE_BAD_VALUE', ['write', 'db.t', '--in', '-'], lines(put(2, 'b'), { op: '+I', row: { k: 3, v: '', zz: 1 } })],
      ['LAKE_BAD_LINE', ['write', 'db.t', '--in', '-'], `${lines(put(2, 'b'))}{"op":"+I","row":{"k"`],
      [
        'LAKE_BAD_VALUE',
        ['write', 'db.t', '--via-log', ...log, '--in', '-'],
        lines(put(2, 'b'), { op: '+I', row: { k: [] } }),
      ],
    ];
    await mapBounded(cases, processesMax, async ([code, args, input]) => {
      const outcome = await cli([...lake, ...args], { input: input ?? '' });
      expect(outcome).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringMatching(`^error ${code}: [^\\n]+\\n$`),
      });
    });
    expect(sorted(await cli([...lake, ...log, 'scan', 'db.t', '--union']))).toEqual(['{"k":"1","v":"a","d":null}']);
    expect(sorted(await cli([...lake, 'snapshots', 'db.t', '--json']))).toHaveLength(1);
    expect(await cli(['scan', 'db.t', '--warehouse', 'elsewhere'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^error LAKE_STORE_NOT_FOUND: /),
    });
    expect((await readdir(folder)).toSorted()).toEqual(['lake', 'lake-log']);
  });
});

test('lines are loaded once under a name, and followed with their headers', async () => {
  await withCli(async cli => {
    const logged = [...lake, ...log];
    await cli([...logged, 'create', 'db.t', '--ddl', ddl]);
    const load = [...logged, 'load', 'db.t', '--in', '-', '--as', 'first', '--header', 'job=7'];
    const input = lines(put(1, 'a'), put(2, 'b'));
    expect((await cli(load, { input })).stderr).toBe('load first is in the log: 2 rows in 1 records\n');
    expect((await cli(load, { input })).stderr).toBe('load first was there before: 2 rows in 1 records\n');
    const { stdout } = await cli([...logged, 'follow', 'db.t', '--from', 'full', '--until', 'now', '--json']);
    const changes = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(changes).toMatchObject(
      [put(1, 'a'), put(2, 'b')].map(change => ({ ...Object(change), headers: { job: '7' } })),
    );
    const standing = await cli([...logged, 'log', 'producer', 'db.t', 'first', '--json']);
    expect(JSON.parse(standing.stdout)).toEqual({
      table: 'db.t',
      producer: 'first',
      opened: 0,
      lastNumber: null,
      lanes: [],
    });
  });
});

test('a data file that is broken is told, not read', async () => {
  await withCli(async (cli, folder) => {
    await cli([...lake, 'create', 'db.t', '--ddl', ddl]);
    await cli([...lake, 'write', 'db.t', '--in', '-'], { input: lines(put(1, 'a')) });
    const buckets = (await readdir(join(folder, 'lake/db.db/t'))).filter(name => name.startsWith('bucket-'));
    const bucket = join(folder, 'lake/db.db/t', buckets[0] ?? '');
    const file = join(bucket, (await readdir(bucket))[0] ?? '');
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0x55, bytes.length - 40));
    const broken = await cli([...lake, 'scan', 'db.t']);
    expect(broken).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^error LAKE_\w+: [^\n]+\n$/),
    });
    await rm(file);
    const missing = await cli([...lake, 'scan', 'db.t']);
    expect(missing).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error LAKE_FILE_MISSING: [^\n]+\n$/) });
  });
});

test('what was used is told by table and purpose, and what a load would cost without any lake', async () => {
  await withCli(async cli => {
    const env = { TIDELAKE_COST_LEDGER: 'on' };
    await cli([...lake, 'create', 'db.t', '--ddl', ddl], { env });
    const written = await cli([...lake, 'write', 'db.t', '--in', '-'], { input: lines(put(1, 'a')), env });
    expect(written.stderr).toMatch(/^wrote 1 rows/);
    const told = await cli([...lake, 'cost', 'db.t', '--json']);
    const [first = '', storage = ''] = told.stdout
      .split('\n')
      .filter(line => line.includes('"produce"') || line.includes('"storage"'));
    expect(JSON.parse(first)).toMatchObject({ table: 'db.t', purpose: 'produce', put: expect.any(Number) });
    expect(JSON.parse(storage)).toMatchObject({ storage: { objects: expect.any(Number) }, region: 'us-east-1' });
    expect((await cli([...lake, 'cost'])).stdout).toMatch(/^day +table +purpose .*\n(.*\n)*total .*\nstorage now: /);
    const estimated = await cli(['estimate', '--mb-per-second', '1', '--json']);
    expect(JSON.parse(estimated.stdout).total).toBeLessThan(45);
    const wrong = await cli(['estimate', '--mb-per-second', '-1']);
    expect([wrong.status, wrong.stdout, wrong.stderr]).toEqual([2, '', expect.stringMatching(/^error LAKE_USAGE: /)]);
  });
});

test('wrong usage ends with status 2 and one line; help and version are there', async () => {
  await withCli(async cli => {
    const usages = [
      ['nope'],
      ['scan', 'db.t', '--snapshot', 'x', ...lake],
      ['create', 'db.t', ...lake],
      ['scan', 'db.t'],
      ['write', 'db.t', ...lake],
    ];
    await mapBounded(usages, processesMax, async usage => {
      expect(await cli(usage)).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringMatching(/^error LAKE_\w+: [^\n]+\n$/),
      });
    });
    const manifest: unknown = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect((await cli(['--version'])).stdout.trim()).toBe(Object(manifest).version);
    expect(await cli(['--help'])).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('--warehouse'),
    });
  });
});

test('a reader that goes away ends the command quietly', async () => {
  await withCli(async (cli, folder) => {
    await cli([...lake, 'create', 'db.t', '--ddl', ddl]);
    const rows = Array.from({ length: 20_000 }, (_, k) => put(k, 'a longer text that fills pipes quickly'));
    await cli([...lake, 'write', 'db.t', '--in', '-'], { input: lines(...rows) });
    const child = spawn(process.execPath, [main, ...lake, 'scan', 'db.t'], { cwd: folder });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const status = await new Promise(resolve => child.on('close', resolve));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
