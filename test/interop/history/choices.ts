/** Random choices for histories, all out of one seeded source. */
import type { Random } from '../../../src/base/random.ts';

export type Choices = {
  readonly below: (count: number) => number;
  readonly chance: (share: number) => boolean;
  readonly of: <const T>(items: readonly [T, ...T[]]) => T;
};

export function choicesOf(random: Random): Choices {
  const below = (count: number): number => Math.floor(random.next() * count);
  return {
    below,
    chance: share => random.next() < share,
    of: items => items[below(items.length)] ?? items[0],
  };
}
