/**
 * Brings the checkpoints of a log to where its tables are (DESIGN I6). Ingest by functions writes them beside its batches
 * only and seldom, so behind the last batch of a shard they stay back; and once the log has forgotten what lies between,
 * nobody can tell any more that nothing of it was lost (D4). Maintenance calls this.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { endsTable } from '../../catalog/drop-marker.ts';
import type { LogDescription, LogStart, LogStore } from '../../storage/log-store.ts';
import { headSnapshot } from '../../table/snapshots.ts';
import { type RegistryParts, TableRegistry } from '../table-registry.ts';
import { isWorthWriting, readCheckpoint, startAbove, writeCheckpoint } from './checkpoint.ts';
import { stateOfHead } from './load-state.ts';
import { keepUnreadable, type Routing, routeRecords, tableNameOf } from './route-records.ts';

export type AdvanceReceipt = {
  /** Shards whose checkpoint was written. */
  readonly advanced: number;
  /** Shards with records that some table has not taken yet, or that are gone. */
  readonly behind: number;
};

export type AdvanceOptions = {
  /** What the log has just said of itself; asked for when it is not given. */
  readonly description?: LogDescription | undefined;
  readonly signal?: AbortSignal | undefined;
};

type AdvanceParts = RegistryParts & { readonly log: LogStore };
type Shard = { readonly incarnation: string; readonly shardId: string };

/** Whoever wrote a younger one writes the next with the next batch. */
const youngMs = 300_000;
const shardsInParallelMax = 4;
/** Bytes of a shard that one call looks at; the rest is left for the next. */
const shardBytesMax = 64 * 1024 * 1024;

/** @throws LakeError `unavailable` when the log or the store does not answer; what was written by then stays */
export async function advanceCheckpoints(
  parts: AdvanceParts,
  { description, signal }: AdvanceOptions = {},
): Promise<AdvanceReceipt> {
  const { incarnation, shards } = description ?? (await parts.log.describe({ signal }));
  await using registry = new TableRegistry(parts);
  const taken = new TakenPositions(registry, incarnation);
  const ends = await mapBounded(shards, shardsInParallelMax, ({ shardId }) =>
    advance(parts, taken, { incarnation, shardId }, signal),
  );
  return {
    advanced: ends.filter(({ isWritten }) => isWritten).length,
    behind: ends.filter(({ isBehind }) => isBehind).length,
  };
}

async function advance(
  parts: AdvanceParts,
  taken: TakenPositions,
  shard: Shard,
  signal: AbortSignal | undefined,
): Promise<{ readonly isWritten: boolean; readonly isBehind: boolean }> {
  const { incarnation, shardId } = shard;
  const before = await readCheckpoint(parts.store, incarnation, shardId);
  if (before !== undefined && before.ageMs < youngMs) return { isWritten: false, isBehind: false };
  const start = startAbove(before?.position, before?.tipMs);
  const { next, isBehind } = await takenThrough(parts, taken, shard, start, signal);
  if (next.kind !== 'after') return { isWritten: false, isBehind };
  const reached = { position: next.position, tipMs: next.tipMs };
  const isWritten = isWorthWriting(before, reached);
  if (isWritten) await writeCheckpoint(parts.store, incarnation, shardId, reached);
  return { isWritten, isBehind };
}

/** Follows the shard for as long as every table has taken what it reads. @returns where that ends */
async function takenThrough(
  { store, log }: AdvanceParts,
  taken: TakenPositions,
  { incarnation, shardId }: Shard,
  start: LogStart,
  signal: AbortSignal | undefined,
): Promise<{ readonly next: LogStart; readonly isBehind: boolean }> {
  let next = start;
  for (let bytesLeft = shardBytesMax; bytesLeft > 0; ) {
    signal?.throwIfAborted();
    const { records, ...result } = await log.read(shardId, next, { signal, bytesMax: bytesLeft });
    // What is gone may have been taken or not: ingest has to find out, and to say so.
    if (result.gap) return { next, isBehind: true };
    const { byTable, unreadable } = routeRecords(shardId, records);
    for (const { envelope } of unreadable) await keepUnreadable(store, incarnation, shardId, envelope);
    const heldAt = await taken.firstHeld(shardId, byTable);
    if (heldAt !== undefined) {
      const last = records.findLast(({ position }) => position < heldAt);
      return { next: last === undefined ? next : startAbove(last.position), isBehind: true };
    }
    next = result.next;
    if (result.atTip || result.ended) break;
    for (const { data } of records) bytesLeft -= data.byteLength;
  }
  return { next, isBehind: false };
}

/** How far the tables have taken the shards, each looked up once. */
class TakenPositions {
  readonly #registry: TableRegistry;
  readonly #incarnation: string;
  readonly #byTable = new Map<string, Promise<ReadonlyMap<string, bigint> | 'dropped'>>();

  constructor(registry: TableRegistry, incarnation: string) {
    this.#registry = registry;
    this.#incarnation = incarnation;
  }

  /** The first of a shard's records that its table has not taken; undefined: all are taken. */
  async firstHeld(shardId: string, byTable: Routing['byTable']): Promise<bigint | undefined> {
    let first: bigint | undefined;
    for (const [tableId, records] of byTable) {
      const taken = await this.#of(tableId, tableNameOf(records));
      if (taken === 'dropped') continue;
      const through = taken.get(shardId) ?? -1n;
      const held = records.find(({ position }) => position > through)?.position;
      if (held !== undefined && (first === undefined || held < first)) first = held;
    }
    return first;
  }

  #of(tableId: string, tableName: string): Promise<ReadonlyMap<string, bigint> | 'dropped'> {
    let taken = this.#byTable.get(tableId);
    if (taken === undefined) {
      taken = this.#lookUp(tableId, tableName);
      this.#byTable.set(tableId, taken);
    }
    return taken;
  }

  async #lookUp(tableId: string, tableName: string): Promise<ReadonlyMap<string, bigint> | 'dropped'> {
    const opened = await this.#registry.find(tableId, tableName);
    if (opened === undefined) return 'dropped';
    const snapshot = await headSnapshot(opened.table);
    if (endsTable(opened.table, snapshot)) return 'dropped';
    const state = await stateOfHead(opened.table, snapshot);
    if (state?.incarnation !== this.#incarnation) return new Map();
    return new Map([...state.shards].map(([shardId, { position }]) => [shardId, position]));
  }
}
