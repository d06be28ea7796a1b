/**
 * Expiry: takes the oldest snapshots of a line and what only they need (DESIGN R1, spec 10.6).
 *
 * A run goes range by range from the oldest snapshot up. For each range:
 *
 * 1. **Plan** on what is there (decide-expiry.ts, plan-removal.ts). A file missing under anything that stays ends the run.
 * 2. **Hold**: the expiry record says what is about to go (expiry-record.ts).
 * 3. `LATEST` is put right. Where changelogs outlive snapshots, theirs are written. Then the snapshot files go, oldest first.
 * 4. **Look again** at tags, branches and consumers. What has come meanwhile gets its snapshots back.
 * 5. **Decide** by a swap of the record: what is below its floor is gone for good. Whoever loses this swap touches no data.
 * 6. Data files go, then manifests, lists, indexes and our own objects; `EARLIEST` last.
 *
 * A run that dies leaves files that nothing names, which the orphan cleaner finds, and never a name without its file.
 */
import { present } from '../base/assert.ts';
import { mapBounded } from '../base/concurrency.ts';
import { LakeError } from '../base/errors.ts';
import { backoffMs } from '../base/retry.ts';
import { earliestHintPath, latestHintPath, snapshotPath } from '../format/paths.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { RetentionOptions } from '../format/table-options.ts';
import { listChangelogIds } from '../table/changelog/change-source.ts';
import { baseFreshMs } from '../table/commit/limits.ts';
import { isOurs } from '../table/commit/properties.ts';
import {
  type ExpiryRecord,
  type HeldSnapshot,
  readExpiryRecord,
  recordBackoff,
  recordTriesMax,
  swapExpiryRecord,
} from '../table/expiry-record.ts';
import { readSnapshot, type SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { type ChainPart, type ChainSnapshot, type ListedChain, newestOwn, readChain } from './chain.ts';
import { decideExpiry, decidePutBack, type ExpiryFacts, type PinnedSnapshot } from './decide-expiry.ts';
import { writeHint } from './hints.ts';
import { deletesInParallelMax, expiryRoundsMax, heldBytesMax, readTriesMax } from './limits.ts';
import { ownLine, tooSlow } from './lines.ts';
import { consumerIdsOf, type Pins, pinnedSnapshots, readPins, samePins } from './pins.ts';
import { planRemoval, type Removal } from './plan-removal.ts';
import { done, type Removed, RemovedTally, type RunEnd, rival, runToEnd } from './receipt.ts';
import { refusedForRemoval } from './refused-removal.ts';
import { writeChangelogs } from './write-changelogs.ts';

export type ExpireOptions = {
  /** In place of what the table's options say. */
  readonly retention?: Partial<RetentionOptions> | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type ExpireReceipt = RunEnd & {
  readonly label: string;
  /** Snapshots that expired for good. */
  readonly expiredCount: number;
  /** The oldest that is left; undefined: it was not seen. */
  readonly oldestId: number | undefined;
  /** Snapshots that were put back since somebody had come to need them. */
  readonly putBackCount: number;
  /** Files of writers that came too late, below the chain (S9). */
  readonly garbageCount: number;
  readonly data: Removed;
  readonly metadata: Removed;
};

/** Expires what may expire on the line the table was opened on. */
export async function expireSnapshots(table: Table, options: ExpireOptions = {}): Promise<ExpireReceipt> {
  const run = new ExpiryRun(table, options);
  const end = await runToEnd(() => run.toEnd());
  return { ...end, ...run.figures() };
}

/** A range on its way out. */
type Range = {
  readonly chain: ChainPart;
  /** Ascending. */
  readonly expired: readonly ChainSnapshot[];
  /** Right above them. */
  readonly kept: Snapshot;
};

class ExpiryRun {
  readonly #table: Table;
  readonly #line: SnapshotHome;
  readonly #options: ExpireOptions;
  readonly #data = new RemovedTally();
  readonly #metadata = new RemovedTally();
  #expiredCount = 0;
  #putBackCount = 0;
  #garbageCount = 0;
  #oldestId: number | undefined;

  constructor(table: Table, options: ExpireOptions) {
    this.#table = table;
    this.#line = ownLine(table);
    this.#options = options;
  }

  figures(): Omit<ExpireReceipt, keyof RunEnd | 'code' | 'cause'> {
    return {
      label: this.#table.label,
      expiredCount: this.#expiredCount,
      oldestId: this.#oldestId,
      putBackCount: this.#putBackCount,
      garbageCount: this.#garbageCount,
      data: this.#data.removed,
      metadata: this.#metadata.removed,
    };
  }

  async toEnd(): Promise<RunEnd> {
    const { schema, label } = this.#table;
    const refused = refusedForRemoval(schema);
    if (refused.length > 0) {
      const cause = `snapshots of ${label} do not expire here: ${refused.join(', ')} is not supported by Tidelake`;
      return { status: 'given-up', code: 'LAKE_UNSUPPORTED', cause };
    }
    for (let round = 0; round < expiryRoundsMax; round += 1) {
      this.#options.signal?.throwIfAborted();
      const range = await this.#nextRange();
      if (range === 'again') continue;
      if (range === 'rival') return rival(this.#table, 'snapshots');
      if (range === undefined) break;
      const end = await this.#expire(range);
      if (end.status === 'given-up') return end;
      if (this.#oldestId === range.expired[0]?.snapshot.id) break;
    }
    return done;
  }

  /** What may go next; undefined: nothing. `again`: what a run that died had taken away is back. */
  async #nextRange(): Promise<Range | 'again' | 'rival' | undefined> {
    // Two more than go: the first that stays, and the one above it that shows by its link that it is of the chain.
    const chain = await readChain(this.#line, listed => this.#mayExpire(listed) + 2);
    this.#oldestId = chain.ids[0];
    await this.#removeGarbage(chain);
    const count = this.#mayExpire(chain) > 0 ? await this.#countToExpire(chain) : 0;
    const expired = withinBytes(chain.lowest.slice(0, Math.max(0, Math.min(count, chain.lowest.length - 2))));
    const keptId = chain.ids[expired.length] ?? Number.POSITIVE_INFINITY;
    const listed = new Set(chain.files.map(({ id }) => id));
    const missing = chain.record.held.filter(({ id }) => id >= keptId && !listed.has(id));
    if (missing.length > 0) {
      // By a swap first: whoever had taken them away can then no longer decide that they go.
      const swapped = await this.#swapRecord(chain.record, { ...chain.record, isOpen: false });
      if (swapped === 'lost') return 'rival';
      await this.#putBack(missing);
      return 'again';
    }
    const kept = chain.lowest[expired.length]?.snapshot;
    return expired.length === 0 || kept === undefined ? undefined : { chain, expired, kept };
  }

  async #countToExpire(chain: ChainPart): Promise<number> {
    const consumerIds = await this.#consumersOf(chain);
    return this.#mayExpire(chain, { consumerIds, stateId: (await newestOwn(this.#line, chain))?.id });
  }

  /** One that still wants changelogs below the chain wants all of the chain. */
  async #consumersOf({ ids }: ChainPart): Promise<readonly number[]> {
    const consumerIds = this.#holding(await consumerIdsOf(this.#table));
    const first = ids[0] ?? 0;
    if (consumerIds.every(id => id >= first)) return consumerIds;
    const oldestChangelog = (await listChangelogIds(this.#line))[0] ?? first;
    return consumerIds.map(id => (id >= oldestChangelog ? Math.max(id, first) : id));
  }

  /** How many may go by what is known of who holds them; with nothing known, by age and number alone. */
  #mayExpire(listed: ListedChain, held: Partial<Pick<ExpiryFacts, 'consumerIds' | 'stateId'>> = {}): number {
    const files = new Map(listed.files.map(file => [file.id, file]));
    return decideExpiry({
      // A file that was taken away and not decided about was old enough when it was taken.
      snapshots: listed.ids.map(id => ({ id, lastModifiedMs: files.get(id)?.lastModifiedMs ?? 0 })),
      storeTimeMs: listed.storeTimeMs,
      options: { ...this.#table.options.snapshots, ...this.#options.retention },
      consumerIds: [],
      stateId: undefined,
      ...held,
    });
  }

  async #expire(range: Range): Promise<RunEnd> {
    const { chain, expired } = range;
    const { record } = chain;
    const planned = await this.#plan(range);
    const held = merged(record.held, expired.map(heldOf));
    const opened = await this.#swapRecord(record, { ...record, isOpen: true, held });
    if (opened === 'lost') return rival(this.#table, 'snapshots');
    await writeHint(this.#line, latestHintPath, present(chain.ids.at(-1), 'the head'));
    if (this.#keepsChanges) await writeChangelogs(this.#line, expired);
    for (const { snapshot } of expired) await this.#deleteSnapshot(snapshot.id);

    const pins = await this.#readPins(planned.pins);
    const keptId = decidePutBack(expired.map(pinnedOf), this.#holding(pins.consumerIds), {
      before: pinnedSnapshots(planned.pins),
      now: pinnedSnapshots(pins),
    });
    const back = expired.filter(({ snapshot }) => snapshot.id >= keptId);
    const gone = expired.slice(0, expired.length - back.length);
    const kept = back[0]?.snapshot ?? range.kept;
    const decided = await this.#swapRecord(opened, {
      ...opened,
      ...(gone.length === 0 ? {} : { floor: kept.id, floorIdentity: kept.deltaManifestList }),
      isOpen: false,
      held: held.filter(({ id }) => id >= keptId),
    });
    if (decided === 'lost') {
      await this.#repair(expired);
      return rival(this.#table, 'snapshots');
    }
    await this.#putBack(back.map(heldOf));
    this.#oldestId = keptId;
    this.#expiredCount += gone.length;
    if (gone.length > 0) {
      const isAsPlanned = back.length === 0 && samePins(planned.pins, pins);
      await this.#remove(isAsPlanned ? planned.removal : await this.#planFor({ chain, expired: gone, kept }, pins));
      await writeHint(this.#line, earliestHintPath, keptId);
    }
    return done;
  }

  /** Read anew when it has taken longer than B (R3). */
  async #plan(range: Range): Promise<{ readonly pins: Pins; readonly removal: Removal }> {
    for (let tries = 0; tries < readTriesMax; tries += 1) {
      const beganMs = this.#table.storeTimeMs();
      const pins = await this.#readPins(undefined);
      const removal = await this.#planFor(range, pins);
      if (this.#table.storeTimeMs() - beganMs < baseFreshMs) return { pins, removal };
    }
    throw tooSlow(this.#line);
  }

  async #planFor({ expired, kept, chain }: Range, pins: Pins): Promise<Removal> {
    const snapshots = expired.map(({ snapshot }) => snapshot);
    const namesOurs = snapshots.some(({ properties }) => isOurs(properties));
    const keptOwn = namesOurs ? await this.#firstOwnFrom(kept, chain) : kept;
    const changelogs = this.#keepsChanges ? 'stay' : 'go';
    return planRemoval(this.#table, { expired: snapshots, kept, keptOwn, changelogs }, pins);
  }

  /** What changes are read from is not planned to go, so that there is no need to look at what keeps it. */
  #readPins(before: Pins | undefined): Promise<Pins> {
    return readPins(this.#table, { before, withoutOwnChangelogs: this.#keepsChanges });
  }

  get #keepsChanges(): boolean {
    return this.#table.options.changelogs.isDecoupled;
  }

  #holding(consumerIds: readonly number[]): readonly number[] {
    return this.#table.options.changelogs.consumersHoldNoSnapshots ? [] : consumerIds;
  }

  /** A head of others carries none of our names, and the next commit of ours carries them on over it (S11). */
  async #firstOwnFrom(kept: Snapshot, chain: ChainPart): Promise<Snapshot> {
    for (const id of chain.ids) {
      const snapshot = id < kept.id ? undefined : id === kept.id ? kept : await readSnapshot(this.#line, id);
      if (snapshot !== undefined && isOurs(snapshot.properties)) return snapshot;
    }
    return kept;
  }

  async #remove({ data, metadata }: Removal): Promise<void> {
    for (const [files, tally] of [[data, this.#data] as const, [metadata, this.#metadata] as const]) {
      await mapBounded([...files], deletesInParallelMax, async ([key, bytes]) => {
        await this.#table.store.delete(key);
        tally.add(bytes);
      });
    }
  }

  /** S9: the snapshot file alone. What it names is nobody's any more, or somebody else's. */
  async #removeGarbage(chain: ChainPart): Promise<void> {
    for (const { id } of chain.garbage) {
      await this.#deleteSnapshot(id);
      this.#garbageCount += 1;
    }
  }

  /**
   * Another run has taken the record over. One that is still open decides about what we took away. One that has decided may
   * have put snapshots back before we took them: what it has not declared gone is to be there.
   */
  async #repair(expired: readonly ChainSnapshot[]): Promise<void> {
    const { isOpen, floor } = await readExpiryRecord(this.#line);
    if (!isOpen) await this.#putBack(expired.map(heldOf).filter(({ id }) => id >= floor));
  }

  /** Newest first, so that there is no gap at any time. */
  async #putBack(snapshots: readonly HeldSnapshot[]): Promise<void> {
    for (const { id, text } of snapshots.toReversed()) {
      const key = `${this.#line.metaPath}/${snapshotPath(id)}`;
      if (await putAgain(this.#table, key, Buffer.from(text))) this.#putBackCount += 1;
    }
  }

  async #deleteSnapshot(id: number): Promise<void> {
    await this.#table.store.delete(`${this.#line.metaPath}/${snapshotPath(id)}`);
  }

  #swapRecord(before: ChainPart['record'], next: ExpiryRecord): ReturnType<typeof swapExpiryRecord> {
    return swapExpiryRecord(this.#line, before, next, this.#table);
  }
}

/**
 * A file that is there already stays as it is.
 *
 * @returns whether it was not there
 * @throws LakeError `unavailable`
 */
async function putAgain({ store, clock, random }: Table, key: string, bytes: Uint8Array): Promise<boolean> {
  let cause: unknown;
  for (let tries = 0; tries < recordTriesMax; tries += 1) {
    const outcome = await store.putIfAbsent(key, bytes);
    if (outcome.status !== 'unanswered') return outcome.status === 'created';
    cause = outcome.cause;
    await clock.sleep(backoffMs(tries, random, recordBackoff));
  }
  const message = `${store.uri}: no answer to putting back ${key}; the next run does it`;
  throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', message, { cause });
}

function heldOf({ snapshot, text }: ChainSnapshot): HeldSnapshot {
  return { id: snapshot.id, text };
}

function pinnedOf({ snapshot }: ChainSnapshot): PinnedSnapshot {
  return { id: snapshot.id, identity: snapshot.deltaManifestList };
}

function merged(a: readonly HeldSnapshot[], b: readonly HeldSnapshot[]): readonly HeldSnapshot[] {
  const byId = new Map([...a, ...b].map(held => [held.id, held]));
  return [...byId.values()].toSorted((x, y) => x.id - y.id);
}

/** As many as a record has room for; one in any case. */
function withinBytes(snapshots: readonly ChainSnapshot[]): readonly ChainSnapshot[] {
  let bytes = 0;
  return snapshots.filter(({ text }, index) => {
    bytes += text.length;
    return index === 0 || bytes <= heldBytesMax;
  });
}
