/** What a scenario is, and what a run of it gives. */
import type { FaultRates } from './faults.ts';
import type { World, WorldSettings } from './world.ts';

export type Scenario = {
  readonly name: string;
  /** One line: what it is about. */
  readonly about: string;
  /** The world of a seed: how slow it is and what goes wrong in it. */
  readonly settings: (seed: number) => Omit<WorldSettings, 'seed' | 'onlyFaults' | 'isHashed'>;
  /** @throws Violation, or what the product threw and never may */
  readonly run: (world: World) => Promise<ScenarioFigures>;
};

export type ScenarioFigures = {
  /** Snapshots that came into the chains. */
  readonly commits: number;
  /** Whatever else the scenario counts, by name. */
  readonly counts: Readonly<Record<string, number>>;
};

export type { FaultRates };
