/**
 * Another engine as a process that answers one line of JSON with one: `{"ok": [line, …]}` or `{"error": message}`, requests in
 * order. What the engine throws rejects as EngineError.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const stderrCharactersMax = 4_000;

/** What the engine threw, in its own words. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

export async function startLineProcess(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<LineProcess> {
  const child = spawn(program, args, { env });
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return new LineProcess(child);
}

export class LineProcess implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<void>;
  #stderr = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#ended = new Promise(resolve => child.once('close', () => resolve()));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharactersMax);
    });
    // A process that died is told by the answer that does not come.
    child.stdin.on('error', () => undefined);
  }

  /** One request at a time: the next is sent when the one before is answered, whatever came of it. */
  ask(request: object): Promise<readonly string[]> {
    const answer = this.#last.then(() => this.#exchange(JSON.stringify(request)));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }

  async #exchange(request: string): Promise<readonly string[]> {
    this.#child.stdin.write(`${request}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new EngineError(`it ended without an answer to ${request}: ${this.#stderr}`);
    const { ok, error }: { ok?: readonly string[]; error?: string } = JSON.parse(value);
    if (ok === undefined) throw new EngineError(error);
    return ok;
  }
}
