/** Says when a table may have other rows than before: a new snapshot, or a record in its log. */
import type { Clock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { stateOfHead } from '../../flow/ingest/load-state.ts';
import { LogTail, readCheckpoints, type TailParts } from '../../flow/read/log-tail.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { changesRows, changesRowsWithoutLog, WatchedSnapshots } from './watched-snapshots.ts';

export type BellParts = { readonly clock: Clock; readonly tailParts: TailParts | undefined };

/** How often new snapshots are looked for where there is no log. */
const snapshotPollMs = 500;
/** And where there is one: what comes beside it is rare. */
export const besideLogPollMs = 5_000;
/** A waiting reader of the log looks up this often at least. */
const logWaitMsMax = 1_000;

export class TableBell {
  readonly #parts: BellParts;
  readonly #snapshots: WatchedSnapshots;
  readonly #tail: LogTail | undefined;

  /** @param tail read to its tip; see `TableBell.place` */
  constructor(parts: BellParts, snapshots: WatchedSnapshots, tail: LogTail | undefined) {
    this.#parts = parts;
    this.#snapshots = snapshots;
    this.#tail = tail;
  }

  /**
   * Whatever is not yet in a read that begins after this will ring.
   *
   * @param isSystem the query reads what the snapshots are, not what rows they have
   */
  static async place(parts: BellParts, table: Table, isSystem: boolean, signal: AbortSignal): Promise<TableBell> {
    const { tailParts } = parts;
    const started = tailParts === undefined ? undefined : await readCheckpoints(tailParts, table, { signal });
    const snapshot = await latestSnapshot(table);
    const matters = isSystem ? () => true : tailParts === undefined ? changesRows : changesRowsWithoutLog;
    const snapshots = new WatchedSnapshots(table, snapshot?.id ?? 0, { matters, clock: parts.clock });
    if (tailParts === undefined || started === undefined) return new TableBell(parts, snapshots, undefined);
    const { checkpoints, description } = started;
    // Under an older schema a record of a newer bucket count is taken for a fault of its producer, and would not ring.
    const options = { description, followsSchema: true };
    const tail = new LogTail(tailParts, table, await stateOfHead(table, snapshot), checkpoints, options);
    await hasMore(tail, signal);
    return new TableBell(parts, snapshots, tail);
  }

  /** Resolves when the table may have changed since it rang last; true: a bell must be placed anew. */
  async ring(signal: AbortSignal): Promise<{ readonly isLost: boolean }> {
    const { clock } = this.#parts;
    const pollMs = this.#tail === undefined ? snapshotPollMs : besideLogPollMs;
    for (;;) {
      signal.throwIfAborted();
      const rang = await this.#looked(pollMs, signal);
      if (rang !== undefined) return rang;
      const leftMs = Math.max(1, this.#snapshots.lookedMs + pollMs - clock.monotonicMs());
      if (this.#tail === undefined) await clock.sleep(leftMs, signal);
      else await this.#tail.waitForMore(clock, Math.min(leftMs, logWaitMsMax), signal);
    }
  }

  async #looked(pollMs: number, signal: AbortSignal): Promise<{ readonly isLost: boolean } | undefined> {
    try {
      if (this.#tail !== undefined && (await hasMore(this.#tail, signal, { follows: true }))) return { isLost: false };
    } catch (error) {
      // It was not looked at for longer than the log keeps.
      if (isLakeError(error, 'LAKE_LOG_GAP')) return { isLost: true };
      throw error;
    }
    if (this.#parts.clock.monotonicMs() - this.#snapshots.lookedMs < pollMs) return undefined;
    const change = await this.#snapshots.look();
    return change === 'none' ? undefined : { isLost: change === 'lost' };
  }
}

/** Reads to the tip and keeps nothing of it. */
async function hasMore(tail: LogTail, signal: AbortSignal, options?: { readonly follows: boolean }): Promise<boolean> {
  let found = false;
  for (;;) {
    const { batches, atTip } = await tail.readSome(signal, options);
    if (batches.length > 0) found = true;
    if (atTip) return found;
  }
}
