/** `tidelake watch` and what belongs to it, as scripts see them: processes beside one another on one folder. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
// Several processes, each of which loads the whole program.
vi.setConfig({ testTimeout: 240_000 });

type Outcome = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** A command that runs: what it has printed so far, and its end. */
class Running {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Outcome>;

  constructor(folder: string, args: readonly string[], input = '') {
    const places = ['--warehouse', 'lake', '--log', 'file:log'];
    this.#child = spawn(process.execPath, [main, ...places, ...args], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdout.setEncoding('utf8').on('data', text => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', text => {
      this.stderr += text;
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdin.end(input);
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', status => resolve({ status, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Until it has printed a line that matches. */
  async printed(line: RegExp): Promise<void> {
    const isOver = this.ended.then(({ stderr }) => {
      if (!line.test(this.stdout)) throw new Error(`it ended without ${line}: ${stderr}`);
    });
    const seen = vi.waitFor(() => expect(this.stdout).toMatch(line), { timeout: 60_000, interval: 20 });
    await Promise.race([seen, isOver]);
  }

  interrupt(): Promise<Outcome> {
    this.#child.kill('SIGINT');
    return this.ended;
  }
}

test('watch prints the answer, what changes while others write, ends when interrupted, and goes on with its place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-watch-'));
  const cli = (...args: readonly string[]): Promise<Outcome> => new Running(folder, args).ended;
  const write = async (op: string, row: object): Promise<void> => {
    const line = `${JSON.stringify({ op, row })}\n`;
    const { status, stderr } = await new Running(folder, ['write', 'db.t', '--in', '-', '--via-log'], line).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'wrote 1 rows in 1 commits\n' });
  };
  try {
    const ddl = "CREATE TABLE t (k INT PRIMARY KEY NOT ENFORCED, v STRING) WITH ('bucket' = '1')";
    await cli('create', 'db.t', '--ddl', ddl);
    await write('+I', { k: 1, v: 'a' });
    await cli('ingest', '--once');

    const table = new Running(folder, ['watch', 'db.t', '--interval', '0']);
    const sum = new Running(folder, ['watch', 'SELECT v, count(*) AS n FROM db.t GROUP BY v', '--key', 'v']);
    const some = new Running(folder, ['watch', 'db.t', '--where', "v = 'b'", '--columns', 'k', '--batches', '2']);
    await table.printed(/^\+ \{"k":1,"v":"a"\}\n= \{"kind":"full","resume":"[^"]+"\}$/m);
    await sum.printed(/^\+ \{"v":"a","n":"1"\}\n= \{"kind":"full",/m);
    await some.printed(/^= \{"kind":"full",/m);
    await write('+U', { k: 1, v: 'b' });
    await table.printed(/^\+ \{"k":1,"v":"b"\}\n= \{"kind":"delta",/m);
    await sum.printed(/^- \{"v":"a"\}$/m);
    await sum.printed(/^\+ \{"v":"b","n":"1"\}$/m);
    // The second of its batches has the row that passes since, and ends it.
    expect(await some.ended).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('+ {"k":1}\n') });
    const [ofTable, ofSum] = await Promise.all([table.interrupt(), sum.interrupt()]);
    expect([ofTable, ofSum]).toMatchObject([
      { status: 0, stderr: '' },
      { status: 0, stderr: '' },
    ]);

    const place = /"resume":"([^"]+)"\}\n$/.exec(ofTable.stdout)?.[1] ?? '';
    await write('-D', { k: 1, v: 'b' });
    const later = new Running(folder, ['watch', 'db.t', '--resume', place]);
    await later.printed(/^- \{"k":1\}\n= /m);
    const { stdout } = await later.interrupt();
    expect(stdout).not.toContain('"full"');

    const refused: readonly (readonly [string, number, ...string[]])[] = [
      ['LAKE_USAGE', 2, 'watch', 'db.t', '--batches', '0'],
      ['LAKE_USAGE', 2, 'log', 'lag', 'db.t', '--consumer', 'c', '--resume', place],
      ['LAKE_USAGE', 2, 'log', 'lag', 'db.t', '--group', 'g', '--consumer', 'c'],
      ['LAKE_BAD_RESUME', 1, 'watch', 'db.t', '--where', 'k = 1', '--resume', place],
      ['LAKE_BAD_WATCH', 1, 'watch', 'DELETE FROM db.t'],
      ['LAKE_BAD_RANGE', 1, 'follow', 'db.t', '--from', '2999-01-01', '--until', 'now'],
      ['LAKE_CONSUMER_NOT_FOUND', 1, 'log', 'lag', 'db.t', '--consumer', 'nobody'],
    ];
    for (const [code, status, ...args] of refused) {
      const stderr = expect.stringMatching(`^error ${code}: [^\\n]+\\n$`);
      expect(await cli(...args)).toEqual({ status, stdout: '', stderr });
    }
    await cli('follow', 'db.t', '--from', 'full', '--until', 'now', '--consumer', 'c');
    expect((await cli('log', 'lag', 'db.t', '--consumer', 'c')).stdout).toMatch(/^shard-\d+ +at its tip/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
