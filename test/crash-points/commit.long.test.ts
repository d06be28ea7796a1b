/** Commits, struck at every step. */
import { expect, test } from 'vitest';
import { commitScenarios } from './commit-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of commitScenarios) {
  test(`a ${scenario.operation} that is struck at any step is there whole or not at all, and once when it was resumed`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
