/**
 * `npm run crash-test -- [--rounds N] [--seed S]`: real processes on MinIO and a Kinesis emulator, killed with SIGKILL at random,
 * and what the tables hold checked exactly. The seed says who is killed when; it is printed.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCrashRounds } from './crash-rounds.ts';

const roundsDefault = 20;
const seedMax = 2 ** 31;

const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
const rounds = wholeNumber('--rounds', values.rounds) ?? roundsDefault;
const seed = wholeNumber('--seed', values.seed) ?? randomInt(seedMax);

const built = spawnSync(
  process.execPath,
  [fileURLToPath(new URL('../../scripts/build-services.mjs', import.meta.url))],
  { stdio: 'inherit' },
);
if (built.status !== 0) process.exit(built.status ?? 1);

console.log(`crash test: ${rounds} rounds, --seed ${seed}`);
const summary = await runCrashRounds({ rounds, seed, say: line => console.log(`  ${line}`) });
console.log(JSON.stringify(summary, undefined, 2));
process.exitCode = summary.verdict === 'holds' ? 0 : 1;

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  console.error(`${name} takes a whole number above 0, not ${JSON.stringify(text)}`);
  process.exit(2);
}
