// What a batch of writes ends with: tags that it makes, and partitions that are done. Paimon goes on with ours, we with its.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLake } from '../../src/index.ts';
import { startPaimon } from './paimon.ts';

test('a tag that our batches make Paimon moves on, and we its; of too many both take the oldest away', {
  timeout: 300_000,
}, async () => {
  const warehouse = mkdtempSync(join(tmpdir(), 'tidelake-batches-'));
  await using paimon = await startPaimon();
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  try {
    await lake.sql('CREATE DATABASE d; USE d');
    for (const [name, options] of [
      ['dated', "'tag.num-retained-max' = '2'"],
      ['named', "'tag.batch.customized-name' = 'nightly', 'tag.default-time-retained' = '1 d'"],
    ] as const) {
      await lake.sql(`CREATE TABLE ${name} (k INT NOT NULL, v INT, PRIMARY KEY (k) NOT ENFORCED)
        WITH ('bucket' = '1', 'tag.automatic-creation' = 'batch', ${options}); INSERT INTO ${name} VALUES (1, 1)`);
      const ref = { warehouse, table: `d.${name}` };
      const tags = (): readonly string[] =>
        readdirSync(join(warehouse, 'd.db', name, 'tag')).map(file => file.slice('tag-'.length));
      const [tag = ''] = tags();
      expect(tag).toMatch(name === 'named' ? /^nightly$/ : /^batch-write-\d{4}-\d\d-\d\d$/);
      expect(await paimon.rows(ref, { tag })).toEqual(['{"k":1,"v":1}']);
      await paimon.append(ref, ['+I {"k":2,"v":2}']);
      await paimon.tagBatch(ref);
      expect(tags()).toEqual([tag]);
      const rows = await (await lake.sql(`SELECT k FROM ${name} /*+ OPTIONS('scan.tag-name' = '${tag}') */`)).rows();
      expect(rows).toHaveLength(2);
      await lake.sql(`INSERT OVERWRITE ${name} VALUES (7, 7)`);
      expect(await paimon.rows(ref, { tag })).toEqual(['{"k":7,"v":7}']);
      await lake.sql(`DELETE FROM ${name} WHERE k = 7`);
      expect(await paimon.rows(ref, { tag })).toEqual([]);
      if (name === 'named') continue;
      for (const [mine, id] of [
        ['older', 1],
        ['old', 2],
      ] as const) {
        await lake.sql(`CALL sys.create_tag(\`table\` => 'd.${name}', tag => '${mine}', snapshot_id => ${id})`);
      }
      await lake.sql(`INSERT INTO ${name} VALUES (8, 8)`);
      expect(tags().toSorted()).toEqual([tag, 'old']);
      await lake.sql(`CALL sys.create_tag(\`table\` => 'd.${name}', tag => 'older', snapshot_id => 1)`);
      await paimon.tagBatch(ref);
      expect(tags().toSorted()).toEqual([tag, 'old']);
    }
  } finally {
    rmSync(warehouse, { recursive: true, force: true });
  }
});

test('a partition that we marked done Paimon marks on, and we one of its', { timeout: 300_000 }, async () => {
  const warehouse = mkdtempSync(join(tmpdir(), 'tidelake-done-'));
  await using paimon = await startPaimon();
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  try {
    await lake.sql(`CREATE DATABASE d; USE d;
      CREATE TABLE t (dt STRING, hh INT, v INT) PARTITIONED BY (dt, hh) WITH ('partition.end-input-to-done' = 'true');
      INSERT INTO t VALUES ('2024-01-01', 5, 1)`);
    const ref = { warehouse, table: 'd.t' };
    const marks = (path: string): readonly number[] => {
      const text = readFileSync(join(warehouse, 'd.db/t', path, '_SUCCESS'), 'utf8');
      const { creationTime, modificationTime } = JSON.parse(text);
      return [creationTime, modificationTime];
    };
    const path = 'dt=2024-01-01/hh=5';
    const [made = 0, last = 0] = marks(path);
    expect(last).toBe(made);
    await paimon.markDone(ref, path);
    const [made2, last2 = 0] = marks(path);
    expect(made2).toBe(made);
    expect(last2).toBeGreaterThan(last);
    await lake.sql("CALL sys.mark_partition_done('d.t', 'dt=2024-01-01,hh=5')");
    expect(marks(path)[0]).toBe(made);
    expect(marks(path)[1]).toBeGreaterThanOrEqual(last2);
    await paimon.markDone(ref, 'dt=a b');
    await lake.sql("CALL sys.mark_partition_done('d.t', 'dt=a b; dt=x:y,hh=1')");
    expect(marks('dt=a b')).toHaveLength(2);
    expect(marks('dt=x%3Ay/hh=1')).toHaveLength(2);
    expect(await paimon.rows(ref)).toEqual(['{"dt":"2024-01-01","hh":5,"v":1}']);
  } finally {
    rmSync(warehouse, { recursive: true, force: true });
  }
});
