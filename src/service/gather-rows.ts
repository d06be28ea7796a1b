/** Rows of a user, one after the other, as batches of the table's columns. */
import { invalid, isLakeError } from '../base/errors.ts';
import type { Table } from '../table/table.ts';
import { rowKindByte } from '../types/row-kind.ts';
import { type UserRow, type UserRowReader, userRowReader } from '../types/user-row.ts';
import { gatherSteps } from './line-gatherer.ts';
import { type GatheredRows, RowGatherer } from './row-gatherer.ts';

const batchRowsMax = 16_384;
const batchBytesMax = 8 * 1024 * 1024;

/** @throws LakeError `invalid` LAKE_BAD_VALUE naming the column */
export async function* gatherRows(
  table: Table,
  rows: Iterable<UserRow> | AsyncIterable<UserRow>,
  read: UserRowReader = userRowReader({ fields: table.schema.fields }),
): AsyncGenerator<GatheredRows, void, undefined> {
  const gatherer = new RowGatherer({ fields: table.schema.fields });
  for await (const row of rows) {
    try {
      gatherer.add(read(row), rowKindByte['+I']);
    } catch (error) {
      if (!isLakeError(error)) throw error;
      throw invalid(error.code, `${table.label}: ${error.message}`, { cause: error });
    }
    if (isFull(gatherer)) yield gatherer.take();
  }
  if (gatherer.rowCount > 0) yield gatherer.take();
}

/** Lines of changes as `tidelake write` takes them; `commit` marks say nothing here. @throws LakeError LAKE_BAD_LINE */
export async function* gatherLines(
  table: Table,
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<GatheredRows, void, undefined> {
  for await (const step of gatherSteps(table.schema, table.label, input)) if (step.kind === 'rows') yield step.gathered;
}

function isFull({ rowCount, bytes }: RowGatherer): boolean {
  return rowCount >= batchRowsMax || bytes >= batchBytesMax;
}
