/** Maintenance as a whole: hidden state, hints, claims, what drops have left, all tables of a warehouse. */
import { expect, test } from 'vitest';
import { Died, dyingStore, Steps } from '../../test/dying-store.ts';
import {
  allObjects,
  append,
  branch,
  commitPlanned,
  fiveSnapshots,
  hourMs,
  missingFiles,
  newWorld,
  opened,
  paths,
  snapshotIds,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { ManualClock } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { createTable } from '../catalog/catalog.ts';
import { readDropMarker } from '../catalog/drop-marker.ts';
import { dropTable } from '../catalog/drop-table.ts';
import { parseIdentifier } from '../catalog/identifier.ts';
import { claimFolder } from '../flow/claim.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { encodeSchema } from '../format/table-schema.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import { openTable, reopenTable, type Table } from '../table/table.ts';
import { claimsFolder, removeAgedClaims } from './aged-claims.ts';
import { carryState } from './carry-state.ts';
import { repairHints } from './hints.ts';
import { maintainTable } from './maintain-table.ts';
import { maintainWarehouse, type WarehouseReceipt } from './maintain-warehouse.ts';

const identifier = parseIdentifier('d.t');
const options = { orphans: 'remove', logRetentionMs: undefined } as const;

function maintained(world: World, logRetentionMs?: number): Promise<WarehouseReceipt> {
  const parts = { store: world.store, clock: world.clock, random: seededRandom(77) };
  return maintainWarehouse(parts, { ...options, logRetentionMs });
}

/** As Java commits: on top, without any property of ours. */
async function foreignHead(world: World, head: Snapshot): Promise<void> {
  const foreign = { ...head, id: head.id + 1, properties: {}, commitUser: 'java' };
  const { baseManifestList, deltaManifestList } = head;
  await world.store.put(
    `${tablePath}/snapshot/snapshot-${foreign.id}`,
    encodeSnapshot({ ...foreign, baseManifestList: deltaManifestList, deltaManifestList: baseManifestList }),
  );
}

test('properties that a foreign head hides are carried over it by an empty commit, once', async () => {
  const world = await newWorld();
  const head = await commitPlanned(world, { properties: { 'tidelake.ingest': '{}' } });
  expect(await carryState(world.table)).toMatchObject({ status: 'done', snapshotId: undefined });
  await foreignHead(world, head);
  expect(await carryState(world.table)).toMatchObject({ status: 'done', snapshotId: 3 });
  const carried = await latestSnapshot(world.table);
  expect(carried).toMatchObject({ id: 3, commitKind: 'APPEND', deltaRecordCount: 0n });
  expect(carried?.properties['tidelake.ingest']).toBe('{}');
  expect(await carryState(world.table)).toMatchObject({ status: 'done', snapshotId: undefined });
});

test('duties of a schema that nobody has made known are fenced by an empty commit, once, and other changes are not', async () => {
  const world = await newWorld();
  await append(world, 'a');
  const put = async (id: number, options: Readonly<Record<string, string>>): Promise<Table> => {
    const schema = { ...world.table.schema, id, options: { ...world.table.schema.options, ...options } };
    await world.store.put(`${tablePath}/schema/schema-${id}`, encodeSchema(schema));
    return reopenTable(world.table);
  };
  expect(await carryState(await put(1, { 'snapshot.num-retained.min': '3' }))).toMatchObject({ snapshotId: undefined });
  const changed = await put(2, { 'sequence.field': 'k' });
  expect(await carryState(changed)).toMatchObject({ status: 'done', snapshotId: 2 });
  expect(await latestSnapshot(changed)).toMatchObject({ id: 2, schemaId: 2, deltaRecordCount: 0n });
  expect(await carryState(changed)).toMatchObject({ status: 'done', snapshotId: undefined });
});

test('a table that never had properties of ours is not written to', async () => {
  const world = await newWorld();
  const head = await append(world, 'a');
  await world.store.put(`${tablePath}/snapshot/snapshot-1`, encodeSnapshot({ ...head, properties: {} }));
  const { table } = await opened(world.store, world.clock, 5);
  expect(await carryState(table)).toMatchObject({ status: 'done', snapshotId: undefined });
  expect(await snapshotIds(world.store)).toEqual([1]);
});

test('both hints are put right, whatever they say, and left when they are right', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const hint = async (name: string): Promise<string> =>
    Buffer.from((await world.store.get(`${tablePath}/snapshot/${name}`))?.bytes ?? []).toString();
  for (const wrong of ['99', 'x', '2']) {
    for (const name of ['LATEST', 'EARLIEST'])
      await world.store.put(`${tablePath}/snapshot/${name}`, Buffer.from(wrong));
    expect(await repairHints(world.table)).toMatchObject({ status: 'done', latest: 5, earliest: 1 });
    expect([await hint('EARLIEST'), await hint('LATEST')]).toEqual(['1', '5']);
  }
  expect(await repairHints(world.table)).toMatchObject({ changed: [] });
  await world.store.delete(`${tablePath}/snapshot/LATEST`);
  expect(await repairHints(world.table)).toMatchObject({ changed: ['LATEST'] });
});

test('a table without a snapshot gets no hints', async () => {
  const world = await newWorld();
  expect(await repairHints(world.table)).toMatchObject({ status: 'done', latest: undefined, changed: [] });
  expect(await paths(world.store, 'snapshot/')).toEqual([]);
});

test('claims go a day after the log has forgotten them, by the store’s clock, and stay while that is not known', async () => {
  expect(claimsFolder).toBe(claimFolder);
  const clock = new ManualClock();
  const store = new MemoryObjectStore('memory:claims', clock);
  await store.put(`${claimsFolder}/claim-1`, new Uint8Array(9));
  clock.advance(hourMs);
  await store.put(`${claimsFolder}/claim-2`, new Uint8Array(4));
  clock.advance(2 * 24 * hourMs - hourMs + 1);
  expect(await removeAgedClaims(store, { logRetentionMs: undefined })).toMatchObject({ removed: { fileCount: 0 } });
  expect(await removeAgedClaims(store, { logRetentionMs: 24 * hourMs })).toEqual({
    status: 'done',
    listedCount: 2,
    removed: { fileCount: 1, bytes: 9 },
  });
  expect((await allObjects(store)).map(({ key }) => key)).toEqual([`${claimsFolder}/claim-2`]);
});

test('a table is maintained with all its branches, and each part says what it did', async () => {
  const world = await newWorld();
  await append(world, 'first');
  await branch(world.store, 'dev', 1);
  await fiveSnapshots(world);
  const receipt = await maintainTable(world.table, { orphans: 'dry-run' });
  expect(receipt.end).toEqual({ status: 'done' });
  expect(receipt.lines.map(({ label, expiry }) => [label, expiry.expiredCount])).toEqual([
    ['d.t', 4],
    ['d.t$branch_dev', 0],
  ]);
  expect(receipt.orphans).toMatchObject({ status: 'done', isDryRun: true });
  expect(await maintainTable(world.table, { orphans: 'skip' })).toMatchObject({ orphans: undefined });
});

test('a part that gives up says why, and keeps none of the others from running', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await world.store.put(`${tablePath}/consumer/consumer-broken`, Buffer.from('?'));
  const receipt = await maintainTable(world.table, { orphans: 'remove' });
  expect(receipt.end).toMatchObject({ status: 'given-up', code: 'LAKE_CORRUPT_CONSUMER' });
  expect(receipt.lines[0]?.expiry).toMatchObject({ status: 'given-up', expiredCount: 0 });
  expect(receipt.lines[0]?.hints).toMatchObject({ status: 'done' });
  expect(receipt.orphans).toMatchObject({ status: 'done' });
});

test('an aborted run ends with the signal’s reason', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(maintainTable(world.table, { orphans: 'remove', signal })).rejects.toThrow('enough');
});

test('every table of a warehouse is maintained, and one that is broken keeps none of the others from it', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  await world.store.put('d.db/broken/schema/schema-0', Buffer.from('?'));
  await world.store.put(
    'e.db/other/schema/schema-0',
    (await world.store.get(`${tablePath}/schema/schema-0`))?.bytes ?? new Uint8Array(),
  );
  await world.store.put(`${claimsFolder}/claim-1`, new Uint8Array(9));
  world.clock.advance(72 * hourMs);
  const receipt = await maintained(world, hourMs);
  expect(receipt.tables.map(({ label, end }) => [label, end.status])).toEqual([
    ['d.broken', 'given-up'],
    ['d.t', 'done'],
    ['e.other', 'done'],
  ]);
  expect(receipt.tables[1]?.lines[0]?.expiry.expiredCount).toBe(3);
  expect(receipt.claims).toMatchObject({ status: 'done', removed: { fileCount: 1 } });
  expect(receipt.dropped).toEqual([]);
});

/** Drops that die one step later each, until there is what they are to leave. */
async function dropUntil({ store, clock }: World, isThere: () => Promise<boolean>): Promise<void> {
  for (let step = 1; !(await isThere()); step += 1) {
    const dying = dyingStore(store, new Steps({ step, mode: 'after' }));
    await dropTable({ store: dying, clock, random: seededRandom(5) }, identifier, { ifExists: true }).catch(
      (error: unknown) => {
        if (!(error instanceof Died)) throw error;
      },
    );
  }
}

test('a drop that died when its table was fenced is finished, and the name is free', async () => {
  const world = await newWorld();
  await append(world, 'a');
  await dropUntil(world, async () => (await readDropMarker(world.store, identifier)) !== undefined);
  expect(await paths(world.store, 'schema/')).toHaveLength(1);
  expect((await maintained(world)).tables).toMatchObject([{ label: 'd.t', lines: [], end: { status: 'done' } }]);
  expect(await paths(world.store, 'schema/')).toEqual([]);
  expect(await paths(world.store, 'bucket-0/')).toEqual([]);
});

test('a drop that died is finished: the marker alone stays, and a table made again goes on from its numbers', async () => {
  const world = await newWorld();
  await fiveSnapshots(world);
  const random = seededRandom(5);
  // Dies at the first removal after the schema has gone.
  await dropUntil(world, async () => (await paths(world.store, 'schema/')).length === 0);
  expect((await paths(world.store, 'bucket-0/')).length).toBeGreaterThan(0);
  const receipt = await maintained(world);
  expect(receipt.dropped).toMatchObject([{ label: 'd.t', status: 'done' }]);
  const marker = await readDropMarker(world.store, identifier);
  expect(await paths(world.store, 'bucket-0/')).toEqual([]);
  expect(await snapshotIds(world.store)).toEqual([marker?.id]);
  expect((await maintained(world)).dropped).toEqual([]);
  const parts = { store: world.store, clock: world.clock, random };
  const column = { name: 'k', type: { kind: 'int', nullable: false } } as const;
  const definition = { columns: [column], primaryKeys: ['k'], partitionKeys: [], options: { bucket: '1' } };
  await createTable(parts, identifier, definition, { ifNotExists: false });
  await world.store.put(`${tablePath}/bucket-0/new`, new Uint8Array(1));
  expect((await maintained(world)).dropped).toEqual([]);
  expect(await paths(world.store, 'bucket-0/')).toEqual(['bucket-0/new']);
  const table = await openTable(world.store, { database: 'd', name: 't' }, parts);
  expect(await missingFiles(world.store, table)).toEqual([]);
});
