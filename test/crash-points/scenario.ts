/**
 * Every crash point of an operation, one after the other.
 *
 * An operation is run once undisturbed, and its requests to the object store and to the logs are counted: its **steps**.
 * Then, for each step, the world is made again as it was, a process runs the operation and is struck at that step, a new
 * process does what a deployment would do next, and the world is checked. So the number of crash points is the number of
 * requests the product makes, and grows with the code by itself.
 *
 * What is struck: at every step the process dies before the request, and a living one is refused it; at every step that
 * changes something it also dies after the request, and a living one loses the answer. A read that happened and whose
 * answer is lost leaves the same world as one that was never made, and tells its process the same, so it is not run.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { assert } from '../../src/base/assert.ts';
import { isLakeError } from '../../src/base/errors.ts';
import { Died, type Step, Steps, type Strike, type StrikeMode } from '../dying-store.ts';
import { copyWorld, digestOf, type LakeProcess, processOf, type World } from './world.ts';

export type Scenario = {
  readonly operation: string;
  /** The world before the operation; made once, then copied. */
  readonly prepare: () => Promise<World>;
  readonly run: (process: LakeProcess) => Promise<void>;
  /** What a new process does after the first one, however that ended. Must be fine to do twice. */
  readonly resume: (process: LakeProcess) => Promise<void>;
  /** What must hold for a reader at any moment, also before anything was resumed. */
  readonly whole: (world: World) => Promise<void>;
  /** Throws when something is wrong. What it gives must equal what it gives for an undisturbed run. */
  readonly check: (world: World) => Promise<unknown>;
  /** The process that resumes is killed, too, at each of its writes. */
  readonly diesTwice?: boolean;
};

export type CrashPointCount = {
  readonly operation: string;
  readonly reads: number;
  readonly writes: number;
  readonly byMode: Readonly<Record<StrikeMode, number>>;
  /** Pairs of a death in the run and one in what resumed it. */
  readonly pairs: number;
  readonly total: number;
};

export class CrashPointsFailed extends Error {
  override readonly name = 'CrashPointsFailed';
}

/** Failed crash points that are told of one operation. */
const failuresShownMax = 10;

/** @throws CrashPointsFailed when something is wrong at any crash point */
export async function strikeEverywhere(scenario: Scenario): Promise<CrashPointCount> {
  const parts = { prepared: await scenario.prepare(), seen: new Seen() };
  const calm = await strikeOnce(scenario, parts, []);
  const strikes = strikesAt(calm.run);
  const failures: Error[] = [];
  const attempt = async (...struck: readonly Strike[]): Promise<Once | undefined> => {
    try {
      const once = await strikeOnce(scenario, parts, struck);
      deepStrictEqual(once.contents, calm.contents);
      return once;
    } catch (cause) {
      failures.push(new Error(`${scenario.operation}: ${placeOf(calm.run, struck)}: ${textOf(cause)}`, { cause }));
      return undefined;
    }
  };
  let pairs = 0;
  for (const strike of strikes) {
    const once = await attempt(strike);
    // To die before a write leaves what dying after the write before it leaves.
    if (scenario.diesTwice !== true || strike.mode !== 'after' || once === undefined) continue;
    for (const { step } of strikesAt(once.resume).filter(({ mode }) => mode === 'after')) {
      pairs += 1;
      await attempt(strike, { step, mode: 'after' });
    }
  }
  if (failures.length > 0) {
    const shown = failures.slice(0, failuresShownMax).map(({ message }) => message);
    const message = `${failures.length} of ${strikes.length + pairs} crash points fail:\n${shown.join('\n')}`;
    throw new CrashPointsFailed(message, { cause: failures[0] });
  }
  return countOf(scenario.operation, calm.run, { strikes, pairs });
}

export function printedCount({ operation, reads, writes, byMode, pairs, total }: CrashPointCount): string {
  const modes = Object.entries(byMode).map(([mode, count]) => `${mode} ${count}`);
  const twice = pairs === 0 ? [] : [`twice ${pairs}`];
  return `crash points: ${operation}: ${reads} reads, ${writes} writes: ${[...modes, ...twice].join(', ')} = ${total}`;
}

type Once = { readonly run: readonly Step[]; readonly resume: readonly Step[]; readonly contents: unknown };

/**
 * What came of worlds. Resuming and checking depend on nothing but the world, so what has been seen of one holds for all
 * that are the same to the byte: a death at a read is still run, but need not be resumed like the one before it.
 */
class Seen {
  readonly #whole = new Set<string>();
  readonly #checked = new Map<string, unknown>();
  readonly #resumed = new Map<string, Once>();

  async whole(scenario: Scenario, world: World): Promise<void> {
    const digest = await digestOf(world);
    if (this.#whole.has(digest)) return;
    await scenario.whole(world);
    this.#whole.add(digest);
  }

  async checked(scenario: Scenario, world: World): Promise<unknown> {
    const digest = await digestOf(world);
    if (!this.#checked.has(digest)) this.#checked.set(digest, await scenario.check(world));
    return this.#checked.get(digest);
  }

  /** Only after deaths: one that lives may still be about something. */
  async resumed(world: World, resume: () => Promise<Once>): Promise<Once> {
    const digest = await digestOf(world);
    const known = this.#resumed.get(digest) ?? (await resume());
    this.#resumed.set(digest, known);
    return known;
  }
}

async function strikeOnce(
  scenario: Scenario,
  { prepared, seen }: { readonly prepared: World; readonly seen: Seen },
  [first, second]: readonly Strike[],
): Promise<Once> {
  const world = await copyWorld(prepared);
  const run = new Steps(first);
  await endOf(first, () => scenario.run(processOf(world, run, 'first')));
  assert(first === undefined || run.made.length >= first.step, 'the step was reached');
  await seen.whole(scenario, world);
  const goOn = async (): Promise<Once> => ({
    run: run.made,
    ...(await resumeAndCheck(scenario, world, { second, seen })),
  });
  return run.isDead && second === undefined ? seen.resumed(world, goOn) : goOn();
}

async function resumeAndCheck(
  scenario: Scenario,
  world: World,
  { second, seen }: { readonly second: Strike | undefined; readonly seen: Seen },
): Promise<Omit<Once, 'run'>> {
  const resume = new Steps(second);
  await endOf(second, () => scenario.resume(processOf(world, resume, 'second')));
  if (second !== undefined) {
    assert(resume.made.length >= second.step, 'the second step was reached');
    await seen.whole(scenario, world);
    await scenario.resume(processOf(world, new Steps(), 'third'));
  }
  await seen.whole(scenario, world);
  return { resume: resume.made, contents: await seen.checked(scenario, world) };
}

/** A process that was struck may fail with its death, or with a failure of the world; never with a bug of its own. */
async function endOf(strike: Strike | undefined, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const isItsEnd = error instanceof Died || isLakeError(error);
    if (strike === undefined || !isItsEnd) throw error;
  }
}

function strikesAt(steps: readonly Step[]): readonly Strike[] {
  return steps.flatMap(({ kind }, index) => {
    const modes: readonly StrikeMode[] =
      kind === 'read' ? ['before', 'refused'] : ['before', 'after', 'refused', 'answer-lost'];
    return modes.map(mode => ({ step: index + 1, mode }));
  });
}

function countOf(
  operation: string,
  steps: readonly Step[],
  run: { readonly strikes: readonly Strike[]; readonly pairs: number },
): CrashPointCount {
  const reads = steps.filter(({ kind }) => kind === 'read').length;
  const writes = steps.length - reads;
  assert(writes > 0 && reads > 0, `${operation} reads and writes, or its stores are not watched`);
  const byMode: Record<StrikeMode, number> = { before: 0, after: 0, refused: 0, 'answer-lost': 0 };
  for (const { mode } of run.strikes) byMode[mode] += 1;
  assert(byMode.before === steps.length && byMode.after === writes, 'every step is struck, and every write twice');
  return { operation, reads, writes, byMode, pairs: run.pairs, total: run.strikes.length + run.pairs };
}

function placeOf(steps: readonly Step[], [first, second]: readonly Strike[]): string {
  if (first === undefined) return 'undisturbed';
  const again = second === undefined ? '' : `, then ${second.mode} step ${second.step} of what resumed it`;
  return `${first.mode} step ${first.step} (${steps[first.step - 1]?.request})${again}`;
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
