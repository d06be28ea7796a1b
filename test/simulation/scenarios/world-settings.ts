/** The worlds in which the product works with real files: how slow a seed's is, and what goes wrong in it. */
import { chance, logUniform, seedOf } from '../chance.ts';
import { noFaults } from '../faults.ts';
import type { Scenario } from '../scenario.ts';

/** @param most how often something stands still, and for how long at the most */
export function worldSettings(
  seed: number,
  most: { readonly slow: number; readonly delayMs: number },
): ReturnType<Scenario['settings']> {
  const draw = (name: string): number => chance(seedOf(seed, name), 1);
  const share = (name: string, max: number): number => (draw(name) < 0.5 ? 0 : draw(`${name}+`) ** 3 * max);
  return {
    latencyMsMax: logUniform(draw('latency'), { min: 2, max: 300 }),
    storeTickMs: draw('tick') < 0.5 ? 1 : 1_000,
    pageKeysMax: draw('page') < 0.7 ? 1_000 : 10 + Math.floor(draw('page+') * 100),
    rates: {
      ...noFaults,
      failed: share('failed', 0.05),
      lost: share('lost', 0.05),
      timeout: share('timeout', 0.03),
      slow: share('slow', most.slow),
      crash: share('crash', 0.01),
      staleHint: share('stale', 0.5),
      delayMsMax: logUniform(draw('delay'), { min: 1_000, max: most.delayMs }),
    },
  };
}
