/**
 * Expiry of changelogs that have outlived their snapshots (PROTOCOL R5, spec 10.7).
 *
 * A run goes range by range from the oldest changelog up. For each range:
 *
 * 1. **Plan** on the oldest snapshot, the first changelog that stays, tags and the other lines (plan-removal.ts).
 * 2. **Say so** in the expiry record: a consumer that pins changes from now on sees that these are going.
 * 3. **Look again** at consumers, and **decide** by a second swap of the record: below its floor changelogs are gone for
 *    good. Whoever loses either swap removes nothing.
 * 4. The changelog files go, oldest first, `EARLIEST` is put right, then data files, manifests and lists go.
 *
 * Nothing is ever put back, so runs that overlap harm nobody: what both take is needed by neither. A run that dies leaves
 * files that nothing names, which the orphan cleaner finds. What is at or above the oldest snapshot is left alone: that
 * snapshot needs the same files.
 */
import { mapBounded } from '../base/concurrency.ts';
import { changelogEarliestHintPath, changelogLatestHintPath, changelogPath } from '../format/paths.ts';
import type { RetentionOptions } from '../format/retention-options.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { readChangelog } from '../table/changelog/change-source.ts';
import { baseFreshMs } from '../table/commit/limits.ts';
import { type ChangelogMarks, changelogMarksOf, type StoredRecord, swapExpiryRecord } from '../table/expiry-record.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { readChain } from './chain.ts';
import { decideChangelogExpiry, decideStillGoing } from './decide-changelog-expiry.ts';
import { writeHint } from './hints.ts';
import { deletesInParallelMax, expiryRoundsMax, readsInParallelMax, readTriesMax } from './limits.ts';
import { changelogFiles, ownLine, tooSlow } from './lines.ts';
import { consumerIdsOf, readPins } from './pins.ts';
import { planChangelogRemoval, type Removal } from './plan-removal.ts';
import { done, type Removed, RemovedTally, type RunEnd, rival, runToEnd } from './receipt.ts';
import { refusedForRemoval } from './refused-removal.ts';

export type ExpireChangelogsOptions = {
  /**
   * In place of what the table's options say; `expireCountMax` is then of the whole run. `all`: every changelog goes, whatever
   * a consumer wants.
   */
  readonly retention?: Partial<RetentionOptions> | 'all' | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type ChangelogReceipt = RunEnd & {
  readonly label: string;
  readonly expiredCount: number;
  /** The oldest that is left; undefined: none is, or it was not seen. */
  readonly oldestId: number | undefined;
  readonly data: Removed;
  readonly metadata: Removed;
};

/** Expires what may expire of the changelogs of the line the table was opened on. */
export async function expireChangelogs(table: Table, options: ExpireChangelogsOptions = {}): Promise<ChangelogReceipt> {
  const run = new ChangelogRun(table, options);
  const end = await runToEnd(() => run.toEnd());
  return { ...end, ...run.figures() };
}

/** What may go next. */
type Range = {
  readonly record: StoredRecord;
  /** Numbers of all changelogs, ascending. */
  readonly listedIds: readonly number[];
  /** Of those below the oldest snapshot. */
  readonly ids: readonly number[];
  readonly kept: Snapshot;
  /** undefined: none may. */
  readonly below: number | undefined;
};

class ChangelogRun {
  readonly #table: Table;
  readonly #line: SnapshotHome;
  readonly #options: ExpireChangelogsOptions;
  readonly #data = new RemovedTally();
  readonly #metadata = new RemovedTally();
  #expiredCount = 0;
  #oldestId: number | undefined;

  constructor(table: Table, options: ExpireChangelogsOptions) {
    this.#table = table;
    this.#line = ownLine(table);
    this.#options = options;
  }

  figures(): Omit<ChangelogReceipt, keyof RunEnd | 'code' | 'cause'> {
    return {
      label: this.#table.label,
      expiredCount: this.#expiredCount,
      oldestId: this.#oldestId,
      data: this.#data.removed,
      metadata: this.#metadata.removed,
    };
  }

  async toEnd(): Promise<RunEnd> {
    const refused = refusedForRemoval(this.#table.schema);
    if (refused.length > 0) {
      const cause = `changelogs of ${this.#table.label} do not expire here: ${refused.join(', ')} is not supported by Tidelake`;
      return { status: 'given-up', code: 'LAKE_UNSUPPORTED', cause };
    }
    for (let round = 0; round < expiryRoundsMax; round += 1) {
      this.#options.signal?.throwIfAborted();
      const range = await this.#nextRange();
      if (range === undefined) break;
      const wentOn = range.below === undefined ? await this.#clear(range) : await this.#expire(range, range.below);
      if (wentOn === 'rival') return rival(this.#table, 'changelogs');
      if (wentOn === 'done') break;
    }
    return done;
  }

  /** undefined: there are no changelogs, or no snapshots above them. */
  async #nextRange(): Promise<Range | undefined> {
    // In this order: a changelog is written before its snapshot goes, so all that are listed below it have lost theirs.
    const { files, storeTimeMs } = await changelogFiles(this.#line);
    this.#oldestId = files[0]?.id;
    if (files.length === 0) return undefined;
    const chain = await readChain(this.#line, 2);
    const [kept, headId] = [chain.lowest[0]?.snapshot, chain.ids.at(-1)];
    if (kept === undefined || headId === undefined) return undefined;
    const listedIds = files.map(({ id }) => id);
    const ids = listedIds.filter(id => id < kept.id);
    const below = await this.#decide(ids, headId, storeTimeMs);
    return { record: chain.record, listedIds, ids, kept, below };
  }

  async #decide(ids: readonly number[], headId: number, storeTimeMs: number): Promise<number | undefined> {
    const newestId = ids.at(-1);
    if (newestId === undefined) return undefined;
    const { retention } = this.#options;
    if (retention === 'all') return newestId + 1;
    const left = (retention?.expireCountMax ?? Number.POSITIVE_INFINITY) - this.#expiredCount;
    const lifecycle = this.#table.options.changelogs.retention;
    const options = { ...lifecycle, ...retention, expireCountMax: Math.min(lifecycle.expireCountMax, left) };
    const changelogs = await this.#read(ids.slice(0, options.expireCountMax + 1));
    const consumerIds = await consumerIdsOf(this.#table);
    return decideChangelogExpiry({ changelogs, newestId, headId, storeTimeMs, options, consumerIds });
  }

  /** Takes back what a run that died had said; nothing is going. */
  async #clear({ record }: Range): Promise<'done' | 'rival'> {
    const marks = changelogMarksOf(record);
    if (marks.going === undefined) return 'done';
    return (await this.#swap(record, { ...marks, going: undefined })) === 'lost' ? 'rival' : 'done';
  }

  async #expire(range: Range, asked: number): Promise<'again' | 'done' | 'rival'> {
    const { record, listedIds, ids } = range;
    const floor = changelogMarksOf(record).floor;
    let removal = await this.#plan(range, asked);
    const opened = await this.#swap(record, { floor, going: asked });
    if (opened === 'lost') return 'rival';
    const below =
      this.#options.retention === 'all'
        ? asked
        : decideStillGoing(asked, ids[0] ?? asked, await consumerIdsOf(this.#table));
    if (below !== undefined && below !== asked) removal = await this.#plan(range, below);
    // Never down: what was gone for good and is listed again came late.
    const decided = await this.#swap(opened, { floor: Math.max(floor, below ?? 1), going: undefined });
    if (decided === 'lost') return 'rival';
    if (below === undefined) return 'done';
    const going = ids.filter(id => id < below);
    for (const id of going) await this.#delete(changelogPath(id));
    this.#expiredCount += going.length;
    this.#oldestId = listedIds.find(id => id >= below);
    await this.#writeHints();
    await this.#remove(removal);
    return this.#oldestId === undefined ? 'done' : 'again';
  }

  /** Read anew when it has taken longer than B (R3). */
  async #plan({ ids, kept }: Range, below: number): Promise<Removal> {
    for (let tries = 0; tries < readTriesMax; tries += 1) {
      const beganMs = this.#table.storeTimeMs();
      const pins = await readPins(this.#table, { withoutOwnChangelogs: true });
      const going = await this.#read(ids.filter(id => id < below));
      const nextId = ids.find(id => id >= below);
      const next = nextId === undefined ? undefined : await readChangelog(this.#line, nextId);
      const removal = await planChangelogRemoval(this.#table, { going, next, kept }, pins);
      if (this.#table.storeTimeMs() - beganMs < baseFreshMs) return removal;
    }
    throw tooSlow(this.#line);
  }

  /** One that is gone meanwhile another run has taken. */
  async #read(ids: readonly number[]): Promise<readonly Snapshot[]> {
    const read = await mapBounded([...ids], readsInParallelMax, id => readChangelog(this.#line, id));
    return read.filter(changelog => changelog !== undefined);
  }

  /** Without changelogs there are no hints, either (ExpireChangelogImpl.expireAll). */
  async #writeHints(): Promise<void> {
    if (this.#oldestId !== undefined) await writeHint(this.#line, changelogEarliestHintPath, this.#oldestId);
    else for (const path of [changelogEarliestHintPath, changelogLatestHintPath]) await this.#delete(path);
  }

  async #remove({ data, metadata }: Removal): Promise<void> {
    for (const [files, tally] of [[data, this.#data] as const, [metadata, this.#metadata] as const]) {
      await mapBounded([...files], deletesInParallelMax, async ([key, bytes]) => {
        await this.#table.store.delete(key);
        tally.add(bytes);
      });
    }
  }

  async #delete(path: string): Promise<void> {
    await this.#table.store.delete(`${this.#line.metaPath}/${path}`);
  }

  #swap(before: StoredRecord, changelogs: ChangelogMarks): ReturnType<typeof swapExpiryRecord> {
    return swapExpiryRecord(this.#line, before, { ...before, changelogs }, this.#table);
  }
}
