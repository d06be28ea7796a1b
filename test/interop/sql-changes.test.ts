// UPDATE, DELETE and MERGE INTO on tables that hide level 0, remove records or say in a column what a row does: Paimon makes
// of our rows what it makes of its own with the same meaning, and we change what it has written and not compacted.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Lake } from '../../src/index.ts';
import { type Both, openBoth } from './both.ts';
import type { Paimon } from './paimon.ts';

let paimon: Paimon;
let warehouse: string;
let lake: Lake;
let both: Both;

beforeAll(async () => {
  both = await openBoth('changes');
  ({ paimon, warehouse, lake } = both);
});

afterAll(() => both?.[Symbol.asyncDispose]());

type Options = Readonly<Record<string, string>>;

const ref = (name: string) => ({ warehouse, table: `db.${name}` });

function make(name: string, options: Options, kindColumn: boolean): Promise<void> {
  const fields = [
    { id: 0, name: 'k', type: 'INT NOT NULL' },
    { id: 1, name: 'n', type: 'INT' },
    { id: 2, name: 's', type: 'INT' },
    ...(kindColumn ? [{ id: 3, name: 'op', type: 'STRING' }] : []),
  ];
  const constant = { version: 3, id: 0, highestFieldId: fields.length - 1, partitionKeys: [], timeMillis: 1 };
  const schema = { ...constant, fields, primaryKeys: ['k'], options: { bucket: '2', ...options } };
  return paimon.create(ref(name), schema);
}

async function ours(name: string): Promise<readonly string[]> {
  const rows = await (await lake.sql(`SELECT * FROM db.\`${name}\``)).rows();
  return rows.map(row => JSON.stringify(row)).toSorted();
}

async function theirs(name: string): Promise<readonly string[]> {
  return (await paimon.rows(ref(name))).toSorted();
}

/** What the statements of `change` come to in rows, on top of `first`. */
type Case = { readonly options: Options; readonly deleted: number; readonly updated: string | undefined };

const vectors = { 'deletion-vectors.enabled': 'true' };
const cases: Readonly<Record<string, Case>> = {
  vectors: { options: vectors, deleted: 1, updated: '+U {"k":2,"n":120,"s":7}' },
  lookup: {
    options: { ...vectors, 'changelog-producer': 'lookup' },
    deleted: 1,
    updated: '+U {"k":2,"n":120,"s":7}',
  },
  partial: {
    options: { ...vectors, 'merge-engine': 'partial-update', 'partial-update.remove-record-on-delete': 'true' },
    deleted: 1,
    updated: '+U {"k":2,"n":120,"s":7}',
  },
  groups: {
    options: {
      ...{ 'merge-engine': 'partial-update', 'fields.s.sequence-group': 'n' },
      'partial-update.remove-record-on-sequence-group': 's',
    },
    deleted: 1,
    updated: '+U {"k":2,"n":120,"s":7}',
  },
  sum: {
    options: {
      ...{ 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' },
      'aggregation.remove-record-on-delete': 'true',
    },
    deleted: 1,
    updated: undefined,
  },
  kinds: { options: { 'rowkind.field': 'op' }, deleted: 1, updated: '+U {"k":2,"n":120,"s":7,"op":"+I"}' },
};

/** Rows of Paimon's that are not compacted when the statements come. */
function firstRows(hasKinds: boolean): readonly string[] {
  const op = hasKinds ? ',"op":"+I"' : '';
  return [1, 2, 3, 4].map(k => `+I {"k":${k},"n":${k * 10},"s":7${op}}`);
}

test('changes of rows that are not compacted come to what Paimon makes of them', { timeout: 240_000 }, async () => {
  for (const [name, { options, deleted, updated }] of Object.entries(cases)) {
    const hasKinds = name === 'kinds';
    const twin = `${name}_twin`;
    for (const table of [name, twin]) {
      await make(table, { ...options, 'write-only': 'true' }, hasKinds);
      await paimon.append(ref(table), firstRows(hasKinds));
    }
    expect((await lake.sql(`DELETE FROM db.${name} WHERE n = 10`)).affectedRows, name).toBe(deleted);
    const gone = hasKinds ? '+I {"k":1,"n":10,"s":7,"op":"-D"}' : '-D {"k":1,"n":10,"s":7}';
    await paimon.append(ref(twin), [gone]);
    if (updated !== undefined) {
      await lake.sql(`UPDATE db.${name} SET n = n + 100 WHERE k = 2`);
      await paimon.append(ref(twin), [updated]);
    } else {
      await expect(lake.sql(`UPDATE db.${name} SET n = 1`), name).rejects.toMatchObject({ code: 'LAKE_UNSUPPORTED' });
    }
    for (const table of [name, twin]) await paimon.compactFully(ref(table));
    const expected = await theirs(twin);
    expect(expected, name).toHaveLength(3);
    expect(await theirs(name), name).toEqual(expected);
    expect(await ours(name), name).toEqual(expected);
    // It goes on, and so do we, on rows of its that nobody has compacted.
    const op = hasKinds ? ',"op":"+I"' : '';
    await paimon.append(ref(name), [`+I {"k":9,"n":90,"s":8${op}}`]);
    expect((await lake.sql(`DELETE FROM db.${name} WHERE k IN (3, 9)`)).affectedRows, name).toBe(2);
    await paimon.compactFully(ref(name));
    const left = expected.filter(line => !line.startsWith('{"k":3,'));
    expect(await theirs(name), name).toEqual(left);
    expect(await ours(name), name).toEqual(left);
  }
});

test('MERGE INTO takes rows for what they are before they are compacted', { timeout: 60_000 }, async () => {
  await make('merged', { ...vectors, 'write-only': 'true' }, false);
  await paimon.append(ref('merged'), firstRows(false));
  const merge = `MERGE INTO db.merged USING (VALUES (1, 0), (2, 5), (8, 8)) AS s(k, n) ON merged.k = s.k
    WHEN MATCHED AND s.n = 0 THEN DELETE
    WHEN MATCHED THEN UPDATE SET n = merged.n + s.n
    WHEN NOT MATCHED THEN INSERT (k, n) VALUES (s.k, s.n)`;
  for (let round = 0; round < 2; round += 1) await lake.sql(merge);
  await paimon.compactFully(ref('merged'));
  const expected = ['{"k":2,"n":30,"s":7}', '{"k":3,"n":30,"s":7}', '{"k":4,"n":40,"s":7}', '{"k":8,"n":16,"s":null}'];
  // The first round inserts keys 8, the second inserts key 1 again, which is not there, and adds to the others.
  expect(await theirs('merged')).toEqual(['{"k":1,"n":0,"s":null}', ...expected]);
  expect(await ours('merged')).toEqual(await theirs('merged'));
});
