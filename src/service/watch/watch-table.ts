/**
 * Watches a table of which each change is a record or a row of a snapshot: its rows, then what a subscription tells, by key.
 * No answer is held. What comes while the consumer is busy stays where it is, in the log or the snapshots, and is given as one
 * difference when it asks again.
 */
import type { Clock } from '../../base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../../base/errors.ts';
import type { SubscribeFrom } from '../../flow/read/history-range.ts';
import { type SubscribeParts, subscribe } from '../../flow/read/subscribe.ts';
import type { SubscribedBatch } from '../../flow/read/subscribed-batch.ts';
import { headSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import type { Predicate } from '../../types/predicate.ts';
import { batchBytes } from '../../types/row-batch.ts';
import { ChangedKeys } from './changed-keys.ts';
import { firstOf } from './first-of.ts';
import { besideLogPollMs } from './table-bell.ts';
import { encodeWatchPlace, type WatchPlace } from './watch-place.ts';
import type { WatchedPart, WatchedParts } from './watched-part.ts';
import { changesRowsWithoutLog, WatchedSnapshots } from './watched-snapshots.ts';

export type WatchedTable = {
  readonly name: string;
  readonly table: Table;
  readonly columns: readonly string[];
  readonly predicate: Predicate | undefined;
  readonly intervalMs: number;
};

/** Of rows that are gathered for one part, about. */
const partBytesMax = 4 * 1024 * 1024;

/** After these the table is read whole again: what followed the place is gone, or other rows stand where some were. */
const beginAgain: readonly LakeErrorCode[] = [
  'LAKE_LOG_GAP',
  'LAKE_REBASE',
  'LAKE_RESUME_EXPIRED',
  'LAKE_SNAPSHOT_EXPIRED',
  'LAKE_SNAPSHOT_NOT_FOUND',
];

export async function* watchTable(
  parts: SubscribeParts,
  watched: WatchedTable,
  from: WatchPlace | undefined,
  signal: AbortSignal,
): WatchedParts {
  let place = from?.kind === 'table' ? from : undefined;
  for (;;) {
    let isMoved = place !== undefined;
    try {
      for await (const part of untilReplaced(parts, watched, place, signal)) {
        if (part.isComplete) isMoved = true;
        yield part;
      }
    } catch (error) {
      // What cannot be read from its beginning will not be there the next time either.
      if (!isMoved || !beginAgain.some(code => isLakeError(error, code))) throw error;
    }
    signal.throwIfAborted();
    place = undefined;
  }
}

type TablePlace = Extract<WatchPlace, { kind: 'table' }>;

/** Ends when rows were put into the table that the log does not tell. */
async function* untilReplaced(
  parts: SubscribeParts,
  { name, table, columns, predicate, intervalMs }: WatchedTable,
  place: TablePlace | undefined,
  signal: AbortSignal,
): WatchedParts {
  const { clock } = parts;
  const stop = new AbortController();
  const start: SubscribeFrom = place === undefined ? { kind: 'full' } : { kind: 'resume', point: place.point };
  const keys = new ChangedKeys({
    keyColumns: table.schema.primaryKeys,
    columns,
    predicate,
    isWhole: place === undefined,
  });
  // Before the rows are read: what comes beside them is seen then.
  const lastId = place?.snapshotId ?? (await headSnapshot(table))?.id ?? 0;
  const others = { matters: changesRowsWithoutLog, clock };
  const beside = parts.log === undefined ? undefined : new WatchedSnapshots(table, lastId, others);
  // Whatever the table's options say to subscribers: an answer is of now.
  const request = { from: start, changelogMode: 'auto', consistency: 'eventual', onGap: 'fail' } as const;
  const source = new Gathering(subscribe(parts, table, request, AbortSignal.any([signal, stop.signal])), clock, beside);
  try {
    if (place !== undefined && beside !== undefined && (await beside.catchUp()) !== 'none') return;
    let kind: WatchedPart['kind'] = place === undefined ? 'full' : 'delta';
    let part = 0;
    for (;;) {
      const gathered = await source.next(kind === 'full' ? 0 : intervalMs, signal);
      if (gathered === undefined) return;
      const { batches, point } = gathered;
      const isComplete = point !== undefined;
      const snapshotId = beside?.snapshotId ?? 0;
      const resume = point === undefined ? undefined : encodeWatchPlace(name, { kind: 'table', point, snapshotId });
      yield { kind, part, isComplete, changes: keys.changesOf(table, batches), resume };
      part = isComplete ? 0 : part + 1;
      if (isComplete) kind = 'delta';
    }
  } finally {
    stop.abort();
    await source.end();
  }
}

type Gathered = {
  readonly batches: readonly SubscribedBatch[];
  readonly point: SubscribedBatch['resume'];
};

/** Takes batches of a subscription together: up to a place, and on while more comes within the interval. */
class Gathering {
  readonly #batches: AsyncGenerator<SubscribedBatch, void, undefined>;
  readonly #clock: Clock;
  readonly #beside: WatchedSnapshots | undefined;
  #pending: Promise<IteratorResult<SubscribedBatch, void>> | undefined;

  constructor(
    batches: AsyncGenerator<SubscribedBatch, void, undefined>,
    clock: Clock,
    beside: WatchedSnapshots | undefined,
  ) {
    this.#batches = batches;
    this.#clock = clock;
    this.#beside = beside;
  }

  /** undefined: other rows stand in the table than the subscription tells. */
  async next(intervalMs: number, signal: AbortSignal): Promise<Gathered | undefined> {
    const endsMs = this.#clock.monotonicMs() + intervalMs;
    const batches: SubscribedBatch[] = [];
    let point: SubscribedBatch['resume'];
    let bytes = 0;
    while (bytes < partBytesMax) {
      const leftMs = endsMs - this.#clock.monotonicMs();
      if (point !== undefined && leftMs <= 0) break;
      const waitMs = point === undefined ? besideLogPollMs : leftMs;
      const result = await firstOf(this.#clock, this.#ask(), waitMs);
      signal.throwIfAborted();
      if (await this.#isReplaced()) return undefined;
      if (result === undefined) continue;
      this.#pending = undefined;
      if (result.done === true) return undefined;
      batches.push(result.value);
      bytes += batchBytes(result.value.rows);
      point = result.value.resume;
    }
    return { batches, point };
  }

  async end(): Promise<void> {
    // What is still awaited ends with the subscription's signal; nobody wants to hear of it.
    await this.#pending?.catch(() => undefined);
    await this.#batches.return();
  }

  #ask(): Promise<IteratorResult<SubscribedBatch, void>> {
    this.#pending ??= this.#batches.next();
    return this.#pending;
  }

  async #isReplaced(): Promise<boolean> {
    const beside = this.#beside;
    if (beside === undefined || this.#clock.monotonicMs() - beside.lookedMs < besideLogPollMs) return false;
    return (await beside.look()) !== 'none';
  }
}
