/** What a comparison must reach, and whether it does. Pure. */
import type { Figures } from './turn.ts';

export type Goal =
  /** A peer takes at least so many times what we take. */
  | { readonly kind: 'ratio'; readonly figure: string; readonly peer: string; readonly atLeast: number }
  /** We take at most so much. */
  | { readonly kind: 'most'; readonly figure: string; readonly atMost: number }
  /** We do at least so much. */
  | { readonly kind: 'least'; readonly figure: string; readonly atLeast: number };

export type GoalOutcome = {
  /** As people read it. */
  readonly goal: string;
  readonly figure: string;
  /** Whose figure it is a ratio to; not there where the goal is of ours alone. */
  readonly peer?: string;
  /** Of the ratio, or of our figure. */
  readonly bound: number;
  readonly reached: number;
  readonly isMet: boolean;
};

type Measured = { readonly medians: Figures; readonly ratios: Readonly<Record<string, Figures>> };

/** Nothing where it was not measured: the peer took no part. */
export function outcomeOf(goal: Goal, { medians, ratios }: Measured): GoalOutcome | undefined {
  const { figure } = goal;
  const reached = goal.kind === 'ratio' ? ratios[goal.peer]?.[figure] : medians[figure];
  if (reached === undefined) return undefined;
  switch (goal.kind) {
    case 'ratio': {
      const { peer, atLeast: bound } = goal;
      return { goal: `≥ ${bound}x ${peer}`, figure, peer, bound, reached, isMet: reached >= bound };
    }
    case 'most':
      return { goal: `≤ ${goal.atMost}`, figure, bound: goal.atMost, reached, isMet: reached <= goal.atMost };
    case 'least':
      return { goal: `≥ ${goal.atLeast}`, figure, bound: goal.atLeast, reached, isMet: reached >= goal.atLeast };
  }
}
