/** The file of a group, replaced by compare-and-swap only: what a member decides is decided on the version it replaces. */
import { LakeError } from '../../../base/errors.ts';
import { backoffMs } from '../../../base/retry.ts';
import { equalBytes } from '../../../bytes/compare.ts';
import { jsonBytesMax } from '../../../format/metadata-limits.ts';
import type { StoredObject } from '../../../storage/object-store.ts';
import { consumerKey, decodeConsumerPlace } from '../../../table/consumer-file.ts';
import type { Table } from '../../../table/table.ts';
import { pointOfPlace } from '../consume.ts';
import { decodeGroup, encodeGroup, type GroupState, type GroupUnit, historyUnit, type Lease } from './group-state.ts';

export type GroupHome = Pick<Table, 'store' | 'metaPath' | 'label' | 'clock' | 'random' | 'id' | 'storeTimeMs'>;

/**
 * What is to become of the group, decided on its newest version.
 *
 * @param nowMs store time
 * @param mayHaveHappened an earlier try got no answer, and may have been decided on before this version
 */
export type GroupChange<T> = (state: GroupState, nowMs: number, mayHaveHappened: boolean) => Promise<GroupDecision<T>>;
/** `next` undefined: it stays as it is. */
export type GroupDecision<T> = { readonly next: GroupState | undefined; readonly result: T };

/** A rival's swap makes a try fail; of n rivals one succeeds each time. */
const triesMax = 40;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

export class GroupFile {
  readonly #home: GroupHome;
  readonly #groupId: string;
  readonly #key: string;
  /** Once it was there, it is not made again: who removes it resets the group. */
  #isJoined = false;

  /** @throws LakeError `invalid` LAKE_BAD_NAME */
  constructor(home: GroupHome, groupId: string) {
    this.#home = home;
    this.#groupId = groupId;
    this.#key = consumerKey(home, groupId);
  }

  /**
   * Replaces the newest version by what is decided on it. It may be decided several times, and on top of an earlier one, which
   * happened though its answer was lost: whoever decides has to tell that.
   *
   * @throws LakeError `fenced` LAKE_CONSUMER_TAKEN when the group was reset or its name is a single reader's; `unavailable`
   * LAKE_STORE_UNAVAILABLE; `corrupt` LAKE_CORRUPT_CONSUMER
   */
  async update<T>(change: GroupChange<T>, signal?: AbortSignal): Promise<T> {
    const { store, clock, random } = this.#home;
    let cause: unknown;
    for (let tries = 0; tries < triesMax; tries += 1) {
      if (tries > 0) await clock.sleep(backoffMs(tries, random, backoff), signal);
      const found = await this.#read(signal);
      const { next, result } = await change(found.state, found.nowMs, cause !== undefined);
      if (next === undefined) return result;
      const bytes = encodeGroup(next, random.uuid());
      const outcome =
        found.etag === undefined
          ? await store.putIfAbsent(this.#key, bytes)
          : await store.putIfMatch(this.#key, bytes, found.etag);
      const isThere =
        outcome.status === 'created' ||
        outcome.status === 'replaced' ||
        (outcome.status === 'unanswered' && (await this.#has(bytes)));
      if (isThere) {
        this.#isJoined = true;
        return result;
      }
      if (outcome.status === 'unanswered') cause = outcome.cause ?? 'no answer';
    }
    throw new LakeError(
      'unavailable',
      'LAKE_STORE_UNAVAILABLE',
      `${store.uri}: ${this.#key} could not be replaced in ${triesMax} tries; what was read since the place before may come again`,
      { cause },
    );
  }

  async #has(bytes: Uint8Array): Promise<boolean> {
    const object = await this.#home.store.get(this.#key, { bytesMax: jsonBytesMax });
    return object !== undefined && equalBytes(object.bytes, bytes);
  }

  async #read(
    signal: AbortSignal | undefined,
  ): Promise<{ readonly state: GroupState; readonly etag: string | undefined; readonly nowMs: number }> {
    const object = await this.#home.store.get(this.#key, { bytesMax: jsonBytesMax, signal });
    const state = object === undefined ? undefined : decodeGroup(object.bytes, this.#key);
    if (state === undefined && this.#isJoined) throw this.#taken();
    const nowMs = object?.storeTimeMs ?? this.#home.storeTimeMs();
    return { state: state ?? this.#begun(object), etag: object?.etag, nowMs };
  }

  /** A group that nobody has read as one: it goes on where a consumer of its name stands. */
  #begun(object: StoredObject | undefined): GroupState {
    const stored = object === undefined ? undefined : decodeConsumerPlace(object.bytes, this.#key);
    const point = stored === undefined ? undefined : pointOfPlace(stored);
    const tableId = this.#home.id ?? '';
    const before = stored === undefined ? undefined : { tableId, snapshotId: stored.nextSnapshot - 1, log: undefined };
    const place = point ?? before;
    const history: GroupUnit = { parentIds: [], ended: false, sinceMs: undefined, lease: undefined };
    return {
      // Whoever takes a group without a place for a consumer is told that it has expired, and not given less than all.
      nextSnapshot: stored?.nextSnapshot ?? 1,
      pinnedMs: 0,
      place,
      epoch: 0,
      members: new Map(),
      units: place?.log === undefined ? new Map([[historyUnit, history]]) : new Map(),
    };
  }

  #taken(): LakeError {
    return new LakeError(
      'fenced',
      'LAKE_CONSUMER_TAKEN',
      `group ${this.#groupId} of ${this.#home.label} was reset, or a single reader has taken its name; what was read since ` +
        'its last place comes again. Subscribe again to begin anew',
    );
  }
}

/** By unit: who of a group reads it, as the file says. @throws LakeError `invalid` LAKE_BAD_NAME; `corrupt` LAKE_CORRUPT_CONSUMER */
export async function readLeases(
  home: Pick<GroupHome, 'store' | 'metaPath'>,
  groupId: string,
): Promise<ReadonlyMap<string, Lease>> {
  const key = consumerKey(home, groupId);
  const object = await home.store.get(key, { bytesMax: jsonBytesMax });
  const state = object === undefined ? undefined : decodeGroup(object.bytes, key);
  return new Map([...(state?.units ?? [])].flatMap(([id, { lease }]) => (lease === undefined ? [] : [[id, lease]])));
}
