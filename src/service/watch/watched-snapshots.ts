/** Follows a table's snapshots for what they change in its answer: of a table with a log, what did not come through it. */
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

export class WatchedSnapshots {
  readonly #table: Table;
  readonly #matters: (snapshot: Snapshot) => boolean;
  #snapshotId: number;

  /** @param snapshotId the last one whose changes are known */
  constructor(table: Table, snapshotId: number, matters: (snapshot: Snapshot) => boolean) {
    this.#table = table;
    this.#snapshotId = snapshotId;
    this.#matters = matters;
  }

  /** The last one that was looked at. */
  get snapshotId(): number {
    return this.#snapshotId;
  }

  /** Looks at what came since. One GET while nothing comes. */
  async look(): Promise<SnapshotChange> {
    let change: SnapshotChange = 'none';
    for (;;) {
      const snapshot = await readSnapshot(this.#table, this.#snapshotId + 1);
      if (snapshot === undefined) break;
      this.#snapshotId = snapshot.id;
      if (this.#matters(snapshot)) change = 'changed';
    }
    return change;
  }

  /** Whether it still stands at the newest: a LIST, for who has not looked for long. Goes on from there. */
  async catchUp(): Promise<SnapshotChange> {
    const change = await this.look();
    const head = (await headSnapshot(this.#table))?.id ?? 0;
    if (head === this.#snapshotId) return change;
    const isAhead = head > this.#snapshotId && (await readSnapshot(this.#table, this.#snapshotId + 1)) !== undefined;
    if (isAhead) return this.catchUp();
    this.#snapshotId = head;
    return 'lost';
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
