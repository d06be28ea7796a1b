/**
 * Takes records of one table in, exactly once: rows, positions, producer numbers, dead letters and counters become
 * visible with one swap, or nothing does (DESIGN I2).
 */

import type { Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Committer } from '../../table/commit/commit.ts';
import {
  type CommitBase,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlanAgain,
} from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import { batchCommitIdentifier } from '../../table/write/table-writer.ts';
import { WriteSession } from '../../table/write/write-session.ts';
import { storeDeadLetters } from './dead-letters.ts';
import { checkPositionsNotLost, loadState, markTakenFromLog, storeState } from './load-state.ts';
import {
  addCounters,
  emptyState,
  type IngestCounters,
  type IngestState,
  rememberedProducers,
  type ShardState,
} from './state.ts';
import { type RoutedRecord, rowsOfRecords, type TailResult } from './tail.ts';

/** What was read of one shard, of one table's records. */
export type ShardBatch = {
  readonly shardId: string;
  /** The position recorded for this table when reading began; undefined: none. The condition of the swap. */
  readonly recorded: bigint | undefined;
  /** Above `recorded`, in order. */
  readonly records: readonly RoutedRecord[];
  /** The last record looked at, of whatever table: where the position goes. undefined: nothing was read. */
  readonly through: { readonly position: bigint; readonly arrivalMs: number } | undefined;
  readonly ended: boolean;
};

export type IngestInput = {
  readonly incarnation: string;
  readonly shards: readonly ShardBatch[];
  /** Shards the log still lists: entries of others go. */
  readonly listedShardIds: ReadonlySet<string>;
  readonly retentionMs: number | undefined;
  readonly commitUser: string;
  readonly signal?: AbortSignal | undefined;
};

export type IngestOutcome =
  | {
      readonly status: 'committed';
      readonly snapshot: Snapshot;
      /** Of this commit alone. */
      readonly counters: IngestCounters;
      readonly requests: number;
      readonly attempts: number;
    }
  /** Somebody else has taken some of it: read from the recorded positions again. */
  | { readonly status: 'changed'; readonly detail: string }
  | { readonly status: 'conflict' | 'unknown'; readonly detail: string }
  /** The table is gone: its rows count as a dropped table's. */
  | { readonly status: 'fenced'; readonly detail: string };

export async function ingestTable(
  table: Table,
  committer: Committer,
  store: ObjectStore,
  input: IngestInput,
): Promise<IngestOutcome> {
  const take = new Take(table, store, input);
  const outcome = await committer.commit({
    commitUser: input.commitUser,
    commitIdentifier: batchCommitIdentifier,
    signal: input.signal,
    plan: (base, again) => take.plan(base, again),
  });
  switch (outcome.status) {
    case 'committed': {
      const { put, putIfAbsent, get, list, merge } = outcome.requests;
      const requests = put + putIfAbsent + get + list + merge;
      return {
        status: 'committed',
        snapshot: outcome.snapshot,
        counters: take.counters,
        requests,
        attempts: outcome.attempts,
      };
    }
    case 'fenced':
      return { status: 'fenced', detail: outcome.reason };
    default:
      return { status: outcome.status, detail: outcome.detail };
  }
}

type Decoded = { readonly schema: TableSchema; readonly tail: TailResult; readonly session: WriteSession };

/** One batch on its way into the table, over all rebases of its commit. */
class Take {
  readonly #table: Table;
  readonly #store: ObjectStore;
  readonly #input: IngestInput;
  /** Decoded under one schema; made again when the base's is another. */
  #decoded: Decoded | undefined;
  #letters:
    | { readonly before: string | undefined; readonly stored: Awaited<ReturnType<typeof storeDeadLetters>> }
    | undefined;
  #marked = false;
  counters: IngestCounters = { rowsIn: 0n, written: 0n, mergedAway: 0n, deadLettered: 0n, duplicates: 0n, gaps: 0n };

  constructor(table: Table, store: ObjectStore, input: IngestInput) {
    this.#table = table;
    this.#store = store;
    this.#input = input;
  }

  async plan(base: CommitBase, again: PlanAgain | undefined): Promise<CommitPlan | CommitStop> {
    const state = await this.#stateOf(base);
    for (const { shardId, recorded } of this.#input.shards) {
      const position = state.shards.get(shardId)?.position;
      if (position !== recorded) {
        return commitStop(
          'changed',
          `shard ${shardId} is taken up to ${position ?? 'nothing'}, not ${recorded ?? 'nothing'}`,
        );
      }
    }
    const { tail, session, schema } = await this.#decode(base, state);
    const adds = await session.plannedFiles(base, again);
    this.counters = {
      rowsIn: BigInt(tail.rowsIn),
      written: BigInt(session.counts.written),
      mergedAway: BigInt(session.counts.mergedAway),
      deadLettered: BigInt(tail.deadLettered),
      duplicates: BigInt(tail.duplicates),
      gaps: BigInt(tail.gaps),
    };
    const letters = await this.#storeLetters(state, tail);
    const next = this.#nextState(state, tail, letters?.listName ?? state.deadLetters);
    const stored = await storeState(this.#table, next);
    return commitPlan({
      kind: 'APPEND',
      schemaId: schema.id,
      adds,
      properties: stored.properties,
      uploads: [...stored.uploads, ...(letters?.uploads ?? [])],
    });
  }

  async #stateOf(base: CommitBase): Promise<IngestState> {
    const { incarnation } = this.#input;
    const state = await loadState(this.#table, base.properties);
    if (state !== undefined) {
      // Another incarnation's positions and producers mean nothing here (L4); what was counted stays counted.
      const { counters, deadLetters } = state;
      return state.incarnation === incarnation ? state : { ...emptyState(incarnation), counters, deadLetters };
    }
    if (base.snapshot !== undefined) await checkPositionsNotLost(this.#table);
    if (!this.#marked) await markTakenFromLog(this.#table);
    this.#marked = true;
    return emptyState(incarnation);
  }

  async #decode(base: CommitBase, state: IngestState): Promise<Decoded> {
    if (this.#decoded?.schema.id === base.schema.id) return this.#decoded;
    const { schema } = base;
    const records = this.#input.shards.flatMap(shard => shard.records);
    const tail = await rowsOfRecords({
      table: this.#table,
      schema,
      store: this.#store,
      producers: state.producers,
      records,
    });
    const session = new WriteSession(this.#table, schema);
    for (const { rows, kinds } of tail.batches) await session.add(rows, kinds);
    this.#decoded = { schema, tail, session };
    return this.#decoded;
  }

  async #storeLetters(
    state: IngestState,
    tail: TailResult,
  ): Promise<Awaited<ReturnType<typeof storeDeadLetters>> | undefined> {
    if (tail.deadLetters.length === 0) return undefined;
    const before = state.deadLetters;
    if (this.#letters === undefined || this.#letters.before !== before) {
      this.#letters = { before, stored: await storeDeadLetters(this.#table, before, tail.deadLetters) };
    }
    return this.#letters.stored;
  }

  #nextState(state: IngestState, tail: TailResult, deadLetters: string | undefined): IngestState {
    const { shards, listedShardIds, retentionMs } = this.#input;
    const next = new Map<string, ShardState>([...state.shards].filter(([id]) => listedShardIds.has(id)));
    for (const { shardId, through, ended } of shards) {
      const before = next.get(shardId);
      const position = through?.position ?? before?.position;
      // A shard that ended without a record of anybody still has to be known as ended before its children (I5).
      if (position === undefined && !ended) continue;
      const arrivalMs = through?.arrivalMs ?? before?.arrivalMs ?? 0;
      next.set(shardId, { position: position ?? -1n, row: 0, arrivalMs, ended: ended || (before?.ended ?? false) });
    }
    const nowMs = Math.max(0, ...[...next.values()].map(shard => shard.arrivalMs));
    return {
      incarnation: this.#input.incarnation,
      shards: next,
      producers: rememberedProducers(tail.producers, nowMs, retentionMs),
      counters: addCounters(state.counters, this.counters),
      deadLetters,
    };
  }
}
