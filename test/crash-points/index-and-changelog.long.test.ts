/** Tables with index files, merge engines and changelogs, struck at every step. */
import { expect, test } from 'vitest';
import { indexAndChangelogScenarios } from './index-and-changelog-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of indexAndChangelogScenarios) {
  test(`${scenario.operation}, struck at any step, leaves each key once and changes that add up to the rows`, {
    timeout: 900_000,
  }, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
