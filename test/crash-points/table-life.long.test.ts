/** Overwrites, rollbacks, tags and branches, struck at every step. */
import { expect, test } from 'vitest';
import { printedCount, strikeEverywhere } from './scenario.ts';
import { tableLifeScenarios } from './table-life-scenarios.ts';

for (const scenario of tableLifeScenarios) {
  test(`${scenario.operation}, struck at any step, loses nothing, and the next run leaves no litter`, {
    timeout: 900_000,
  }, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
