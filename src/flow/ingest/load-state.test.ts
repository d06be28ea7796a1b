/** Where a state lies, and what a table without one is taken for. */
import { expect, test } from 'vitest';
import { fixedRequest, fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import type { CommitBase } from '../../table/commit/request.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { loadState, stateOfBase, stateOfHead, storeState } from './load-state.ts';
import { emptyState, encodeState, type IngestState, inlineBytesMax, noCounters } from './state.ts';

const clock = new ManualClock();

async function newTable() {
  const store = countingObjectStore(new MemoryObjectStore('memory:state', clock));
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  return { store, table, committer: new Committer(table) };
}

/** A state whose text has so many characters. */
function stateOf(chars: number): IngestState {
  return emptyState('x'.repeat(chars - encodeState(emptyState('')).length));
}

async function commit(committer: Committer, table: Table, properties: Readonly<Record<string, string | undefined>>) {
  const outcome = await committer.commit(fixedRequest(table, { properties }));
  if (outcome.status !== 'committed') throw new Error(outcome.status);
}

async function baseOf(committer: Committer): Promise<CommitBase> {
  const found = await committer.base({ isFresh: true });
  if (found.kind === 'fenced') throw new Error(found.reason);
  return found.base;
}

const markerKey = 'd.db/t/tidelake/ingested-table-1';

test('a state of up to 8 KiB lies in the properties, a larger one in an object that they name', async () => {
  expect(inlineBytesMax).toBe(8_192);
  const { store, table } = await newTable();
  const small = stateOf(8_192);
  store.reset();
  expect(await storeState(table, small)).toEqual({
    properties: { 'tidelake.ingest': encodeState(small), 'tidelake.ingest-object': undefined },
    uploads: [],
  });
  expect(store.counts().put).toBe(0);
  const large = stateOf(8_193);
  clock.advance(7);
  const stored = await storeState(table, large);
  const name = stored.properties['tidelake.ingest-object'] ?? '';
  expect(name).toMatch(/^state-./);
  expect(stored).toEqual({
    properties: { 'tidelake.ingest': undefined, 'tidelake.ingest-object': name },
    uploads: [{ name, uploadBeganMs: clock.nowMs() - 7 }],
  });
  expect(await loadState(table, { 'tidelake.ingest-object': name })).toEqual(large);
  expect(await loadState(table, { 'tidelake.ingest': encodeState(small) })).toEqual(small);
});

test('a state that nobody would read again is not stored, and one just below comes back', async () => {
  const { store, table } = await newTable();
  const largest = stateOf(jsonBytesMax);
  const stored = await storeState(table, largest);
  const properties = Object.fromEntries(Object.entries(stored.properties).flatMap(([k, v]) => (v ? [[k, v]] : [])));
  expect(await loadState(table, properties)).toEqual(largest);
  store.reset();
  await expect(storeState(table, stateOf(jsonBytesMax + 1))).rejects.toMatchObject({
    kind: 'invalid',
    code: 'LAKE_STATE_TOO_LARGE',
    message: expect.stringMatching(/^d\.t: .* 67108865 bytes, at most 67108864; it knows 0 lanes/),
  });
  expect(store.counts().put).toBe(0);
});

test('a snapshot that says nothing of a log has no state; one whose object is missing or broken is corrupt', async () => {
  const { store, table } = await newTable();
  expect(await loadState(table, {})).toBeUndefined();
  const properties = { 'tidelake.ingest-object': 'state-1' };
  await expect(loadState(table, properties)).rejects.toMatchObject({
    code: 'LAKE_FILE_MISSING',
    message: expect.stringContaining('d.db/t/tidelake/state-1'),
  });
  await store.put('d.db/t/tidelake/state-1', Buffer.from('x'));
  await expect(loadState(table, properties)).rejects.toThrow('ingest state in d.db/t/tidelake/state-1: it is not JSON');
  await expect(loadState(table, { 'tidelake.ingest': 'x' })).rejects.toThrow('ingest state in a snapshot of d.t');
});

test('the state of a head is that of the newest snapshot of ours below it, and none behind the marker of a drop', async () => {
  const { store, table, committer } = await newTable();
  expect(await stateOfHead(table, undefined)).toBeUndefined();
  const state = stateOf(100);
  await commit(committer, table, (await storeState(table, state)).properties);
  const ours = await latestSnapshot(table);
  expect(await stateOfHead(table, ours)).toEqual(state);
  if (ours === undefined) throw new Error('no snapshot');
  await store.put('d.db/t/snapshot/snapshot-2', encodeSnapshot({ ...ours, id: 2, properties: {} }));
  expect(await stateOfHead(table, await latestSnapshot(table))).toEqual(state);
  const marker = { ...ours.properties, 'tidelake.dropped': 'table-0' };
  expect(await stateOfHead(table, { ...ours, id: 3, properties: marker })).toBeUndefined();
});

test('what some properties say is read once', async () => {
  const { store, table } = await newTable();
  const { properties } = await storeState(table, stateOf(9_000));
  const named = { 'tidelake.ingest-object': properties['tidelake.ingest-object'] ?? '' };
  const state = await loadState(table, named);
  store.reset();
  expect(await loadState(table, named)).toBe(state);
  expect(store.counts().get).toBe(0);
});

test('S11: that a table has a state is written beside its snapshots, once', async () => {
  const { store, table, committer } = await newTable();
  const state = { ...emptyState('log-1'), counters: { ...noCounters, rowsIn: 3n }, deadLetters: 'list' };
  await commit(committer, table, (await storeState(table, state)).properties);
  const base = await baseOf(committer);
  expect(await store.head(markerKey)).toBeUndefined();
  expect(await stateOfBase(table, base, 'log-1')).toEqual({ ...state, isMarked: true });
  expect(await store.head(markerKey)).toMatchObject({ sizeBytes: 0 });
  await commit(committer, table, (await storeState(table, { ...state, isMarked: true })).properties);
  store.reset();
  expect(await stateOfBase(table, await baseOf(committer), 'log-1')).toMatchObject({ isMarked: true });
  expect(store.counts().put).toBe(0);
});

test('of another log only what was counted and the dead letters stay', async () => {
  const { table, committer } = await newTable();
  const state: IngestState = {
    ...emptyState('log-1'),
    shards: new Map([['a', { position: 7n, row: 0, arrivalMs: 5, ended: false }]]),
    producers: new Map([['0/p', { lastNumber: 5, arrivalMs: 5, named: false }]]),
    counters: { ...noCounters, rowsIn: 3n, written: 3n },
    deadLetters: 'list',
  };
  await commit(committer, table, (await storeState(table, state)).properties);
  expect(await stateOfBase(table, await baseOf(committer), 'log-2')).toEqual({
    ...emptyState('log-2'),
    counters: state.counters,
    deadLetters: 'list',
    isMarked: true,
  });
});

test('a table is new to logs while it has no snapshot, or none that ever had a state', async () => {
  const { store, table, committer } = await newTable();
  expect(await stateOfBase(table, await baseOf(committer), 'log-1')).toEqual(emptyState('log-1'));
  await commit(committer, table, {});
  expect(await stateOfBase(table, await baseOf(committer), 'log-1')).toEqual(emptyState('log-1'));
  // Before the first snapshot nobody can have taken anything from a log.
  const other = await newTable();
  await other.store.put(markerKey, new Uint8Array());
  expect(await stateOfBase(other.table, await baseOf(other.committer), 'log-1')).toEqual(emptyState('log-1'));
  expect(await store.head(markerKey)).toBeUndefined();
});

test('a base without a state where there has been one is old, or the positions are lost', async () => {
  const { store, table, committer } = await newTable();
  await commit(committer, table, {});
  const old = await baseOf(committer);
  await store.put(markerKey, new Uint8Array());
  const lost = { kind: 'corrupt', code: 'LAKE_POSITIONS_LOST', message: expect.stringContaining(markerKey) };
  await expect(stateOfBase(table, old, 'log-1')).rejects.toMatchObject(lost);
  await expect(stateOfBase(table, old, 'log-1')).rejects.toThrow('that has the property tidelake.ingest, or');
  await commit(committer, table, (await storeState(table, emptyState('log-1'))).properties);
  expect(await stateOfBase(table, old, 'log-1')).toBe('stale');
});

test('a base whose snapshot has gone with all others is old', async () => {
  const { store, table, committer } = await newTable();
  await commit(committer, table, {});
  const old = await baseOf(committer);
  await store.put(markerKey, new Uint8Array());
  await store.delete('d.db/t/snapshot/snapshot-1');
  expect(await stateOfBase(table, old, 'log-1')).toBe('stale');
});
