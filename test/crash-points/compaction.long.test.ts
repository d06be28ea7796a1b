/** Compactions, struck at every step. */
import { expect, test } from 'vitest';
import { compactionScenarios } from './commit-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of compactionScenarios) {
  test(`a ${scenario.operation} that is struck at any step changes no row, and is done when it was resumed`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
