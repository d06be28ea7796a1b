/**
 * What a container of the compact function remembers of tables, so that an event costs no more requests than it is worth.
 * Nothing here is relied on: what a compaction does is checked when it is committed.
 */
import type { Table } from '../../table/table.ts';

/** A table is opened anew after this long: its options may have changed without a snapshot. */
const openedMsMax = 60_000;
const tablesMax = 1_000;

type Looked = {
  readonly table: Table;
  readonly openedAtMs: number;
  /** Up to this snapshot there is nothing left to do. */
  settledId: number;
};

export class LookedTables {
  readonly #tables = new Map<string, Looked>();

  /** The table as it was opened a short while ago. @param nowMs on the monotonic clock */
  opened(name: string, nowMs: number): Table | undefined {
    const looked = this.#tables.get(name);
    return looked !== undefined && nowMs - looked.openedAtMs < openedMsMax ? looked.table : undefined;
  }

  keep(name: string, table: Table, nowMs: number): void {
    const settledId = this.#tables.get(name)?.settledId ?? 0;
    this.#tables.delete(name);
    const [oldest] = this.#tables.keys();
    if (oldest !== undefined && this.#tables.size >= tablesMax) this.#tables.delete(oldest);
    this.#tables.set(name, { table, openedAtMs: nowMs, settledId });
  }

  /** Whether somebody looked at this snapshot or a later one and found nothing left to do. */
  isSettled(name: string, snapshotId: number): boolean {
    return snapshotId <= (this.#tables.get(name)?.settledId ?? 0);
  }

  settle(name: string, snapshotId: number): void {
    const looked = this.#tables.get(name);
    if (looked !== undefined) looked.settledId = Math.max(looked.settledId, snapshotId);
  }

  /** Something has become of it. */
  forget(name: string): void {
    this.#tables.delete(name);
  }
}
