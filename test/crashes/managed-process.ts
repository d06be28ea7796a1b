/** A process of the crash tests as its parent sees it: started, listened to, killed with SIGKILL, started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProcessLine } from './until-told.ts';

export type ProcessSpec = {
  readonly name: string;
  /** File beside this one. */
  readonly script: string;
  /** What each start is given; a producer's next run is another task. */
  readonly nextTask: () => object;
  readonly onLine: (line: ProcessLine) => void;
};

const errorsKeptChars = 4_000;

type Child = {
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  /** Of each process its own: one may be started while the last is still going. */
  readonly told: { toEnd: boolean };
};

export class ManagedProcess implements AsyncDisposable {
  readonly #spec: ProcessSpec;
  #child: Child | undefined;

  constructor(spec: ProcessSpec) {
    this.#spec = spec;
  }

  /** Returns at once; it opens the lake in its own time. */
  start(): void {
    if (this.#child?.told.toEnd === false) return;
    const told = { toEnd: false };
    const { name, script, nextTask, onLine } = this.#spec;
    const path = fileURLToPath(new URL(script, import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, JSON.stringify(nextTask())], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A kill closes its end first.
    child.stdin.on('error', () => undefined);
    let errors = '';
    child.stderr.on('data', chunk => {
      errors = (errors + String(chunk)).slice(-errorsKeptChars);
    });
    const { promise: ready, resolve: becameReady } = Promise.withResolvers<void>();
    const lines = createInterface({ input: child.stdout });
    lines.on('line', line => {
      const parsed = parseLine(line);
      if (parsed?.kind === 'ready') becameReady();
      if (parsed !== undefined) onLine(parsed);
    });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    const ended = new Promise<void>(resolve => {
      child.once('close', (code, signal) => {
        process.removeListener('exit', kill);
        becameReady();
        // Nobody told it to end.
        if (!told.toEnd || (code !== null && code !== 0)) {
          onLine({ kind: 'fault', text: `${name} ended by itself with ${code ?? signal}; it said: ${errors}` });
        }
        resolve();
      });
    });
    this.#child = { process: child, ready, ended, told };
  }

  /** Resolves when it has opened the lake, or has ended. */
  async ready(): Promise<void> {
    await this.#child?.ready;
  }

  /** SIGKILL, wherever it is. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Lets it finish what it is at. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.told.toEnd = true;
    child.process.kill(signal);
    await child.ended;
  }
}

/** A line that a kill cut in two says nothing. */
function parseLine(line: string): ProcessLine | undefined {
  try {
    const parsed: ProcessLine = JSON.parse(line);
    return parsed;
  } catch {
    return undefined;
  }
}
