/**
 * How long a committer waits before it tries, when others are at the same table. The window widens with each lost swap and
 * narrows with each one won, and it is counted in attempts rather than in milliseconds, so it suits a folder and a store
 * across the network alike. It is kept from one commit to the next: who has just won waits like everybody else, and nobody
 * is shut out by a neighbour that commits without pause.
 *
 * Our own clock is used; nothing but waiting depends on it.
 */
import type { Random } from '../../base/random.ts';

/** The window is at most 2^7 = 128 attempts wide: about two each for 50 rivals. */
const windowExponentMax = 7;
const attemptMsMin = 1;
/** Longest wait, whatever the attempts take. */
const waitMsMax = 10_000;
/** Weight of the newest attempt in the running mean of their durations. */
const newestWeight = 0.3;

export class Contention {
  #exponent = 0;
  #attemptMs = attemptMsMin;

  /** Whether others have been in the way lately. */
  get isContended(): boolean {
    return this.#exponent > 0;
  }

  lost(attemptMs: number): void {
    this.#measure(attemptMs);
    this.#exponent = Math.min(this.#exponent + 1, windowExponentMax);
  }

  won(attemptMs: number): void {
    this.#measure(attemptMs);
    this.#exponent = Math.max(this.#exponent - 1, 0);
  }

  /** 0 when nobody is in the way; else a random time within the window. */
  waitMs(random: Random): number {
    if (this.#exponent === 0) return 0;
    return Math.min(random.next() * 2 ** this.#exponent * this.#attemptMs, waitMsMax);
  }

  #measure(attemptMs: number): void {
    const next = this.#attemptMs * (1 - newestWeight) + attemptMs * newestWeight;
    this.#attemptMs = Math.max(next, attemptMsMin);
  }
}
