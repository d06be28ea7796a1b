// Proves the harness: what it has Paimon read of golden tables is what they are known to hold, and what it has Paimon write
// is read back.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Paimon, PaimonError, startPaimon } from './paimon.ts';
import { firstDifference } from './rows.ts';

const goldenRoot = fileURLToPath(new URL('../golden/tables', import.meta.url));
const goldenWarehouse = join(goldenRoot, 'warehouse');

let paimon: Paimon;
let scratch: string;

beforeAll(async () => {
  paimon = await startPaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-interop-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

function expected(table: string, name: string): readonly string[] {
  const lines = readFileSync(join(goldenRoot, 'expected', table, `${name}.jsonl`), 'utf8').split('\n');
  return lines.filter(line => line !== '');
}

/** A golden table's copy, free to be written to. */
function copyOf(table: string): { readonly warehouse: string; readonly table: string } {
  const warehouse = mkdtempSync(join(scratch, `${table}-`));
  cpSync(join(goldenWarehouse, 'db.db', table), join(warehouse, 'db.db', table), { recursive: true });
  return { warehouse, table: `db.${table}` };
}

function expectRows(read: readonly string[], wanted: readonly string[]): void {
  expect(firstDifference(read, wanted)).toBeUndefined();
}

for (const table of [
  'pk_types_b4',
  'pk_edge',
  'pk_part_chars',
  'evo_types',
  'tags',
  'branches',
  'expired',
  'cl_lookup',
]) {
  test(`Paimon reads ${table} as expected at every snapshot, tag and branch, and follows its changes`, async () => {
    const ref = { warehouse: goldenWarehouse, table: `db.${table}` };
    expectRows(await paimon.rows(ref), expected(table, 'latest'));
    for (const file of readdirSync(join(goldenRoot, 'expected', table))) {
      const [, kind, name = ''] = /^(snapshot|tag|changes|branch)-(.+?)(?:\.jsonl)?$/.exec(file) ?? [];
      const id = Number(name);
      if (kind === 'snapshot') expectRows(await paimon.rows(ref, { snapshot: id }), expected(table, `snapshot-${id}`));
      if (kind === 'tag') expectRows(await paimon.rows(ref, { tag: name }), expected(table, `tag-${name}`));
      if (kind === 'branch') {
        expectRows(await paimon.rows({ ...ref, branch: name }), expected(table, `branch-${name}/latest`));
      }
      if (kind === 'changes') {
        const changes = await paimon.changes(ref, { first: id, last: id });
        expectRows(
          changes.map(({ line }) => line),
          expected(table, `changes-${id}`),
        );
        expect(changes.every(({ snapshot }) => snapshot === id)).toBe(true);
      }
    }
  });
}

test('rows that the harness parsed and Paimon wrote are printed as they came in', async () => {
  const rows = expected('pk_types_b1', 'latest');
  const schema: unknown = JSON.parse(
    readFileSync(join(goldenWarehouse, 'db.db', 'pk_types_b1', 'schema', 'schema-0'), 'utf8'),
  );
  const ref = { warehouse: join(scratch, 'made'), table: 'db.made' };
  await paimon.create(ref, Object(schema));
  expect(
    await paimon.append(
      ref,
      rows.map(row => `+I ${row}`),
    ),
  ).toBe(1);
  expectRows(await paimon.rows(ref), rows);
});

test('Paimon goes on with a table: an update, a delete, a full compaction, each seen in snapshots and changes', async () => {
  const ref = copyOf('pk_l0_many');
  const before = await paimon.rows(ref);
  const [updated = '', deleted = '', ...kept] = before;
  const change = updated.replace(/"s":(?:null|"(?:[^"\\]|\\.)*")/, '"s":"line\\u2028end"').replace('\\u2028', '\u2028');
  expect(change).not.toBe(updated);
  expect(await paimon.append(ref, [`+U ${change}`, `-D ${deleted}`])).toBe(9);
  expect(await paimon.changes(ref, { first: 9, last: 9 })).toEqual([
    { snapshot: 9, line: `+U ${change}` },
    { snapshot: 9, line: `-D ${deleted}` },
  ]);
  expect(await paimon.compactFully(ref)).toBe(11);
  expect(new Set(await paimon.rows(ref))).toEqual(new Set([change, ...kept]));
  const kinds = (await paimon.snapshots(ref)).map(json => /"commitKind"\s*:\s*"(\w+)"/.exec(json)?.[1]);
  // A streaming writer of Paimon commits an APPEND of no rows before what it compacted.
  expect(kinds.slice(-3)).toEqual(['APPEND', 'APPEND', 'COMPACT']);
  expect((await paimon.rows({ ...ref, table: `${ref.table}$files` })).length).toBeGreaterThan(0);
});

test('what Paimon throws names its causes, and the next request is answered', async () => {
  const ref = { warehouse: goldenWarehouse, table: 'db.no_such_table' };
  await expect(paimon.rows(ref)).rejects.toThrow(PaimonError);
  await expect(paimon.rows(ref)).rejects.toThrow(/no_such_table/);
  expect(await paimon.rows({ ...ref, table: 'db.tags' })).toEqual(expected('tags', 'latest'));
});
