/** The expiry record: swaps whose answers are lost, rivals, and records of other numbers. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import { countingObjectStore } from '../storage/counting-object-store.ts';
import { faultyObjectStore, type StoreFault, scriptedFaults } from '../storage/faulty-object-store.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import {
  changelogMarksOf,
  changelogPinIsSeen,
  type ExpiryRecord,
  expiryRecordKey,
  pinIsSeen,
  readExpiryRecord,
  swapExpiryRecord,
  trustedRecord,
} from './expiry-record.ts';

const clock = new ManualClock();
const parts = { clock, random: seededRandom(5) };
const lineOn = (store: ObjectStore) => ({ store, metaPath: 'd.db/t', label: 'd.t' });

function record(floor: number, changes: Partial<ExpiryRecord> = {}): ExpiryRecord {
  return { floor, floorIdentity: `list-${floor}`, isOpen: false, held: [], ...changes };
}

function faulty(inner: ObjectStore, kinds: readonly StoreFault['kind'][]): ObjectStore {
  const faults = kinds.map(kind => ({ operation: 'putIfMatch', fault: { kind } }) as const);
  return faultyObjectStore(inner, scriptedFaults(faults as Parameters<typeof scriptedFaults>[0]), { clock });
}

test('a record comes back as it was written, snapshots to the letter', async () => {
  const line = lineOn(new MemoryObjectStore('memory:', clock));
  const none = await readExpiryRecord(line);
  expect(none).toEqual({ floor: 1, floorIdentity: undefined, isOpen: false, held: [], etag: undefined });
  const next = record(3, { isOpen: true, held: [{ id: 4, text: '{ "id" : 4, "x": "é\\n" }\n' }] });
  const stored = await swapExpiryRecord(line, none, next, parts);
  expect(stored).toMatchObject(next);
  expect(await readExpiryRecord(line)).toEqual(stored);
});

test('how far changelogs have expired comes back, and is not known where none has', async () => {
  const line = lineOn(new MemoryObjectStore('memory:', clock));
  const none = await readExpiryRecord(line);
  expect(changelogMarksOf(none)).toEqual({ floor: 1, going: undefined });
  const stored = await swapExpiryRecord(line, none, record(7, { changelogs: { floor: 3, going: 5 } }), parts);
  expect(await readExpiryRecord(line)).toEqual(stored);
  if (stored === 'lost') throw new Error('lost');
  expect([2, 3, 4, 5].map(id => changelogPinIsSeen(stored, id))).toEqual([false, false, false, true]);
  const decided = { ...stored, changelogs: { floor: 4, going: undefined } };
  await swapExpiryRecord(line, stored, decided, parts);
  const read = await readExpiryRecord(line);
  expect(read.changelogs).toEqual({ floor: 4, going: undefined });
  expect([3, 4].map(id => changelogPinIsSeen(read, id))).toEqual([false, true]);
});

test('of two who swap the same record one wins', async () => {
  const line = lineOn(new MemoryObjectStore('memory:', clock));
  const none = await readExpiryRecord(line);
  const outcomes = await Promise.all([2, 3].map(floor => swapExpiryRecord(line, none, record(floor), parts)));
  expect(outcomes.filter(outcome => outcome === 'lost')).toHaveLength(1);
  const [first] = outcomes.filter(outcome => outcome !== 'lost');
  if (first === undefined) throw new Error('nobody won');
  const again = await Promise.all([4, 5].map(floor => swapExpiryRecord(line, first, record(floor), parts)));
  expect(again.filter(outcome => outcome === 'lost')).toHaveLength(1);
});

test('a swap whose answer was lost is known as ours, one that did not happen is made again', async () => {
  const inner = new MemoryObjectStore('memory:', clock);
  const first = await swapExpiryRecord(lineOn(inner), await readExpiryRecord(lineOn(inner)), record(2), parts);
  if (first === 'lost') throw new Error('lost');
  const line = lineOn(faulty(inner, ['answer-lost', 'refused', 'answer-lost']));
  const second = await swapExpiryRecord(line, first, record(3), parts);
  expect(second).toMatchObject({ floor: 3 });
  if (second === 'lost') throw new Error('lost');
  expect(await swapExpiryRecord(line, second, record(4), parts)).toMatchObject({ floor: 4 });
  expect((await readExpiryRecord(lineOn(inner))).floor).toBe(4);
});

test('a record that is gone when ours was refused is lost, one that is broken is corrupt', async () => {
  const store = new MemoryObjectStore('memory:', clock);
  const line = lineOn(store);
  const first = await swapExpiryRecord(line, await readExpiryRecord(line), record(2), parts);
  if (first === 'lost') throw new Error('lost');
  await store.delete(expiryRecordKey(line));
  expect(await swapExpiryRecord(line, first, record(3), parts)).toBe('lost');
  await store.put(expiryRecordKey(line), Buffer.from('x'));
  await expect(swapExpiryRecord(line, first, record(3), parts)).rejects.toMatchObject({
    code: 'LAKE_CORRUPT_EXPIRY_RECORD',
  });
});

test('a swap that never has an answer is unavailable after ten tries with pauses between them', async () => {
  const inner = new MemoryObjectStore('memory:', clock);
  const first = await swapExpiryRecord(lineOn(inner), await readExpiryRecord(lineOn(inner)), record(2), parts);
  if (first === 'lost') throw new Error('lost');
  const store = countingObjectStore(faulty(inner, Array(30).fill('refused')));
  const beganMs = clock.nowMs();
  await expect(swapExpiryRecord(lineOn(store), first, record(3), parts)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_STORE_UNAVAILABLE',
    cause: expect.any(Error),
  });
  expect(store.counts().putIfMatch).toBe(10);
  expect(clock.nowMs()).toBeGreaterThan(beganMs);
});

test('what is not a record is corrupt', async () => {
  const store = new MemoryObjectStore('memory:', clock);
  for (const text of [
    'x',
    '{}',
    '{"version":2,"floor":1,"isOpen":false,"held":[]}',
    '{"version":1,"floor":0,"isOpen":false,"held":[]}',
    '{"version":1,"floor":1,"held":[]}',
    '{"version":1,"floor":1.5,"isOpen":false,"held":[]}',
    '{"version":1,"floor":"1","isOpen":false,"held":[]}',
    '{"version":1,"floor":1,"isOpen":false,"held":{}}',
    '{"version":1,"floor":1,"isOpen":false,"held":[1]}',
    '{"version":1,"floor":1,"isOpen":false,"held":[null]}',
    '{"version":1,"floor":1,"isOpen":false,"held":[{"id":0,"text":"{}"}]}',
    '{"version":1,"floor":1,"isOpen":false,"held":[{"id":1}]}',
    '{"version":1,"floor":1,"floorIdentity":1,"isOpen":false,"held":[]}',
  ]) {
    await store.put('d.db/t/tidelake/expiry', Buffer.from(text));
    await expect(readExpiryRecord(lineOn(store))).rejects.toMatchObject({ code: 'LAKE_CORRUPT_EXPIRY_RECORD' });
  }
});

test('a record of numbers that were given back since is not believed', () => {
  const held = [{ id: 7, text: '{}' }];
  const stored = { ...record(6, { held }), etag: '"1"' };
  expect(trustedRecord(stored, [6, 8, 9], 'list-6')).toBe(stored);
  expect(trustedRecord(stored, [8, 9], undefined)).toBe(stored);
  expect(trustedRecord(stored, [6, 8], 'list-6')).toBe(stored);
  const alone = { ...stored, held: [] };
  expect(trustedRecord(alone, [6], 'list-6')).toBe(alone);
  const nameless = { ...alone, floorIdentity: undefined };
  expect(trustedRecord(nameless, [6, 8], 'list-6')).toBe(nameless);
  const fresh = { floor: 1, floorIdentity: undefined, isOpen: false, held: [], etag: '"1"' };
  expect(trustedRecord(stored, [2, 3], undefined)).toEqual(fresh);
  expect(trustedRecord(alone, [2, 3], undefined)).toEqual(fresh);
  expect(trustedRecord(alone, [], undefined)).toEqual(fresh);
  expect(trustedRecord({ ...fresh, isOpen: true }, [], undefined)).toEqual(fresh);
  expect(trustedRecord(stored, [2, 6, 7], 'list-6')).toEqual(fresh);
  expect(trustedRecord(stored, [2, 6, 8, 9], 'another')).toEqual(fresh);
});

test('R2: a pin below the floor, or of what a run is deciding about, does not hold', () => {
  const held = [{ id: 3, text: '{}' }];
  expect(pinIsSeen(record(3), 3)).toBe(true);
  expect(pinIsSeen(record(3), 2)).toBe(false);
  expect(pinIsSeen(record(3, { isOpen: true, held }), 3)).toBe(false);
  expect(pinIsSeen(record(2, { isOpen: true, held }), 2)).toBe(false);
  expect(pinIsSeen(record(3, { isOpen: true, held }), 4)).toBe(true);
  // Decided: what is still held is to be there.
  expect(pinIsSeen(record(3, { held }), 3)).toBe(true);
});
