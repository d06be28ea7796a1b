/**
 * Which snapshots may expire (DESIGN R1, S9, R2; spec 10.6). Pure.
 *
 * A snapshot goes when the one above it is old enough: until then it was the newest, and whoever began to read it then may
 * still do so. Always a run from the oldest upward, so that numbers keep hanging together.
 */
import { assert } from '../base/assert.ts';
import type { RetentionOptions } from '../format/table-options.ts';
import { supersededStaysMs } from '../table/commit/limits.ts';
import { newestKeptCount } from './limits.ts';

export type ExpiryFacts = {
  /** Ids of the chain that hang together, ascending, with the store's age of each file. */
  readonly snapshots: readonly { readonly id: number; readonly lastModifiedMs: number }[];
  /** The store's time when they were listed. */
  readonly storeTimeMs: number;
  readonly options: RetentionOptions;
  /** The smallest snapshot that each consumer still wants to read. */
  readonly consumerIds: readonly number[];
  /** The newest snapshot with properties of ours: the state of ingest is read from it (S11). */
  readonly stateId: number | undefined;
};

/** @returns how many snapshots from the oldest on may go */
export function decideExpiry(facts: ExpiryFacts): number {
  const { snapshots, storeTimeMs, options, consumerIds, stateId } = facts;
  const [first] = snapshots;
  if (first === undefined) return 0;
  // A consumer that wants what is gone already holds nothing: it is told so when it reads.
  const wantedId = Math.min(...consumerIds.filter(id => id >= first.id));
  let count = 0;
  while (count < options.expireCountMax) {
    const [oldest, successor] = [snapshots[count], snapshots[count + 1]];
    if (oldest === undefined || successor === undefined) break;
    const left = snapshots.length - count - 1;
    assert(successor.id === oldest.id + 1, 'snapshots hang together');
    if (left < Math.max(newestKeptCount, options.retainedCountMin)) break;
    const ageMs = storeTimeMs - successor.lastModifiedMs;
    if (ageMs <= supersededStaysMs) break;
    if (ageMs <= options.retainedMs && left < options.retainedCountMax) break;
    if (oldest.id >= wantedId) break;
    if (stateId !== undefined && oldest.id >= stateId) break;
    count += 1;
  }
  return count;
}

/** What names a snapshot that a run is about to remove. */
export type PinnedSnapshot = { readonly id: number; readonly identity: string };

/**
 * The second look of R1, after the snapshot files are gone: from which of them on everything must be put back.
 *
 * @param expired the range, ascending
 * @param consumerIds what consumers want to read next
 * @param before snapshots that tags and other lines held when the range was decided: what they need is kept for them, and
 *   they do without the snapshot file
 * @param now what they hold after the files are gone. Who has come meanwhile may be about to look whether the file is there
 * @returns an id of the range, or the one above it: nothing has to be put back
 */
export function decidePutBack(
  expired: readonly PinnedSnapshot[],
  consumerIds: readonly number[],
  pins: { readonly before: readonly PinnedSnapshot[]; readonly now: readonly PinnedSnapshot[] },
): number {
  const [first, last] = [expired[0], expired.at(-1)];
  assert(first !== undefined && last !== undefined, 'a range is not empty');
  const identities = new Map(expired.map(({ id, identity }) => [identity, id]));
  const known = new Set(pins.before.map(({ identity }) => identity));
  const wanted = consumerIds.filter(id => id >= first.id);
  for (const { identity } of pins.now) {
    const id = identities.get(identity);
    if (id !== undefined && !known.has(identity)) wanted.push(id);
  }
  return wanted.reduce((least, id) => Math.min(least, id), last.id + 1);
}
