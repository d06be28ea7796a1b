/** The rule by which members of a group share its shards. */
import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../base/random.ts';
import type { LogShard } from '../../../storage/log-store.ts';
import { leaseMsOf, leasesOf, readableUnits, renewalMsOf, renewed, wantsShards, withShards } from './decide-leases.ts';
import { familyOf, type GroupState, historyUnit } from './group-state.ts';
import { withReports } from './unit-reports.ts';

const log = { incarnation: 'i', positions: new Map<string, bigint>(), bases: new Map<string, bigint>(), sinceMs: 0 };
const empty: GroupState = {
  nextSnapshot: 1,
  pinnedMs: 0,
  place: { tableId: 't', snapshotId: 1, log },
  epoch: 0,
  members: new Map(),
  units: new Map(),
};

function shard(shardId: string, parentIds: readonly string[] = []): LogShard {
  return { shardId, parentIds, hashKeyStart: 0n, hashKeyEnd: 0n, closed: false };
}

function ofShards(count: number): GroupState {
  return withShards(
    empty,
    Array.from({ length: count }, (_, index) => shard(`s${index}`)),
  );
}

const calm = { nowMs: 0, busy: new Set<string>() };

/** Each member renews once, in any order. */
function round(before: GroupState, members: readonly string[], random: Random, nowMs = 0): GroupState {
  const order = members.map(id => ({ id, rank: random.next() })).toSorted((a, b) => a.rank - b.rank);
  return order.reduce((state, { id }) => {
    const entry = { untilMs: nowMs + 30_000, renewal: 1 };
    return renewed(state, { ...calm, memberId: id, nowMs, entry });
  }, before);
}

function counts(state: GroupState): readonly number[] {
  return [...state.members.keys()].map(id => leasesOf(state, id).size).toSorted((a, b) => a - b);
}

function even(shards: number, members: number): readonly number[] {
  return Array.from({ length: members }, (_, index) => Math.floor((shards + index) / members));
}

test.each([
  [1, 1],
  [4, 3],
  [3, 5],
  [16, 40],
  [256, 24],
  [1_000, 7],
])(
  '%i shards are shared evenly by members that come one after the other, within three rounds of each',
  (shards, most) => {
    const random = seededRandom(shards + most);
    let state = ofShards(shards);
    const members: string[] = [];
    while (members.length < most) {
      members.push(random.uuid());
      for (let rounds = 0; rounds < 3; rounds += 1) state = round(state, members, random);
      expect(counts(state)).toEqual(even(shards, members.length));
    }
    const { epoch } = state;
    for (let rounds = 0; rounds < 3; rounds += 1) state = round(state, members, random);
    expect(state.epoch).toBe(epoch);
  },
);

test('when a member has gone only its shards go to others; of one that comes, only those that it gets', () => {
  const random = seededRandom(5);
  const members = ['a', 'b', 'c', 'd'];
  let state = ofShards(40);
  for (let rounds = 0; rounds < 4; rounds += 1) state = round(state, members, random);
  const holders = (of: GroupState): ReadonlyMap<string, string | undefined> =>
    new Map([...of.units].map(([id, { lease }]) => [id, lease?.memberId]));
  const moved = (before: GroupState, after: GroupState): number =>
    [...holders(after)].filter(([id, holder]) => holders(before).get(id) !== holder).length;
  let after = round(state, ['a', 'b', 'c'], random, 20_000);
  for (let rounds = 0; rounds < 3; rounds += 1) after = round(after, ['a', 'b', 'c'], random, 30_001);
  expect(counts(after)).toEqual([13, 13, 14]);
  expect(moved(state, after)).toBe(10);
  let more = state;
  for (let rounds = 0; rounds < 3; rounds += 1) more = round(more, [...members, 'e'], random);
  expect(counts(more)).toEqual([8, 8, 8, 8, 8]);
  expect(moved(state, more)).toBe(8);
});

test('a member is believed until its time, gives back what it leaves, and keeps what it is in the middle of', () => {
  const one = round(ofShards(2), ['a'], seededRandom(1));
  expect([...leasesOf(one, 'a').keys()]).toEqual(['s0', 's1']);
  const entry = { untilMs: 90_000, renewal: 1 };
  const inTime = renewed(one, { ...calm, memberId: 'b', nowMs: 30_000, entry });
  expect([...leasesOf(inTime, 'b').keys()]).toEqual([]);
  const late = renewed(one, { ...calm, memberId: 'b', nowMs: 30_001, entry });
  expect(leasesOf(late, 'b')).toEqual(
    new Map([
      ['s0', { memberId: 'b', epoch: 3 }],
      ['s1', { memberId: 'b', epoch: 4 }],
    ]),
  );
  const busy = renewed(inTime, { memberId: 'a', nowMs: 0, entry, busy: new Set(['s0']) });
  expect([...leasesOf(busy, 'a').keys()]).toEqual(['s0']);
  const left = renewed(busy, { ...calm, memberId: 'a', entry: undefined });
  expect([leasesOf(left, 'a').size, [...left.members.keys()]]).toEqual([0, ['b']]);
});

test('children come after both their parents, and shards after the history, which waits until they were all given back', () => {
  const merged = withShards(ofShards(2), [shard('s0'), shard('s1'), shard('child', ['s0', 's1'])]);
  expect(readableUnits(merged)).toEqual(['s0', 's1']);
  expect(familyOf(merged, 'child')).toEqual(new Set(['child', 's0', 's1']));
  const end = (state: GroupState, id: string): GroupState => {
    const unit = state.units.get(id);
    return unit === undefined ? state : { ...state, units: new Map([...state.units, [id, { ...unit, ended: true }]]) };
  };
  expect(readableUnits(end(merged, 's0'))).toEqual(['s1']);
  expect(readableUnits(end(end(merged, 's0'), 's1'))).toEqual(['child']);
  expect([wantsShards(end(merged, 's0')), wantsShards(end(merged, 'child'))]).toEqual([false, true]);
  expect([...withShards(end(merged, 's0'), [shard('child', ['s0', 's1'])]).units.keys()]).toEqual(['s1', 'child']);

  const members = ['a', 'b'];
  let state = ofShards(4);
  for (let rounds = 0; rounds < 3; rounds += 1) state = round(state, members, seededRandom(3));
  const history = { parentIds: [], ended: false, sinceMs: undefined, lease: undefined };
  state = { ...state, units: new Map([...state.units, [historyUnit, history]]) };
  expect(readableUnits(state)).toEqual([]);
  const entry = { untilMs: 30_000, renewal: 2 };
  state = renewed(state, { ...calm, memberId: 'a', entry });
  expect([leasesOf(state, 'a').size, leasesOf(state, 'b').size]).toEqual([0, 2]);
  state = renewed(state, { ...calm, memberId: 'b', entry });
  state = renewed(state, { ...calm, memberId: 'a', entry });
  expect([[...leasesOf(state, 'a').keys()], leasesOf(state, 'b').size]).toEqual([[historyUnit], 0]);
});

test('the file of a large group is written some four times a second at most', () => {
  for (const members of [1, 40, 64, 1_000]) {
    expect((members / renewalMsOf(leaseMsOf(members))) * 1e3).toBeLessThanOrEqual(4);
  }
  expect([1, 40, 64].map(members => leaseMsOf(members))).toEqual([30_000, 30_000, 48_000]);
  expect([leaseMsOf(1, 3_000), leaseMsOf(64, 3_000)]).toEqual([3_000, 48_000]);
});

test('the snapshot at which the history ends is held, since shards are read from it', () => {
  const before = { tableId: 't', snapshotId: 4, log: undefined };
  const history = { parentIds: [], ended: false, sinceMs: undefined, lease: { memberId: 'a', epoch: 1 } };
  const state = { ...empty, place: before, nextSnapshot: 5, units: new Map([[historyUnit, history]]) };
  const report = { unitId: historyUnit, epoch: 1, hasGiven: true } as const;
  const on = withReports(state, 'a', [{ ...report, kind: 'history', point: { ...before, snapshotId: 5 } }]).state;
  expect(on.nextSnapshot).toBe(6);
  const end = (snapshotId: number): number =>
    withReports(on, 'a', [{ ...report, kind: 'history-end', point: { ...before, snapshotId, log } }]).state
      .nextSnapshot;
  expect([end(5), end(7)]).toEqual([5, 7]);
});
