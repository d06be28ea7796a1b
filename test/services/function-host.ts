/** A container of a bundled function: a Node process of its own that keeps what the function opened. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type FunctionHostSpec = {
  readonly node: string;
  /** Path of the bundle's index.mjs. */
  readonly bundle: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
};

type Line = {
  readonly loadedMs?: number;
  /** A piece of a streamed answer, base64. */
  readonly chunk?: string;
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string };
};

export type HttpAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** To be read to its end before the next event. */
  readonly pieces: AsyncIterable<Uint8Array>;
};

/** Between the status of a streamed answer and what follows it. */
const delimiter = Buffer.alloc(8);

const hostFile = fileURLToPath(new URL('./function-host.mjs', import.meta.url));
const remainingMsDefault = 60_000;

export class FunctionHost implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: Line[] = [];
  #hasEnded = false;
  /** Wakes who waits for an answer. */
  #wake: () => void = () => undefined;
  #said = '';
  readonly #told: Readonly<Record<string, unknown>>[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #loadedMs = 0;

  constructor({ node, bundle, env }: FunctionHostSpec) {
    this.#child = spawn(node, [hostFile, bundle], { env });
    // A container that has ended says so by its answer, which does not come.
    this.#child.stdin.on('error', () => undefined);
    this.#child.stderr.on('data', chunk => {
      this.#said += String(chunk);
    });
    createInterface({ input: this.#child.stdout })
      .on('line', line => this.#hear(line))
      .on('close', () => {
        this.#hasEnded = true;
        this.#wake();
      });
  }

  static async start(spec: FunctionHostSpec): Promise<FunctionHost> {
    const host = new FunctionHost(spec);
    host.#loadedMs = (await host.#answer()).loadedMs ?? 0;
    return host;
  }

  /** How long the bundle took to load. */
  get loadedMs(): number {
    return this.#loadedMs;
  }

  /** Lines of its log and of metrics so far. */
  get told(): readonly Readonly<Record<string, unknown>>[] {
    return this.#told;
  }

  /** Processor time that the process has had so far, its threads with it, in steps of 10 ms; of Linux. */
  cpuMs(): number {
    const [, figures = ''] = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ');
    const [user, system] = figures.split(' ').slice(11, 13).map(Number);
    return ((user ?? 0) + (system ?? 0)) * 10;
  }

  /** What the function has printed, its log included. */
  get said(): string {
    return [this.#said, ...this.#told.map(line => JSON.stringify(line))].join('\n');
  }

  /** Runs the handler; one at a time, as a container does. @throws Error as the handler */
  invoke(event: unknown, remainingMs: number = remainingMsDefault): Promise<unknown> {
    const answered = this.#turn.then(async () => {
      this.#child.stdin.write(`${JSON.stringify({ event, remainingMs })}\n`);
      const { result, error } = await this.#answer();
      if (error !== undefined) throw Object.assign(new Error(error.message), error);
      return result;
    });
    this.#turn = answered.catch(() => undefined);
    return answered;
  }

  /** Runs a handler that streams; one at a time. @throws Error as the handler, also while the answer is read */
  async request(event: unknown, remainingMs: number = remainingMsDefault): Promise<HttpAnswer> {
    await this.#turn;
    this.#child.stdin.write(`${JSON.stringify({ event, remainingMs })}\n`);
    const pieces = this.#pieces();
    const { value: first } = await pieces.next();
    const end = first?.indexOf(delimiter) ?? -1;
    if (first === undefined || end === -1) throw new Error('the answer does not begin with its status');
    const { statusCode, headers } = JSON.parse(first.subarray(0, end).toString()) as {
      statusCode: number;
      headers: Record<string, string>;
    };
    return { status: statusCode, headers, pieces };
  }

  async *#pieces(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const { chunk, error } = await this.#answer();
      if (error !== undefined) throw Object.assign(new Error(error.message), error);
      if (chunk === undefined) return;
      yield Buffer.from(chunk, 'base64');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #answer(): Promise<Line> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      if (this.#hasEnded) throw new Error(`the function's process has ended; it said:\n${this.said}`);
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }

  /** Its log and its metrics are lines of the same output as its answers, and may come after them. */
  #hear(line: string): void {
    const parsed = JSON.parse(line) as Line & Readonly<Record<string, unknown>>;
    if ('level' in parsed || '_aws' in parsed) this.#told.push(parsed);
    else this.#answers.push(parsed);
    this.#wake();
  }
}
