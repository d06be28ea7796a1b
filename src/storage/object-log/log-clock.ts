/** The store's clock, carried on between its answers by ours: a log's arrivals follow no machine whose clock is wrong. */
import type { Clock } from '../../base/clock.ts';

/** Stores tell whole seconds. */
const toldWithinMs = 1_000;

export class LogClock {
  readonly #clock: Clock;
  /** How far the store's clock is ahead of ours: between these. An answer that took long narrows it little. */
  #aheadMs: { readonly least: number; readonly most: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of our clock: taken before a request whose answer is learnt from. */
  ownMs(): number {
    return this.#clock.nowMs();
  }

  /**
   * A time that an answer of the store told.
   *
   * @param askedMs by our clock
   */
  learn(storeTimeMs: number, askedMs: number): void {
    const least = storeTimeMs - this.ownMs();
    const most = storeTimeMs + toldWithinMs - askedMs;
    const before = this.#aheadMs;
    // It cannot be both: one of the clocks was set anew.
    const isAnew = before === undefined || most < before.least || least > before.most;
    this.#aheadMs = isAnew
      ? { least, most }
      : { least: Math.max(before.least, least), most: Math.min(before.most, most) };
  }

  /** Not ahead of the store. */
  nowMs(): number {
    return this.at(this.ownMs());
  }

  /** The same for a moment of our clock, by what is known of the store's by now. */
  at(ownMs: number): number {
    return Math.floor(ownMs + (this.#aheadMs?.least ?? 0));
  }

  /** Not behind the store; infinite while nothing is known of it. */
  latestMs(): number {
    return this.ownMs() + (this.#aheadMs?.most ?? Number.POSITIVE_INFINITY);
  }
}
