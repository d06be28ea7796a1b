/**
 * The swap: two committers and others at one table, answers that are lost or late, sendings that arrive when nobody waits
 * for them any more, and expiry that frees numbers (PROTOCOL 2 and 3; rules S1, S4, S5, S9, R1).
 *
 * A committer takes the steps of commit.ts, look-up.ts and swap.ts: LIST, GET, PUT of lists, PUT of the snapshot, looks. Each
 * is one moment of the store. Between any two anything may happen. What is decided comes from the product's deciders.
 */
import { unreachable } from '../../src/base/assert.ts';
import type { SwapEvidence, SwapVerdict } from '../../src/table/commit/decide-settle.ts';
import type { Deciders } from '../deciders.ts';
import type { Model, Step } from '../explorer.ts';
import { replaced, StateText, symmetricText } from '../state-text.ts';
import {
  nobody,
  type Put,
  type Snap,
  type SwapBounds,
  type SwapState,
  type Writer,
  writerAtFirst,
} from './swap-state.ts';

const minuteMs = 60_000;
/** More than B/2 and less than B. */
const shortWait = 6;
/** More than A. */
const longWait = 61;
const sendingsMax = 2;

export function swapWorld(deciders: Deciders, bounds: SwapBounds): Model<SwapState> {
  const first: Snap = { identity: 0, parent: nobody, at: 0 };
  const initial: SwapState = {
    now: longWait * 2,
    shortWaits: bounds.shortWaits,
    longWaits: bounds.longWaits,
    others: bounds.others,
    foreigners: bounds.foreigners,
    files: [undefined, first],
    chain: [
      { identity: nobody, at: 0 },
      { identity: first.identity, at: 0 },
    ],
    writers: [writerAtFirst(bounds, 'looking'), writerAtFirst(bounds, bounds.writers === 2 ? 'looking' : 'done')],
    strays: [],
    going: [],
    disowned: [],
    identities: 1,
    breach: undefined,
  };
  return {
    name: 'swap',
    initial: [initial],
    steps: state => stepsOf(state, deciders),
    textOf: state => symmetricText(order => textOf(state, order)),
    breachOf: state => state.breach ?? historyBreach(state, deciders),
  };
}

function stepsOf(state: SwapState, deciders: Deciders): readonly Step<SwapState>[] {
  if (state.breach !== undefined) return [];
  const steps: Step<SwapState>[] = [];
  for (const index of [0, 1] as const) steps.push(...writerSteps(state, index, deciders));
  for (const [at, put] of state.strays.entries()) {
    const { world, created } = arrive({ ...state, strays: state.strays.toSpliced(at, 1) }, put);
    const effect = created ? 'fills the number' : 'finds it taken';
    steps.push({ label: `a sending of ${name(put)} that nobody waits for arrives and ${effect}`, next: world });
  }
  for (const links of [true, false]) steps.push(...otherSteps(state, links));
  steps.push(...expirySteps(state, deciders));
  if (state.shortWaits > 0) {
    const next = { ...state, now: state.now + shortWait, shortWaits: state.shortWaits - 1 };
    steps.push({ label: 'six minutes pass', next });
  }
  if (state.longWaits > 0) {
    const next = { ...state, now: state.now + longWait, longWaits: state.longWaits - 1 };
    steps.push({ label: 'an hour passes', next });
  }
  return steps;
}

function writerSteps(state: SwapState, index: 0 | 1, deciders: Deciders): readonly Step<SwapState>[] {
  const writer = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  const become = (changes: Partial<Writer>, world: SwapState = state): SwapState => withWriter(world, index, changes);
  switch (writer.phase) {
    case 'done':
      return [];
    case 'looking': {
      const base = state.files.length - 1;
      return [
        { label: `${who} lists: ${base} is the largest`, next: become({ phase: 'reading', base, baseAt: state.now }) },
      ];
    }
    case 'reading': {
      const file = state.files[writer.base];
      if (file === undefined)
        return [{ label: `${who} finds ${writer.base} gone`, next: become({ phase: 'looking' }) }];
      const next = become({ phase: 'planned', baseIdentity: file.identity, answeredAt: state.now });
      return [{ label: `${who} reads ${writer.base}`, next }];
    }
    case 'planned':
      return [plannedStep(state, index, deciders)];
    case 'sending':
      return sendingSteps(state, index, deciders);
    case 'pausing':
      return pausingSteps(state, index, deciders);
    case 'settling':
      return [settlingStep(state, index, deciders)];
    default:
      return unreachable(writer.phase);
  }
}

/** Lists are put; their answers bear the store's time; then the snapshot is sent, unless the base has grown old (S1). */
function plannedStep(state: SwapState, index: 0 | 1, { baseIsStale }: Deciders): Step<SwapState> {
  const writer = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  if (baseIsStale(writer.baseAt * minuteMs, state.now * minuteMs)) {
    return { label: `${who} sees that its base is old`, next: withWriter(state, index, { phase: 'looking' }) };
  }
  const put: Put = { id: writer.base + 1, identity: state.identities, parent: writer.baseIdentity, knownAt: state.now };
  const changes: Partial<Writer> = { phase: 'sending', put, answeredAt: state.now, sendings: 1, unanswered: false };
  const next = { ...withWriter(state, index, changes), identities: state.identities + 1 };
  return { label: `${who} sends ${name(put)}, a child of ${writer.baseIdentity}`, next };
}

/** A sending takes effect and is answered, takes effect and is not, or is given up while it is still under way. */
function sendingSteps(state: SwapState, index: 0 | 1, deciders: Deciders): readonly Step<SwapState>[] {
  const { put, unanswered } = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  const { world, created } = arrive(state, put);
  const evidence: SwapEvidence = {
    ...evidenceAtFirst(state, index),
    last: created ? 'created' : 'exists',
    unansweredBefore: unanswered,
  };
  const lost: Partial<Writer> = { phase: 'pausing', unanswered: true };
  return [
    { label: `${who} is answered ${created ? 200 : 412}`, next: settled(world, index, evidence, deciders) },
    {
      label: `the answer to ${who} (${created ? 200 : 412}) is lost`,
      next: withWriter(world, index, lost),
    },
    {
      label: `${who} waits no longer for an answer`,
      next: withWriter({ ...state, strays: [...state.strays, put] }, index, lost),
    },
  ];
}

/** The same body again, or a last look at the number (S4). */
function pausingSteps(state: SwapState, index: 0 | 1, deciders: Deciders): readonly Step<SwapState>[] {
  const { put, sendings } = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  if (sendings < sendingsMax) {
    const next = withWriter(state, index, { phase: 'sending', sendings: sendings + 1 });
    return [{ label: `${who} sends ${name(put)} again`, next }];
  }
  const there = state.files[put.id];
  if (there === undefined)
    return [{ label: `${who} sees nothing at ${put.id}`, next: told(state, index, 'unknown', false) }];
  const own = there.identity === put.identity ? 'ours' : 'another';
  const evidence: SwapEvidence = { ...evidenceAtFirst(state, index), last: 'exists', unansweredBefore: true, own };
  return [{ label: `${who} sees ${own} at ${put.id}`, next: settled(state, index, evidence, deciders) }];
}

function settlingStep(state: SwapState, index: 0 | 1, deciders: Deciders): Step<SwapState> {
  const { put, evidence } = state.writers[index];
  const who = `writer ${'AB'[index]}`;
  const step = evidence === undefined ? undefined : deciders.decideSettle(evidence);
  if (evidence === undefined || step?.kind !== 'look') throw new TypeError('nothing to look at');
  switch (step.at) {
    case 'own': {
      const there = state.files[put.id];
      const own = there === undefined ? 'absent' : there.identity === put.identity ? 'ours' : 'another';
      const answeredMs = evidence.last === 'exists' && there !== undefined ? state.now * minuteMs : evidence.answeredMs;
      const next = settled(state, index, { ...evidence, own, answeredMs }, deciders);
      return { label: `${who} looks at ${put.id}: ${own}`, next };
    }
    case 'largest': {
      const largest = state.files.length - 1 === put.id ? 'is-own' : 'is-not-own';
      const next = settled(state, index, { ...evidence, largest }, deciders);
      return { label: `${who} lists: ${state.files.length - 1} is the largest`, next };
    }
    case 'next': {
      const above = state.files[put.id + 1];
      const link = above?.parent === put.identity ? 'links-to-ours' : 'links-to-another';
      const next = above === undefined ? 'absent' : above.parent === nobody ? 'has-no-link' : link;
      return {
        label: `${who} looks at ${put.id + 1}: ${next}`,
        next: settled(state, index, { ...evidence, next }, deciders),
      };
    }
    default:
      return unreachable(step.at);
  }
}

function evidenceAtFirst(state: SwapState, index: 0 | 1): Omit<SwapEvidence, 'last' | 'unansweredBefore'> {
  return {
    baseStoreTimeMs: state.writers[index].baseAt * minuteMs,
    answeredMs: state.now * minuteMs,
    own: 'not-read',
    largest: 'not-read',
    next: 'not-read',
  };
}

/** With what is known now: another look, or a verdict that the writer is told. */
function settled(world: SwapState, index: 0 | 1, evidence: SwapEvidence, deciders: Deciders): SwapState {
  const step = deciders.decideSettle(evidence);
  if (step.kind === 'look') return withWriter(world, index, { phase: 'settling', evidence });
  return told(world, index, step.verdict, deciders.isPrompt(evidence));
}

/** What a writer is told must be true (P2), and it goes on as commit.ts does. */
function told(state: SwapState, index: 0 | 1, verdict: SwapVerdict, prompt: boolean): SwapState {
  const { put, answeredAt, commits, attempts } = state.writers[index];
  const isIn = state.chain[put.id]?.identity === put.identity;
  const rest: Partial<Writer> = { evidence: undefined, unanswered: false, sendings: 0, attempts: attempts - 1 };
  const again: Partial<Writer> = { ...rest, phase: attempts > 1 ? 'looking' : 'done' };
  switch (verdict) {
    case 'committed': {
      const world = isIn ? state : breached(state, `P2: ${name(put)} is told committed and is not in the chain`);
      const left = commits - 1;
      if (left === 0) return withWriter(world, index, { ...rest, commits: left, phase: 'done' });
      if (!prompt) return withWriter(world, index, { ...again, commits: left });
      const held: Partial<Writer> = { base: put.id, baseIdentity: put.identity, baseAt: answeredAt, phase: 'planned' };
      return withWriter(world, index, { ...rest, commits: left, ...held });
    }
    case 'lost':
    case 'void': {
      const world = isIn ? breached(state, `P2: ${name(put)} is told ${verdict} and is in the chain`) : state;
      return withWriter({ ...world, disowned: [...world.disowned, put.identity] }, index, again);
    }
    case 'unknown':
      return withWriter(state, index, { ...rest, phase: 'done' });
    default:
      return unreachable(verdict);
  }
}

/** A conditional PUT reaches the store. */
function arrive(state: SwapState, put: Put): { readonly world: SwapState; readonly created: boolean } {
  if (state.files[put.id] !== undefined) return { world: state, created: false };
  const file: Snap = { identity: put.identity, parent: put.parent, at: state.now };
  const world = { ...state, files: replaced(state.files, put.id, file) };
  if (put.id === state.chain.length) {
    const chain = [...state.chain, { identity: put.identity, at: state.now }];
    if (state.chain.at(-1)?.identity !== put.parent && put.parent !== nobody) {
      return { world: breached(world, `P1: ${name(put)} does not follow the head`), created: true };
    }
    const taken = { ...world, chain };
    const isDisowned = state.disowned.includes(put.identity);
    return {
      world: isDisowned ? breached(taken, `P2: ${name(put)} was told lost and comes into the chain`) : taken,
      created: true,
    };
  }
  const isVoid = state.chain[put.id]?.identity !== put.identity;
  const wasWarned = isVoid && state.now - put.knownAt < shortWait;
  return {
    world: wasWarned
      ? breached(world, `P3: ${name(put)}, sent by one who knew the time, lands outside the chain`)
      : world,
    created: true,
  };
}

/** Another committer, whole commits at once; a foreign one leaves no link to its parent. */
function otherSteps(state: SwapState, links: boolean): readonly Step<SwapState>[] {
  if ((links ? state.others : state.foreigners) === 0) return [];
  const head = state.files.at(-1);
  const put: Put = {
    id: state.files.length,
    identity: state.identities,
    parent: links ? (head?.identity ?? nobody) : nobody,
    knownAt: state.now,
  };
  const { world } = arrive(state, put);
  const left = links ? { others: state.others - 1 } : { foreigners: state.foreigners - 1 };
  const next = { ...world, ...left, identities: state.identities + 1 };
  return [{ label: `${links ? 'another' : 'a foreign'} writer commits ${name(put)}`, next }];
}

/** One run looks at what may go, and takes the files away one by one. */
function expirySteps(state: SwapState, deciders: Deciders): readonly Step<SwapState>[] {
  const [id, ...rest] = state.going;
  if (id !== undefined) {
    const files = replaced(state.files, id, undefined);
    const isOfChain = state.files[id] !== undefined && state.files[id]?.identity === state.chain[id]?.identity;
    const above = state.chain[id + 1];
    const isNeeded =
      isOfChain && (above === undefined || state.now - above.at < longWait || id > state.chain.length - 3);
    const taken = { ...state, files, going: rest };
    const next = isNeeded ? breached(taken, `P5: snapshot ${id} is taken while it may be read`) : taken;
    return [{ label: `expiry removes snapshot ${id}`, next }];
  }
  const down = filesDown(state);
  const { count } = deciders.chainOf(down.map(chainSnapshotOf));
  const inChain = down.slice(0, count).reverse();
  const expired = deciders.decideExpiry({
    snapshots: inChain.map(({ id: at, file }) => ({ id: at, lastModifiedMs: file.at * minuteMs })),
    storeTimeMs: state.now * minuteMs,
    options: { retainedCountMin: 1, retainedCountMax: Number.MAX_SAFE_INTEGER, retainedMs: 0, expireCountMax: 10 },
    consumerIds: [],
    stateId: undefined,
  });
  const garbage = down.slice(count).map(({ id: at }) => at);
  const going = [...garbage.reverse(), ...inChain.slice(0, expired).map(({ id: at }) => at)];
  return going.length === 0 ? [] : [{ label: `expiry decides to take ${going.join(', ')}`, next: { ...state, going } }];
}

type ListedSnap = { readonly id: number; readonly file: Snap };

function filesDown({ files }: SwapState): readonly ListedSnap[] {
  return files.flatMap((file, id) => (file === undefined ? [] : [{ id, file }])).reverse();
}

const linkNames = Array.from({ length: 64 }, (_, identity) => `list-${identity}`);

function chainSnapshotOf({ id, file }: ListedSnap): Parameters<Deciders['chainOf']>[0][number] {
  const properties = file.parent === nobody ? {} : { 'tidelake.parent': linkNames[file.parent] ?? '' };
  return { id, deltaManifestList: linkNames[file.identity] ?? '', properties };
}

/** P4: what links down from the largest id was committed. Below a foreign snapshot, which links to nothing, nobody can tell. */
function historyBreach(state: SwapState, { chainOf }: Deciders): string | undefined {
  const down = filesDown(state);
  const { count } = chainOf(down.map(chainSnapshotOf));
  for (const { id, file } of down.slice(0, count)) {
    if (file.identity !== state.chain[id]?.identity) return `P4: snapshot ${id} passes for history and is none`;
    if (file.parent === nobody) break;
  }
  return undefined;
}

function withWriter(state: SwapState, index: 0 | 1, changes: Partial<Writer>): SwapState {
  const [a, b] = state.writers;
  return { ...state, writers: index === 0 ? [{ ...a, ...changes }, b] : [a, { ...b, ...changes }] };
}

function breached(state: SwapState, breach: string): SwapState {
  return { ...state, breach };
}

function name({ id, identity }: Put): string {
  return `${id} (identity ${identity})`;
}

const phases: readonly Writer['phase'][] = ['looking', 'reading', 'planned', 'sending', 'pausing', 'settling', 'done'];
const looks: readonly string[] = [
  'not-read',
  'absent',
  'ours',
  'another',
  'is-own',
  'is-not-own',
  'links-to-ours',
  'links-to-another',
  'has-no-link',
];
/** Ages are compared with B and A only. */
const ageMax = 12;

function textOf(state: SwapState, order: readonly [0, 1] | readonly [1, 0]): string {
  const { now } = state;
  const age = (at: number, max: number): number => Math.min(now - at, max);
  const text = new StateText();
  text.numbers(state.shortWaits, state.longWaits, state.others, state.foreigners, state.breach === undefined ? 0 : 1);
  text.list(state.chain, ({ identity, at }) => text.identity(identity).numbers(age(at, longWait)));
  for (const file of state.files) {
    if (file === undefined) text.numbers(-7);
    else text.identity(file.identity).identity(file.parent).numbers(age(file.at, longWait));
  }
  text.list(state.going, id => text.numbers(id));
  for (const index of order) {
    const { phase, commits, attempts, base, baseIdentity, baseAt, answeredAt, put, sendings, unanswered, evidence } =
      state.writers[index];
    text.numbers(phases.indexOf(phase), commits, attempts);
    if (phase === 'done' || phase === 'looking') continue;
    text.numbers(base, age(baseAt, ageMax));
    if (phase === 'reading') continue;
    text.identity(baseIdentity).numbers(age(answeredAt, ageMax));
    if (phase === 'planned') continue;
    text.identity(put.identity).numbers(sendings, age(put.knownAt, ageMax)).flags(unanswered);
    if (evidence === undefined) continue;
    const { last, unansweredBefore, own, largest, next, answeredMs, baseStoreTimeMs } = evidence;
    text.flags(last === 'created', unansweredBefore);
    text.numbers(looks.indexOf(own), looks.indexOf(largest), looks.indexOf(next));
    text.numbers(Math.min((answeredMs - baseStoreTimeMs) / minuteMs, ageMax));
  }
  const isStray = (identity: number): boolean => state.strays.some(put => put.identity === identity);
  text.list(state.strays, ({ id, identity, parent, knownAt }) =>
    text.numbers(id, age(knownAt, ageMax)).identity(identity).identity(parent),
  );
  return text.list(state.disowned.filter(isStray), identity => text.identity(identity)).text;
}
