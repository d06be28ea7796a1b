/**
 * Every world to its full bounds.
 */
import { expect, test } from 'vitest';
import { productDeciders } from './deciders.ts';
import { printBreach } from './explorer.ts';
import { worldNames, worlds } from './worlds.ts';

/** All worlds together, at their full bounds. */
const statesMin = 1_000_000;

let statesSeen = 0;

for (const name of worldNames) {
  for (const { what, explore } of worlds[name].full) {
    test(`every invariant holds in the world of ${name} with ${what}`, () => {
      const { breach, states, transitions, depth } = explore(productDeciders);
      console.log(`${name}, ${what}: ${states} states, ${transitions} transitions, ${depth} steps deep`);
      statesSeen += states;
      expect(breach === undefined ? '' : printBreach(breach)).toBe('');
    });
  }
}

test('the worlds together have more than a million states', () => {
  expect(statesSeen).toBeGreaterThan(statesMin);
});
