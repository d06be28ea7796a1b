/**
 * Strikes every operation at every step and prints how many crash points there are.
 *
 *   npm run crash-points [-- --operation NAME]    NAME is a part of an operation's name
 *
 * The exit code is 1 when anything is wrong at any of them.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { assert } from '../../src/base/assert.ts';
import { mapBounded } from '../../src/base/concurrency.ts';
import { catalogScenarios } from './catalog-scenarios.ts';
import { commitScenarios, compactionScenarios } from './commit-scenarios.ts';
import { indexAndChangelogScenarios } from './index-and-changelog-scenarios.ts';
import { ingestScenarios } from './ingest-scenarios.ts';
import { lifecycleScenarios } from './lifecycle-scenarios.ts';
import { maintenanceScenarios } from './maintenance-scenarios.ts';
import { producerScenarios } from './producer-scenarios.ts';
import { printedCount, type Scenario, strikeEverywhere } from './scenario.ts';
import { tableLifeScenarios } from './table-life-scenarios.ts';

/** The longest come first, so that no core is left alone with one of them at the end. */
const scenarios: readonly Scenario[] = [
  ...maintenanceScenarios.toReversed(),
  ...catalogScenarios.toReversed(),
  ...tableLifeScenarios,
  ...indexAndChangelogScenarios,
  ...lifecycleScenarios,
  ...commitScenarios,
  ...compactionScenarios,
  ...ingestScenarios,
  ...producerScenarios,
];

type Result = { readonly line: string; readonly points: number; readonly hasFailed: boolean };

async function strike(operation: unknown): Promise<Result> {
  const scenario = scenarios.find(candidate => candidate.operation === operation);
  assert(scenario !== undefined, () => `there is an operation ${operation}`);
  try {
    const count = await strikeEverywhere(scenario);
    return { line: printedCount(count), points: count.total, hasFailed: false };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { line: `crash points: ${scenario.operation}: ${text}`, points: 0, hasFailed: true };
  }
}

function strikeElsewhere(operation: string): Promise<Result> {
  const worker = new Worker(new URL(import.meta.url), { workerData: operation });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { operation: { type: 'string' } } });
  const wanted = scenarios.map(({ operation }) => operation).filter(name => name.includes(values.operation ?? ''));
  if (wanted.length === 0) {
    console.error(
      `no operation is named ${values.operation}; there are: ${scenarios.map(s => s.operation).join(', ')}`,
    );
    process.exitCode = 2;
    return;
  }
  const results = await mapBounded(wanted, availableParallelism(), async operation => {
    const result = await strikeElsewhere(operation);
    console.log(result.line);
    return result;
  });
  const failed = results.filter(({ hasFailed }) => hasFailed).length;
  const points = results.reduce((sum, result) => sum + result.points, 0);
  console.log(`crash points: ${wanted.length} operations, ${points} points, ${failed} operations failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (isMainThread) await main();
else parentPort?.postMessage(await strike(workerData));
