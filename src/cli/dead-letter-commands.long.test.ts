/** Dead letters on the command line, as scripts see them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { append, testProducer } from '../flow/testing.ts';
import { logOf, openLakeParts } from '../service/lake-parts.ts';
import { openLakeTable } from '../service/tables.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
// Several processes, each of which loads the whole program.
vi.setConfig({ testTimeout: 240_000 });

test('list prints what is wrong, replay brings back what an altered table takes, and a receipt leads to a snapshot', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-letters-'));
  const lake = { warehouse: join(folder, 'lake'), log: `file:${join(folder, 'log')}` };
  const cli = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [main, '--warehouse', lake.warehouse, '--log', lake.log, ...args]);
  try {
    // One bucket: all records are in one shard.
    const ddl = "CREATE TABLE t (k BIGINT PRIMARY KEY NOT ENFORCED, v STRING NOT NULL) WITH ('bucket' = '1')";
    await cli('create', 'db.t', '--ddl', ddl);
    {
      await using parts = await openLakeParts(lake);
      const { schema } = await openLakeTable(parts, 'db.t');
      const fields = schema.fields.map(field => ({ ...field, type: { ...field.type, nullable: true } }));
      const producer = testProducer({ ...parts, log: logOf(parts, 'the test') }, schema);
      await append(producer, { ...schema, fields }, [
        [1n, 'a'],
        [2n, null],
      ]);
    }
    await cli('ingest', '--once');
    expect((await cli('dead-letters', 'list', 'db.t')).stdout).toMatch(/^reason +rows.*\n-+.*\nnull-value +1 .*`v`/);
    const kept = 'replayed 0 rows of db.t; 1 do not fit (null-value: ';
    expect((await cli('dead-letters', 'replay', 'db.t')).stderr).toContain(kept);
    await cli('sql', 'ALTER TABLE db.t MODIFY v STRING');
    const dry = await cli('dead-letters', 'replay', 'db.t', '--dry-run');
    expect(dry.stderr).toContain('would replay 1 rows of db.t\n');
    const begun = await cli('dead-letters', 'replay', 'db.t', '--reason', 'null-value', '--wait', '0s');
    expect(begun.stderr).toContain('replayed 0 rows of db.t; 1 are in the log and wait for ingest');
    await cli('ingest', '--once');
    expect((await cli('dead-letters', 'replay', 'db.t')).stderr).toContain('replayed 1 rows of db.t\n');
    expect((await cli('dead-letters', 'list', 'db.t', '--json')).stdout).toBe('');
    expect((await cli('scan', 'db.t', '--count')).stdout).toBe('2\n');
    const lines = join(folder, 'rows.jsonl');
    await writeFile(lines, '{"op":"+I","row":{"k":"7","v":"x"}}\n');
    const { stdout } = await cli('write', 'db.t', '--in', lines, '--via-log', '--receipts');
    const receipt: Readonly<Record<string, string>> = JSON.parse(stdout);
    const place = ['--shard', receipt['shardId'] ?? '', '--position', receipt['position'] ?? ''];
    expect((await cli('log', 'locate', 'db.t', ...place)).stdout).toMatch(
      /^not in db\.t yet: its newest snapshot is \d/,
    );
    await cli('ingest', '--once');
    expect((await cli('log', 'locate', 'db.t', ...place)).stdout).toMatch(/^in snapshot \d+ of db\.t, .* by ingest-/);
    await expect(cli('log', 'locate', 'db.t', '--shard', 'a')).rejects.toMatchObject({ code: 2 });
    await expect(cli('dead-letters', 'replay', 'db.t', '--reason', 'bad')).rejects.toMatchObject({ code: 2 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
