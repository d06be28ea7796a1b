/**
 * Back-off with jitter, and the one retry loop. Whether a failure may be tried again is the caller's to say.
 */
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

export type BackoffSettings = {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
};

/** Exponential back-off with full jitter: a number in [0, min(delayMsMax, delayMsMin * 2^attempt)). */
export function backoffMs(attempt: number, random: Random, settings: BackoffSettings): number {
  const ceilingMs = Math.min(settings.delayMsMin * 2 ** Math.min(attempt, 30), settings.delayMsMax);
  return Math.floor(random.next() * ceilingMs);
}

export type RetryOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly attemptsMax: number;
  readonly backoff: BackoffSettings;
  /** Whether this failure may be tried again; what is not is thrown at once. */
  readonly retryable: (error: unknown) => boolean;
  readonly signal?: AbortSignal | undefined;
};

/** Runs an idempotent action until it succeeds, fails for good, or has had `attemptsMax` tries. */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt + 1 >= options.attemptsMax || !options.retryable(error)) throw error;
      await options.clock.sleep(backoffMs(attempt, options.random, options.backoff), options.signal);
    }
  }
}
