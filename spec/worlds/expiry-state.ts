/**
 * The states of the world of expiry. Snapshots are known by their number; each needs one data file of its own, which the next
 * snapshot has taken out of the table.
 */
import { StateText } from '../state-text.ts';

export type ExpiryBounds = {
  readonly snapshots: number;
  readonly runs: number;
  readonly deaths: number;
  /** Snapshots that one range may hold. */
  readonly rangeMax: number;
  readonly consumers: number;
  readonly tags: number;
};

export type ModelRecord = {
  readonly floor: number;
  readonly isOpen: boolean;
  readonly held: readonly number[];
  /** Which writing of the record this is. */
  readonly version: number;
};

export type Run = {
  readonly phase:
    | 'idle'
    | 'listed'
    | 'recorded'
    | 'ranged'
    | 'held'
    | 'returning'
    | 'removing'
    | 'seeing-tags'
    | 'seeing-consumers'
    | 'deciding'
    | 'repairing'
    | 'putting-back'
    | 'deleting-data';
  readonly listed: readonly number[];
  readonly record: ModelRecord;
  /** Ascending: the range that goes. */
  readonly expired: readonly number[];
  readonly tagsBefore: readonly number[];
  readonly tagsNow: readonly number[];
  readonly keptId: number;
  /** Snapshots or data files that one deletion or put-back after the other is about. */
  readonly work: readonly number[];
  /** Data files to delete in the end. */
  readonly data: readonly number[];
};

/** Whoever pins a snapshot: knows it, writes the pin, looks whether it is still there (R2). */
export type Pinner = {
  readonly kind: 'consumer' | 'tag';
  readonly phase: 'idle' | 'knows' | 'written' | 'listed' | 'seen' | 'confirmed' | 'refused' | 'gave-up';
  readonly id: number;
};

export type ExpiryState = {
  readonly headId: number;
  /** Numbers whose snapshot file is there. */
  readonly files: readonly number[];
  /** Numbers whose data file is there. */
  readonly data: readonly number[];
  readonly record: ModelRecord;
  readonly consumers: readonly number[];
  readonly tags: readonly number[];
  readonly runs: readonly [Run, Run];
  readonly pinners: readonly Pinner[];
  readonly runsLeft: number;
  readonly deaths: number;
};

export const noRecord: ModelRecord = { floor: 1, isOpen: false, held: [], version: 0 };
export const idleRun: Run = {
  phase: 'idle',
  listed: [],
  record: noRecord,
  expired: [],
  tagsBefore: [],
  tagsNow: [],
  keptId: 0,
  work: [],
  data: [],
};

const runPhases: readonly Run['phase'][] = [
  'idle',
  'listed',
  'recorded',
  'ranged',
  'held',
  'returning',
  'removing',
  'seeing-tags',
  'seeing-consumers',
  'deciding',
  'repairing',
  'putting-back',
  'deleting-data',
];
const pinnerPhases: readonly Pinner['phase'][] = [
  'idle',
  'knows',
  'written',
  'listed',
  'seen',
  'confirmed',
  'refused',
  'gave-up',
];

export function expiryText(state: ExpiryState, order: readonly [0, 1] | readonly [1, 0]): string {
  const text = new StateText();
  const set = (ids: readonly number[]): StateText => text.numbers(ids.reduce((bits, id) => bits | (1 << id), 0));
  const record = ({ floor, isOpen, held, version }: ModelRecord): StateText =>
    set(held).numbers(floor).flags(isOpen).identity(version);
  text.numbers(state.runsLeft, state.deaths);
  set(state.files);
  set(state.data);
  set(state.consumers);
  set(state.tags);
  record(state.record);
  for (const { phase, id } of state.pinners) text.numbers(pinnerPhases.indexOf(phase), id);
  for (const index of order) {
    const run = state.runs[index];
    text.numbers(runPhases.indexOf(run.phase));
    if (run.phase === 'idle') continue;
    set(run.listed);
    set(run.expired);
    set(run.tagsBefore);
    set(run.tagsNow);
    set(run.data);
    set(run.work);
    text.numbers(run.keptId);
    record(run.record);
  }
  return text.text;
}
