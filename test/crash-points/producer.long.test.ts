/** Producers, struck at every step. */
import { expect, test } from 'vitest';
import { producerScenarios } from './producer-scenarios.ts';
import { printedCount, strikeEverywhere } from './scenario.ts';

for (const scenario of producerScenarios) {
  test(`a ${scenario.operation} that is struck at any step has each row it was told of in the table once`, async () => {
    const count = await strikeEverywhere(scenario);
    console.log(printedCount(count));
    expect(count.reads).toBeGreaterThan(0);
    expect(count.writes).toBeGreaterThan(0);
  });
}
