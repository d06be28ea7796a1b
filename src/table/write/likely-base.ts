/** What a session asks before its commit plans: the base that the plan will most likely have, and what is known of it. */
import type { Committer } from '../commit/commit.ts';
import type { BucketPlace, CommitBase } from '../commit/request.ts';

export type LikelyBase = {
  /** undefined: none is known. */
  readonly base: () => Promise<CommitBase | undefined>;
  /** Of `base`; -1 where none is known. */
  readonly sequenceFloor: (place: BucketPlace) => Promise<bigint>;
};

export function likelyBaseOf(committer: Committer): LikelyBase {
  const base = async (): Promise<CommitBase | undefined> => {
    const found = await committer.base();
    return found.kind === 'base' ? found.base : undefined;
  };
  return { base, sequenceFloor: async place => (await base())?.sequenceFloor(place) ?? -1n };
}
