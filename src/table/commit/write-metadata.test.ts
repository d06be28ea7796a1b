/** What a commit writes before its swap, and what of it is kept when the swap is lost. */
import { expect, test } from 'vitest';
import {
  type FixtureSettings,
  fixedRequest,
  fixtureSchema,
  fixtureTable,
  ManualClock,
  plannedFile,
  putSchema,
} from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import type { ManifestFileMeta } from '../../format/manifest.ts';
import { type CountingObjectStore, countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { readEntries, readManifestList } from '../manifests.ts';
import { openTable, type Table } from '../table.ts';
import type { TableBase } from './base.ts';
import { commit } from './commit.ts';
import type { WrittenList } from './decide-snapshot.ts';
import { uploadAgeMsMax } from './limits.ts';
import { lookUpBase } from './look-up.ts';
import { type CommitPlan, commitPlan, type PlannedFile } from './request.ts';
import { MetadataWriter } from './write-metadata.ts';

const clock = new ManualClock();

async function newTable(
  settings: FixtureSettings = {},
): Promise<{ readonly store: CountingObjectStore; readonly table: Table; readonly puts: string[] }> {
  const puts: string[] = [];
  const store = countingObjectStore(new MemoryObjectStore('memory:metadata', clock), (operation, key) => {
    if (operation === 'put') puts.push(key);
  });
  return { store, puts, table: await fixtureTable(store, { clock, random: seededRandom(1) }, settings) };
}

/** The same table to somebody who has seen nothing of it. */
function anew(store: CountingObjectStore): Promise<Table> {
  return openTable(store, { database: 'd', name: 't' }, { clock, random: seededRandom(2) });
}

async function baseOf(table: Table): Promise<TableBase> {
  const found = await lookUpBase(table, undefined);
  if (found.kind !== 'base') throw new Error(`no base: ${found.reason}`);
  return found.base;
}

function planOf(draft: Partial<CommitPlan>): CommitPlan {
  return commitPlan({ kind: 'OVERWRITE', schemaId: 0, ...draft });
}

async function says(table: Table, metas: readonly ManifestFileMeta[]): Promise<readonly string[]> {
  const entries = await readEntries(table, metas);
  return entries.map(({ kind, bucket, file }) => `${kind} ${file.fileName} ${bucket}`);
}

async function listSays(table: Table, list: WrittenList | undefined): Promise<readonly string[]> {
  if (list === undefined) throw new Error('the list is written');
  return says(table, await readManifestList(table, list.name, list.sizeBytes));
}

test('manifests and lists are named after one number each, by count, and say what is planned', async () => {
  const { store, table, puts } = await newTable();
  const [gone, come, log] = ['gone', 'come', 'log'].map(name => plannedFile(table, { name }));
  if (gone === undefined || come === undefined || log === undefined) throw new Error('three are planned');
  puts.length = 0;
  const plan = planOf({ deletes: [gone], adds: [come], changelog: [log] });
  const { baseList, deltaList, changelogList } = await new MetadataWriter(table).write(await baseOf(table), plan);
  const numbersOf = (pattern: RegExp): ReadonlySet<string | undefined> =>
    new Set(puts.map(key => pattern.exec(key)?.[1]).filter(found => found !== undefined));
  const [lists, manifests] = [numbersOf(/manifest-list-([0-9a-f-]{36})-/), numbersOf(/manifest-([0-9a-f-]{36})-/)];
  expect([lists.size, manifests.size]).toEqual([1, 1]);
  const [list, manifest] = [`manifest-list-${[...lists]}`, `manifest-${[...manifests]}`];
  expect([baseList.name, deltaList.name, changelogList?.name]).toEqual([`${list}-0`, `${list}-1`, `${list}-2`]);
  expect(puts.toSorted()).toEqual(
    [`${list}-0`, `${list}-1`, `${list}-2`, `${manifest}-0`, `${manifest}-1`]
      .map(name => `d.db/t/manifest/${name}`)
      .toSorted(),
  );
  const reader = await anew(store);
  expect(await listSays(reader, baseList)).toEqual([]);
  expect(await listSays(reader, deltaList)).toEqual(['delete gone 0', 'add come 0']);
  expect(await listSays(reader, changelogList)).toEqual(['add log 0']);
  // Who has written it need not read it.
  store.reset();
  expect(await listSays(table, deltaList)).toEqual(['delete gone 0', 'add come 0']);
  expect(store.counts().get).toBe(0);
});

const { a, b, c } = await threeFiles();

async function threeFiles(): Promise<Readonly<Record<'a' | 'b' | 'c', PlannedFile>>> {
  const { table } = await newTable();
  const [one, two, three] = ['a', 'b', 'c'].map(name => plannedFile(table, { name }));
  if (one === undefined || two === undefined || three === undefined) throw new Error('three are planned');
  return { a: one, b: two, c: three };
}

test.each<readonly [string, Partial<CommitPlan>, Partial<CommitPlan>, number]>([
  ['the same is kept', { adds: [a, b], changelog: [c] }, { adds: [a, { ...b }], changelog: [c] }, 0],
  ['one file more is not', { adds: [a] }, { adds: [a, b] }, 1],
  ['one file less is not', { adds: [a, b] }, { adds: [a] }, 1],
  ['another file is not', { adds: [a, b] }, { adds: [a, c] }, 1],
  ['a file written again is not', { adds: [a] }, { adds: [{ ...a, file: { ...a.file } }] }, 1],
  ['a file in another bucket is not', { adds: [a] }, { adds: [{ ...a, bucket: 1 }] }, 1],
  ['a file that goes instead is not', { adds: [a] }, { deletes: [a] }, 1],
  ['another changelog is not', { adds: [a], changelog: [b] }, { adds: [a], changelog: [c] }, 1],
])('manifests of a plan that is written again: %s', async (_, first, second, manifestCount) => {
  const { store, table } = await newTable();
  const base = await baseOf(table);
  const writer = new MetadataWriter(table);
  await writer.write(base, planOf(first));
  store.reset();
  const { deltaList, changelogList } = await writer.write(base, planOf(second));
  // Lists are always new.
  expect(store.counts().put).toBe(manifestCount + (changelogList === undefined ? 2 : 3));
  const { deletes = [], adds = [], changelog = [] } = second;
  const lines = (kind: string, files: CommitPlan['deletes']): readonly string[] =>
    files.map(({ file, bucket }) => `${kind} ${file.fileName} ${bucket}`);
  const reader = await anew(store);
  expect(await listSays(reader, deltaList)).toEqual([...lines('delete', deletes), ...lines('add', adds)]);
  if (changelogList !== undefined) expect(await listSays(reader, changelogList)).toEqual(lines('add', changelog));
});

test('merges are kept from one base to the next and built on, until they are too old', async () => {
  const unfixed = { primaryKey: false, options: { bucket: '-1' } };
  const { store, table: rival } = await newTable(unfixed);
  const rivalCommits = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) await commit(rival, fixedRequest(rival, { adds: [plannedFile(rival, { name })] }));
  };
  await putSchema(
    store,
    fixtureSchema({ ...unfixed, options: { ...unfixed.options, 'manifest.merge-min-count': '4' } }),
  );
  const table = await anew(store);
  const writer = new MetadataWriter(table);
  const files = ['a', 'b', 'c', 'd'];
  /** How many manifests there are now, and what merges have cost so far. */
  const written = async (): Promise<readonly [number, { readonly get: number; readonly put: number }]> => {
    const { manifests } = await writer.write(await baseOf(table), planOf({}));
    expect(await says(await anew(store), manifests)).toEqual(files.map(name => `add ${name} 0`));
    return [manifests.length, writer.mergeCounts];
  };
  await rivalCommits(...files);
  expect(await written()).toEqual([1, { get: 4, put: 1 }]);
  await rivalCommits('e', 'f', 'g', 'h');
  files.push('e', 'f', 'g', 'h');
  // The merged one is merged with four more, which is all there is to read.
  expect(await written()).toEqual([1, { get: 8, put: 2 }]);
  await rivalCommits('i');
  files.push('i');
  expect(await written()).toEqual([2, { get: 8, put: 2 }]);
  // All nine at once.
  clock.advance(uploadAgeMsMax);
  expect(await written()).toEqual([1, { get: 9, put: 3 }]);
});
