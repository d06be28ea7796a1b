/**
 * Takes the records of one table that an invoker handed over, until they are committed or time is up (DESIGN I2).
 *
 * Each round looks at the recorded position, decides (decide-take.ts) and commits. Whatever comes in between, another
 * ingest, a new schema, an answer that was lost, shows in the position at the next round.
 */
import { present, unreachable } from '../../base/assert.ts';
import { isLakeError, LakeError } from '../../base/errors.ts';
import { backoffMs } from '../../base/retry.ts';
import { noSpans, type SpanNotes, type Spans } from '../../base/spans.ts';
import { hasDynamicBuckets } from '../../format/table-options.ts';
import type { LogDescription, LogStore } from '../../storage/log-store.ts';
import { commitByMessage, type SendOutcome } from '../group-commit/send-message.ts';
import type { OpenedTable, RegistryParts, TableRegistry } from '../table-registry.ts';
import { decideTake } from './decide-take.ts';
import { type IngestOutcome, ingestTable } from './ingest-table.ts';
import type { KnownShards } from './known-shards.ts';
import { loadState } from './load-state.ts';
import { readOwed } from './read-owed.ts';
import { tableNameOf, wantedSchema } from './route-records.ts';
import { type SeenCommit, seenCommit } from './seen-commit.ts';
import { sharingCount } from './sharing-count.ts';
import { addCounters, type IngestCounters, type IngestState, noCounters } from './state.ts';
import type { RoutedRecord } from './tail.ts';
import type { ShardBatch } from './take.ts';

export type TakeRecordsParts = RegistryParts & {
  readonly log: LogStore;
  readonly registry: TableRegistry;
  readonly shards: KnownShards;
  readonly commitUser: string;
  /**
   * Where messages for the commit function go; undefined: ingest swaps by itself. So it does for tables with dynamic
   * buckets: their shards share buckets, so that messages of two would number rows of one bucket alike (S6).
   */
  readonly commitLog: LogStore | undefined;
  /** Told of the phases `head`, `write` and `commit`; the second is part of the third where ingest swaps by itself. */
  readonly spans?: Spans | undefined;
};

/** What was handed over of one table. */
export type HandedRecords = {
  readonly tableId: string;
  readonly shardId: string;
  /** In the shard's order; at least one. */
  readonly records: readonly RoutedRecord[];
  /** The last record of the batch, of whatever table. */
  readonly through: { readonly position: bigint; readonly arrivalMs: number };
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
};

export type TakenRecords = {
  readonly tableName: string;
  readonly shardId: string;
  readonly status: /** All of it is in the table now, or was before. */
    | 'taken'
    /** There is no such table any more. */
    | 'dropped'
    /** The log knows the shard no more, and the table never has. */
    | 'stale'
    /** The position of the first record that is not in the table is `heldAt`. */
    | 'failed';
  /** Swaps that this call has seen come about. */
  readonly commitCount: number;
  readonly commits: readonly SeenCommit[];
  /** Swaps that another's won. */
  readonly lostSwaps: number;
  /** Of the commits. */
  readonly counters: IngestCounters;
  /** Shards of which the log no longer keeps what was owed. */
  readonly lostShards: readonly string[];
  readonly heldAt: bigint | undefined;
  readonly error: LakeError | undefined;
};

const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

/** What a round came to; undefined: look again. */
type RoundEnd = Exclude<TakenRecords['status'], 'failed'> | undefined;

export async function takeRecords(parts: TakeRecordsParts, handed: HandedRecords): Promise<TakenRecords> {
  const rounds = new Rounds(parts, handed);
  const { shardId } = handed;
  const tableName = tableNameOf(handed.records);
  let error: LakeError | undefined;
  let commitCount = 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      if (attempt > 0) await parts.clock.sleep(backoffMs(attempt, parts.random, backoff), handed.signal);
      const status = await rounds.next();
      if (status !== undefined)
        return { tableName, shardId, status, ...rounds.seen, heldAt: undefined, error: undefined };
      error = undefined;
      // A piece came in, and nothing keeps the next one waiting.
      if (rounds.seen.commitCount > commitCount) attempt = -1;
      commitCount = rounds.seen.commitCount;
    } catch (thrown) {
      error = failureOf(thrown, handed.signal);
      if (error.kind !== 'unavailable' || handed.signal?.aborted === true) break;
    }
    if (parts.clock.monotonicMs() >= handed.deadlineMs) break;
  }
  const failed = { status: 'failed', heldAt: rounds.heldAt, error: error ?? timeIsUp(tableName) } as const;
  return { tableName, shardId, ...rounds.seen, ...failed };
}

/** The rounds of one call and what they have seen. */
class Rounds {
  readonly #parts: TakeRecordsParts;
  readonly #handed: HandedRecords;
  readonly #spans: Spans;
  readonly #commits: SeenCommit[] = [];
  #lostSwaps = 0;
  #counters = noCounters;
  #lostShards: readonly string[] = [];
  #recorded: bigint | undefined;
  /** A remembered base is good enough until something was not as it said; never where others make the commits. */
  #mustLook: boolean;

  constructor(parts: TakeRecordsParts, handed: HandedRecords) {
    this.#parts = parts;
    this.#handed = handed;
    this.#spans = parts.spans ?? noSpans;
    this.#mustLook = parts.commitLog !== undefined;
  }

  get seen(): Pick<TakenRecords, 'commitCount' | 'commits' | 'lostSwaps' | 'counters' | 'lostShards'> {
    const [commits, lostSwaps] = [this.#commits, this.#lostSwaps];
    return { commitCount: commits.length, commits, lostSwaps, counters: this.#counters, lostShards: this.#lostShards };
  }

  /** The first record handed over that is above the recorded position, as far as it is known. */
  get heldAt(): bigint | undefined {
    const recorded = this.#recorded ?? -1n;
    return this.#handed.records.find(({ position }) => position > recorded)?.position;
  }

  async next(): Promise<RoundEnd> {
    const { tableId, shardId, records, signal } = this.#handed;
    const { registry, shards } = this.#parts;
    const opened = await registry.findFor(tableId, tableNameOf(records), wantedSchema(records));
    if (opened === undefined) return 'dropped';
    const isFresh = this.#mustLook;
    const found = await this.#spans.run('head', this.#notes(opened), () => opened.committer.base({ isFresh }));
    this.#mustLook = true;
    if (found.kind === 'fenced') {
      await registry.forget(tableId);
      return undefined;
    }
    const state = await loadState(opened.table, found.base.properties);
    let description = await shards.describe(signal);
    const isListed = description.shards.some(shard => shard.shardId === shardId);
    const isNewLog = state !== undefined && state.incarnation !== description.incarnation;
    if (!isListed || isNewLog) description = await shards.refresh(signal);
    const isSameLog = state?.incarnation === description.incarnation;
    this.#recorded = isSameLog ? state.shards.get(shardId)?.position : undefined;
    const decision = decideTake({ shardId, records, state, description });
    switch (decision.kind) {
      case 'nothing':
        return 'taken';
      case 'stale':
        // The rows would be passed over, and no swap shows that another process has begun with the shard since.
        return isFresh ? 'stale' : this.next();
      case 'take':
        return this.#take(opened, description, decision);
      case 'read-log':
        return this.#readLog(opened, description, state);
      default:
        return unreachable(decision);
    }
  }

  /** What was handed over, as it is. */
  async #take(
    opened: OpenedTable,
    description: LogDescription,
    { recorded, records }: { readonly recorded: bigint; readonly records: readonly RoutedRecord[] },
  ): Promise<RoundEnd> {
    const { shardId, through, deadlineMs, signal } = this.#handed;
    const hashKeys = hashKeysOf(description, shardId);
    const first = records.slice(0, sharingCount(records, opened.table.workMemory.claimedBytes));
    const last = first.length === records.length ? through : present(first.at(-1), 'a record');
    const batch: ShardBatch = { shardId, hashKeys, recorded, records: first, through: placeOf(last), ended: false };
    // The rest is above the position then, and is taken in the next round.
    const whole = last === through ? 'taken' : undefined;
    const { incarnation, retentionMs, shards: listed } = description;
    const { commitLog } = this.#parts;
    if (commitLog !== undefined && !hasDynamicBuckets(opened.table.schema)) {
      const input = { incarnation, batch, retentionMs, listed, deadlineMs, signal, spans: this.#spans };
      const outcome = await this.#spans.run('commit', this.#notes(opened), async note => {
        const came = await commitByMessage({ ...this.#parts, commitLog }, opened, input);
        if (came.status === 'committed') note({ snapshot: came.headId });
        return came;
      });
      if (outcome.status !== 'too-large') return this.#after(opened, outcome, [batch]) ? whole : undefined;
    }
    return (await this.#swap(opened, description, [batch])) ? whole : undefined;
  }

  /** What the table has not taken yet, from the log; in pieces, each of which stays when the next one fails. */
  async #readLog(opened: OpenedTable, description: LogDescription, state: IngestState | undefined): Promise<RoundEnd> {
    const { tableId, shardId, through, signal } = this.#handed;
    const piece = await readOwed(this.#parts, {
      tableId,
      state,
      description,
      shardId,
      until: through.position,
      bytesMax: opened.table.workMemory.logPieceBytes,
      claimedBytesMax: opened.table.workMemory.claimedBytes,
      signal,
    });
    this.#lostShards = [...new Set([...this.#lostShards, ...piece.lostShards])];
    const shards = piece.isComplete ? this.#withRest(description, piece.shards) : piece.shards;
    // The log may have records before those handed over that bring more than these do.
    const records = shards.flatMap(shard => shard.records);
    const fitting = await this.#parts.registry.findFor(tableId, opened.table.label, wantedSchema(records));
    if (fitting === undefined) return undefined;
    const isCommitted = shards.length === 0 || (await this.#swap(fitting, description, shards));
    return isCommitted && piece.isComplete ? 'taken' : undefined;
  }

  /** And what was handed over of that which the log gives no more: it may have forgotten it meanwhile. */
  #withRest(description: LogDescription, shards: readonly ShardBatch[]): readonly ShardBatch[] {
    const { shardId, records, through } = this.#handed;
    const last = shards.at(-1);
    const own = last?.shardId === shardId ? last : undefined;
    const reached = own?.through?.position ?? this.#recorded ?? -1n;
    const rest = records.filter(({ position }) => position > reached);
    if (rest.length === 0) return shards;
    const batch: ShardBatch = {
      shardId,
      hashKeys: hashKeysOf(description, shardId),
      recorded: this.#recorded,
      records: own === undefined ? rest : [...own.records, ...rest],
      through,
      ended: own?.ended ?? false,
    };
    return own === undefined ? [...shards, batch] : shards.with(-1, batch);
  }

  async #swap(opened: OpenedTable, description: LogDescription, shards: readonly ShardBatch[]): Promise<boolean> {
    const { store, commitUser } = this.#parts;
    const { table, committer } = opened;
    const lostBefore = committer.lostSwaps;
    const outcome = await this.#spans.run('commit', this.#notes(opened), async note => {
      const came = await ingestTable(table, committer, store, {
        incarnation: description.incarnation,
        shards,
        listed: description.shards,
        retentionMs: description.retentionMs,
        commitUser,
        signal: this.#handed.signal,
        spans: this.#spans,
      });
      if (came.status === 'committed') note({ snapshot: came.snapshot.id });
      return came;
    });
    this.#lostSwaps += committer.lostSwaps - lostBefore;
    return this.#after(opened, outcome, shards);
  }

  #notes({ table }: OpenedTable): SpanNotes {
    return { table: table.label, shard: this.#handed.shardId };
  }

  /** True when it is committed; what the other outcomes mean shows at the next look. */
  #after(
    { table }: OpenedTable,
    outcome: IngestOutcome | Exclude<SendOutcome, { status: 'too-large' }>,
    batches: readonly ShardBatch[],
  ): boolean {
    const { clock, commitUser } = this.#parts;
    switch (outcome.status) {
      case 'committed':
        this.#commits.push(
          'snapshot' in outcome
            ? seenCommit({ snapshotId: outcome.snapshot.id, commitUser, message: undefined }, batches, clock.nowMs())
            : seenCommit(
                { snapshotId: outcome.headId, commitUser: undefined, message: outcome.message },
                batches,
                clock.nowMs(),
              ),
        );
        this.#counters = addCounters(this.#counters, outcome.counters);
        return true;
      case 'changed':
      case 'unknown':
      case 'fenced':
        return false;
      case 'conflict':
        throw new LakeError(
          'conflict',
          'LAKE_COMMIT_CONFLICT',
          `${table.label} cannot be committed: ${outcome.detail}`,
        );
      default:
        return unreachable(outcome);
    }
  }
}

function placeOf({ position, arrivalMs }: NonNullable<ShardBatch['through']>): NonNullable<ShardBatch['through']> {
  return { position, arrivalMs };
}

function hashKeysOf({ shards }: LogDescription, shardId: string): ShardBatch['hashKeys'] {
  const shard = shards.find(listed => listed.shardId === shardId);
  return { start: shard?.hashKeyStart ?? 0n, end: shard?.hashKeyEnd ?? -1n };
}

function failureOf(thrown: unknown, signal: AbortSignal | undefined): LakeError {
  if (isLakeError(thrown)) return thrown;
  if (signal?.aborted === true && thrown === signal.reason) {
    return new LakeError('unavailable', 'LAKE_ABORTED', 'the call was ended before the rows were committed', {
      cause: thrown,
    });
  }
  throw thrown;
}

function timeIsUp(tableName: string): LakeError {
  return new LakeError('unavailable', 'LAKE_COMMIT_UNKNOWN', `${tableName}: the rows were not committed in time`);
}
