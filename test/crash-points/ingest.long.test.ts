/** Ingest, struck at every step. */
import { expect, test } from 'vitest';
import { ingestScenarios } from './ingest-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of ingestScenarios) {
  test(`${scenario.operation}, struck at any step, takes every row once and acknowledges none before`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
