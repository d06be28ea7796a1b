/**
 * A process that holds the program with all its mutants and the tests, and runs what it is asked to (protocol.ts).
 *
 *   node worker.ts TASK_FILE [MUTANT]      MUTANT is in force while modules are loaded, and from then on
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect as realExpect } from 'vitest';
import { collectedTests, collectFrom, runTest, vitestStandIn } from './harness.ts';
import type { Answer, Question, Trial, WorkerTask } from './protocol.ts';
import { switchName } from './schemata.ts';

const [taskFile = '', mutantText] = process.argv.slice(2);
const task: WorkerTask = JSON.parse(readFileSync(taskFile, 'utf8'));
/** In force from the beginning to the end, or 0. */
const loadedMutant = Number(mutantText ?? 0);
let mutantInForce = loadedMutant;
let reached = new Set<number>();

Reflect.set(globalThis, switchName, (id: number): boolean => {
  reached.add(id);
  return id === mutantInForce;
});
Reflect.set(globalThis, '__vitestStandIn', vitestStandIn(realExpect));
replaceModules();
for (const method of ['log', 'info', 'warn', 'error'] as const) console[method] = () => {};

for (const file of task.testFiles) {
  collectFrom(file);
  await import(pathToFileURL(join(task.root, file)).href);
}
// What a mutant leaves floating belongs to no test; the tests that reach it decide.
process.on('unhandledRejection', () => {});
process.on('uncaughtException', () => {});
process.on('message', (question: Question) => void answer(question));
process.on('disconnect', () => process.exit());
say({ kind: 'ready', tests: collectedTests(), reachedByLoading: [...reached] });

async function answer(question: Question): Promise<void> {
  if (question.kind === 'try') return say({ kind: 'tried', ...(await tryMutant(question)) });
  for (const test of question.tests) {
    reached = new Set();
    say({ kind: 'begun', test });
    const startMs = performance.now();
    const end = await runTest(test, question.testMsMax);
    say({ kind: 'covered', test, ms: performance.now() - startMs, end, reached: [...reached] });
  }
  say({ kind: 'done' });
}

async function tryMutant({ mutant, tests }: Extract<Question, { kind: 'try' }>): Promise<Trial> {
  for (const { index: test, msMax } of tests) {
    say({ kind: 'begun', test });
    mutantInForce = mutant;
    const end = await runTest(test, msMax);
    mutantInForce = loadedMutant;
    if (end.status === 'timed-out') return { status: 'timed-out', test };
    if (end.status === 'passed') continue;
    say({ kind: 'begun', test });
    const isDoubtful = loadedMutant === 0 && (await runTest(test, msMax)).status !== 'passed';
    return { status: 'killed', test, error: end.error ?? '', isDoubtful };
  }
  return { status: 'survived' };
}

function say(what: Answer): void {
  process.send?.(what);
}

/** Sources come with their mutants, and Vitest is what stands in for it. */
function replaceModules(): void {
  const standIn = 'data:text/javascript,export const { test, expect, beforeAll } = globalThis.__vitestStandIn;';
  const sources = new Map(
    Object.entries(task.sources).map(([file, text]) => [pathToFileURL(join(task.root, file)).href, text]),
  );
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'vitest' ? { url: standIn, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) => {
      const source = sources.get(url);
      return source === undefined ? next(url, context) : { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}
