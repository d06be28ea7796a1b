/**
 * What the tool and its worker processes say to each other, one question at a time. A worker that does not answer in time is
 * ended: a mutant may well run for ever.
 */
import type { CollectedTest, TestEnd } from './harness.ts';

/** What a worker is started with, as a JSON file. */
export type WorkerTask = {
  readonly root: string;
  /** Test files, from the root. */
  readonly testFiles: readonly string[];
  /** The text with mutants in it of each source, by its path from the root. */
  readonly sources: Readonly<Record<string, string>>;
};

export type Question =
  /** Runs each test without a mutant and notes which mutants it reaches. */
  | { readonly kind: 'cover'; readonly tests: readonly number[]; readonly testMsMax: number }
  /** Runs the tests with the mutant until one of them fails. */
  | { readonly kind: 'try'; readonly mutant: number; readonly tests: readonly TestLimit[] };

export type TestLimit = { readonly index: number; readonly msMax: number };

export type Answer =
  | { readonly kind: 'ready'; readonly tests: readonly CollectedTest[]; readonly reachedByLoading: readonly number[] }
  /** A test of the question has begun: the clock of the one who waits starts anew. */
  | { readonly kind: 'begun'; readonly test: number }
  | {
      readonly kind: 'covered';
      readonly test: number;
      readonly ms: number;
      readonly end: TestEnd;
      readonly reached: readonly number[];
    }
  | { readonly kind: 'done' }
  | ({ readonly kind: 'tried' } & Trial);

/**
 * `isDoubtful`: the same test failed without the mutant too, right after. What a failing test leaves behind may do that; the
 * trial is then made again in a new process.
 */
export type Trial =
  | { readonly status: 'survived' }
  | { readonly status: 'killed'; readonly test: number; readonly error: string; readonly isDoubtful: boolean }
  | { readonly status: 'timed-out'; readonly test: number };
