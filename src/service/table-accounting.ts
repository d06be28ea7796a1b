/** What became of every row that a table has taken from its log. */
import { stateOfHead } from '../flow/ingest/load-state.ts';
import { noCounters } from '../flow/ingest/state.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';

/** rowsIn = written + mergedAway + deadLettered + duplicates, in every snapshot. */
export type TableAccounting = {
  /** Rows of all records taken from the log. */
  readonly rowsIn: bigint;
  /** Rows in level-0 files. */
  readonly written: bigint;
  /** Rows that a newer one of the same key and commit replaced before they were written. */
  readonly mergedAway: bigint;
  readonly deadLettered: bigint;
  /** Rows of records that were in the log twice. */
  readonly duplicates: bigint;
  /** Records that the log had lost before they could be taken. */
  readonly gaps: bigint;
  /** Of `rowsIn`, rows that had been dead letters and were brought again. */
  readonly replayed: bigint;
};

/** As of the newest snapshot; all zero for a table that has taken nothing from a log. */
export async function tableAccounting(table: Table): Promise<TableAccounting> {
  const snapshot = await latestSnapshot(table);
  const state = await stateOfHead(table, snapshot);
  return state?.counters ?? noCounters;
}
