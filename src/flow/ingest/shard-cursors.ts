/**
 * Where a worker stands in each shard of the log. Parents are read to their end before their children (DESIGN I5).
 */
import type { LogDescription, LogReadResult, LogShard, LogStart, LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { readCheckpoint } from './checkpoint.ts';

export type ShardCursor = {
  readonly shard: LogShard;
  next: LogStart;
  /** The last record read; undefined: none yet by this worker. */
  through: { readonly position: bigint; readonly arrivalMs: number } | undefined;
  ended: boolean;
};

/** A cursor's place, to go back to when a batch was not committed. */
export type CursorMark = Pick<ShardCursor, 'next' | 'through' | 'ended'>;

export class ShardCursors {
  readonly #log: LogStore;
  readonly #store: ObjectStore;
  readonly #cursors = new Map<string, ShardCursor>();
  #description: LogDescription | undefined;

  constructor(log: LogStore, store: ObjectStore) {
    this.#log = log;
    this.#store = store;
  }

  get description(): LogDescription {
    if (this.#description === undefined) throw new Error('refresh comes first');
    return this.#description;
  }

  get all(): readonly ShardCursor[] {
    return [...this.#cursors.values()];
  }

  /** Looks the shards up; a new one begins at its checkpoint, or at the beginning. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const description = await this.#log.describe({ signal });
    if (this.#description !== undefined && this.#description.incarnation !== description.incarnation)
      this.#cursors.clear();
    this.#description = description;
    const listed = new Set(description.shards.map(shard => shard.shardId));
    for (const id of this.#cursors.keys()) if (!listed.has(id)) this.#cursors.delete(id);
    for (const shard of description.shards) {
      if (this.#cursors.has(shard.shardId)) continue;
      const position = await readCheckpoint(this.#store, description.incarnation, shard.shardId);
      const next: LogStart = position === undefined ? { kind: 'earliest' } : { kind: 'after', position };
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
      const mark = marks.get(cursor.shard.shardId);
      if (mark !== undefined) Object.assign(cursor, mark);
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
