import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { openObjectStore } from '../storage/open-object-store.ts';
import { latestSnapshot, listSnapshots, listTags, snapshotById } from '../table/snapshots.ts';
import { openTable } from '../table/table.ts';
import { readStatistics } from '../table/table-statistics.ts';
import { goldenSteps } from './golden-ops.ts';
import { replayGolden } from './golden-replay.ts';
import type { GoldenVerdict } from './golden-verdict.ts';

const root = fileURLToPath(new URL('../../test/golden/tables', import.meta.url));
const parts = { clock: systemClock, random: seededRandom(1) };

async function replay(out: string, tables: readonly string[]): Promise<readonly GoldenVerdict[]> {
  const verdicts: GoldenVerdict[] = [];
  for await (const verdict of replayGolden({ root, out, tables }, parts)) verdicts.push(verdict);
  return verdicts;
}

async function snapshotsOf(out: string, name: string): Promise<readonly string[]> {
  const table = await openTable(await openObjectStore(out, {}, parts), { database: 'db', name }, parts);
  return (await listSnapshots(table)).map(({ id, commitKind }) => `${id} ${commitKind}`);
}

test('tables are written anew under the snapshot numbers they had', async () => {
  const tables = ['emptied', 'evo_then_compact', 'ap_compacted', 'pk_samekey', 'empty_table', 'overwrite', 'rescale'];
  const verdicts = await replay('memory:replay', tables);
  expect(verdicts).toEqual(tables.map(table => ({ table, status: 'passed', detail: '' })));
  expect(await snapshotsOf('memory:replay', 'emptied')).toEqual(['1 APPEND', '2 APPEND', '3 APPEND', '4 COMPACT']);
  expect((await snapshotsOf('memory:replay', 'ap_compacted')).slice(-2)).toEqual(['13 COMPACT', '14 APPEND']);
  expect(await snapshotsOf('memory:replay', 'empty_table')).toEqual([]);
  expect(await snapshotsOf('memory:replay', 'overwrite')).toEqual(['1 APPEND', '2 OVERWRITE', '3 OVERWRITE']);
});

test('tags and branches are made as they were, and each of their states is compared', async () => {
  const verdicts = await replay('memory:replay-tags', ['tags', 'branches', 'expired']);
  expect(verdicts).toEqual([
    { table: 'tags', status: 'passed', detail: '' },
    { table: 'branches', status: 'passed', detail: '' },
    { table: 'expired', status: 'passed', detail: '0 snapshots expired where Paimon kept 3' },
  ]);
  const store = await openObjectStore('memory:replay-tags', {}, parts);
  const open = (name: string, branch?: string) => openTable(store, { database: 'db', name, branch }, parts);
  expect(await listTags(await open('tags'))).toEqual(['old', 't1', 't2-with.dots']);
  expect((await latestSnapshot(await open('branches', 'b1')))?.id).toBe(2);
  expect((await latestSnapshot(await open('branches', 'empty')))?.id).toBe(1);
});

test('where Paimon committed statistics, ours are', async () => {
  expect(await replay('memory:replay-analyze', ['stats_analyze'])).toEqual([
    { table: 'stats_analyze', status: 'passed', detail: '' },
  ]);
  const store = await openObjectStore('memory:replay-analyze', {}, parts);
  const table = await openTable(store, { database: 'db', name: 'stats_analyze' }, parts);
  const snapshot = await snapshotById(table, 2);
  expect(snapshot.commitKind).toBe('ANALYZE');
  expect(await readStatistics(table, snapshot)).toMatchObject({ snapshotId: 1, mergedRecordCount: 20n });
});

test('a table with a feature or a mark that is not replayed is refused by its name, and nothing is written', async () => {
  const verdicts = await replay('memory:replay-refused', ['ice_pk', 'ice_table']);
  expect(verdicts.map(({ status }) => status)).toEqual(['refused', 'refused']);
  expect(verdicts.map(({ detail }) => /: (.+) is not supported/.exec(detail)?.[1])).toEqual([
    'metadata.iceberg.storage=table-location',
    'metadata.iceberg.storage=table-location',
  ]);
  const store = await openObjectStore('memory:replay-refused', {}, parts);
  for await (const page of store.list('')) expect(page.objects).toEqual([]);
});

test('a warehouse that has the table already is left as it is', async () => {
  await replay('memory:replay-twice', ['pk_samekey']);
  const before = await snapshotsOf('memory:replay-twice', 'pk_samekey');
  const [verdict] = await replay('memory:replay-twice', ['pk_samekey']);
  expect(verdict?.status).toBe('failed');
  expect(verdict?.detail).toContain('LAKE_TABLE_EXISTS');
  expect(await snapshotsOf('memory:replay-twice', 'pk_samekey')).toEqual(before);
});

test('lines of operations become steps; a broken one is named', () => {
  const steps = goldenSteps(
    [
      '{"op":"+I","row":{"a":1}}',
      '{"op":"-D","row":{"a":1}}',
      '{"op":"commit","snapshot":1}',
      '{"op":"compact","snapshot":3}',
    ],
    'ops/t.jsonl',
  );
  expect(steps).toEqual([
    {
      kind: 'commit',
      snapshotId: 1,
      changes: [
        { kind: 0, row: { a: 1 } },
        { kind: 3, row: { a: 1 } },
      ],
    },
    { kind: 'compact', snapshotId: 3 },
  ]);
  for (const [lines, message] of [
    [['{'], /line 1 is not JSON/],
    [['[]'], /line 1 is not an object/],
    [['{}'], /line 1 has no `op`/],
    [['{"op":"+I"}'], /line 1 has no object `row`/],
    [['{"op":"commit","snapshot":"1"}'], /line 1 has no integer `snapshot`/],
    [['{"op":"+I","row":{}}', '{"op":"compact","snapshot":2}'], /line 2 stands before/],
    [['{"op":"+I","row":{}}'], /ends with rows that are not committed/],
    [['{"op":"vacuum"}'], /replaying vacuum is not supported/],
  ] as const) {
    expect(() => goldenSteps(lines, 'ops/t.jsonl')).toThrow(message);
  }
});
