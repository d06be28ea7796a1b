/** Bulk loads: many rows through the log, by claim checks, once under their name (RFC 0026). */
import { type LoadOutcome, loadRows } from '../flow/load/load.ts';
import type { RecordHeaders } from '../flow/record-headers.ts';
import type { Table } from '../table/table.ts';
import { inputRows } from '../table/write/input-rows.ts';
import { rowKindByte } from '../types/row-kind.ts';
import type { UserRow } from '../types/user-row.ts';
import { type ArrowColumns, rowBatchOf } from './arrow-columns.ts';
import { gatherLines, gatherRows } from './gather-rows.ts';
import { inputReader } from './input-readers.ts';
import type { LakeParts } from './lake-parts.ts';
import { loggedTable } from './logged-table.ts';
import { withLogOf } from './named-logs.ts';
import { sendParts } from './named-writer.ts';
import type { GatheredRows } from './row-gatherer.ts';

type Many<T> = Iterable<T> | AsyncIterable<T>;

/** What to load, in any length. */
export type LoadSource<Row extends object = UserRow> =
  | { readonly rows: Many<Row> }
  /** Arrow's tables or record batches; columns are found by name. */
  | { readonly columns: Many<ArrowColumns> }
  /** Bytes of lines of changes, as `tidelake write` takes them; `commit` marks say nothing. */
  | { readonly lines: AsyncIterable<Uint8Array> };

export type LoadRequest = {
  /** 1 to 64 letters, digits, and . _ -: what is loaded again under it is there once. */
  readonly name: string;
  readonly headers?: RecordHeaders | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type LoadReceipt = LoadOutcome & { readonly name: string };

/**
 * Resolves when the log has all of it. Before that nothing of it is there unless all of it is put aside: a row that does not
 * fit lets nothing in. Begun and not ended, it goes on when it is called again under its name, with the rows it had then.
 *
 * @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED, LAKE_BAD_PRODUCER, LAKE_BAD_HEADERS, LAKE_BAD_VALUE, LAKE_BAD_BATCH,
 *   LAKE_BAD_LINE, LAKE_ROW_TOO_LARGE, LAKE_LOAD_TOO_LARGE: nothing was loaded; LAKE_LOAD_LOST; `unavailable`: load again
 */
export async function loadTable(
  parts: LakeParts,
  table: Table,
  source: LoadSource,
  { name, headers, signal }: LoadRequest,
): Promise<LoadReceipt> {
  const outcome = await loadRows(
    sendParts(await withLogOf(parts, table), table),
    loggedTable(table),
    { name, headers },
    batchesOf(table, source, signal),
    signal,
  );
  return { name, ...outcome };
}

async function* batchesOf(
  table: Table,
  source: LoadSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<GatheredRows, void, undefined> {
  for await (const batch of gathered(table, source)) {
    signal?.throwIfAborted();
    yield inputRows(table.schema, batch, table.label);
  }
}

function gathered(table: Table, source: LoadSource): AsyncGenerator<GatheredRows, void, undefined> {
  if ('lines' in source) return gatherLines(table, source.lines);
  if ('rows' in source) return gatherRows(table, source.rows, inputReader(table.schema));
  return gatherColumns(table, source.columns);
}

async function* gatherColumns(
  { schema, label }: Table,
  columns: Many<ArrowColumns>,
): AsyncGenerator<GatheredRows, void, undefined> {
  for await (const each of columns) {
    const rows = rowBatchOf(each, { fields: schema.fields }, label);
    yield { rows, kinds: new Int8Array(rows.rowCount).fill(rowKindByte['+I']) };
  }
}
