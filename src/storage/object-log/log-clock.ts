/** The store's clock, carried on between its answers by ours: a log's arrivals follow no machine whose clock is wrong. */
import type { Clock } from '../../base/clock.ts';

/** Stores tell whole seconds, so a time told is up to one second behind, and an answer that took longer tells none. */
const staleMsMax = 2_000;

export class LogClock {
  readonly #clock: Clock;
  #aheadMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of our clock: taken before a request whose answer is learnt from. */
  ownMs(): number {
    return this.#clock.nowMs();
  }

  /**
   * A time that an answer of the store told. The one that was least behind counts.
   *
   * @param askedMs by our clock
   */
  learn(storeTimeMs: number, askedMs: number): void {
    const ownMs = this.ownMs();
    if (ownMs - askedMs > staleMsMax) return;
    const aheadMs = storeTimeMs - ownMs;
    const before = this.#aheadMs;
    if (before === undefined || aheadMs > before || aheadMs < before - staleMsMax) this.#aheadMs = aheadMs;
  }

  nowMs(): number {
    return this.at(this.ownMs());
  }

  /** The same for a moment of our clock, by what is known of the store's by now. */
  at(ownMs: number): number {
    return Math.floor(ownMs + (this.#aheadMs ?? 0));
  }
}
