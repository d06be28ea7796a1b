/** What a member has read of its units, put into the group's state where its leases still stand. */
import { type ResumePoint, sinceOf } from '../resume-point.ts';
import { type GroupState, type GroupUnit, historyUnit } from './group-state.ts';

export type UnitReport = {
  readonly unitId: string;
  readonly epoch: number;
  /** Changes were given since the report before it. */
  readonly hasGiven: boolean;
} & (
  | {
      readonly kind: 'shard';
      /** Everything up to it was taken; undefined: there was nothing. */
      readonly position: bigint | undefined;
      readonly ended: boolean;
      /** When it was at its tip, by the reader's clock, ms; undefined: it was not. */
      readonly tipMs: number | undefined;
    }
  /** Everything up to the point was taken. */
  | { readonly kind: 'history'; readonly point: ResumePoint }
  /** All of the history was taken: the shards begin at the point. */
  | { readonly kind: 'history-end'; readonly point: ResumePoint }
  /** The log has lost what follows in the shard: snapshots are to give it. */
  | { readonly kind: 'gap' }
);

export type Reported = {
  readonly state: GroupState;
  /** Units whose lease is another's by now: nothing of these was put in. */
  readonly fenced: readonly string[];
};

export function withReports(before: GroupState, memberId: string, reports: readonly UnitReport[]): Reported {
  const fenced: string[] = [];
  let state = before;
  for (const report of reports) {
    const { unitId, epoch } = report;
    // As the file was, not as an earlier report has made it: who ends the history gives all leases back.
    const lease = before.units.get(unitId)?.lease;
    if (lease?.memberId === memberId && lease.epoch === epoch) state = withReport(state, report);
    else fenced.push(unitId);
  }
  return { state: { ...state, place: withSince(state) }, fenced };
}

function withReport(state: GroupState, report: UnitReport): GroupState {
  switch (report.kind) {
    case 'history':
      return { ...state, place: report.point, nextSnapshot: report.point.snapshotId + 1 };
    case 'history-end':
      // What was read to its end before may have to be read again: the log says anew which shards there are.
      return {
        ...state,
        place: report.point,
        units: new Map(),
        nextSnapshot: Math.max(report.point.snapshotId, 1),
      };
    case 'gap': {
      const history: GroupUnit = { parentIds: [], ended: false, sinceMs: undefined, lease: undefined };
      return { ...state, units: new Map([...state.units, [historyUnit, history]]) };
    }
    default:
      return withShardReport(state, report);
  }
}

function withShardReport(
  state: GroupState,
  { unitId, position, ended, tipMs }: Extract<UnitReport, { kind: 'shard' }>,
): GroupState {
  const unit = state.units.get(unitId);
  const log = state.place?.log;
  if (unit === undefined || state.place === undefined || log === undefined) return state;
  const sinceMs = tipMs === undefined ? unit.sinceMs : sinceOf(tipMs);
  const units = new Map([...state.units, [unitId, { ...unit, ended: unit.ended || ended, sinceMs }]]);
  const positions = new Map(log.positions);
  if (position !== undefined && position > (positions.get(unitId) ?? -1n)) positions.set(unitId, position);
  return { ...state, units, place: { ...state.place, log: { ...log, positions } } };
}

/** Of all shards that are still read, the earliest. */
function withSince({ place, units }: GroupState): ResumePoint | undefined {
  if (place?.log === undefined) return place;
  const since = [...units].flatMap(([id, { ended, sinceMs }]) => (ended || id === historyUnit ? [] : [sinceMs]));
  if (since.length === 0 || since.includes(undefined)) return place;
  const sinceMs = Math.min(...since.filter(ms => ms !== undefined));
  return { ...place, log: { ...place.log, sinceMs } };
}
