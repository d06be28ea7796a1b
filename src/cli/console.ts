/**
 * The process as commands see it: data to stdout, words to stderr, an end by Ctrl-C or by a reader that went away.
 */
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { printable } from './printable.ts';

/** A second interrupt counts as one only after this long. */
const againMsMin = 1_000;

export class CliConsole {
  readonly #stop = new AbortController();
  #interrupted = false;
  #readerGone = false;
  #failed = false;

  constructor() {
    let interruptedMs = 0;
    const interrupt = (): void => {
      const nowMs = systemClock.monotonicMs();
      // Who asks again does not want to wait. Terminals and npm send the first one twice.
      if (this.#interrupted && nowMs - interruptedMs > againMsMin) process.exit(130);
      if (this.#interrupted) return;
      this.#interrupted = true;
      interruptedMs = nowMs;
      this.#stop.abort(new Error('interrupted'));
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    process.stdout.on('error', error => this.#outputFailed(error));
    process.stderr.on('error', error => this.#outputFailed(error));
  }

  /** Aborts when the command is to end. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Writes data, waiting while its reader is slow. */
  async write(text: string): Promise<void> {
    if (this.#readerGone || text === '') return;
    // A program gets what there is; a terminal would act on some of it.
    if (process.stdout.write(process.stdout.isTTY ? printable(text) : text)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    process.stdout.once('drain', resolve);
    this.signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
  }

  async writeAll(pieces: AsyncIterable<string>): Promise<void> {
    for await (const piece of pieces) {
      await this.write(piece);
      if (this.signal.aborted) return;
    }
  }

  /** A line for people, beside the data. */
  say(line: string): void {
    process.stderr.write(`${printable(line)}\n`);
  }

  /** Makes the process end with status 1, though nothing was thrown. */
  fail(): void {
    this.#failed = true;
  }

  /**
   * The exit status after a command came to its end.
   *
   * @param error what it threw, if it did
   */
  statusOf(error: unknown): number {
    if (this.#readerGone) return 0;
    if (error !== undefined && !(this.#interrupted && error === this.signal.reason)) {
      this.say(errorLine(error));
      return isLakeError(error, 'LAKE_NO_WAREHOUSE') ? 2 : 1;
    }
    if (error !== undefined) return 130;
    return this.#failed ? 1 : 0;
  }

  #outputFailed(error: Error): void {
    const code = 'code' in error ? error.code : undefined;
    if (code !== 'EPIPE') {
      this.#failed = true;
      this.say(`error LAKE_OUTPUT: can not write the output: ${error.message}`);
    }
    this.#readerGone = code === 'EPIPE';
    this.#stop.abort(error);
  }
}

/** One line, whatever the message holds. */
export function errorLine(error: unknown): string {
  const code = isLakeError(error) ? error.code : 'LAKE_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  return `error ${code}: ${message.replace(/\s*[\r\n]+\s*/g, ' ')}`;
}
