/**
 * Tries mutants on worker processes. First every test runs without a mutant, which tells which mutants it reaches and how
 * long it takes; then each mutant meets the tests that reach it, the quickest first, until one of them fails.
 */
import type { Mutant } from './find-mutants.ts';
import type { CollectedTest } from './harness.ts';
import type { TestLimit, Trial } from './protocol.ts';
import { WorkerProcess } from './worker-process.ts';

export type Result = {
  readonly mutant: Mutant;
  readonly status: 'killed' | 'timed-out' | 'survived' | 'not-reached';
  /** Which test noticed. */
  readonly by: string;
};

export type Coverage = {
  readonly tests: readonly CollectedTest[];
  /** Milliseconds by test; not those that are too slow to be used. */
  readonly ms: ReadonlyMap<number, number>;
  /** Tests by mutant, the quickest first. */
  readonly reachedBy: ReadonlyMap<number, readonly number[]>;
  /** Mutants of what happens once, when the modules are loaded. */
  readonly reachedByLoading: ReadonlySet<number>;
};

/** A test with a mutant may take this many times as long as without, and the slack of the settings. */
const limitFactor = 10;

/** @throws Error when tests fail without a mutant */
export async function cover(taskFile: string, workerCount: number, testMsMax: number): Promise<Coverage> {
  let tests: readonly CollectedTest[] = [];
  const ms = new Map<number, number>();
  const reached = new Map<number, number[]>();
  const reachedByLoading = new Set<number>();
  const failed: string[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    await using worker = new WorkerProcess(taskFile);
    const ready = await worker.ready();
    if (ready === undefined) throw new Error(`the tests cannot be loaded: ${worker.errorText}`);
    ({ tests } = ready);
    for (const mutant of ready.reachedByLoading) reachedByLoading.add(mutant);
    for (let test = next++; test < tests.length; test = next++) {
      worker.ask({ kind: 'cover', tests: [test], testMsMax: testMsMax * limitFactor });
      const covered = await worker.answer(() => testMsMax * limitFactor);
      const { file = '', name = '' } = tests[test] ?? {};
      if (covered?.kind !== 'covered') throw new Error(`${file}: "${name}" does not end`);
      if (covered.end.status !== 'passed') failed.push(`${file}: "${name}" ${covered.end.error ?? 'does not end'}`);
      await worker.answer(() => 0);
      if (covered.ms > testMsMax) continue;
      ms.set(test, covered.ms);
      for (const mutant of covered.reached) reached.set(mutant, [...(reached.get(mutant) ?? []), test]);
    }
  };
  await Promise.all(Array.from({ length: workerCount }, one));
  if (failed.length > 0) throw new Error(`without a mutant there are failures:\n${failed.join('\n')}`);
  const quickestFirst = (a: number, b: number): number => (ms.get(a) ?? 0) - (ms.get(b) ?? 0);
  const reachedBy = new Map([...reached].map(([mutant, by]) => [mutant, by.toSorted(quickestFirst)]));
  return { tests, ms, reachedBy, reachedByLoading };
}

export async function tryMutants(
  taskFile: string,
  mutants: readonly Mutant[],
  coverage: Coverage,
  options: { readonly workerCount: number; readonly slackMs: number; readonly onResult: (result: Result) => void },
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    const worker = new TryingWorker(taskFile, coverage, options.slackMs);
    try {
      for (let mutant = mutants[next++]; mutant !== undefined; mutant = mutants[next++]) {
        const result = await worker.try(mutant);
        results.push(result);
        options.onResult(result);
      }
    } finally {
      await worker.stop();
    }
  };
  await Promise.all(Array.from({ length: options.workerCount }, one));
  return results.toSorted((a, b) => a.mutant.id - b.mutant.id);
}

class TryingWorker {
  readonly #taskFile: string;
  readonly #coverage: Coverage;
  readonly #slackMs: number;
  #worker: WorkerProcess | undefined;

  constructor(taskFile: string, coverage: Coverage, slackMs: number) {
    this.#taskFile = taskFile;
    this.#coverage = coverage;
    this.#slackMs = slackMs;
  }

  async stop(): Promise<void> {
    await this.#worker?.[Symbol.asyncDispose]();
    this.#worker = undefined;
  }

  async try(mutant: Mutant): Promise<Result> {
    const { reachedBy, reachedByLoading, ms } = this.#coverage;
    const tests = reachedBy.get(mutant.id);
    if (tests === undefined) {
      if (!reachedByLoading.has(mutant.id)) return { mutant, status: 'not-reached', by: '' };
      const all = [...ms.keys()].toSorted((a, b) => (ms.get(a) ?? 0) - (ms.get(b) ?? 0));
      return this.#resultOf(mutant, await this.#tryLoaded(mutant.id, this.#limits(all)));
    }
    const first = await this.#tryOnce(mutant.id, this.#limits(tests));
    if (first.status !== 'killed' || !first.isDoubtful) return this.#resultOf(mutant, first);
    await this.stop();
    const second = await this.#tryOnce(mutant.id, this.#limits(tests));
    await this.stop();
    return this.#resultOf(mutant, second);
  }

  async #tryOnce(mutant: number, tests: readonly TestLimit[]): Promise<Trial> {
    this.#worker ??= await started(this.#taskFile);
    const trial = await ask(this.#worker, mutant, tests);
    if (trial.status === 'timed-out') await this.stop();
    return trial;
  }

  /** In a process of its own, with the mutant there from the beginning. */
  async #tryLoaded(mutant: number, tests: readonly TestLimit[]): Promise<Trial> {
    await using worker = new WorkerProcess(this.#taskFile, mutant);
    const ready = await worker.ready();
    if (ready === undefined) return { status: 'killed', test: -1, error: 'cannot be loaded', isDoubtful: false };
    return await ask(worker, mutant, tests);
  }

  #limits(tests: readonly number[]): readonly TestLimit[] {
    const { ms } = this.#coverage;
    return tests.map(index => ({ index, msMax: Math.ceil(this.#slackMs + limitFactor * (ms.get(index) ?? 0)) }));
  }

  #resultOf(mutant: Mutant, trial: Trial): Result {
    if (trial.status === 'survived') return { mutant, status: 'survived', by: '' };
    const test = this.#coverage.tests[trial.test];
    const name = test === undefined ? 'loading' : `${test.file}: ${test.name}`;
    return { mutant, status: trial.status, by: trial.status === 'killed' ? `${name}: ${trial.error}` : name };
  }
}

async function started(taskFile: string): Promise<WorkerProcess> {
  const worker = new WorkerProcess(taskFile);
  if ((await worker.ready()) === undefined) throw new Error(`the tests cannot be loaded: ${worker.errorText}`);
  return worker;
}

async function ask(worker: WorkerProcess, mutant: number, tests: readonly TestLimit[]): Promise<Trial> {
  const limits = new Map(tests.map(({ index, msMax }) => [index, msMax]));
  let last = -1;
  worker.ask({ kind: 'try', mutant, tests });
  const answer = await worker.answer(test => {
    last = test;
    return limits.get(test) ?? 0;
  });
  return answer?.kind === 'tried' ? answer : { status: 'timed-out', test: last };
}
