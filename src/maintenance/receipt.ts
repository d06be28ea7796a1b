/**
 * Receipts: every run of maintenance says what it did, or that it gave up and why. What the world does to a run (a store
 * that does not answer, files that are gone or corrupt, rivals) ends it with a receipt; only bugs and an aborted signal
 * come out as exceptions.
 */
import { isLakeError, type LakeErrorCode } from '../base/errors.ts';

export type RunEnd =
  | { readonly status: 'done' }
  /** Nothing that this run would have needed for its next step is certain. What it had removed by then stays removed. */
  | { readonly status: 'given-up'; readonly code: LakeErrorCode; readonly cause: string };

export const done: RunEnd = { status: 'done' };

/** Runs to the end, or to the first failure of the world. */
export async function runToEnd(run: () => Promise<RunEnd>): Promise<RunEnd> {
  try {
    return await run();
  } catch (error) {
    if (!isLakeError(error)) throw error;
    return { status: 'given-up', code: error.code, cause: error.message };
  }
}

/** Of two runs one wins the expiry record. */
export function rival({ label }: { readonly label: string }, what: 'snapshots' | 'changelogs'): RunEnd {
  const cause = `another run expires ${what} of ${label} at this moment; what this one took, that one decides about`;
  return { status: 'given-up', code: 'LAKE_EXPIRY_RIVAL', cause };
}

/** What was removed. Sizes are those that metadata tell: files whose size nobody wrote down count as 0. */
export type Removed = { readonly fileCount: number; readonly bytes: number };

export class RemovedTally {
  #fileCount = 0;
  #bytes = 0;

  add(bytes: number): void {
    this.#fileCount += 1;
    this.#bytes += bytes;
  }

  get removed(): Removed {
    return { fileCount: this.#fileCount, bytes: this.#bytes };
  }
}
