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
  readonly goal: string;
  readonly reached: number;
  readonly isMet: boolean;
};

type Measured = { readonly medians: Figures; readonly ratios: Readonly<Record<string, Figures>> };

/** Nothing where it was not measured: the peer took no part. */
export function outcomeOf(goal: Goal, { medians, ratios }: Measured): GoalOutcome | undefined {
  switch (goal.kind) {
    case 'ratio': {
      const reached = ratios[goal.peer]?.[goal.figure];
      if (reached === undefined) return undefined;
      return { goal: `${goal.figure} ${goal.peer} ≥ ${goal.atLeast}x`, reached, isMet: reached >= goal.atLeast };
    }
    case 'most': {
      const reached = medians[goal.figure];
      if (reached === undefined) return undefined;
      return { goal: `${goal.figure} ≤ ${goal.atMost}`, reached, isMet: reached <= goal.atMost };
    }
    case 'least': {
      const reached = medians[goal.figure];
      if (reached === undefined) return undefined;
      return { goal: `${goal.figure} ≥ ${goal.atLeast}`, reached, isMet: reached >= goal.atLeast };
    }
  }
}
