/**
 * Every guard taken away: each must be missed. What happens without it is printed, a shortest way to each breach.
 */
import { expect, test } from 'vitest';
import { type Deciders, productDeciders } from './deciders.ts';
import { type Breach, printBreach } from './explorer.ts';
import { guardNamed, guards } from './guards.ts';
import { type WorldName, worlds } from './worlds.ts';

/** The breach at the smallest bounds that show one. */
function breachWith(deciders: Deciders, world: WorldName): Breach | undefined {
  for (const { explore } of [...worlds[world].small, ...worlds[world].full]) {
    const { breach } = explore(deciders);
    if (breach !== undefined) return breach;
  }
  return undefined;
}

for (const { name, world, off, backedBy } of guards) {
  const without = backedBy === undefined ? '' : `, and that of ${backedBy}`;
  test(`without the guard of ${name}${without}, an invariant does not hold`, () => {
    const withoutBoth = backedBy === undefined ? productDeciders : guardNamed(backedBy).off(productDeciders);
    const breach = breachWith(off(withoutBoth), world);
    console.log(breach === undefined ? `${name}: nothing happens` : `without ${name}:\n${printBreach(breach)}`);
    expect(breach).toBeDefined();
  });
}

for (const { name, world, off, backedBy } of guards.filter(guard => guard.backedBy !== undefined)) {
  test(`without the guard of ${name} alone, that of ${backedBy} still holds`, () => {
    for (const { explore } of worlds[world].small) expect(explore(off(productDeciders)).breach).toBeUndefined();
  });
}

test('every guard has a name of its own', () => {
  expect(new Set(guards.map(({ name }) => name)).size).toBe(guards.length);
});
