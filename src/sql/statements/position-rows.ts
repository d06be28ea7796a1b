/**
 * Rows of an append table with the place where each lies, counted over all rows of its file: so that a statement can say
 * which rows of which files it means, and those files are written anew without them, or get a deletion vector.
 */
import { assert, present } from '../../base/assert.ts';
import { deletedPositions } from '../../format/deletion-vector.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { vectorIdentity } from '../../table/commit/decide-index.ts';
import { noDeletions, readDeletionVector } from '../../table/index-files.ts';
import type { PlacedFile } from '../../table/live-files.ts';
import { streamWhileSnapshotStays } from '../../table/manifests.ts';
import { readRows } from '../../table/read/read-file.ts';
import { readBatchRowsMax } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import type { Split } from '../../table/scan/split.ts';
import type { Table } from '../../table/table.ts';
import { ColumnBuilder } from '../../types/column-builder.ts';
import type { DataField } from '../../types/data-type.ts';
import { takeRows } from '../../types/gather.ts';
import type { Predicate } from '../../types/predicate.ts';
import { type Column, columnOf, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';

/** Number of the row's file. */
export const fileColumn = '__tidelake_file';
/** Number of the row in its file. */
export const rowColumn = '__tidelake_row';

const int = { kind: 'int', nullable: false } as const;

/** Ids beyond those that any table gives. */
export const positionFields: readonly DataField[] = [fileColumn, rowColumn].map((name, index) => ({
  id: 2_000_000_000 + index,
  name,
  type: int,
  description: undefined,
  defaultValue: undefined,
}));

type NumberedFile = { readonly split: Split; readonly placed: PlacedFile };

/** One reading of an append table by positions. */
export class PositionedTable {
  readonly table: Table;
  readonly snapshot: Snapshot | undefined;
  readonly #files: NumberedFile[] = [];

  constructor(table: Table, snapshot: Snapshot | undefined) {
    assert(table.schema.primaryKeys.length === 0, 'rows of an append table have places');
    this.table = table;
    this.snapshot = snapshot;
  }

  /** Rows that may pass, in batches of these columns of the schema and of `positionFields`. */
  async *rows(
    columns: readonly DataField[],
    predicate: Predicate | undefined,
  ): AsyncGenerator<RowBatch, void, undefined> {
    const { table, snapshot } = this;
    const plan = await planScan(table, snapshot, { predicate });
    for (const split of plan.splits) {
      assert(split.work.kind === 'raw', 'files of an append table are read one by one');
      const { partition, bucket, totalBuckets } = split;
      for (const file of split.work.files) {
        const index = this.#files.push({ split, placed: { partition, bucket, totalBuckets, file } }) - 1;
        yield* this.#rowsOf(index, columns);
      }
    }
  }

  /** Files are numbered in the order in which their rows came. */
  file(index: number): PlacedFile {
    return present(this.#files[index], 'a file that was read').placed;
  }

  /** The identity of the file's deletion vector; undefined: it has none. */
  vectorOf(index: number): string | undefined {
    const { split, placed } = present(this.#files[index], 'a file that was read');
    const place = split.deletions.get(placed.file.fileName);
    return place === undefined ? undefined : vectorIdentity(place);
  }

  /** All columns of the rows of a file that are neither taken nor deleted. */
  async *rowsBut(index: number, isTaken: (row: number) => boolean): AsyncGenerator<RowBatch, void, undefined> {
    let first = 0;
    const isDeleted = await this.#deletedRows(index);
    for await (const batch of this.#read(index, this.table.schema.fields)) {
      const kept: number[] = [];
      for (let row = 0; row < batch.rowCount; row += 1) {
        if (!isTaken(first + row) && !isDeleted(first + row)) kept.push(row);
      }
      first += batch.rowCount;
      if (kept.length > 0) yield kept.length === batch.rowCount ? batch : takeRows(batch, Uint32Array.from(kept));
    }
  }

  async *#rowsOf(index: number, columns: readonly DataField[]): AsyncGenerator<RowBatch, void, undefined> {
    const own = columns.filter(({ name }) => name !== fileColumn && name !== rowColumn);
    let first = 0;
    const isDeleted = await this.#deletedRows(index);
    for await (const batch of this.#read(index, own)) {
      const made = columns.map(({ name }): Column => {
        if (name === fileColumn) return numbers(batch.rowCount, () => index);
        if (name === rowColumn) return numbers(batch.rowCount, row => first + row);
        return columnOf(batch, name);
      });
      const rows = makeRowBatch({ fields: columns }, batch.rowCount, made);
      const kept = Array.from({ length: batch.rowCount }, (_, row) => row).filter(row => !isDeleted(first + row));
      first += batch.rowCount;
      yield kept.length === rows.rowCount ? rows : takeRows(rows, Uint32Array.from(kept));
    }
  }

  async #deletedRows(index: number): Promise<(row: number) => boolean> {
    const { split, placed } = present(this.#files[index], 'a file that was read');
    const place = split.deletions.get(placed.file.fileName);
    if (place === undefined) return () => false;
    const vector = await readDeletionVector(this.table, place);
    const rows = new Set(deletedPositions(vector, 0, placed.file.rowCount));
    return row => rows.has(row);
  }

  /** No row group is left out, and no row that is deleted, since rows are counted. */
  #read(index: number, wanted: readonly DataField[]): AsyncIterable<RowBatch> {
    const { split, placed } = present(this.#files[index], 'a file that was read');
    const { schema } = this.table;
    const read = { schema, wanted: { fields: wanted }, prune: undefined, batchRowsMax: readBatchRowsMax };
    const rows = readRows(this.table, { ...split, deletions: noDeletions }, placed.file, read);
    return this.snapshot === undefined ? rows : streamWhileSnapshotStays(this.table, this.snapshot, rows);
  }
}

function numbers(count: number, numberOf: (row: number) => number): Column {
  const builder = new ColumnBuilder(int);
  for (let row = 0; row < count; row += 1) builder.append(numberOf(row));
  return builder.finish();
}
