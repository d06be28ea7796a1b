/** Medians of what turns measured, and ratios of them. */
import type { Figures } from './turn.ts';

/** The middle one; of two the mean. */
export function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** The middle one in whole units. */
export function wholeMiddle(values: readonly number[]): number {
  return Math.round(middle(values));
}

/** The median of each figure that all turns have. */
export function medianFigures(turns: readonly Figures[]): Figures {
  const names = Object.keys(turns[0] ?? {}).filter(name => turns.every(turn => turn[name] !== undefined));
  return Object.fromEntries(names.map(name => [name, rounded(middle(turns.map(turn => turn[name] ?? Number.NaN)))]));
}

/** How many times a peer takes what we take, by figure: above 1 ours is less. */
export function ratiosOf(ours: Figures, peer: Figures): Figures {
  const names = Object.keys(ours).filter(name => peer[name] !== undefined && ours[name] !== 0);
  return Object.fromEntries(
    names.map(name => [name, rounded((peer[name] ?? Number.NaN) / (ours[name] ?? Number.NaN))]),
  );
}

/** Four digits: more say nothing. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** The smallest value that at least this share of all does not exceed. @param share above 0, up to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
