/** Follows a table's snapshots for what they change in its answer: of a table with a log, what did not come through it. */
import type { Clock } from '../../base/clock.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { isOurs } from '../../table/commit/properties.ts';
import { headSnapshot, readSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';

export type SnapshotChange =
  | 'none'
  /** The answer may be another. */
  | 'changed'
  /** Snapshots went by unseen, or numbers were taken back: look at everything again. */
  | 'lost';

/** Numbers are looked for one by one; after so long without a look they may have expired, and everything is listed once. */
const trustMs = 600_000;

export type SnapshotsParts = { readonly matters: (snapshot: Snapshot) => boolean; readonly clock: Clock };

export class WatchedSnapshots {
  readonly #table: Table;
  readonly #parts: SnapshotsParts;
  #snapshotId: number;
  #lookedMs: number;

  /** @param snapshotId the last one whose changes are known */
  constructor(table: Table, snapshotId: number, parts: SnapshotsParts) {
    this.#table = table;
    this.#snapshotId = snapshotId;
    this.#parts = parts;
    this.#lookedMs = parts.clock.monotonicMs();
  }

  /** The last one that was looked at. */
  get snapshotId(): number {
    return this.#snapshotId;
  }

  /** When it was looked last. */
  get lookedMs(): number {
    return this.#lookedMs;
  }

  /** Looks at what came since. One GET while nothing comes. */
  async look(): Promise<SnapshotChange> {
    const awayMs = this.#parts.clock.monotonicMs() - this.#lookedMs;
    return awayMs > trustMs ? this.catchUp() : this.#next();
  }

  /** Whether it still stands at the newest: a LIST, for who has not looked for long. Goes on from there. */
  async catchUp(): Promise<SnapshotChange> {
    const change = await this.#next();
    const head = (await headSnapshot(this.#table))?.id ?? 0;
    if (head === this.#snapshotId) return change;
    const isAhead = head > this.#snapshotId && (await readSnapshot(this.#table, this.#snapshotId + 1)) !== undefined;
    if (isAhead) {
      const later = await this.catchUp();
      return later === 'none' ? change : later;
    }
    this.#snapshotId = head;
    return 'lost';
  }

  async #next(): Promise<SnapshotChange> {
    this.#lookedMs = this.#parts.clock.monotonicMs();
    let change: SnapshotChange = 'none';
    for (;;) {
      const snapshot = await readSnapshot(this.#table, this.#snapshotId + 1);
      if (snapshot === undefined) return change;
      this.#snapshotId = snapshot.id;
      if (this.#parts.matters(snapshot)) change = 'changed';
    }
  }
}

/** Compactions and statistics leave the rows as they are. */
export function changesRows({ commitKind }: Snapshot): boolean {
  return commitKind === 'APPEND' || commitKind === 'OVERWRITE';
}

/** Rows that were put beside the log, by an overwrite or by another program's commit: what the log has does not tell them. */
export function changesRowsWithoutLog({ commitKind, properties }: Snapshot): boolean {
  return commitKind === 'OVERWRITE' || (commitKind === 'APPEND' && !isOurs(properties));
}
