/** The time an invocation has left, as a deadline to begin nothing after and a signal that ends what still waits. */
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import type { Spans } from '../../base/spans.ts';

/** What an invoker tells about an invocation: AWS Lambda's context, as far as it is used. */
export type InvocationContext = {
  getRemainingTimeInMillis(): number;
  /** Told of the phases of the work. */
  readonly spans?: Spans | undefined;
};

export type TimeLimit = AsyncDisposable & {
  /** Nothing is begun after this; on `clock.monotonicMs`. */
  readonly deadlineMs: number;
  /** Aborts when there is just enough time left to answer. */
  readonly signal: AbortSignal;
};

export type TimeMargins = {
  /** Left at the deadline, for what was begun before. */
  readonly finishMs: number;
  /** Left when the signal aborts, to answer. */
  readonly answerMs: number;
};

/** Share of a short time that may go into the margins. */
const marginShareMax = 0.5;

/** To be disposed of when the invocation ends: its timer would keep the process busy. */
export function timeLimit(clock: Clock, context: InvocationContext, margins: TimeMargins): TimeLimit {
  const leftMs = Math.max(0, context.getRemainingTimeInMillis());
  const marginMs = (ms: number): number => Math.min(ms, leftMs * marginShareMax);
  const ended = new AbortController();
  const late = new AbortController();
  const timer = clock.sleep(leftMs - marginMs(margins.answerMs), ended.signal).then(
    () => late.abort(new LakeError('unavailable', 'LAKE_TIMEOUT', 'the time of this invocation is up')),
    () => undefined,
  );
  return {
    deadlineMs: clock.monotonicMs() + leftMs - marginMs(margins.finishMs),
    signal: late.signal,
    async [Symbol.asyncDispose]() {
      ended.abort();
      await timer;
    },
  };
}
