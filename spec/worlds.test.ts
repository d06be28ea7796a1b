/** The worlds at bounds of a few seconds, and whether what they leave out of a state's text makes no difference. */
import { expect, test } from 'vitest';
import { type Deciders, productDeciders } from './deciders.ts';
import { explore, type Model, printBreach } from './explorer.ts';
import { compactionWorld } from './worlds/compaction.ts';
import { dutiesWorld } from './worlds/duties.ts';
import { expiryWorld } from './worlds/expiry.ts';
import { fencesWorld } from './worlds/fences.ts';
import { groupCommitWorld } from './worlds/group-commit.ts';
import { ingestWorld } from './worlds/ingest.ts';
import { orphansWorld } from './worlds/orphans.ts';
import { swapWorld } from './worlds/swap.ts';
import { worldNames, worlds } from './worlds.ts';

for (const name of worldNames) {
  test(`every invariant holds in the world of ${name} at its small bounds`, () => {
    for (const { explore: run } of worlds[name].small) {
      const { breach, states } = run(productDeciders);
      expect(breach === undefined ? '' : printBreach(breach)).toBe('');
      expect(states).toBeGreaterThan(100);
    }
  });
}

/** Everything there is in a state, in the order in which it is there. */
function wholeText(state: unknown): string {
  return JSON.stringify(state, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Map) return [...value];
    if (value instanceof Set) return [...value];
    return value === undefined ? 'undefined' : value;
  });
}

/** The texts of all states that are reached when states are told apart by `textOf`. */
function textsReached<S>(model: Model<S>, textOf: Model<S>['textOf']): ReadonlySet<string> {
  const texts = new Set<string>();
  const { breach } = explore({
    ...model,
    textOf,
    breachOf: state => {
      texts.add(model.textOf(state));
      return model.breachOf(state);
    },
  });
  expect(breach).toBeUndefined();
  return texts;
}

/**
 * If a text left out something that matters, some state would be passed over for another one with the same text, and what
 * can come of it alone would not be reached.
 */
function expectNothingHidden<S>(model: Model<S>): void {
  const reduced = textsReached(model, model.textOf);
  const whole = textsReached(model, wholeText);
  expect(reduced.size).toBeGreaterThan(20);
  expect([...whole].filter(text => !reduced.has(text))).toEqual([]);
}

const d: Deciders = productDeciders;
const swapOf = { commits: 1, attempts: 1, foreigners: 0, shortWaits: 1, longWaits: 1 } as const;

test('swap: what a text leaves out, and symmetry, hide no state', () => {
  expectNothingHidden(swapWorld(d, { ...swapOf, writers: 1, others: 2 }));
  expectNothingHidden(swapWorld(d, { ...swapOf, writers: 2, others: 0, longWaits: 0 }));
});

test('compaction: what a text leaves out, and symmetry, hide no state', () => {
  expectNothingHidden(compactionWorld(d, { changes: 1, compactions: 1, overwrites: 1, keys: 1 }));
});

test('duties and fences: what a text leaves out hides no state', () => {
  expectNothingHidden(dutiesWorld(d, { changes: 2, compactions: 1, deletes: 1 }));
  expectNothingHidden(fencesWorld(d, { commits: 1, tables: 1, foreigners: 1 }));
});

test('orphans and expiry: what a text leaves out, and symmetry, hide no state', () => {
  expectNothingHidden(orphansWorld(d, { writers: 2, uploads: 1, others: 0, cleanings: 1, waits: 0 }));
  expectNothingHidden(expiryWorld(d, { snapshots: 3, runs: 2, deaths: 1, rangeMax: 1, consumers: 1, tags: 0 }));
});

test('ingest and group commit: what a text leaves out, and symmetry, hide no state', () => {
  expectNothingHidden(ingestWorld(d, { records: 2, repeats: 1, deaths: 1, holes: 0 }));
  expectNothingHidden(groupCommitWorld(d, { records: 2, messages: 1, poisons: ['none', 'sequence'] }));
});
