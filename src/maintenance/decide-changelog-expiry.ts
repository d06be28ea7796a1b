/**
 * Which changelogs that have outlived their snapshots may go (PROTOCOL R5, spec 10.7). Pure.
 *
 * @see Paimon 1.4.2 ExpireChangelogImpl
 */
import type { RetentionOptions } from '../format/retention-options.ts';

export type ChangelogExpiryFacts = {
  /** The oldest there are, ascending: enough of them that what follows cannot go. With the time of their commits. */
  readonly changelogs: readonly { readonly id: number; readonly timeMillis: number }[];
  /** The newest changelog below the snapshots. It stays, so that changes go on from it to them. */
  readonly newestId: number;
  /** The newest snapshot. */
  readonly headId: number;
  /** The store's time when they were listed. */
  readonly storeTimeMs: number;
  readonly options: RetentionOptions;
  /** What each consumer wants to read next. */
  readonly consumerIds: readonly number[];
};

/** @returns the number below which changelogs may go; undefined: none may */
export function decideChangelogExpiry(facts: ChangelogExpiryFacts): number | undefined {
  const { changelogs, newestId, headId, storeTimeMs, options } = facts;
  const wantedId = wantedOf(changelogs[0]?.id, facts.consumerIds);
  let below: number | undefined;
  for (const { id, timeMillis } of changelogs.slice(0, options.expireCountMax)) {
    // Counted with it, and with the snapshots above.
    const count = headId - id + 1;
    if (id >= newestId || id >= wantedId || count <= options.retainedCountMin) break;
    if (count <= options.retainedCountMax && storeTimeMs - timeMillis <= options.retainedMs) break;
    below = id + 1;
  }
  return below;
}

/**
 * The second look, at consumers that have come while the run had said what it was about: what of it may still go.
 *
 * @param oldestId of the changelogs
 * @returns undefined: none may
 */
export function decideStillGoing(below: number, oldestId: number, consumerIds: readonly number[]): number | undefined {
  const least = Math.min(below, wantedOf(oldestId, consumerIds));
  return least > oldestId ? least : undefined;
}

/** A consumer that wants what is gone already holds nothing: it is told so when it reads. */
function wantedOf(oldestId: number | undefined, consumerIds: readonly number[]): number {
  return Math.min(...consumerIds.filter(id => oldestId !== undefined && id >= oldestId));
}
