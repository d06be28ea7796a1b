// Our expiry and orphan cleaning, judged by real Paimon: it reads every snapshot, tag and branch that is left as before, and
// goes on writing; then we go on after it.
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { expireSnapshots } from '../../src/maintenance/expire-snapshots.ts';
import { maintainTable } from '../../src/maintenance/maintain-table.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { agedStore } from './aged-store.ts';
import { type Paimon, startPaimon, type TableMoment, type TableRef } from './paimon.ts';
import { firstDifference } from './rows.ts';

const goldenWarehouse = fileURLToPath(new URL('../golden/tables/warehouse', import.meta.url));
const components = { clock: systemClock, random: systemRandom };
const retention = { retainedCountMin: 1, retainedMs: 1 };

let paimon: Paimon;
let scratch: string;

beforeAll(async () => {
  paimon = await startPaimon();
  scratch = mkdtempSync(join(tmpdir(), 'tidelake-maintenance-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

/** A golden table's copy, free to be written to. */
function copyOf(name: string): TableRef {
  const warehouse = mkdtempSync(join(scratch, `${name}-`));
  cpSync(join(goldenWarehouse, 'db.db', name), join(warehouse, 'db.db', name), { recursive: true });
  return { warehouse, table: `db.${name}` };
}

function folderOf({ warehouse, table }: TableRef, path: string): string {
  return join(warehouse, 'db.db', table.slice('db.'.length), path);
}

/** Ids of the snapshot files. */
function idsOf(ref: TableRef, line = ''): readonly number[] {
  const names = readdirSync(folderOf(ref, join(line, 'snapshot')));
  return names
    .flatMap(name => /^snapshot-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

type Reading = { readonly branch: string | undefined; readonly at: TableMoment | undefined };

/** Everything there is to read: the latest state, snapshots, tags, branches. */
function readings(ref: TableRef): readonly Reading[] {
  const list = (path: string): readonly string[] => {
    try {
      return readdirSync(folderOf(ref, path));
    } catch {
      return [];
    }
  };
  const branches = list('branch').map(name => name.slice('branch-'.length));
  return [undefined, ...branches].flatMap((branch): readonly Reading[] => {
    const line = branch === undefined ? '' : `branch/branch-${branch}`;
    return [
      { branch, at: undefined },
      ...idsOf(ref, line).map(snapshot => ({ branch, at: { snapshot } })),
      ...list(join(line, 'tag')).map(name => ({ branch, at: { tag: name.slice('tag-'.length) } })),
    ];
  });
}

async function rowsOf(ref: TableRef, all: readonly Reading[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = new Map<string, readonly string[]>();
  for (const { branch, at } of all) {
    const line = branch === undefined ? ref : { ...ref, branch };
    rows.set(JSON.stringify({ branch, at }), await paimon.rows(line, at));
  }
  return rows;
}

async function ourTable(store: ObjectStore, ref: TableRef): Promise<Table> {
  return openTable(store, { database: 'db', name: ref.table.slice('db.'.length) }, components);
}

for (const name of [
  'expired',
  'tags',
  'branches',
  'overwrite',
  'pk_part',
  'evo_then_compact',
  'cl_lookup',
  'dv_pk64',
]) {
  test(`${name}: Paimon reads what is left after our maintenance as before, goes on, and so do we`, async () => {
    const ref = copyOf(name);
    const before = await rowsOf(ref, readings(ref));
    await using store = await openLocalObjectStore({ root: ref.warehouse }, components);
    const aged = agedStore(store);
    const idsBefore = idsOf(ref);
    writeFileSync(folderOf(ref, 'manifest/manifest-lost'), 'x');
    const expiry = await expireSnapshots(await ourTable(aged, ref), { retention });
    expect(expiry).toMatchObject({ status: 'done', expiredCount: Math.max(0, idsBefore.length - 2) });
    const maintained = await maintainTable(await ourTable(aged, ref), { orphans: 'remove' });
    expect(maintained.end).toEqual({ status: 'done' });
    expect(maintained.orphans?.keys).toEqual([`db.db/${name}/manifest/manifest-lost`]);
    expect(idsOf(ref)).toEqual(idsBefore.slice(-2));

    const left = readings(ref);
    expect(left.length).toBeGreaterThan(1);
    for (const [moment, rows] of await rowsOf(ref, left)) {
      expect(firstDifference(rows, before.get(moment) ?? []), moment).toBeUndefined();
    }

    const latest = await paimon.rows(ref);
    const [changed = ''] = latest;
    await paimon.append(ref, [`+I ${changed}`], { compaction: true });
    await paimon.compactFully(ref);
    expect(firstDifference(await paimon.rows(ref), latest)).toBeUndefined();
    expect(await expireSnapshots(await ourTable(aged, ref), { retention })).toMatchObject({ status: 'done' });
    for (const [moment, rows] of await rowsOf(ref, readings(ref))) {
      const known = moment === '{}' || before.get(moment) === undefined ? latest : before.get(moment);
      expect(firstDifference(rows, known ?? []), moment).toBeUndefined();
    }
  });
}

test('while Paimon writes and compacts we expire, and each reads what the other left', async () => {
  const ref = copyOf('pk_l0_many');
  const rows = await paimon.rows(ref);
  await using store = await openLocalObjectStore({ root: ref.warehouse }, components);
  const aged = agedStore(store);
  await expireSnapshots(await ourTable(aged, ref), { retention: { ...retention, expireCountMax: 2 } });
  for (let turn = 0; turn < 3; turn += 1) {
    await paimon.append(ref, [`+I ${rows[turn]}`], { compaction: true });
    const receipt = await expireSnapshots(await ourTable(aged, ref), {
      retention: { ...retention, expireCountMax: 1 },
    });
    expect(receipt).toMatchObject({ status: 'done' });
    expect(await linesOfCase(await ourTable(aged, ref), { kind: 'latest', key: '' })).toEqual(rows);
  }
  expect((await paimon.rows(ref)).length).toBe(rows.length);
});
