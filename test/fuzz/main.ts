/**
 * `npm run fuzz -- [--target NAME] [--seed S] [--inputs N | --seconds N]`: N inputs for each target, or as many as fit into
 * the seconds. Prints counts by outcome; saves what fails as a case. Exit status 1 when anything did.
 */
import { parseArgs } from 'node:util';
import { systemRandom } from '../../src/base/random.ts';
import { saveCase } from './cases.ts';
import { type Report, runTarget } from './run.ts';
import type { Target } from './target.ts';
import { targetNamed, targets } from './targets.ts';

const inputsDefault = 5_000;
/** With a limit of time, inputs of a round. */
const inputsOfRound = 4_000;

function print(target: Target, seed: number, { inputs, counts, failures }: Report): void {
  const parts = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  console.log(
    `${target.name}: ${inputs} inputs, seed ${seed}: ${parts.map(([label, n]) => `${n} ${label}`).join(', ')}`,
  );
  for (const failure of failures) {
    console.log(`  input ${failure.index}: ${failure.what}\n  kept as ${saveCase(failure)}`);
  }
}

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seed: { type: 'string' },
    inputs: { type: 'string' },
    seconds: { type: 'string' },
  },
});
const chosen = values.target === undefined ? targets : [targetNamed(values.target)];
let seed = Number(values.seed ?? Math.floor(systemRandom.next() * 2 ** 31));
const untilMs = values.seconds === undefined ? undefined : performance.now() + Number(values.seconds) * 1000;
const inputs = Number(values.inputs ?? (untilMs === undefined ? inputsDefault : inputsOfRound));
let inputCount = 0;
let failureCount = 0;
do {
  for (const target of chosen) {
    const report = await runTarget(target, { seed, inputs: Math.ceil(inputs / (target.cost ?? 1)) });
    print(target, seed, report);
    inputCount += report.inputs;
    failureCount += report.failures.length;
    if (untilMs !== undefined && performance.now() > untilMs) break;
  }
  seed += 1;
} while (untilMs !== undefined && performance.now() < untilMs);
console.log(`${inputCount} inputs, ${failureCount} failures`);
process.exitCode = failureCount === 0 ? 0 : 1;
