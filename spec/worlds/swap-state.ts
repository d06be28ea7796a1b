/**
 * The states of the world of the swap. Times are the store's, in minutes.
 */
import type { SwapEvidence } from '../../src/table/commit/decide-settle.ts';

/** No identity: below the first snapshot, and the link of a foreign one. */
export const nobody = -1;

export type SwapBounds = {
  readonly writers: 1 | 2;
  /** Commits of each writer, and attempts for them. */
  readonly commits: number;
  readonly attempts: number;
  /** Commits of others, with a link to their parent and without. */
  readonly others: number;
  readonly foreigners: number;
  readonly shortWaits: number;
  readonly longWaits: number;
};

/** A snapshot file. */
export type Snap = { readonly identity: number; readonly parent: number; readonly at: number };

/** A snapshot that is sent to its number. */
export type Put = {
  readonly id: number;
  readonly identity: number;
  readonly parent: number;
  /** When its writer was answered last before it sent. */
  readonly knownAt: number;
};

export type Writer = {
  readonly phase: 'looking' | 'reading' | 'planned' | 'sending' | 'pausing' | 'settling' | 'done';
  readonly commits: number;
  readonly attempts: number;
  readonly base: number;
  readonly baseIdentity: number;
  readonly baseAt: number;
  readonly answeredAt: number;
  readonly put: Put;
  readonly sendings: number;
  readonly unanswered: boolean;
  readonly evidence: SwapEvidence | undefined;
};

export type SwapState = {
  readonly now: number;
  readonly shortWaits: number;
  readonly longWaits: number;
  readonly others: number;
  readonly foreigners: number;
  /** By number. */
  readonly files: readonly (Snap | undefined)[];
  /** What was committed at each number, and when: the truth, which nobody in the world sees. */
  readonly chain: readonly { readonly identity: number; readonly at: number }[];
  readonly writers: readonly [Writer, Writer];
  /** Sendings under way that nobody waits for. */
  readonly strays: readonly Put[];
  /** What expiry has still to take away. */
  readonly going: readonly number[];
  /** Identities whose writer was told that they are not in the chain. */
  readonly disowned: readonly number[];
  readonly identities: number;
  readonly breach: string | undefined;
};

export function writerAtFirst({ commits, attempts }: SwapBounds, phase: Writer['phase']): Writer {
  return {
    phase,
    commits,
    attempts,
    base: 0,
    baseIdentity: nobody,
    baseAt: 0,
    answeredAt: 0,
    put: { id: 0, identity: nobody, parent: nobody, knownAt: 0 },
    sendings: 0,
    unanswered: false,
    evidence: undefined,
  };
}
