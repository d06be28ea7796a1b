// pypaimon 2.1, which has no Java in it, reads what we wrote, and we read what it wrote.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/index.ts';
import { replayGolden } from '../../src/service/golden-replay.ts';
import { inMicros, type Pypaimon, startPypaimon } from './pypaimon.ts';
import { firstDifference } from './rows.ts';

const root = fileURLToPath(new URL('../golden/tables', import.meta.url));

/** What it does not read of Paimon's own tables either, by its own words. */
const unread: Readonly<Record<string, RegExp>> = {
  agg_remove: /not yet implement: aggregation\.remove-record-on-delete/,
  agg_retract: /not yet implement: fields\.m\.ignore-retract/,
  // Paimon's sums wrap.
  cl_agg_lookup: /int overflow/,
  dv_pk64: /Invalid magic number/,
  pu_remove: /not yet implement: partial-update\.remove-record/,
  pu_seqgroup: /not yet implement: fields\.g1\.sequence-group/,
  pu_seqgroup_agg: /not yet implement: fields\.g\.sequence-group/,
};

let python: Pypaimon;
let scratch: string;

beforeAll(async () => {
  python = await startPypaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-pypaimon-'));
}, 300_000);

afterAll(async () => {
  await python?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

test('it reads every golden table as we write it anew, or says what it cannot do', { timeout: 300_000 }, async () => {
  const parts = { clock: systemClock, random: systemRandom };
  const wrong: string[] = [];
  let read = 0;
  for await (const { table, status } of replayGolden({ root, out: scratch }, parts)) {
    if (status !== 'passed') continue;
    const expected = readFileSync(join(root, 'expected', table, 'latest.jsonl'), 'utf8')
      .split('\n')
      .slice(0, -1);
    try {
      const rows = await python.rows({ warehouse: scratch, table: `db.${table}` });
      const difference = firstDifference(inMicros(rows), inMicros(expected));
      if (difference !== undefined) wrong.push(`${table}: ${JSON.stringify(difference)}`);
      if (unread[table] !== undefined) wrong.push(`${table}: it is read now`);
      read += 1;
    } catch (error) {
      if (unread[table]?.test(String(error)) !== true) wrong.push(`${table}: ${String(error)}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(read).toBeGreaterThan(75);
});

const tables = [
  ['keyed', "PRIMARY KEY (p, k) NOT ENFORCED) WITH ('bucket' = '2')"],
  ['keyed_partitioned', "PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p) WITH ('bucket' = '1')"],
  ['append', ')'],
  ['append_partitioned', ') PARTITIONED BY (p)'],
  ['append_bucketed', ") WITH ('bucket' = '2', 'bucket-key' = 'k')"],
] as const;

test.each(tables)(
  'it goes on with a table of ours, and we with what it wrote (%s)',
  { timeout: 60_000 },
  async (name, rest) => {
    const isKeyed = name.startsWith('keyed');
    const warehouse = join(scratch, 'ours');
    const ref = { warehouse, table: `d.${name}` };
    await using lake = await openLake({ warehouse: `file:${warehouse}` });
    await lake.sql('CREATE DATABASE IF NOT EXISTS d');
    await lake.sql(
      `CREATE TABLE d.${name} (p STRING NOT NULL, k INT NOT NULL, v BIGINT${isKeyed ? `, ${rest}` : rest}`,
    );
    const ours = async (): Promise<readonly string[]> => {
      const rows = await (await lake.sql(`SELECT p, k, CAST(v AS STRING) AS v FROM d.${name}`)).rows();
      return rows.map(row => JSON.stringify(row)).toSorted();
    };
    await lake.sql(`INSERT INTO d.${name} VALUES ('a', 1, 10), ('a', 2, 20), ('b', 1, NULL)`);
    await python.append(ref, [
      { p: 'a', k: 2, v: 21 },
      { p: 'c', k: 7, v: 70 },
    ]);
    const second = isKeyed ? [] : ['{"p":"a","k":2,"v":"20"}'];
    const expected = [
      '{"p":"a","k":1,"v":"10"}',
      ...second,
      '{"p":"a","k":2,"v":"21"}',
      '{"p":"b","k":1,"v":null}',
      '{"p":"c","k":7,"v":"70"}',
    ];
    expect(await ours()).toEqual(expected);
    await lake.sql(`CALL sys.compact('d.${name}')`);
    expect(await ours()).toEqual(expected);
    expect((await python.rows(ref)).toSorted()).toEqual(expected);
  },
);
