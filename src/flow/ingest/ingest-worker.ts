/**
 * A long-lived ingest: follows the log and takes its records into their tables. Any number of workers may run; each
 * swap is won by one, the others see the positions changed and read again (DESIGN 2.3).
 *
 * Flow of a cycle: read the shards → tell records apart by table → one swap for each table → move on, or back when a
 * swap was not to be had. It keeps nothing that a crash could lose.
 */

import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import type { Random } from '../../base/random.ts';
import { backoffMs } from '../../base/retry.ts';
import type { LogReadOptions, LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type OpenedTable, type RegistryParts, TableRegistry } from '../table-registry.ts';
import { waitForAny } from '../wait-for-any.ts';
import { type Checkpoint, isWorthWriting, readCheckpoint, startAbove, writeCheckpoint } from './checkpoint.ts';
import { commitDueMs, loadAfter, noLoad } from './commit-pace.ts';
import { type IngestOutcome, ingestTable, type ShardBatch } from './ingest-table.ts';
import { loadState } from './load-state.ts';
import { keepUnreadable, routeRecords, tableNameOf, wantedSchema } from './route-records.ts';
import { type CursorMark, type ShardCursor, ShardCursors } from './shard-cursors.ts';
import type { RoutedRecord } from './tail.ts';

export type IngestParts = {
  readonly log: LogStore;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Rows of other tables in this log are those of tables that are no more. */
  readonly accepts?: RegistryParts['accepts'];
};

export type IngestSettings = {
  /** Rows of one commit after which no more are read for it. */
  readonly commitRowsMax: number;
  /** How long rows gather at least before they are committed, when the log gives fewer than `commitRowsMax`. */
  readonly commitIntervalMs: number;
  /** How long at most (commit-pace.ts); not above the interval: always as long as that. */
  readonly freshnessMs: number;
  readonly readBytesMax: number;
  readonly checkpointIntervalMs: number;
};

export const ingestDefaults: IngestSettings = {
  commitRowsMax: 100_000,
  commitIntervalMs: 1_000,
  freshnessMs: 0,
  readBytesMax: 512 * 1024,
  checkpointIntervalMs: 60_000,
};

/** What happened to one table in one cycle. */
export type IngestEvent = {
  readonly tableName: string;
  readonly outcome: IngestOutcome;
  readonly rowCount: number;
  readonly elapsedMs: number;
};

export type BlockedTable = { readonly tableName: string; readonly detail: string };

export type CycleResult = {
  readonly events: readonly IngestEvent[];
  /** Every shard was read to its tip and nothing is left to do. */
  readonly isIdle: boolean;
  /** Every shard was read to its tip. */
  readonly isAtTip: boolean;
  /** Tables whose rows wait until partitions have been overwritten for another number of buckets (S2 c). */
  readonly blocked: readonly BlockedTable[];
  readonly droppedTableRows: number;
  readonly unreadableRecords: number;
  /** Shards of which the log no longer keeps what was to be read next: rows are lost, somebody must be told. */
  readonly lostShards: readonly string[];
};

const shardsInParallelMax = 8;
const tablesInParallelMax = 2;
const describeIntervalMs = 10_000;
/** An idle worker looks around this often: for new shards, and for its signal. */
const idleWaitMsMax = 1_000;
const backoff = { delayMsMin: 20, delayMsMax: 5_000 };

export class IngestWorker implements AsyncDisposable {
  readonly #parts: IngestParts;
  readonly #settings: IngestSettings;
  readonly #registry: TableRegistry;
  readonly #cursors: ShardCursors;
  readonly #commitUser: string;
  readonly #checkpointed = new Map<string, Checkpoint | undefined>();
  #describedAtMs = Number.NEGATIVE_INFINITY;
  #checkpointedAtMs: number;
  #failures = 0;
  #load = noLoad;

  constructor(parts: IngestParts, settings: Partial<IngestSettings> = {}) {
    this.#parts = parts;
    this.#settings = { ...ingestDefaults, ...settings };
    this.#registry = new TableRegistry(parts);
    this.#cursors = new ShardCursors(parts.log, async (incarnation, shardId) => {
      const checkpoint = await readCheckpoint(parts.store, incarnation, shardId);
      this.#checkpointed.set(shardId, checkpoint);
      return startAbove(checkpoint?.position, checkpoint?.tipMs);
    });
    this.#commitUser = `ingest-${parts.random.uuid()}`;
    this.#checkpointedAtMs = parts.clock.monotonicMs();
  }

  /** Cycles until the signal aborts; returns then. @throws LakeError when a table can not go on at all */
  async run(signal: AbortSignal, onCycle?: (result: CycleResult) => void): Promise<void> {
    while (!signal.aborted) {
      const result = await this.cycle({ signal, waits: true });
      onCycle?.(result);
    }
  }

  /** Cycles until every shard has been read to its tip and is committed, or a table is blocked: the last result says so. */
  async drain(signal?: AbortSignal): Promise<readonly CycleResult[]> {
    const results: CycleResult[] = [];
    for (;;) {
      const result = await this.cycle({ signal, waits: false });
      results.push(result);
      if (result.blocked.length > 0) return results;
      if (result.isIdle) break;
    }
    await this.#checkpoint({ isForced: true });
    return results;
  }

  /** @param options.waits lets rows gather up to the commit interval, and waits for the log's poll when there are none */
  async cycle(options: { readonly signal?: AbortSignal | undefined; readonly waits: boolean }): Promise<CycleResult> {
    const { clock, random } = this.#parts;
    await this.#describe(options.signal);
    const marks = this.#cursors.mark();
    const { gathered, events } = await this.#gatherAndIngest(marks, options);
    const found = events.filter(event => event !== 'dropped' && event !== 'nothing');
    // Fenced too: the next cycle looks the table up again, and only then are its rows those of a dropped table.
    const failed = found.filter(({ outcome }) => outcome.status !== 'committed');
    if (failed.length > 0) {
      this.#cursors.rewind(marks);
      this.#failures += 1;
      await clock.sleep(backoffMs(this.#failures, random, backoff), options.signal);
    } else {
      this.#failures = 0;
      const rowCount = found.reduce((sum, event) => sum + event.rowCount, 0);
      if (rowCount > 0) this.#load = loadAfter(this.#load, { rowCount, atMs: clock.monotonicMs() });
      await this.#checkpoint({ isForced: false });
    }
    return {
      events: found,
      isIdle: gathered.atTip && failed.length === 0 && !this.#cursors.hasUnlistedChildren,
      isAtTip: gathered.atTip,
      blocked: blockedOf(found),
      droppedTableRows: this.#droppedRows(gathered.byTable, events),
      unreadableRecords: gathered.unreadableCount,
      lostShards: gathered.lostShards,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
  }

  /** A failure leaves the cursors where they were: what was read and not committed must be read again (I4). */
  async #gatherAndIngest(
    marks: ReadonlyMap<string, CursorMark>,
    options: { readonly signal?: AbortSignal | undefined; readonly waits: boolean },
  ): Promise<{
    readonly gathered: Gathered;
    readonly events: readonly (IngestEvent | 'dropped' | 'nothing')[];
  }> {
    try {
      const gathered = await this.#gather(options);
      // A table that can not be ingested, such as one whose `schema.evolution` is `fail`, keeps no other from it.
      const failures: unknown[] = [];
      const events = await mapBounded([...gathered.byTable], tablesInParallelMax, ([tableId, records]) =>
        this.#ingest(tableId, records, marks, options.signal).catch((error: unknown) => {
          failures.push(error);
          return 'nothing' as const;
        }),
      );
      if (failures.length > 0) throw failures[0];
      return { gathered, events };
    } catch (error) {
      this.#cursors.rewind(marks);
      throw error;
    }
  }

  async #describe(signal: AbortSignal | undefined): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#describedAtMs < describeIntervalMs && !this.#cursors.hasUnlistedChildren) return;
    await this.#cursors.refresh(signal);
    this.#describedAtMs = nowMs;
  }

  /** Reads until there are enough rows for a commit, the interval is over, or (without waiting) all is read. */
  async #gather(options: { readonly signal?: AbortSignal | undefined; readonly waits: boolean }): Promise<Gathered> {
    const { clock } = this.#parts;
    const byTable = new Map<string, RoutedRecord[]>();
    let rowCount = 0;
    let unreadableCount = 0;
    const lostShards: string[] = [];
    let atTip = false;
    let firstMs: number | undefined;
    while (rowCount < this.#settings.commitRowsMax) {
      options.signal?.throwIfAborted();
      const readable = this.#cursors.readable();
      const answers = await mapBounded(readable, shardsInParallelMax, cursor =>
        this.#readShard(cursor, { signal: options.signal, follows: options.waits }),
      );
      for (const { routed, unreadable, lost } of answers) {
        lostShards.push(...lost);
        unreadableCount += unreadable;
        for (const [tableId, records] of routed) {
          const all = byTable.get(tableId);
          if (all === undefined) byTable.set(tableId, [...records]);
          else for (const record of records) all.push(record);
          for (const { record } of records) rowCount += record.header.rowCount;
        }
      }
      // A shard that has just ended may have children to go on with.
      atTip = answers.every(answer => answer.atTip) && !answers.some(answer => answer.ended);
      if (rowCount > 0) firstMs ??= clock.monotonicMs();
      if (!atTip) continue;
      if (!options.waits) break;
      if (firstMs === undefined) {
        await this.#waitForRecords(idleWaitMsMax, options.signal);
        break;
      }
      const leftMs = commitDueMs(firstMs, this.#load, this.#settings) - clock.monotonicMs();
      if (leftMs <= 0) break;
      await this.#waitForRecords(leftMs, options.signal);
    }
    return { byTable, atTip, unreadableCount, lostShards };
  }

  #waitForRecords(waitMsMax: number, signal: AbortSignal | undefined): Promise<void> {
    const { log, clock } = this.#parts;
    const places = this.#cursors.readable().map(({ shard, next }) => ({ shardId: shard.shardId, next }));
    return waitForAny(log, places, { clock, waitMsMax, signal });
  }

  async #readShard(cursor: ShardCursor, options: LogReadOptions): Promise<ShardAnswer> {
    const { log, store } = this.#parts;
    const { shardId } = cursor.shard;
    const result = await log.read(shardId, cursor.next, { ...options, bytesMax: this.#settings.readBytesMax });
    const { byTable, unreadable } = routeRecords(shardId, result.records);
    for (const { envelope } of unreadable) {
      await keepUnreadable(store, this.#cursors.description.incarnation, shardId, envelope);
    }
    this.#cursors.advance(cursor, result);
    return {
      routed: byTable,
      unreadable: unreadable.length,
      atTip: result.atTip,
      ended: result.ended,
      lost: result.gap ? [shardId] : [],
    };
  }

  async #ingest(
    tableId: string,
    records: readonly RoutedRecord[],
    marks: ReadonlyMap<string, CursorMark>,
    signal: AbortSignal | undefined,
  ): Promise<IngestEvent | 'dropped' | 'nothing'> {
    const startMs = this.#parts.clock.monotonicMs();
    const name = tableNameOf(records);
    const opened = await this.#registry.findFor(tableId, name, wantedSchema(records));
    if (opened === undefined) return 'dropped';
    const recorded = await this.#recordedOf(opened);
    const shards = this.#shardBatches(records, recorded, marks);
    const rowCount = shards.reduce(
      (sum, s) => sum + s.records.reduce((rows, r) => rows + r.record.header.rowCount, 0),
      0,
    );
    if (rowCount === 0) return 'nothing';
    const { description } = this.#cursors;
    const outcome = await ingestTable(opened.table, opened.committer, this.#parts.store, {
      incarnation: description.incarnation,
      shards,
      listed: description.shards,
      retentionMs: description.retentionMs,
      commitUser: this.#commitUser,
      signal,
    });
    if (outcome.status === 'fenced') await this.#registry.forget(tableId);
    return { tableName: name, outcome, rowCount, elapsedMs: this.#parts.clock.monotonicMs() - startMs };
  }

  /** A batch for each shard with records of the table that it has not taken, and for each shard that ended. */
  #shardBatches(
    records: readonly RoutedRecord[],
    recorded: ReadonlyMap<string, bigint>,
    marks: ReadonlyMap<string, CursorMark>,
  ): readonly ShardBatch[] {
    const byShard = Map.groupBy(records, record => record.shardId);
    return this.#cursors.all.flatMap((cursor): ShardBatch[] => {
      const { shardId } = cursor.shard;
      const position = recorded.get(shardId);
      const above = (byShard.get(shardId) ?? []).filter(record => position === undefined || record.position > position);
      const hasEnded = cursor.ended && marks.get(shardId)?.ended === false;
      if (above.length === 0 && !hasEnded) return [];
      const { through } = cursor;
      const isNewer = through !== undefined && (position === undefined || through.position > position);
      const { hashKeyStart: start, hashKeyEnd: end } = cursor.shard;
      return [
        {
          shardId,
          hashKeys: { start, end },
          recorded: position,
          records: above,
          through: isNewer ? through : undefined,
          ended: cursor.ended,
        },
      ];
    });
  }

  /** By shard: the position that the table has, as far as its committer knows. */
  async #recordedOf({ table, committer }: OpenedTable): Promise<ReadonlyMap<string, bigint>> {
    const found = await committer.base();
    const state = found.kind === 'base' ? await loadState(table, found.base.properties) : undefined;
    if (state?.incarnation !== this.#cursors.description.incarnation) return new Map();
    return new Map([...state.shards].map(([shardId, { position }]) => [shardId, position]));
  }

  #droppedRows(
    byTable: ReadonlyMap<string, readonly RoutedRecord[]>,
    events: readonly (IngestEvent | 'dropped' | 'nothing')[],
  ): number {
    const dropped = [...byTable.values()].filter((_, index) => events[index] === 'dropped');
    return dropped.flat().reduce((rows, { record }) => rows + record.header.rowCount, 0);
  }

  async #checkpoint({ isForced }: { readonly isForced: boolean }): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (!isForced && nowMs - this.#checkpointedAtMs < this.#settings.checkpointIntervalMs) return;
    this.#checkpointedAtMs = nowMs;
    const { incarnation } = this.#cursors.description;
    for (const { shard, next } of this.#cursors.all) {
      if (next.kind !== 'after') continue;
      const reached = { position: next.position, tipMs: next.tipMs };
      if (!isWorthWriting(this.#checkpointed.get(shard.shardId), reached)) continue;
      await writeCheckpoint(this.#parts.store, incarnation, shard.shardId, reached);
      this.#checkpointed.set(shard.shardId, reached);
    }
  }
}

function blockedOf(events: readonly IngestEvent[]): readonly BlockedTable[] {
  return events.flatMap(({ tableName, outcome }) =>
    outcome.status === 'conflict' && outcome.rule === 'S2c' ? [{ tableName, detail: outcome.detail }] : [],
  );
}

type Gathered = {
  readonly byTable: ReadonlyMap<string, readonly RoutedRecord[]>;
  readonly atTip: boolean;
  readonly unreadableCount: number;
  readonly lostShards: readonly string[];
};

type ShardAnswer = {
  readonly routed: ReadonlyMap<string, readonly RoutedRecord[]>;
  readonly unreadable: number;
  readonly atTip: boolean;
  readonly ended: boolean;
  readonly lost: readonly string[];
};
