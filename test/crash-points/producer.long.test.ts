/** producer */
import { expect, test } from 'vitest';
import { producerScenarios } from './producer-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of producerScenarios) {
  test(`${scenario.operation}: struck at any step`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.total).toBeGreaterThan(0);
  });
}
