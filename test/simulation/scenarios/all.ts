/** Every scenario, by name. */
import type { Scenario } from '../scenario.ts';
import { commitsScenario } from './commits.ts';
import { functionsScenario, groupCommitScenario, workersScenario } from './lake.ts';

export const scenarios: readonly Scenario[] = [
  commitsScenario,
  workersScenario,
  functionsScenario,
  groupCommitScenario,
];
