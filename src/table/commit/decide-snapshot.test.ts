import { expect, test } from 'vitest';
import type { DataFileMeta } from '../../format/data-file.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { emptyStats } from '../../format/stats.ts';
import { buildSnapshot, type SnapshotParts } from './decide-snapshot.ts';
import { commitPlan, type PlannedFile } from './request.ts';

const parts: SnapshotParts = {
  parent: undefined,
  properties: {},
  tableId: 'table-1',
  plan: commitPlan({ kind: 'APPEND', schemaId: 2 }),
  commitUser: 'user',
  commitIdentifier: 5n,
  storeTimeMs: 1_000,
  baseList: { name: 'base', sizeBytes: 1 },
  deltaList: { name: 'delta', sizeBytes: 2 },
  changelogList: undefined,
};
const first = buildSnapshot(parts);

function after(parent: Snapshot, draft: Partial<SnapshotParts> = {}): Snapshot {
  return buildSnapshot({ ...parts, parent, deltaList: { name: 'delta-2', sizeBytes: 2 }, ...draft });
}

function fileOf(rowCount: number): PlannedFile {
  const file: DataFileMeta = {
    fileName: `data-${rowCount}`,
    fileSize: 100,
    rowCount,
    minKey: new Uint8Array(),
    maxKey: new Uint8Array(),
    keyStats: emptyStats,
    valueStats: emptyStats,
    minSequenceNumber: 0n,
    maxSequenceNumber: 9n,
    schemaId: 2,
    level: 0,
    extraFiles: [],
    creationTimeMs: undefined,
    deleteRowCount: 0,
    embeddedIndex: undefined,
    fileSource: 'append',
    valueStatsCols: undefined,
    externalPath: undefined,
    firstRowId: undefined,
    writeCols: undefined,
  };
  return { partition: new Uint8Array(), bucket: 0, totalBuckets: 4, file, uploadBeganMs: 0 };
}

test('the first snapshot is number 1 and names its table', () => {
  const made = buildSnapshot(parts);
  expect(made).toMatchObject({
    version: 3,
    id: 1,
    schemaId: 2,
    timeMillis: 1_000,
    nextRowId: 0n,
    totalRecordCount: 0n,
  });
  expect(made.properties).toEqual({ 'tidelake.table': 'table-1' });
  expect(Object.keys(buildSnapshot({ ...parts, tableId: undefined }).properties)).toEqual([]);
});

test('a snapshot names its parent, and time and schema never go back', () => {
  const plan = commitPlan({ kind: 'APPEND', schemaId: 1 });
  const next = after(first, { plan, storeTimeMs: 500 });
  expect(next).toMatchObject({ id: 2, schemaId: 2, timeMillis: 1_000 });
  expect(next.properties['tidelake.parent']).toBe('delta');
  expect(after(first, { storeTimeMs: 1_500 }).timeMillis).toBe(1_500);
});

test('rows are counted: what comes, what goes, and the changelog by itself', () => {
  const plan = commitPlan({
    kind: 'OVERWRITE',
    schemaId: 2,
    adds: [fileOf(10), fileOf(20)],
    deletes: [fileOf(7)],
    changelog: [fileOf(5)],
  });
  expect(after({ ...first, totalRecordCount: 100n }, { plan })).toMatchObject({
    totalRecordCount: 123n,
    deltaRecordCount: 23n,
    changelogRecordCount: 5n,
  });
  const begun = buildSnapshot({ ...parts, plan: { ...plan, deletes: [] } });
  expect(begun).toMatchObject({ totalRecordCount: 30n, deltaRecordCount: 30n });
  expect(buildSnapshot(parts).changelogRecordCount).toBeUndefined();
});

test('our properties are carried, and a plan changes its own only', () => {
  const properties = { 'tidelake.a': '1', 'tidelake.b': '2' };
  const plan = commitPlan({
    kind: 'APPEND',
    schemaId: 0,
    properties: { 'tidelake.b': undefined, 'tidelake.c': '3', note: 'x' },
  });
  // Strictly: a property that is undefined would be written as one.
  expect(after(first, { properties, plan }).properties).toStrictEqual({
    'tidelake.a': '1',
    'tidelake.c': '3',
    note: 'x',
    'tidelake.table': 'table-1',
    'tidelake.parent': 'delta',
  });
  for (const key of ['tidelake.table', 'tidelake.parent']) {
    const meddling = commitPlan({ kind: 'APPEND', schemaId: 0, properties: { [key]: 'x' } });
    expect(() => after(first, { plan: meddling })).toThrow(key);
  }
});

test('index manifest, row ids and watermark are carried; statistics while the schema stays', () => {
  const parent: Snapshot = { ...first, indexManifest: 'index', nextRowId: 7n, watermark: 9n, statistics: 'stat' };
  expect(after(parent)).toMatchObject({ indexManifest: 'index', nextRowId: 7n, watermark: 9n, statistics: 'stat' });
  const plan = commitPlan({ kind: 'APPEND', schemaId: 3, watermark: 8n });
  expect(after(parent, { plan })).toMatchObject({ watermark: 9n, statistics: undefined });
  const later = commitPlan({ kind: 'APPEND', schemaId: 2, watermark: 12n });
  expect(after(parent, { plan: later }).watermark).toBe(12n);
  expect(after(first, { plan: later }).watermark).toBe(12n);
  const index = { name: 'index-2', uploadBeganMs: 0, madeFrom: undefined, files: [] };
  expect(after(parent, { plan: commitPlan({ kind: 'OVERWRITE', schemaId: 0, index }) }).indexManifest).toBe('index-2');
});

test('S10: the marker of a dropped table is empty and says so; nothing else does', () => {
  const parent: Snapshot = { ...first, totalRecordCount: 30n, indexManifest: 'index', statistics: 'stat' };
  const properties = { 'tidelake.dropped': '1' };
  const dropped = commitPlan({ kind: 'OVERWRITE', schemaId: 2, emptied: true, properties });
  expect(after(parent, { plan: dropped })).toMatchObject({
    totalRecordCount: 0n,
    deltaRecordCount: -30n,
    indexManifest: undefined,
    statistics: undefined,
  });
  expect(buildSnapshot({ ...parts, plan: dropped })).toMatchObject({ totalRecordCount: 0n, deltaRecordCount: 0n });
  expect(() => after(parent, { plan: { ...dropped, properties: {} } })).toThrow('dropped');
  expect(() => after(parent, { plan: { ...dropped, emptied: false } })).toThrow('dropped');
});

test('an identity is never used twice in a row', () => {
  expect(() => buildSnapshot({ ...parts, parent: first })).toThrow('identity');
});

test("a property that is neither ours nor the plan's is a bug", () => {
  expect(() => after(first, { properties: { other: 'x' } })).toThrow('nowhere');
});
