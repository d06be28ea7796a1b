/** Changelogs that outlive their snapshots, struck at every step. */
import { expect, test } from 'vitest';
import { lifecycleScenarios } from './lifecycle-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of lifecycleScenarios) {
  test(`${scenario.operation}, struck at any step, loses no change, and in the end no litter is left`, {
    timeout: 900_000,
  }, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
