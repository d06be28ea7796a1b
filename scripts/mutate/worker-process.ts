/** One worker process as the tool sees it: started anew whenever it is lost, asked one thing at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Question } from './protocol.ts';

const script = fileURLToPath(new URL('./worker.ts', import.meta.url));
const startMsMax = 600_000;
/** For what goes on around a test. */
const slackMs = 1_000;

export type Ready = Extract<Answer, { kind: 'ready' }>;

export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: Answer[] = [];
  #wake: () => void = () => {};
  #hasEnded = false;

  /** @param mutant in force while the modules are loaded */
  constructor(taskFile: string, mutant?: number) {
    const args = mutant === undefined ? [taskFile] : [taskFile, String(mutant)];
    this.#child = fork(script, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child.stderr?.on('data', (data: Buffer) => {
      this.errorText = `${this.errorText}${data}`.slice(-4_000);
    });
    this.#child.on('message', (answer: Answer) => {
      this.#answers.push(answer);
      this.#wake();
    });
    this.#child.on('exit', () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  errorText = '';

  /** undefined: it could not load the tests. */
  async ready(): Promise<Ready | undefined> {
    const answer = await this.#next(startMsMax);
    return answer?.kind === 'ready' ? answer : undefined;
  }

  ask(question: Question): void {
    this.#child.send(question);
  }

  /** What comes next, but not that a test has begun. undefined: nothing came in time, or the process has ended. */
  async answer(testMsMax: (test: number) => number): Promise<Exclude<Answer, { kind: 'begun' }> | undefined> {
    let msMax = slackMs;
    for (;;) {
      const answer = await this.#next(msMax);
      if (answer?.kind !== 'begun') return answer;
      msMax = testMsMax(answer.test) + slackMs;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #next(msMax: number): Promise<Answer | undefined> {
    if (this.#answers.length === 0 && !this.#hasEnded) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, msMax);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#answers.shift();
  }
}
