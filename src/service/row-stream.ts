/** Rows of a read in the forms that users take them: objects, all at once or one by one, or Arrow. */
import { Table as ArrowTable, type RecordBatch } from '../types/arrow.ts';
import type { RowType } from '../types/data-type.ts';
import { arrowSchema, type RowBatch, toRecordBatch } from '../types/row-batch.ts';
import { rowsAs } from './table-shape.ts';

/** What a read gives once it has begun. */
export type OpenedRows = { readonly rowType: RowType; readonly batches: AsyncIterable<RowBatch> };

export async function* eachRow<Row extends object>(opened: OpenedRows): AsyncGenerator<Row, void, undefined> {
  for await (const batch of opened.batches) {
    const row = rowsAs<Row>(batch);
    for (let index = 0; index < batch.rowCount; index += 1) yield row(index);
  }
}

export async function allRows<Row extends object>(opened: OpenedRows): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of opened.batches) {
    const row = rowsAs<Row>(batch);
    for (let index = 0; index < batch.rowCount; index += 1) rows.push(row(index));
  }
  return rows;
}

export async function* arrowBatches(opened: OpenedRows): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const batch of opened.batches) yield toRecordBatch(batch);
}

export async function arrowTable(opened: OpenedRows): Promise<ArrowTable> {
  const batches: RecordBatch[] = [];
  for await (const batch of arrowBatches(opened)) batches.push(batch);
  return new ArrowTable(arrowSchema(opened.rowType), batches);
}
