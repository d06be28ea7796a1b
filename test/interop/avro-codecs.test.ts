// Codecs of manifests: Paimon reads and merges ours, and we read and merge what it has written by any name of a codec.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLake } from '../../src/index.ts';
import { type Paimon, startPaimon, type TableRef } from './paimon.ts';

/** What each writes by an option: Paimon 0.9 knows zstd, and writes snappy where its option says anything else. */
const versions = {
  '1.4.2': { snappy: 'snappy', deflate: 'deflate', zstd: 'zstandard', null: 'null' },
  '0.9.0': { snappy: 'snappy', deflate: 'snappy', zstd: 'zstandard', null: 'snappy' },
} as const;

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-codecs-'));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Names of the files in `manifest/`, and the codec that each says it has. */
function codecs({ warehouse }: TableRef): ReadonlyMap<string, string> {
  const folder = join(warehouse, 'd.db/t/manifest');
  return new Map(
    readdirSync(folder).map(name => {
      const text = readFileSync(join(folder, name), 'latin1');
      return [name, /avro\.codec.(snappy|deflate|zstandard|null|bzip2|xz)/s.exec(text)?.[1] ?? 'null'];
    }),
  );
}

for (const version of ['1.4.2', '0.9.0'] as const) {
  let paimon: Paimon;

  beforeAll(async () => {
    paimon = await startPaimon({ version });
  });

  afterAll(async () => {
    await paimon?.[Symbol.asyncDispose]();
  });

  test.each(['snappy', 'deflate', 'zstd', 'null'] as const)(
    `manifests of manifest.compression=%s go to and fro between Paimon ${version} and us`,
    { timeout: 180_000 },
    async option => {
      const warehouse = join(scratch, `${version}-${option}`);
      await using lake = await openLake({ warehouse: `file:${warehouse}` });
      await lake.sql(`CREATE DATABASE d; CREATE TABLE d.t (k INT NOT NULL, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH
        ('bucket' = '2', 'manifest.compression' = '${option}', 'manifest.merge-min-count' = '3',
         'parquet.writer.version' = 'PARQUET_1_0')`);
      const ref: TableRef = { warehouse, table: 'd.t' };
      const expected = new Map<number, string>();
      const ours = async (): Promise<readonly string[]> => {
        const result = await lake.sql<{ readonly k: number; readonly v: string }>('SELECT k, v FROM d.t');
        const rows = await result.rows();
        return rows.map(({ k, v }) => JSON.stringify({ k, v })).toSorted();
      };
      for (let turn = 0; turn < 4; turn += 1) {
        const keys = Array.from({ length: 40 }, (_, index) => turn * 15 + index);
        await lake.sql(`INSERT INTO d.t VALUES ${keys.map(k => `(${k}, 'ours ${turn}')`).join(', ')}`);
        for (const k of keys) expected.set(k, `ours ${turn}`);
        const before = codecs(ref);
        const theirs = keys.filter(k => k % 3 === 0).map(k => ({ k, v: `theirs ${turn}` }));
        await paimon.append(
          ref,
          theirs.map(row => `+I ${JSON.stringify(row)}`),
          { compaction: turn === 3 },
        );
        for (const { k, v } of theirs) expected.set(k, v);
        const made = [...codecs(ref)].filter(([name]) => !before.has(name));
        expect(new Set(made.map(([, codec]) => codec))).toEqual(new Set([versions[version][option]]));
        const rows = [...expected].map(([k, v]) => JSON.stringify({ k, v })).toSorted();
        expect(await ours()).toEqual(rows);
        expect((await paimon.rows(ref)).toSorted()).toEqual(rows);
      }
      const own = { ...versions['1.4.2'] }[option];
      expect(new Set(codecs(ref).values())).toEqual(new Set([own, versions[version][option]]));
    },
  );
}

test('Avro data files packed by snappy are read by Paimon, and its by us', { timeout: 180_000 }, async () => {
  const warehouse = join(scratch, 'data');
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  await lake.sql(`CREATE DATABASE d; CREATE TABLE d.t (k INT NOT NULL, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH
    ('bucket' = '1', 'file.format' = 'avro', 'file.compression' = 'snappy')`);
  await lake.sql(`INSERT INTO d.t SELECT range::INT, 'row ' || (range % 7) FROM range(300)`);
  await using paimon = await startPaimon();
  const ref: TableRef = { warehouse, table: 'd.t' };
  await paimon.append(
    ref,
    Array.from({ length: 200 }, (_, index) => `+I ${JSON.stringify({ k: index * 2, v: `theirs ${index % 5}` })}`),
  );
  const rows = await paimon.rows(ref);
  expect(rows).toHaveLength(350);
  const result = await lake.sql<{ readonly k: number; readonly v: string }>('SELECT k, v FROM d.t');
  expect((await result.rows()).map(({ k, v }) => JSON.stringify({ k, v })).toSorted()).toEqual(rows.toSorted());
  const folder = join(warehouse, 'd.db/t/bucket-0');
  const heads = readdirSync(folder).map(name => readFileSync(join(folder, name), 'latin1'));
  expect(heads.length).toBeGreaterThan(1);
  for (const head of heads) expect(head).toMatch(/avro\.codec.snappy/s);
});

test('codecs that are not read are refused by name', async () => {
  const warehouse = join(scratch, 'bzip2');
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  await lake.sql("CREATE DATABASE d; CREATE TABLE d.t (k INT NOT NULL, v STRING) WITH ('bucket' = '-1')");
  await using paimon = await startPaimon();
  const schema = JSON.parse(readFileSync(join(warehouse, 'd.db/t/schema/schema-0'), 'utf8'));
  const ref: TableRef = { warehouse, table: 'd.theirs' };
  await paimon.create(ref, { ...schema, options: { bucket: '-1', 'manifest.compression': 'bzip2' } });
  await paimon.append(ref, ['+I {"k":1,"v":"x"}']);
  await expect(lake.sql('SELECT * FROM d.theirs').then(result => result.rows())).rejects.toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('bzip2'),
  });
});
