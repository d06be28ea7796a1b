/**
 * How long a committer waits before it tries, when others are at the same table. The window widens with each lost swap and
 * narrows with each one won, and it is counted in attempts rather than in milliseconds, so it suits a folder and a store
 * across the network alike. It is kept from one commit to the next: who has just won waits like everybody else, and nobody
 * is shut out by a neighbour that commits without pause. A commit that has lost often waits a shorter part of its window, since
 * those with narrow ones would always be before it.
 *
 * Our own clock is used; nothing but waiting depends on it.
 */
import type { Random } from '../../base/random.ts';

/** The window is at most 2^7 = 128 attempts wide: about two each for 50 rivals. */
const windowExponentMax = 7;
/** Who has lost so many swaps more than won has many rivals. */
const crowdedExponent = 2;
const attemptMsMin = 0.5;
/** Each swap that this commit has lost, up to so many, adds half to the number by which its wait is divided. */
const lostCountMax = 4;
/** Longest wait, whatever the attempts take. */
const waitMsMax = 10_000;
/** How fast the shortest attempt seen is forgotten. What others make it wait for must not widen the window further. */
const shortestGrowth = 1.1;

export class Contention {
  #exponent = 0;
  /** Swaps lost since the last one won. */
  #lostCount = 0;
  /** About the shortest that an attempt has lately taken. */
  #attemptMs: number | undefined;

  /** Whether others have been in the way lately. */
  get isContended(): boolean {
    return this.#exponent > 0;
  }

  /** Whether they are many. */
  get isCrowded(): boolean {
    return this.#exponent > crowdedExponent;
  }

  lost(attemptMs: number): void {
    this.#measure(attemptMs);
    this.#exponent = Math.min(this.#exponent + 1, windowExponentMax);
    this.#lostCount = Math.min(this.#lostCount + 1, lostCountMax);
  }

  won(attemptMs: number): void {
    this.#measure(attemptMs);
    this.#exponent = Math.max(this.#exponent - 1, 0);
    this.#lostCount = 0;
  }

  /** 0 when nobody is in the way; else a random time within the window. */
  waitMs(random: Random): number {
    if (this.#exponent === 0) return 0;
    const windowMs = 2 ** this.#exponent * (this.#attemptMs ?? attemptMsMin);
    return Math.min((random.next() * windowMs) / (1 + this.#lostCount / 2), waitMsMax);
  }

  #measure(attemptMs: number): void {
    const shortest = this.#attemptMs === undefined ? attemptMs : Math.min(attemptMs, this.#attemptMs * shortestGrowth);
    this.#attemptMs = Math.max(shortest, attemptMsMin);
  }
}
