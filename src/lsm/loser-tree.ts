/**
 * A tournament over k leaves that keeps, at each inner node, the loser of the match played there: after the winner's
 * leaf has moved on, one match per level finds the next winner. Matches are decided by the leaves' heads; equal heads
 * are put to the owner.
 *
 * @see Knuth, The Art of Computer Programming 3, 5.4.1
 */
import { assert } from '../base/assert.ts';

/** The head of a leaf that has ended; greater than all others. */
export const endedHead: number = Number.POSITIVE_INFINITY;

/** Whether leaf `a` comes before leaf `b` when their heads are equal. A total order; false for a leaf against itself. */
export type TieBreak = (a: number, b: number) => boolean;

export class LoserTree {
  /** Head of each leaf. The owner sets a leaf's and then calls `replay`. */
  readonly heads: Float64Array;
  readonly #tieBreak: TieBreak;
  /** Losers of the inner nodes 1 … k - 1; leaf i is node k + i. */
  readonly #losers: Int32Array;
  readonly #leafCount: number;

  /** All leaves begin ended. */
  constructor(leafCount: number, tieBreak: TieBreak) {
    assert(leafCount >= 1, 'a loser tree has a leaf');
    this.heads = new Float64Array(leafCount).fill(endedHead);
    this.#losers = new Int32Array(leafCount);
    this.#leafCount = leafCount;
    this.#tieBreak = tieBreak;
  }

  /** Plays all matches anew. @returns the winning leaf */
  build(): number {
    const winners = new Int32Array(2 * this.#leafCount);
    for (let leaf = 0; leaf < this.#leafCount; leaf += 1) winners[this.#leafCount + leaf] = leaf;
    for (let node = this.#leafCount - 1; node >= 1; node -= 1) {
      const left = winners[2 * node]!;
      const right = winners[2 * node + 1]!;
      const leftWins = this.#isBefore(left, right);
      winners[node] = leftWins ? left : right;
      this.#losers[node] = leftWins ? right : left;
    }
    return winners[1]!;
  }

  /** Plays the matches of the last winner's leaf, whose head has changed. @returns the winning leaf */
  replay(leaf: number): number {
    const heads = this.heads;
    const losers = this.#losers;
    let winner = leaf;
    let head = heads[leaf]!;
    for (let node = (leaf + this.#leafCount) >> 1; node >= 1; node >>= 1) {
      const other = losers[node]!;
      const otherHead = heads[other]!;
      if (otherHead < head || (otherHead === head && this.#tieBreak(other, winner))) {
        losers[node] = winner;
        winner = other;
        head = otherHead;
      }
    }
    return winner;
  }

  #isBefore(a: number, b: number): boolean {
    const left = this.heads[a]!;
    const right = this.heads[b]!;
    return left < right || (left === right && this.#tieBreak(a, b));
  }
}
