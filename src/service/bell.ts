/** Waits that can be cut short. */
import type { Clock } from '../base/clock.ts';

export class Bell {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the wait, or the next one when nobody waits. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves when the bell is rung, after `ms` at the latest. @throws the signal's reason */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      const sleeping = new AbortController();
      this.#wake = () => sleeping.abort();
      await this.#clock.sleep(ms, AbortSignal.any([signal, sleeping.signal])).catch(() => undefined);
      this.#wake = undefined;
    }
    this.#rung = false;
    signal.throwIfAborted();
  }
}
