/** A thread that runs seeds of one scenario: every `step`th from `first` on, until it has enough or one fails. */
import { parentPort, workerData } from 'node:worker_threads';
import { runSeed } from './run-seed.ts';
import { scenarios } from './scenarios/all.ts';
import { addResult, newTally, type Tally } from './tally.ts';

export type ThreadTask = {
  readonly scenario: string;
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** Ends early after this many commits; undefined: all seeds. */
  readonly commitsMax: number | undefined;
};

/** How often it says how far it is. */
const reportMs = 2_000;

async function run(task: ThreadTask, report: (tally: Tally) => void): Promise<void> {
  const scenario = scenarios.find(({ name }) => name === task.scenario);
  if (scenario === undefined) throw new Error(`no scenario ${task.scenario}`);
  const tally = newTally();
  let reportedMs = performance.now();
  for (let seed = task.first; seed <= task.last; seed += task.step) {
    const cpu = process.threadCpuUsage();
    const result = await runSeed(scenario, seed);
    const { user, system } = process.threadCpuUsage(cpu);
    addResult(tally, result, (user + system) / 1_000);
    if (tally.failed.length > 0 || (task.commitsMax !== undefined && tally.commits >= task.commitsMax)) break;
    if (performance.now() - reportedMs < reportMs) continue;
    reportedMs = performance.now();
    report(tally);
  }
  report(tally);
}

await run(workerData as ThreadTask, tally => parentPort?.postMessage(tally));
