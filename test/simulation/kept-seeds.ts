/** Seeds that found something once. They run with every check. */
export type KeptSeed = {
  readonly scenario: string;
  readonly seed: number;
  /** What was wrong. */
  readonly why: string;
};

export const keptSeeds: readonly KeptSeed[] = [];
