/**
 * Where a worker stands in each shard of the log. Parents are read to their end before their children (DESIGN I5).
 */
import { present } from '../../base/assert.ts';
import type { LogDescription, LogReadResult, LogShard, LogStart, LogStore } from '../../storage/log-store.ts';

export type ShardCursor = {
  readonly shard: LogShard;
  next: LogStart;
  /** The last record read; undefined: none yet by this worker. */
  through: { readonly position: bigint; readonly arrivalMs: number } | undefined;
  ended: boolean;
};

/** A cursor's place, to go back to when a batch was not committed. */
export type CursorMark = Pick<ShardCursor, 'next' | 'through' | 'ended'>;

/** Where to begin in a shard that was not read before. */
export type StartOf = (incarnation: string, shardId: string) => Promise<LogStart>;

export class ShardCursors {
  readonly #log: LogStore;
  readonly #startOf: StartOf;
  readonly #isWanted: (shard: LogShard) => boolean;
  readonly #cursors = new Map<string, ShardCursor>();
  #description: LogDescription | undefined;

  /** @param isWanted which shards are read; all when not given */
  constructor(log: LogStore, startOf: StartOf, isWanted: (shard: LogShard) => boolean = () => true) {
    this.#log = log;
    this.#startOf = startOf;
    this.#isWanted = isWanted;
  }

  get description(): LogDescription {
    return present(this.#description, 'a description, which refresh gets');
  }

  get all(): readonly ShardCursor[] {
    return [...this.#cursors.values()];
  }

  /** Whether a shard has ended of which no child is listed yet: there is more to read than is known. */
  get hasUnlistedChildren(): boolean {
    const ended = this.all.filter(cursor => cursor.ended);
    return ended.some(
      ({ shard }) => !this.description.shards.some(({ parentIds }) => parentIds.includes(shard.shardId)),
    );
  }

  /** Looks the shards up; those not known yet begin where `startOf` says. */
  async refresh(signal?: AbortSignal): Promise<void> {
    await this.take(await this.#log.describe({ signal }));
  }

  /** The same with an answer that is there. */
  async take(description: LogDescription): Promise<void> {
    if (this.#description !== undefined && this.#description.incarnation !== description.incarnation)
      this.#cursors.clear();
    this.#description = description;
    const listed = new Set(description.shards.map(shard => shard.shardId));
    for (const id of this.#cursors.keys()) if (!listed.has(id)) this.#cursors.delete(id);
    for (const shard of description.shards) {
      if (this.#cursors.has(shard.shardId) || !this.#isWanted(shard)) continue;
      const next = await this.#startOf(description.incarnation, shard.shardId);
      this.#cursors.set(shard.shardId, { shard, next, through: undefined, ended: false });
    }
  }

  /** Shards that may be read now: not ended, and no listed parent that is not. */
  readable(): readonly ShardCursor[] {
    return this.all.filter(
      cursor => !cursor.ended && cursor.shard.parentIds.every(id => this.#cursors.get(id)?.ended ?? true),
    );
  }

  mark(): ReadonlyMap<string, CursorMark> {
    return new Map(this.all.map(({ shard, next, through, ended }) => [shard.shardId, { next, through, ended }]));
  }

  rewind(marks: ReadonlyMap<string, CursorMark>): void {
    for (const cursor of this.all) {
      // One without a mark was not there yet, and stays where it is.
      Object.assign(cursor, marks.get(cursor.shard.shardId));
    }
  }

  /** Takes an answer of the log into account. */
  advance(cursor: ShardCursor, result: LogReadResult): void {
    const last = result.records.at(-1);
    cursor.next = result.next;
    if (last !== undefined) cursor.through = { position: last.position, arrivalMs: last.arrivalMs };
    if (result.ended) cursor.ended = true;
  }
}

/** @param hashKeys undefined: any */
export function ownsAny({ hashKeyStart, hashKeyEnd }: LogShard, hashKeys: readonly bigint[] | undefined): boolean {
  return hashKeys?.some(key => key >= hashKeyStart && key <= hashKeyEnd) ?? true;
}
