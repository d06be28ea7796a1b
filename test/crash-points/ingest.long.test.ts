/** ingest */
import { expect, test } from 'vitest';
import { ingestScenarios } from './ingest-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of ingestScenarios) {
  test(`${scenario.operation}: struck at any step`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.total).toBeGreaterThan(0);
  });
}
