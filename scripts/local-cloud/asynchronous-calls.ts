/**
 * Calls of a function that nobody waits for: kept until there is an environment, tried again when they fail, and put into a queue
 * when they fail for good.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
 */
import { randomUUID } from 'node:crypto';
import type { LocalFunction } from './local-function.ts';
import type { LocalQueue } from './local-queue.ts';
import type { AsynchronousPlan } from './local-stack.ts';

export type AsynchronousTarget = {
  readonly called: LocalFunction;
  readonly plan: AsynchronousPlan;
  readonly failures: LocalQueue | undefined;
};

/** AWS waits one minute, then two; here everything is nearer. */
const retryMs = [1_000, 3_000] as const;

export class AsynchronousCalls implements Disposable {
  readonly #stop = new AbortController();

  /** Takes a call; what becomes of it is the function's own affair. */
  call(target: AsynchronousTarget, payload: string): void {
    void this.#run(target, payload);
  }

  /** What still waits is dropped: on AWS it would stay, here the next snapshot brings it again. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #run({ called, plan, failures }: AsynchronousTarget, payload: string): Promise<void> {
    const startedMs = Date.now();
    for (let attempt = 1; !this.#stop.signal.aborted; attempt += 1) {
      const answer = await called.invokeBuffered(payload);
      if (answer.kind === 'response' || this.#stop.signal.aborted) return;
      const isOld = Date.now() - startedMs > plan.eventAgeSecondsMax * 1_000;
      if (attempt > plan.retriesMax || isOld) {
        failures?.send({
          version: '1.0',
          timestamp: new Date().toISOString(),
          requestContext: {
            requestId: randomUUID(),
            functionArn: `${called.spec.functionArn}:$LATEST`,
            condition: isOld ? 'EventAgeExceeded' : 'RetriesExhausted',
            approximateInvokeCount: attempt,
          },
          requestPayload: JSON.parse(payload),
          responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
          responsePayload: answer.error,
        });
        return;
      }
      await pause(retryMs[attempt - 1] ?? retryMs[1], this.#stop.signal);
    }
  }
}

/** Ends early, without an error, when the signal says so. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
