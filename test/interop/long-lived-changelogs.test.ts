// Changelogs that outlive their snapshots: Paimon follows a table of ours from a changelog on whose snapshot we expired, we
// one of Paimon's, and each expires what the other left.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/index.ts';
import { expireChangelogs } from '../../src/maintenance/expire-changelogs.ts';
import { maintainTable } from '../../src/maintenance/maintain-table.ts';
import { openLocalObjectStore } from '../../src/storage/local/local-object-store.ts';
import { changeSourceOf } from '../../src/table/changelog/change-source.ts';
import { readChanges } from '../../src/table/changelog/read-changes.ts';
import { openTable, type Table } from '../../src/table/table.ts';
import { canonicalRow } from '../../src/types/canonical-json.ts';
import { rowKindOf } from '../../src/types/row-kind.ts';
import { agedStore } from './aged-store.ts';
import { type Change, type Paimon, startPaimon, type TableRef } from './paimon.ts';

const parts = { clock: systemClock, random: systemRandom };
const lifecycle = {
  ...{ 'snapshot.num-retained.min': '2', 'snapshot.num-retained.max': '2', 'snapshot.time-retained': '1 ms' },
  ...{ 'changelog.num-retained.max': '100', 'changelog.time-retained': '1 d' },
};

let paimon: Paimon;
let warehouse: string;

beforeAll(async () => {
  paimon = await startPaimon();
  warehouse = mkdtempSync(join(tmpdir(), 'tidelake-changelogs-'));
});

afterAll(async () => {
  await paimon?.[Symbol.asyncDispose]();
  rmSync(warehouse, { recursive: true, force: true });
});

/** The table over a store in which everything is old. */
async function withTable<T>({ table: name }: TableRef, use: (table: Table) => Promise<T>): Promise<T> {
  await using store = await openLocalObjectStore({ root: warehouse, access: 'read-write' }, parts);
  return await use(await openTable(agedStore(store), { database: 'd', name: name.slice('d.'.length) }, parts));
}

function ourChanges(ref: TableRef, first: number, last: number): Promise<readonly Change[]> {
  return withTable(ref, async table => {
    const all: Change[] = [];
    for (let id = first; id <= last; id += 1) {
      const lines: string[] = [];
      for await (const { rows, kinds } of readChanges(table, await changeSourceOf(table, id))) {
        const print = canonicalRow(rows);
        for (let row = 0; row < rows.rowCount; row += 1) lines.push(`${rowKindOf(kinds[row] ?? 0)} ${print(row)}`);
      }
      all.push(...lines.toSorted().map(line => ({ snapshot: id, line })));
    }
    return all;
  });
}

function idsIn({ table }: TableRef, kind: 'snapshot' | 'changelog'): readonly number[] {
  return readdirSync(join(warehouse, 'd.db', table.slice('d.'.length), kind))
    .flatMap(name => new RegExp(`^${kind}-(\\d+)$`).exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

function maintained(ref: TableRef): ReturnType<typeof maintainTable> {
  return withTable(ref, table => maintainTable(table, { orphans: 'remove' }));
}

/** Commits and compactions by us, with updates and deletes where the table has keys. */
async function written(name: string, options: Readonly<Record<string, string>>, hasKey: boolean): Promise<void> {
  await using lake = await openLake({ warehouse: `file:${warehouse}` });
  const all = { ...lifecycle, ...options };
  const clause = Object.entries(all).map(([key, value]) => `'${key}' = '${value}'`);
  const key = hasKey ? ', PRIMARY KEY (k) NOT ENFORCED' : '';
  await lake.sql(`CREATE DATABASE IF NOT EXISTS d; USE d;
    CREATE TABLE ${name} (k INT NOT NULL, v STRING${key}) WITH (${clause.join(', ')})`);
  for (let turn = 0; turn < 4; turn += 1) {
    await lake.sql(`INSERT INTO ${name} VALUES (1, 'a${turn}'), (${10 + turn}, 'b')`);
    if (turn % 2 === 1) await lake.sql(`CALL sys.compact('d.${name}')`);
  }
}

const kinds: readonly (readonly [name: string, hasKey: boolean, options: Readonly<Record<string, string>>])[] = [
  ['none', true, { bucket: '1' }],
  ['input', true, { bucket: '1', 'changelog-producer': 'input' }],
  ['lookup', true, { bucket: '2', 'changelog-producer': 'lookup' }],
  ['full', true, { bucket: '1', 'changelog-producer': 'full-compaction' }],
  ['vectors', true, { bucket: '1', 'changelog-producer': 'lookup', 'deletion-vectors.enabled': 'true' }],
  ['appended', false, { bucket: '-1', 'compaction.min.file-num': '2' }],
];

for (const [name, hasKey, options] of kinds) {
  test(`${name}: what outlives its snapshot is read and expired by both`, { timeout: 120_000 }, async () => {
    await written(name, options, hasKey);
    const ref = { warehouse, table: `d.${name}` };
    const count = idsIn(ref, 'snapshot').length;
    const before = await paimon.changes(ref, { first: 1, last: count });
    expect(before.length).toBeGreaterThan(4);
    const rows = await paimon.rows(ref);
    const ids = Array.from({ length: count - 2 }, (_, index) => index + 1);

    // We expire; Paimon follows from the first, and so do we.
    const { end, lines } = await maintained(ref);
    expect(end).toEqual({ status: 'done' });
    expect(lines[0]).toMatchObject({ expiry: { expiredCount: count - 2 }, changelogs: { expiredCount: 0 } });
    expect(idsIn(ref, 'snapshot')).toEqual([count - 1, count]);
    expect(idsIn(ref, 'changelog')).toEqual(ids);
    expect(await paimon.changes(ref, { first: 1, last: count })).toEqual(before);
    expect(await ourChanges(ref, 1, count)).toEqual(before);
    expect(await paimon.rows(ref)).toEqual(rows);

    // Paimon goes on and expires on its own; we follow all of it.
    await paimon.append(ref, ['+I {"k":1,"v":"theirs"}', '+I {"k":50,"v":"theirs"}'], { compaction: true });
    const head = await paimon.append(ref, ['+I {"k":1,"v":"again"}'], { compaction: true });
    await paimon.expire(ref);
    expect(idsIn(ref, 'snapshot')).toEqual([head - 1, head]);
    const all = await paimon.changes(ref, { first: 1, last: head });
    expect(all.slice(0, before.length)).toEqual(before);
    expect(await ourChanges(ref, 1, head)).toEqual(all);
    expect((await maintained(ref)).end).toEqual({ status: 'done' });
    expect(await paimon.changes(ref, { first: 1, last: head })).toEqual(all);
    expect(await ourChanges(ref, 1, head)).toEqual(all);

    // Changelogs expire: Paimon's turn first, then ours, and what is left is read by both.
    await paimon.expire(ref, { ...lifecycle, 'changelog.num-retained.max': '8' });
    const [first = 0] = idsIn(ref, 'changelog');
    expect(first).toBe(head - 7);
    const retention = { retainedCountMax: 6 };
    const ours = await withTable(ref, table => expireChangelogs(table, { retention }));
    expect(ours).toMatchObject({ status: 'done', expiredCount: 2, oldestId: head - 5 });
    const later = all.filter(({ snapshot }) => snapshot >= head - 5);
    expect(await paimon.changes(ref, { first: head - 5, last: head })).toEqual(later);
    expect(await ourChanges(ref, head - 5, head)).toEqual(later);
    await expect(ourChanges(ref, head - 6, head)).rejects.toMatchObject({ code: 'LAKE_SNAPSHOT_EXPIRED' });
    await paimon.expire(ref, { ...lifecycle, 'changelog.num-retained.max': '5' });
    expect(idsIn(ref, 'changelog')[0]).toBe(head - 4);
    const last = all.filter(({ snapshot }) => snapshot >= head - 4);
    expect(await ourChanges(ref, head - 4, head)).toEqual(last);

    // All that is left of them goes, and nothing is left of what only they needed.
    if (hasKey) await withTable(ref, table => expireChangelogs(table, { retention: 'all' }));
    else await paimon.expireAllChangelogs(ref);
    expect(idsIn(ref, 'changelog')).toEqual([]);
    expect(await paimon.changes(ref, { first: head - 1, last: head })).toEqual(
      all.filter(({ snapshot }) => snapshot >= head - 1),
    );
    expect((await maintained(ref)).end).toEqual({ status: 'done' });
    expect(await paimon.rows(ref)).toHaveLength(hasKey ? rows.length + 1 : rows.length + 3);
  });
}
