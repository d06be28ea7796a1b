// Procedures that change what Paimon reads: it reads on, writes on, and we read what it has written.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lake } from '../../src/index.ts';
import { type Both, openBoth } from './both.ts';
import type { Paimon } from './paimon.ts';

let paimon: Paimon;
let warehouse: string;
let lake: Lake;
let both: Both;

beforeAll(async () => {
  both = await openBoth('procedures');
  ({ paimon, warehouse, lake } = both);
});

afterAll(() => both?.[Symbol.asyncDispose]());

const ref = (name: string) => ({ warehouse, table: `db.${name}` });

async function rowsOfBoth(name: string): Promise<readonly string[]> {
  const rows = await (await lake.sql(`SELECT * FROM db.${name}`)).rows();
  const ours = rows.map(row => JSON.stringify(row)).toSorted();
  expect((await paimon.rows(ref(name))).toSorted()).toEqual(ours);
  return ours;
}

test('a rescaled table takes rows in its new buckets', { timeout: 60_000 }, async () => {
  await lake.sql(`CREATE TABLE db.scaled (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2');
    INSERT INTO db.scaled SELECT range, 'v' || range FROM range(40)`);
  await paimon.append(ref('scaled'), ['-D {"k":3,"v":null}', '+U {"k":4,"v":"four"}']);
  await lake.sql("ALTER TABLE db.scaled SET ('bucket' = '5'); CALL sys.rescale('db.scaled', 5)");
  expect(await rowsOfBoth('scaled')).toHaveLength(39);
  await paimon.append(ref('scaled'), ['+I {"k":100,"v":"new"}', '-D {"k":5,"v":null}', '+U {"k":4,"v":"again"}']);
  await paimon.compactFully(ref('scaled'));
  const rows = await rowsOfBoth('scaled');
  expect(rows).toHaveLength(39);
  expect(rows).toContain('{"k":4,"v":"again"}');
});

test('a table without its lost files is read, compacted and written', { timeout: 60_000 }, async () => {
  for (const options of ['', ", 'deletion-vectors.enabled' = 'true'"]) {
    const name = options === '' ? 'lost' : 'lost_vectors';
    await lake.sql(`CREATE TABLE db.${name} (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1'${options})`);
    for (const k of [1, 2, 3]) await paimon.append(ref(name), [`+I {"k":${k}}`], { compaction: k === 1 });
    const listed = await lake.sql<{ file_path: string }>(`SELECT file_path FROM db.\`${name}$files\``);
    const file = (await listed.rows())[0]?.file_path.split('/').at(-1) ?? '';
    rmSync(join(warehouse, `db.db/${name}/bucket-0`, file));
    await expect(paimon.compactFully(ref(name))).rejects.toThrow();
    const gone = await (await lake.sql(`CALL sys.remove_unexisting_files('db.${name}')`)).rows();
    expect(gone).toEqual([{ result: `db.db/${name}/bucket-0/${file}` }]);
    await paimon.append(ref(name), ['+I {"k":9}']);
    await paimon.compactFully(ref(name));
    expect(await rowsOfBoth(name)).toContain('{"k":9}');
  }
});

test('Paimon fills a default value in that was changed here', { timeout: 60_000 }, async () => {
  await lake.sql(`CREATE TABLE db.filled (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');
    CALL sys.alter_column_default_value('db.filled', 'v', 'none'); INSERT INTO db.filled (k) VALUES (1)`);
  await paimon.append(ref('filled'), ['+I {"k":2}', '+I {"k":3,"v":"x"}']);
  expect(await rowsOfBoth('filled')).toEqual(['{"k":1,"v":"none"}', '{"k":2,"v":"none"}', '{"k":3,"v":"x"}']);
});

test('a purged table is empty for Paimon, too, and goes on', { timeout: 60_000 }, async () => {
  await lake.sql(`CREATE TABLE db.purged (k INT) WITH ('bucket' = '-1'); INSERT INTO db.purged VALUES (1);
    CALL sys.create_tag('db.purged', 'x'); CALL sys.purge_files('db.purged')`);
  expect(await rowsOfBoth('purged')).toEqual([]);
  await paimon.append(ref('purged'), ['+I {"k":2}']);
  expect(await rowsOfBoth('purged')).toEqual(['{"k":2}']);
});

test('Paimon leaves files out by indexes that they were given later', { timeout: 90_000 }, async () => {
  for (const [name, key] of [
    ['indexed', ''],
    ['indexed_keys', ', PRIMARY KEY (k) NOT ENFORCED'],
  ]) {
    const bucket = key === '' ? '-1' : '1';
    await lake.sql(`CREATE TABLE db.${name} (k INT, v STRING${key})
        WITH ('bucket' = '${bucket}', 'metadata.stats-mode' = 'none');
      INSERT INTO db.${name} VALUES (1, 'a'), (2, 'm'), (3, 'z'); CALL sys.compact('db.${name}')`);
    const filter = { column: 'v', operator: '=', literal: 'k' };
    expect(await paimon.candidates(ref(`${name}`), filter)).toHaveLength(3);
    await lake.sql(`ALTER TABLE db.${name} SET ('file-index.bloom-filter.columns' = 'v');
      CALL sys.rewrite_file_index('db.${name}')`);
    expect(await paimon.candidates(ref(`${name}`), filter)).toEqual([]);
    expect(await paimon.candidates(ref(`${name}`), { ...filter, literal: 'm' })).toHaveLength(3);
    await paimon.append(ref(`${name}`), ['+I {"k":4,"v":"k"}']);
    await (key === '' ? paimon.compactAppend(ref(`${name}`)) : paimon.compactFully(ref(`${name}`)));
    expect(await rowsOfBoth(`${name}`)).toHaveLength(4);
  }
});
