/** Runs one seed of a scenario in a world of its own, and says what came of it. */
import type { FaultKind } from './faults.ts';
import type { Scenario, ScenarioFigures } from './scenario.ts';
import { type Sabotage, World } from './world.ts';

export type SeedOptions = {
  /** Only the requests of these ordinals may fail. */
  readonly onlyFaults?: ReadonlySet<number> | undefined;
  readonly isHashed?: boolean | undefined;
  readonly sabotage?: Sabotage | undefined;
};

export type SeedResult = {
  readonly seed: number;
  /** undefined: all held. */
  readonly failure: unknown;
  readonly figures: ScenarioFigures;
  readonly events: number;
  /** Virtual time that passed. */
  readonly virtualMs: number;
  readonly hash: string;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly faultOrdinals: readonly number[];
  readonly trace: readonly string[];
};

const traceLines = 60;
const noFigures: ScenarioFigures = { commits: 0, counts: {} };

export async function runSeed(scenario: Scenario, seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const world = new World({ ...scenario.settings(seed), seed, ...options });
  const startMs = world.scheduler.nowMs;
  let failure: unknown;
  let figures = noFigures;
  try {
    figures = await scenario.run(world);
  } catch (error) {
    failure = error;
  }
  return {
    seed,
    failure,
    figures,
    events: world.events.count,
    virtualMs: world.scheduler.nowMs - startMs,
    hash: world.events.hash,
    faults: world.faults.counts,
    faultOrdinals: world.faults.ordinals,
    trace: failure === undefined ? [] : world.events.tail(traceLines),
  };
}
