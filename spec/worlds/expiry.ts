/**
 * Expiry by two runs at once, which may stall or die anywhere, beside a consumer and a tag that pin what is about to go
 * (PROTOCOL 5; rules R1, R2, R3 and the expiry record).
 *
 * A run takes the steps of expire-snapshots.ts, chain.ts and pins.ts, each one request to the store. Everything but the two
 * newest snapshots is old enough to go; when something is, is the world of the swap's matter.
 */
import { unreachable } from '../../src/base/assert.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { replaced, symmetricText } from '../state-text.ts';
import {
  type ExpiryBounds,
  type ExpiryState,
  expiryText,
  idleRun,
  type ModelRecord,
  noRecord,
  type Pinner,
  type Run,
} from './expiry-state.ts';

export function expiryWorld(deciders: Deciders, bounds: ExpiryBounds): Model<ExpiryState> {
  const ids = Array.from({ length: bounds.snapshots }, (_, index) => index + 1);
  const pinner = (kind: Pinner['kind']): Pinner => ({ kind, phase: 'idle', id: 0 });
  const initial: ExpiryState = {
    headId: bounds.snapshots,
    files: ids,
    data: ids,
    record: noRecord,
    consumers: [],
    tags: [],
    runs: [idleRun, idleRun],
    pinners: [
      ...Array.from({ length: bounds.consumers }, () => pinner('consumer')),
      ...Array.from({ length: bounds.tags }, () => pinner('tag')),
    ],
    runsLeft: bounds.runs,
    deaths: bounds.deaths,
  };
  return {
    name: 'expiry',
    initial: [initial],
    steps: state => stepsOf(state, deciders, bounds),
    textOf: state => symmetricText(order => expiryText(state, order)),
    breachOf,
  };
}

/** What must be there: under what is listed, under what is held, under every pin that was confirmed. */
function breachOf(state: ExpiryState): string | undefined {
  const { files, data, record, headId } = state;
  const stays = (id: number): boolean => files.includes(id) || record.held.includes(id);
  for (let id = headId; id >= record.floor; id -= 1) {
    if (!stays(id)) return `P16: snapshot ${id}, above the floor, is neither there nor held`;
    if (!data.includes(id)) return `P15: snapshot ${id} needs data that is gone`;
  }
  for (const pinner of state.pinners) {
    if (pinner.phase !== 'confirmed') continue;
    if (!data.includes(pinner.id)) return `P17: data of snapshot ${pinner.id} is gone, a ${pinner.kind} pins it`;
    const isBelow = pinner.kind === 'consumer' && pinner.id < record.floor;
    if (isBelow) return `P17: snapshot ${pinner.id} is gone for good, a consumer pins it`;
  }
  return undefined;
}

function stepsOf(state: ExpiryState, deciders: Deciders, bounds: ExpiryBounds): readonly Step<ExpiryState>[] {
  const steps: Step<ExpiryState>[] = [];
  for (const index of [0, 1] as const) {
    steps.push(...runSteps(state, index, deciders, bounds));
    if (state.deaths > 0 && state.runs[index].phase !== 'idle') {
      const died = { ...withRun(state, index, idleRun), deaths: state.deaths - 1 };
      steps.push({ label: `run ${'XY'[index]} dies`, next: died });
    }
  }
  for (const index of state.pinners.keys()) steps.push(...pinnerSteps(state, index, deciders));
  return steps;
}

function runSteps(
  state: ExpiryState,
  index: 0 | 1,
  deciders: Deciders,
  bounds: ExpiryBounds,
): readonly Step<ExpiryState>[] {
  const run = state.runs[index];
  const step = (what: string, changes: Partial<Run>, world: ExpiryState = state): readonly Step<ExpiryState>[] => [
    { label: `run ${'XY'[index]} ${what}`, next: withRun(world, index, { ...run, ...changes }) },
  ];
  const end = (what: string, world: ExpiryState = state): readonly Step<ExpiryState>[] => step(what, idleRun, world);
  switch (run.phase) {
    case 'idle': {
      if (state.runsLeft === 0) return [];
      const begun = { ...state, runsLeft: state.runsLeft - 1 };
      return step('lists the snapshots', { phase: 'listed', listed: state.files }, begun);
    }
    case 'listed':
      return step('reads the record', { phase: 'recorded', record: state.record });
    case 'recorded':
      return rangeSteps(state, index, deciders, bounds);
    case 'ranged': {
      const isComplete = run.listed.every(id => id < run.keptId || state.data.includes(id));
      if (!isComplete) return end('misses data under what stays and gives up');
      return step('reads the pins', { phase: 'held', tagsBefore: state.tags });
    }
    case 'held': {
      const held = [...new Set([...run.record.held, ...run.expired])];
      const swapped = swapRecord(state, run.record, { ...run.record, isOpen: true, held });
      if (swapped === undefined) return end('finds the record changed');
      const taken: Partial<Run> = { phase: 'removing', record: swapped.record, work: run.expired };
      return step(`holds ${run.expired.join(', ')}`, taken, swapped);
    }
    case 'returning':
      return workSteps(state, index, 'puts back', putBack, idleRun);
    case 'removing':
      return workSteps(state, index, 'removes', removeFile, { ...run, phase: 'seeing-tags', work: [] });
    case 'seeing-tags':
      return step('reads the tags again', { phase: 'seeing-consumers', tagsNow: state.tags });
    case 'seeing-consumers':
      return step('reads the consumers again', decidedRange(state, run, deciders));
    case 'deciding':
      return decideSteps(state, index, deciders);
    case 'repairing': {
      const { isOpen, floor } = state.record;
      const work = isOpen ? [] : run.expired.filter(id => id >= floor);
      if (work.length === 0) return end('leaves it to the other run');
      return step('sees that the other run has decided', { ...idleRun, phase: 'putting-back', work });
    }
    case 'putting-back':
      return workSteps(state, index, 'puts back', putBack, afterPutBack(run));
    case 'deleting-data':
      return workSteps(state, index, 'deletes data of', removeData, idleRun);
    default:
      return unreachable(run.phase);
  }
}

/** The range by what is listed, held and wanted; or what a run that died has left is put back first. */
function rangeSteps(
  state: ExpiryState,
  index: 0 | 1,
  deciders: Deciders,
  { rangeMax }: ExpiryBounds,
): readonly Step<ExpiryState>[] {
  const run = state.runs[index];
  const who = `run ${'XY'[index]}`;
  const { record, listed } = run;
  const known = [...new Set([...listed, ...record.held])].filter(id => id >= record.floor).toSorted((a, b) => a - b);
  const ids = known.filter(id => known.filter(other => other >= id).length === state.headId - id + 1);
  const count = deciders.decideExpiry({
    snapshots: ids.map(id => ({ id, lastModifiedMs: 0 })),
    storeTimeMs: 7_200_000,
    options: { retainedCountMin: 1, retainedCountMax: 1_000, retainedMs: 0, expireCountMax: rangeMax },
    consumerIds: state.consumers,
    stateId: undefined,
  });
  const garbage = listed.find(id => id < (ids[0] ?? 0));
  if (garbage !== undefined) {
    const next = withRun(removeFile(state, garbage), index, { ...run, listed: listed.filter(id => id !== garbage) });
    return [{ label: `${who} removes ${garbage}, which lies below the chain`, next }];
  }
  const expired = ids.slice(0, count);
  const keptId = ids[count] ?? state.headId;
  const missing = record.held.filter(id => id >= keptId && !listed.includes(id));
  if (missing.length > 0) {
    const swapped = swapRecord(state, record, { ...record, isOpen: false });
    const next: Run = swapped === undefined ? idleRun : { ...idleRun, phase: 'returning', work: missing.toReversed() };
    return [{ label: `${who} finds ${missing.join(', ')} missing`, next: withRun(swapped ?? state, index, next) }];
  }
  if (count === 0) return [{ label: `${who} has nothing to do`, next: withRun(state, index, idleRun) }];
  const ranged: Run = { ...run, phase: 'ranged', expired, keptId };
  return [{ label: `${who} chooses ${expired.join(', ')}`, next: withRun(state, index, ranged) }];
}

function identityOf(id: number): { readonly id: number; readonly identity: string } {
  return { id, identity: `list-${id}` };
}

function decidedRange(state: ExpiryState, run: Run, deciders: Deciders): Partial<Run> {
  const keptId = deciders.decidePutBack(run.expired.map(identityOf), state.consumers, {
    before: run.tagsBefore.map(identityOf),
    now: run.tagsNow.map(identityOf),
  });
  return { phase: 'deciding', keptId };
}

function decideSteps(state: ExpiryState, index: 0 | 1, { withoutNeeded }: Deciders): readonly Step<ExpiryState>[] {
  const run = state.runs[index];
  const who = `run ${'XY'[index]}`;
  const { keptId, record, expired } = run;
  const gone = expired.filter(id => id < keptId);
  const floor = gone.length === 0 ? record.floor : keptId;
  const held = record.held.filter(id => id >= keptId);
  const swapped = swapRecord(state, record, { ...record, floor, isOpen: false, held });
  if (swapped === undefined) {
    return [{ label: `${who} has lost the decision`, next: withRun(state, index, { ...run, phase: 'repairing' }) }];
  }
  const needed = new Set(run.tagsNow.map(String));
  const going = new Map(gone.map(id => [String(id), id]));
  const data = [...withoutNeeded(going, needed).values()];
  const work = expired.filter(id => id >= keptId).toReversed();
  const next: Run =
    work.length > 0 ? { ...idleRun, phase: 'putting-back', work, data } : afterPutBack({ ...idleRun, data });
  return [{ label: `${who} decides: what is below ${floor} is gone`, next: withRun(swapped, index, next) }];
}

function afterPutBack({ data }: Run): Run {
  return data.length === 0 ? idleRun : { ...idleRun, phase: 'deleting-data', work: data };
}

/** One request for each. */
function workSteps(
  state: ExpiryState,
  index: 0 | 1,
  what: string,
  act: (state: ExpiryState, id: number) => ExpiryState,
  after: Run,
): readonly Step<ExpiryState>[] {
  const run = state.runs[index];
  const [id, ...rest] = run.work;
  if (id === undefined) return [];
  const next = withRun(act(state, id), index, rest.length === 0 ? after : { ...run, work: rest });
  return [{ label: `run ${'XY'[index]} ${what} ${id}`, next }];
}

function removeFile(state: ExpiryState, id: number): ExpiryState {
  return { ...state, files: state.files.filter(file => file !== id) };
}

function removeData(state: ExpiryState, id: number): ExpiryState {
  return { ...state, data: state.data.filter(file => file !== id) };
}

function putBack(state: ExpiryState, id: number): ExpiryState {
  return state.files.includes(id) ? state : { ...state, files: [...state.files, id] };
}

/** Compare-and-swap; undefined: another has replaced it. */
function swapRecord(
  state: ExpiryState,
  before: ModelRecord,
  next: Omit<ModelRecord, 'version'>,
): ExpiryState | undefined {
  if (state.record.version !== before.version) return undefined;
  return { ...state, record: { ...next, version: before.version + 1 } };
}

/** pins.ts for a consumer; for a tag the same with a look at the one file. */
function pinnerSteps(state: ExpiryState, index: number, deciders: Deciders): readonly Step<ExpiryState>[] {
  const pinner = state.pinners[index];
  if (pinner === undefined) return [];
  const { kind, id } = pinner;
  const become = (what: string, changes: Partial<Pinner>, world: ExpiryState = state): Step<ExpiryState> => {
    return {
      label: `the ${kind} ${what}`,
      next: { ...world, pinners: replaced(state.pinners, index, { ...pinner, ...changes }) },
    };
  };
  const pins = kind === 'tag' ? 'tags' : 'consumers';
  switch (pinner.phase) {
    case 'idle':
      return state.files.map(file => become(`knows snapshot ${file}`, { phase: 'knows', id: file }));
    case 'knows':
      return [become(`pins ${id}`, { phase: 'written' }, { ...state, [pins]: [...state[pins], id] })];
    case 'written': {
      const hangs = state.files.filter(file => file >= id).length === state.headId - id + 1;
      const seesIt = kind === 'tag' ? state.files.includes(id) : hangs;
      const next = kind === 'tag' ? 'seen' : 'listed';
      return [become(`looks: ${id} is ${seesIt ? 'there' : 'gone'}`, { phase: seesIt ? next : 'refused' })];
    }
    case 'listed': {
      const isThere = state.files.includes(id);
      return [become(`reads ${id}: ${isThere ? 'there' : 'gone'}`, { phase: isThere ? 'seen' : 'refused' })];
    }
    case 'seen': {
      const holds = deciders.pinIsSeen(heldRecord(state.record), id);
      return [become(`asks the record: ${holds ? 'pinned' : 'expired'}`, { phase: holds ? 'confirmed' : 'refused' })];
    }
    case 'confirmed':
    case 'refused': {
      const at = state[pins].indexOf(id);
      return [become('lets go', { phase: 'gave-up', id: 0 }, { ...state, [pins]: state[pins].toSpliced(at, 1) })];
    }
    default:
      return [];
  }
}

function heldRecord({ floor, isOpen, held }: ModelRecord): Parameters<Deciders['pinIsSeen']>[0] {
  return { floor, floorIdentity: undefined, isOpen, held: held.map(id => ({ id, text: '' })) };
}

function withRun(state: ExpiryState, index: 0 | 1, run: Run): ExpiryState {
  return { ...state, runs: index === 0 ? [run, state.runs[1]] : [state.runs[0], run] };
}
