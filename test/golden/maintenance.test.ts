// Maintenance of tables that real Paimon wrote: what is retained reads as before, and nothing that anything names is taken.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.ts';
import { collectReferences } from '../../src/maintenance/collect-references.ts';
import { expireSnapshots } from '../../src/maintenance/expire-snapshots.ts';
import { linesOf } from '../../src/maintenance/lines.ts';
import { removeOrphanFiles } from '../../src/maintenance/remove-orphan-files.ts';
import { linesOfCase } from '../../src/service/golden-compare.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { listSnapshotIds, listTags } from '../../src/table/snapshots.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { ManualClock } from '../table-fixture.ts';

const root = fileURLToPath(new URL('tables', import.meta.url));
const database = join(root, 'warehouse', 'db.db');
const dayMs = 24 * 3_600_000;

type Loaded = { readonly store: MemoryObjectStore; readonly clock: ManualClock; readonly table: Table };

/** In memory; snapshot files two hours apart, all else two days older than the oldest of them. */
async function load(name: string, branch?: string): Promise<Loaded> {
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:golden', clock);
  const files = readdirSync(join(database, name), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(database.length + 1));
  const idOf = (path: string): number => Number(/\/snapshot\/snapshot-(\d+)$/.exec(path)?.[1] ?? 0);
  let id = 0;
  for (const path of files.toSorted((a, b) => idOf(a) - idOf(b))) {
    if (idOf(path) > 0 && id === 0) clock.advance(2 * dayMs);
    if (idOf(path) > id) clock.advance(2 * 3_600_000);
    id = idOf(path);
    await store.put(`db.db/${path}`, readFileSync(join(database, path)));
  }
  clock.advance(2 * 3_600_000);
  const parts = { clock, random: seededRandom(3) };
  return { store, clock, table: await openTable(store, { database: 'db', name, branch }, parts) };
}

async function namesIn(store: MemoryObjectStore): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const page of store.list('')) {
    for (const { key } of page.objects) names.add(key.slice(key.lastIndexOf('/') + 1));
  }
  return names;
}

/** Everything that a root names is there, and a root was seen. */
async function expectWhole({ table, store, clock }: Loaded): Promise<void> {
  const fresh = await openTable(store, table.identifier, { clock, random: seededRandom(4) });
  const referenced = await collectReferences(fresh, await linesOf(fresh));
  const there = await namesIn(store);
  expect(referenced.size).toBeGreaterThan(0);
  expect([...referenced].filter(name => !there.has(name))).toEqual([]);
}

async function expectRows(loaded: Loaded, name: string): Promise<void> {
  const { table } = loaded;
  const ids = (await listSnapshotIds(table)).ids;
  const cases = [
    { kind: 'latest', key: 'latest' } as const,
    ...ids.map(id => ({ kind: 'snapshot', id, key: `snapshot-${id}` }) as const),
    ...(await listTags(table)).map(tag => ({ kind: 'tag', tag, key: `tag-${tag}` }) as const),
  ];
  const folder = join(
    root,
    'expected',
    name,
    table.identifier.branch === undefined ? '' : `branch-${table.identifier.branch}`,
  );
  const expected = new Set(readdirSync(folder));
  for (const golden of cases) {
    if (!expected.has(`${golden.key}.jsonl`)) continue;
    const lines = readFileSync(join(folder, `${golden.key}.jsonl`), 'utf8').split('\n');
    expect(await linesOfCase(table, golden), `${name}, ${golden.key}`).toEqual(lines.filter(line => line !== ''));
  }
}

const retention = { retainedCountMin: 1, retainedMs: 1, expireCountMax: 3 };

for (const name of [
  'expired',
  'expired_changelog',
  'tags',
  'branches',
  'overwrite',
  'emptied',
  'rescale',
  'many_manifests',
  'pk_l0_compacted',
  'pk_part',
  'evo_then_compact',
  'ap_compacted',
  'cl_full',
  'cl_input',
  'cl_lookup_part',
]) {
  test(`${name}: all but the two newest snapshots expire; those, the tags and branches read as before`, async () => {
    const loaded = await load(name);
    const before = (await listSnapshotIds(loaded.table)).ids;
    const receipt = await expireSnapshots(loaded.table, { retention });
    expect(receipt).toMatchObject({ status: 'done', expiredCount: Math.max(0, before.length - 2) });
    expect((await listSnapshotIds(loaded.table)).ids).toEqual(before.slice(-2));
    await expectWhole(loaded);
    await expectRows(loaded, name);
  });
}

for (const name of [
  'expired',
  'expired_changelog',
  'tags',
  'branches',
  'dv_pk64',
  'dv_part',
  'dyn_bucket',
  'stats_analyze',
  'file_index',
]) {
  test(`${name}: nothing of what Paimon left is an orphan, but a file that nobody names`, async () => {
    const loaded = await load(name);
    const lost = `db.db/${name}/bucket-0/lost`;
    await loaded.store.put(lost, new Uint8Array(1));
    const { table, clock, store } = loaded;
    // Every line goes on a week later, so that everything else is old.
    clock.advance(7 * dayMs);
    for (const line of await linesOf(table)) {
      const head = (await listSnapshotIds(line)).ids.at(-1);
      const key = `${line.metaPath}/snapshot/snapshot-${head}`;
      await store.put(key, (await store.get(key))?.bytes ?? new Uint8Array());
    }
    const receipt = await removeOrphanFiles(table);
    expect(receipt).toMatchObject({ status: 'done', keys: [lost] });
    await expectWhole(loaded);
  });
}

for (const name of ['dv_pk64', 'dv_part', 'dyn_bucket', 'stats_analyze', 'file_index']) {
  test(`${name}: what is left after expiry has its indexes, deletion vectors and statistics`, async () => {
    const loaded = await load(name);
    expect(await expireSnapshots(loaded.table, { retention })).toMatchObject({ status: 'done' });
    expect((await listSnapshotIds(loaded.table)).ids).toHaveLength(2);
    await expectWhole(loaded);
  });
}

test('a branch expires by itself and takes nothing that the main line or a tag reads', async () => {
  const main = await load('branches');
  const table = await openTable(main.store, { database: 'db', name: 'branches', branch: 'b1' }, main.table);
  await expireSnapshots(main.table, { retention });
  const receipt = await expireSnapshots(table, { retention });
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 0 });
  await expectRows(main, 'branches');
  await expectRows({ ...main, table }, 'branches');
});

test('tables with what is not known here are left alone by name', async () => {
  for (const name of ['ice_table', 'ice_pk']) {
    const { table, store } = await load(name);
    const before = await namesIn(store);
    const receipt = await expireSnapshots(table, { retention });
    expect(receipt, name).toMatchObject({ status: 'given-up', code: 'LAKE_UNSUPPORTED' });
    expect(await namesIn(store)).toEqual(before);
  }
});
