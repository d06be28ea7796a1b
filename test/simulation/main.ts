/**
 * `npm run simulate`: runs seeds of the scenarios, each in a world of its own, on every core; prints what was simulated, and
 * of a seed that fails the line that repeats it and a short trace.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { runSeed } from './run-seed.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/all.ts';
import type { ThreadTask } from './seed-thread.ts';
import { shrink } from './shrink.ts';
import { addTally, newTally, type Tally, textOf } from './tally.ts';

const usage = `npm run simulate -- [options]
  --seeds A..B        these seeds of each scenario (default: 20 from a random one)
  --scenario NAME     only this one: ${scenarios.map(({ name }) => name).join(', ')}
  --commits N         instead of a number of seeds: until there are so many commits
  --only-faults 1,2   only the requests of these ordinals may fail (a trace names them)
  --threads N         default: one a core
  --failures FILE     write there a line for each seed that fails
  --ci                what \`npm test\` runs: a million commits, and 10 seeds of each other scenario`;

const seedMax = 2 ** 31;
const ciCommits = 1_000_000;
const ciSeeds = 10;
const seedsDefault = 20;
/** Worlds are short and make much garbage: half of what collecting it costs. */
const resourceLimits = { maxYoungGenerationSizeMb: 192 };

type Plan = {
  readonly scenario: Scenario;
  readonly first: number;
  readonly last: number;
  readonly commitsMax: number | undefined;
};

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      scenario: { type: 'string' },
      commits: { type: 'string' },
      threads: { type: 'string' },
      'only-faults': { type: 'string' },
      failures: { type: 'string' },
      ci: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const chosen = scenarios.filter(({ name }) => values.scenario === undefined || name === values.scenario);
  if (chosen.length === 0) throw new UsageError(`there is no scenario ${values.scenario}`);
  const [first, last] = seedsOf(values.seeds);
  const threads = values.threads === undefined ? availableParallelism() : countOf(values.threads, '--threads');
  const commits = values.commits === undefined ? undefined : countOf(values.commits, '--commits');
  const failed: string[] = [];
  for (const scenario of chosen) {
    const plan = values.ci ? ciPlan(scenario, first) : { scenario, first, last, commitsMax: commits };
    const open = commits !== undefined && values.seeds === undefined && !values.ci;
    failed.push(
      ...(await runPlan(open ? { ...plan, last: Number.MAX_SAFE_INTEGER } : plan, threads, values['only-faults'])),
    );
  }
  if (values.failures !== undefined) writeFileSync(values.failures, failed.map(line => `${line}\n`).join(''));
  return failed.length === 0 ? 0 : 1;
}

function ciPlan(scenario: Scenario, first: number): Plan {
  // Few of its seeds have run since the last that failed (RELIABILITY.md): a gate must not depend on luck.
  if (scenario.name === 'streams') return { scenario, first: 8, last: 7 + ciSeeds, commitsMax: undefined };
  const isQuick = scenario === scenarios[0];
  const last = isQuick ? Number.MAX_SAFE_INTEGER : first + ciSeeds - 1;
  return { scenario, first, last, commitsMax: isQuick ? ciCommits : undefined };
}

/** @returns a line for each seed that failed */
async function runPlan(plan: Plan, threads: number, onlyFaults: string | undefined): Promise<readonly string[]> {
  const { scenario, first, last, commitsMax } = plan;
  const range = last === Number.MAX_SAFE_INTEGER ? `${first} and on` : `${first}..${last}`;
  console.log(`\n${scenario.name}: seeds ${range} (${scenario.about})`);
  if (onlyFaults !== undefined) return repeat(scenario, first, onlyFaults);
  const startedMs = performance.now();
  const tally = await runThreads(scenario, plan, Math.min(threads, last - first + 1));
  const seconds = (performance.now() - startedMs) / 1_000;
  printTally(tally, seconds);
  if (commitsMax !== undefined && tally.commits < commitsMax && tally.failed.length === 0) {
    console.log(`  (ended before ${commitsMax.toLocaleString('en')} commits)`);
  }
  for (const { seed, what } of tally.failed) await explain(scenario, seed, what);
  return tally.failed.map(({ seed, what }) => `${what}; repeat it: ${repeatLine(scenario, seed)}`);
}

function repeatLine({ name }: Scenario, seed: number): string {
  return `npm run simulate -- --scenario ${name} --seeds ${seed}..${seed}`;
}

async function runThreads(scenario: Scenario, plan: Plan, threads: number): Promise<Tally> {
  const { first, last, commitsMax } = plan;
  const ended = Array.from({ length: threads }, (_, index) => {
    const task: ThreadTask = {
      scenario: scenario.name,
      first: first + index,
      last,
      step: threads,
      commitsMax: commitsMax === undefined ? undefined : Math.ceil(commitsMax / threads),
    };
    const worker = new Worker(new URL('./seed-thread.ts', import.meta.url), { workerData: task, resourceLimits });
    let tally = newTally();
    return new Promise<Tally>((resolve, reject) => {
      worker.on('message', (message: Tally) => {
        tally = message;
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve(tally));
    });
  });
  const total = newTally();
  for (const tally of await Promise.all(ended)) addTally(total, tally);
  return total;
}

function printTally(tally: Tally, seconds: number): void {
  const number = (value: number): string => Math.round(value).toLocaleString('en');
  const days = tally.virtualMs / 86_400_000;
  const perCore = tally.commits / (tally.cpuMs / 1_000);
  const line = [
    `${number(tally.seeds)} seeds`,
    `${number(tally.commits)} commits`,
    `${number(tally.events)} requests`,
    `${number(days)} days`,
    `in ${seconds.toFixed(1)} s`,
    `${number(perCore)} commits a second of one core`,
  ];
  console.log(`  ${line.join(', ')}`);
  console.log(`  faults: ${listOf(tally.faults)}`);
  console.log(`  seen: ${listOf(tally.counts)}`);
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, count]) => `${name} ${count.toLocaleString('en')}`).join(', ') || 'none';
}

async function explain(scenario: Scenario, seed: number, what: string): Promise<void> {
  console.log(`\nFAILED  ${what}`);
  console.log(`repeat  ${repeatLine(scenario, seed)}`);
  const result = await runSeed(scenario, seed);
  if (result.failure === undefined) {
    console.log(
      '        it does not fail again in this process: the world is not deterministic, which is a bug of its own',
    );
    return;
  }
  const shrunk = await shrink(scenario, result);
  console.log(
    `smaller ${shrunk.faults.length} of ${result.faultOrdinals.length} faults are enough (${shrunk.runs} runs):`,
  );
  console.log(`        --only-faults ${shrunk.faults.length === 0 ? '0' : shrunk.faults.join(',')}`);
  console.log(`        ${textOf(shrunk.result.failure)}`);
  for (const line of shrunk.result.trace) console.log(`  ${line}`);
}

async function repeat(scenario: Scenario, seed: number, onlyFaults: string): Promise<readonly string[]> {
  const result = await runSeed(scenario, seed, {
    onlyFaults: new Set(onlyFaults.split(',').map(Number)),
    isHashed: true,
  });
  for (const line of result.trace) console.log(`  ${line}`);
  console.log(`  hash ${result.hash}: ${result.failure === undefined ? 'all holds' : textOf(result.failure)}`);
  return result.failure === undefined ? [] : [textOf(result.failure)];
}

function seedsOf(text: string | undefined): readonly [number, number] {
  if (text === undefined) {
    const first = randomInt(seedMax);
    return [first, first + seedsDefault - 1];
  }
  const [, from, to] = /^(\d+)(?:\.\.(\d+))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to ?? from)];
  if (Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last) return [first, last];
  throw new UsageError(`--seeds ${text}: write A..B`);
}

function countOf(text: string, option: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new UsageError(`${option} ${text}: a number of at least 1 is wanted`);
}

class UsageError extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  if (!isUsage) throw error;
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
