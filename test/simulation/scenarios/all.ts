/** Every scenario, by name. */
import type { Scenario } from '../scenario.ts';
import { commitsScenario, latecomersScenario, swapScenario } from './commits.ts';
import { kindsScenario } from './kinds.ts';
import { functionsScenario, groupCommitScenario, workersScenario } from './lake.ts';
import { streamsScenario } from './streams.ts';

export const scenarios: readonly Scenario[] = [
  swapScenario,
  commitsScenario,
  latecomersScenario,
  workersScenario,
  functionsScenario,
  groupCommitScenario,
  kindsScenario,
  streamsScenario,
];
