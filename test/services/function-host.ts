/** A container of a bundled function: a Node process of its own that keeps what the function opened. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
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
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly code?: string; readonly message: string };
};

const hostFile = fileURLToPath(new URL('./function-host.mjs', import.meta.url));
const remainingMsDefault = 60_000;

export class FunctionHost implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #said = '';
  #turn: Promise<unknown> = Promise.resolve();
  #loadedMs = 0;

  constructor({ node, bundle, env }: FunctionHostSpec) {
    this.#child = spawn(node, [hostFile, bundle], { env });
    this.#child.stderr.on('data', chunk => {
      this.#said += String(chunk);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
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

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await ended;
  }

  async #answer(): Promise<Line> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`the function's process has ended; it said:\n${this.#said}`);
    return JSON.parse(line.value) as Line;
  }
}
