/** Limits of groups of readers, just under and just over. */
import { decodeGroup, encodeGroup } from '../../src/flow/read/groups/group-state.ts';
import { constant, expectEdge, type Trials } from './limit-tools.ts';

/** A group of so many members and shards. */
function groupOf(members: number, units: number): void {
  const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `${index}`);
  const unit = { parentIds: [], ended: false, sinceMs: undefined, lease: undefined };
  const state = {
    ...{ nextSnapshot: 1, pinnedMs: 0, place: undefined, epoch: 0 },
    members: new Map(names(members).map(id => [id, { untilMs: 0, renewal: 0 }])),
    units: new Map(names(units).map(id => [id, unit])),
  };
  const back = decodeGroup(encodeGroup(state, 'limits'), 'limits');
  if (back?.members.size !== members || back.units.size !== units) throw new Error('another group came back');
}

export const groupTrials: Trials = {
  groupMembersMax: () =>
    expectEdge(
      'LAKE_GROUP_TOO_LARGE',
      () => groupOf(constant('groupMembersMax'), 1),
      () => groupOf(constant('groupMembersMax') + 1, 1),
    ),
  groupUnitsMax: () =>
    expectEdge(
      'LAKE_GROUP_TOO_LARGE',
      () => groupOf(1, constant('groupUnitsMax')),
      () => groupOf(1, constant('groupUnitsMax') + 1),
    ),
};
