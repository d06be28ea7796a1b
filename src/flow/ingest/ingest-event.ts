/**
 * Ingest of records that an invoker hands over, a batch of one shard at a time (a Kinesis event source; DESIGN 2.3). Any
 * number may run at once, and any batch may come again.
 *
 * Flow: tell the records apart by table → for each table, drop what its recorded position covers, and take the rest as
 * it is or, when something shows that it is not all, from the log itself (decide-take.ts) → commit, by a swap of its own
 * or by a message to the commit function (I8) → say how far everything is committed in every table (I3).
 *
 * A table that cannot commit holds the batch at its first record. Bad data holds nothing: what a table cannot take is a
 * dead letter of its own, what nobody can read is kept beside the tables.
 */
import { mapBounded } from '../../base/concurrency.ts';
import type { LogRecordEnvelope, LogStore } from '../../storage/log-store.ts';
import { type RegistryParts, TableRegistry } from '../table-registry.ts';
import { CheckpointWriter } from './checkpoint.ts';
import { KnownShards } from './known-shards.ts';
import { keepUnreadable, routeRecords } from './route-records.ts';
import { type TakenRecords, type TakeRecordsParts, takeRecords } from './take-records.ts';

/** What a process keeps between batches. */
export type EventIngest = TakeRecordsParts & AsyncDisposable & { readonly checkpoints: CheckpointWriter };

export type EventBatch = {
  readonly shardId: string;
  /** In the shard's order. */
  readonly envelopes: readonly LogRecordEnvelope[];
  /** Ends every wait; what is not committed then is not acknowledged. */
  readonly signal?: AbortSignal | undefined;
  /** Nothing is begun or waited for after this; on `clock.monotonicMs`. */
  readonly deadlineMs: number;
};

export type EventResult = {
  readonly tables: readonly TakenRecords[];
  /** The first record that is not committed: it and what follows must come again. undefined: all is acknowledged. */
  readonly heldAt: bigint | undefined;
  /** Rows of tables that are no more. */
  readonly droppedTableRows: number;
  readonly unreadableRecords: number;
};

const tablesInParallelMax = 4;

/** @param parts `commitLog`: commits are made by the commit function, which reads it */
export function openEventIngest(
  parts: RegistryParts & { readonly log: LogStore; readonly commitLog?: LogStore | undefined },
): EventIngest {
  const { store, clock, random, log, commitLog } = parts;
  const registry = new TableRegistry(parts);
  return {
    store,
    clock,
    random,
    log,
    commitLog,
    registry,
    shards: new KnownShards(parts),
    checkpoints: new CheckpointWriter(parts),
    commitUser: `ingest-${random.uuid()}`,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

/**
 * Takes a batch. A repeat is a no-op; a crash at any place leaves each table with all of a commit or nothing of it.
 *
 * @throws LakeError `unavailable` when the log or the store does not answer at all: nothing is acknowledged
 */
export async function ingestEvent(parts: EventIngest, batch: EventBatch): Promise<EventResult> {
  const { shardId, envelopes, deadlineMs, signal } = batch;
  const last = envelopes.at(-1);
  if (last === undefined) return { tables: [], heldAt: undefined, droppedTableRows: 0, unreadableRecords: 0 };
  const { incarnation } = await parts.shards.describe(signal);
  const { byTable, unreadable } = routeRecords(shardId, envelopes);
  for (const { envelope } of unreadable) await keepUnreadable(parts.store, incarnation, shardId, envelope);
  const through = { position: last.position, arrivalMs: last.arrivalMs };
  const tables = await mapBounded([...byTable], tablesInParallelMax, ([tableId, records]) =>
    takeRecords(parts, { tableId, shardId, records, through, deadlineMs, signal }),
  );
  const held = tables.flatMap(({ heldAt }) => (heldAt === undefined ? [] : [heldAt]));
  const heldAt = held.reduce<bigint | undefined>((min, at) => (min === undefined || at < min ? at : min), undefined);
  if (heldAt === undefined) await parts.checkpoints.reached(incarnation, shardId, last.position);
  const dropped = [...byTable.values()].filter((_, index) => tables[index]?.status === 'dropped');
  return {
    tables,
    heldAt,
    droppedTableRows: dropped.flat().reduce((rows, { record }) => rows + record.header.rowCount, 0),
    unreadableRecords: unreadable.length,
  };
}
