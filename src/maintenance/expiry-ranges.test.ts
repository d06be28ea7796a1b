/** How far a range of expiry goes: by the bytes of the record, and by what of the chain has been read. */
import { expect, test } from 'vitest';
import { changedStore } from '../../test/changed-ports.ts';
import {
  append,
  commitPlanned,
  hourMs,
  newWorld,
  opened,
  tablePath,
  type World,
} from '../../test/maintenance-fixture.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { expiryRecordKey, readExpiryRecord } from '../table/expiry-record.ts';
import { snapshotById } from '../table/snapshots.ts';
import { type ExpireOptions, type ExpireReceipt, expireSnapshots } from './expire-snapshots.ts';
import { heldBytesMax } from './limits.ts';
import { ownLine } from './lines.ts';

type Watched = {
  readonly receipt: ExpireReceipt;
  /** Each record that was written: its bytes, and what it held. */
  readonly records: readonly { readonly bytes: number; readonly heldIds: readonly number[] }[];
};

async function expireWatched(world: World, options: ExpireOptions = {}): Promise<Watched> {
  const line = ownLine(world.table);
  const records: Watched['records'][number][] = [];
  const note = async <T>(key: string, bytes: Uint8Array, swapped: Promise<T>): Promise<T> => {
    const outcome = await swapped;
    if (key !== expiryRecordKey(line)) return outcome;
    const { held } = await readExpiryRecord(line);
    records.push({ bytes: bytes.byteLength, heldIds: held.map(({ id }) => id) });
    return outcome;
  };
  const store = changedStore<ObjectStore>(world.store, {
    putIfAbsent: (key, bytes) => note(key, bytes, world.store.putIfAbsent(key, bytes)),
    putIfMatch: (key, bytes, etag) => note(key, bytes, world.store.putIfMatch(key, bytes, etag)),
  });
  const { table } = await opened(store, world.clock, 12);
  return { receipt: await expireSnapshots(table, options), records };
}

test('a record stays small however large the snapshots are: ranges end earlier', async () => {
  const world = await newWorld();
  for (let turn = 0; turn < 6; turn += 1) {
    await commitPlanned(world, { properties: { 'tidelake.large': 'x'.repeat(600_000) } });
    world.clock.advance(2 * hourMs);
  }
  const { receipt, records } = await expireWatched(world);
  expect(receipt).toMatchObject({ status: 'done', expiredCount: 4 });
  const largest = Math.max(...records.map(({ bytes }) => bytes));
  expect(largest).toBeGreaterThan(600_000);
  expect(largest).toBeLessThan(1_100_000);
});

/** The file of a snapshot, filled up to so many characters. */
function filled(snapshot: Snapshot, chars: number): Uint8Array {
  const withText = (text: string): Uint8Array =>
    encodeSnapshot({ ...snapshot, properties: { ...snapshot.properties, 'tidelake.large': text } });
  return withText('x'.repeat(chars - withText('').byteLength));
}

test('a range has as many snapshots as fit the record to the byte', async () => {
  for (const { more, heldIds } of [
    { more: 0, heldIds: [1, 2] },
    { more: 1, heldIds: [1] },
  ]) {
    const world = await newWorld();
    for (const name of ['a', 'b', 'c', 'd']) await append(world, name);
    for (const [id, chars] of [
      [1, heldBytesMax / 2],
      [2, heldBytesMax / 2 + more],
    ] as const) {
      const snapshot = await snapshotById(world.table, id);
      await world.store.put(`${tablePath}/snapshot/snapshot-${id}`, filled(snapshot, chars));
    }
    world.clock.advance(2 * hourMs);
    const { receipt, records } = await expireWatched(world);
    expect(receipt).toMatchObject({ status: 'done', expiredCount: 2 });
    expect(records[0]?.heldIds).toEqual(heldIds);
  }
});

test('a range ends two below the last snapshot that was read: garbage below it makes it shorter', async () => {
  const world = await newWorld();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    await append(world, name);
    world.clock.advance(1.5 * hourMs);
  }
  const bytes = encodeSnapshot({ ...(await snapshotById(world.table, 2)), deltaManifestList: 'another' });
  await world.store.put(`${tablePath}/snapshot/snapshot-2`, bytes);
  world.clock.advance(2 * hourMs);
  const { receipt, records } = await expireWatched(world, { retention: { expireCountMax: 3 } });
  expect(receipt).toMatchObject({ status: 'done', garbageCount: 2, expiredCount: 4, oldestId: 7 });
  // Five are read, two of them are garbage, two stay.
  expect(records.filter(({ heldIds }) => heldIds.length > 0).map(({ heldIds }) => heldIds)).toEqual([[3], [4, 5, 6]]);
});
