/** Links in a local warehouse: a file that is one is not there, whoever would read it. */
import { mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { openSqlFixture } from '../sql-fixture.ts';

test('a data file that became a link out of the warehouse is missing, for DuckDB too', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tidelake-links-'));
  const outside = await mkdtemp(join(tmpdir(), 'tidelake-outside-'));
  const store = await openLocalObjectStore({ root, durability: 'none' }, { clock: systemClock, random: systemRandom });
  await using sql = await openSqlFixture({ store, engine: { readableFolders: [root, outside] } });
  await sql.run(`CREATE TABLE t (k INT) WITH ('bucket' = '-1'); INSERT INTO t VALUES (1), (2)`);
  const [line = ''] = await sql.run('SELECT file_path FROM t$files');
  const path = String(JSON.parse(line).file_path).slice('file:'.length);
  expect(await sql.run('SELECT sum(k) AS s FROM t')).toEqual(['{"s":"3"}']);
  await rename(path, join(outside, 'same-size.parquet'));
  await symlink(join(outside, 'same-size.parquet'), path);
  await expect(sql.run('SELECT sum(k) FROM t')).rejects.toMatchObject({ kind: 'corrupt', code: 'LAKE_FILE_MISSING' });
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
  await rm(outside, { recursive: true });
});
