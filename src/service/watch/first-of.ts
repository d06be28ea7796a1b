/** Waiting for an answer, but not for ever. */
import type { Clock } from '../../base/clock.ts';

/** undefined: it did not come in that time; it may be awaited again. */
export async function firstOf<T>(clock: Clock, answer: Promise<T>, waitMs: number): Promise<T | undefined> {
  const came = new AbortController();
  const slept = clock.sleep(waitMs, came.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([answer, slept]);
  } finally {
    came.abort();
    await slept;
  }
}
