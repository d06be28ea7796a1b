/**
 * Makes a failing seed smaller: tries it with fewer and fewer of its faults, as long as it still fails. What is decided for a
 * request depends on its ordinal alone, so the faults that are left stay what they were.
 *
 * @see Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input (2002), ddmin
 */
import { runSeed, type SeedOptions, type SeedResult } from './run-seed.ts';
import type { Scenario } from './scenario.ts';

export type Shrunk = {
  /** Ordinals of the faults that are needed. */
  readonly faults: readonly number[];
  readonly runs: number;
  readonly result: SeedResult;
};

const runsMax = 150;

/** @param failed a run that failed, with all of its faults */
export async function shrink(scenario: Scenario, failed: SeedResult, options: SeedOptions = {}): Promise<Shrunk> {
  let runs = 0;
  let best = failed;
  const fails = async (faults: readonly number[]): Promise<boolean> => {
    runs += 1;
    const result = await runSeed(scenario, failed.seed, { ...options, onlyFaults: new Set(faults) });
    if (result.failure === undefined) return false;
    best = result;
    return true;
  };
  let faults = failed.faultOrdinals;
  if (await fails([])) return { faults: [], runs, result: best };
  for (let parts = 2; faults.length > 1 && parts <= faults.length * 2 && runs < runsMax; ) {
    const size = Math.ceil(faults.length / parts);
    let smaller: readonly number[] | undefined;
    for (let at = 0; at < faults.length && smaller === undefined && runs < runsMax; at += size) {
      const without = [...faults.slice(0, at), ...faults.slice(at + size)];
      if (await fails(without)) smaller = best.faultOrdinals.filter(ordinal => without.includes(ordinal));
    }
    if (smaller !== undefined) {
      faults = smaller;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts *= 2;
  }
  return { faults, runs, result: best };
}
