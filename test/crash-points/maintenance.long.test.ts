/** Maintenance, struck at every step. */
import { expect, test } from 'vitest';
import { maintenanceScenarios } from './maintenance-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of maintenanceScenarios) {
  test(`${scenario.operation}, struck at any step, loses nothing, and the next runs leave no litter`, {
    timeout: 900_000,
  }, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
