/**
 * One batch of a table's records on its way in, over all rebases of its commit: decoded, written as level-0 files,
 * numbered above the base. What is done with it is the caller's: swap it in, or ask the commit function to (DESIGN I2,
 * I8).
 */
import type { TableSchema } from '../../format/table-schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import {
  type CommitBase,
  type CommitStop,
  commitStop,
  type PlanAgain,
  type PlannedFile,
} from '../../table/commit/request.ts';
import type { Table } from '../../table/table.ts';
import { WriteSession } from '../../table/write/write-session.ts';
import { type DeadLetterFile, storeDeadLetterFile } from './dead-letters.ts';
import { checkPositionsNotLost, loadState, markTakenFromLog } from './load-state.ts';
import { emptyState, type IngestCounters, type IngestState } from './state.ts';
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

export type Prepared = {
  readonly status: 'prepared';
  readonly schema: TableSchema;
  readonly adds: readonly PlannedFile[];
  readonly tail: TailResult;
  readonly counters: IngestCounters;
  /** As of the base. */
  readonly state: IngestState;
  readonly letters: StoredLetters | undefined;
};

export type StoredLetters = { readonly file: DeadLetterFile; readonly uploadBeganMs: number };

type Decoded = { readonly schema: TableSchema; readonly tail: TailResult; readonly session: WriteSession };

export class Take {
  readonly #table: Table;
  readonly #store: ObjectStore;
  readonly #incarnation: string;
  readonly #shards: readonly ShardBatch[];
  /** Decoded under one schema; made again when the base's is another. */
  #decoded: Decoded | undefined;
  /** Written once, whatever becomes of the base. */
  #letters: StoredLetters | undefined;
  #marked = false;

  constructor(table: Table, store: ObjectStore, incarnation: string, shards: readonly ShardBatch[]) {
    this.#table = table;
    this.#store = store;
    this.#incarnation = incarnation;
    this.#shards = shards;
  }

  /** Ready to be committed on this base; or why not: another has taken some of it. */
  async prepare(base: CommitBase, again: PlanAgain | undefined): Promise<Prepared | CommitStop> {
    const state = await this.#stateOf(base);
    for (const { shardId, recorded } of this.#shards) {
      const position = state.shards.get(shardId)?.position;
      if (position === recorded) continue;
      return commitStop('changed', `shard ${shardId} is at ${position ?? 'nothing'}, not at ${recorded ?? 'nothing'}`);
    }
    const { tail, session, schema } = await this.#decode(base, state);
    const adds = await session.plannedFiles(base, again);
    const counters: IngestCounters = {
      rowsIn: BigInt(tail.rowsIn),
      written: BigInt(session.counts.written),
      mergedAway: BigInt(session.counts.mergedAway),
      deadLettered: BigInt(tail.deadLettered),
      duplicates: BigInt(tail.duplicates),
      gaps: BigInt(tail.gaps),
    };
    return { status: 'prepared', schema, adds, tail, counters, state, letters: await this.#storeLetters(tail) };
  }

  async #stateOf(base: CommitBase): Promise<IngestState> {
    const state = await loadState(this.#table, base.properties);
    if (state !== undefined) {
      // Another incarnation's positions and producers mean nothing here (L4); what was counted stays counted.
      const { counters, deadLetters } = state;
      return state.incarnation === this.#incarnation
        ? state
        : { ...emptyState(this.#incarnation), counters, deadLetters };
    }
    if (base.snapshot !== undefined) await checkPositionsNotLost(this.#table);
    if (!this.#marked) await markTakenFromLog(this.#table);
    this.#marked = true;
    return emptyState(this.#incarnation);
  }

  async #decode(base: CommitBase, state: IngestState): Promise<Decoded> {
    if (this.#decoded?.schema.id === base.schema.id) return this.#decoded;
    const { schema } = base;
    const records = this.#shards.flatMap(shard => shard.records);
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

  async #storeLetters(tail: TailResult): Promise<StoredLetters | undefined> {
    if (tail.deadLetters.length === 0) return undefined;
    const uploadBeganMs = this.#table.storeTimeMs();
    this.#letters ??= { file: await storeDeadLetterFile(this.#table, tail.deadLetters), uploadBeganMs };
    return this.#letters;
  }
}
