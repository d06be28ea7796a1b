/** Tells waiting readers of one process that something was appended. Holds no timer and no history. */
import type { Clock } from '../base/clock.ts';

export class AppendSignal {
  readonly #waiting = new Set<() => void>();

  /** Wakes everybody who waits now. */
  notify(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }

  /** Resolves at the next `notify`, after `ms` at the latest; rejects with the signal's reason. */
  async wait(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const timer = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const onAbort = (): void => resolve();
    signal?.addEventListener('abort', onAbort, { once: true });
    const timeout = clock.sleep(ms, timer.signal).catch(() => undefined);
    try {
      await Promise.race([promise, timeout]);
    } finally {
      timer.abort();
      this.#waiting.delete(resolve);
      signal?.removeEventListener('abort', onAbort);
    }
    signal?.throwIfAborted();
  }
}
