/** Changes of the catalog, struck at every step. */
import { expect, test } from 'vitest';
import { catalogScenarios } from './catalog-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of catalogScenarios) {
  test(`${scenario.operation}, struck at any step, has happened or not, and is made so when it was resumed`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
