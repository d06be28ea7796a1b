/** Reads a table: a state of it, or as of now together with what its log has beyond the newest snapshot. */
import { present } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import { unionRead } from '../flow/read/union-read.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { readAddedRows } from '../table/changelog/read-range.ts';
import { liveRowCount } from '../table/read/read-file.ts';
import { type ReadOptions, readPlan } from '../table/read/read-split.ts';
import { planScan, type ScanPlan } from '../table/scan/plan-scan.ts';
import { namesState } from '../table/scan/scan-state.ts';
import type { Table } from '../table/table.ts';
import type { RowType } from '../types/data-type.ts';
import type { Predicate } from '../types/predicate.ts';
import type { RowBatch } from '../types/row-batch.ts';
import { type LakeParts, logOf } from './lake-parts.ts';
import { withLogOf } from './named-logs.ts';
import { isNamed, type ReadPoint, type ReadState, readStateOf } from './read-point.ts';
import { scanBySql } from './scan-by-sql.ts';
import { parseWhere } from './where.ts';

export type ScanRequest = ReadPoint & {
  /** Columns that come out, in this order; all when not given. */
  readonly columns?: readonly string[] | undefined;
  /** A boolean expression of SQL over the table's columns. */
  readonly where?: string | undefined;
  /** With what the log has beyond the newest snapshot: the table as of now. */
  readonly union?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A read that is about to begin: what its rows will be, and the rows. */
export type PreparedScan = {
  /** The columns that come out. */
  readonly rowType: RowType;
  /** Never empty. To be read once. */
  readonly batches: AsyncIterable<RowBatch>;
};

/**
 * @throws LakeError `invalid` LAKE_UNKNOWN_COLUMN, LAKE_BAD_FILTER, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED,
 * LAKE_TAG_NOT_FOUND, LAKE_NO_LOG; `unsupported` naming the table's feature; `corrupt`
 */
export async function scanTable(parts: LakeParts, table: Table, request: ScanRequest): Promise<PreparedScan> {
  if (request.union === true && (isNamed(request) || namesState(table.schema.options))) {
    throw invalid(
      'LAKE_BAD_READ_POINT',
      `${table.label}: a union read is of now, it takes no snapshot, tag, timestamp or option scan.*`,
    );
  }
  const log = request.union === true ? logOf(await withLogOf(parts, table), 'a union read') : undefined;
  const now: ReadState = { snapshot: undefined, schema: table.schema, isNamed: false };
  const state = log === undefined ? await readStateOf(table, request) : now;
  const columns = request.columns ?? state.schema.fields.map(field => field.name);
  const rowType = { fields: columns.map(name => fieldNamed(table, state.schema, name)) };
  const filter = request.where === undefined ? undefined : parseWhere(request.where, { fields: state.schema.fields });
  const read = (options: ReadOptions, predicate: Predicate | undefined): AsyncIterable<RowBatch> =>
    log === undefined
      ? readState(table, state, options, predicate)
      : unionRead({ log, store: parts.store }, table, { ...options, predicate, signal: request.signal });
  const batches =
    filter?.kind === 'sql'
      ? scanBySql(parts, table, {
          rowType,
          where: filter.text,
          hint: hintOf(table, request, state),
          signal: request.signal,
        })
      : read({ columns }, filter?.predicate);
  return { rowType, batches: untilAborted(batches, request.signal) };
}

/** Rows of a scan, counted without reading them where the files' own counts tell. */
export async function countRows(parts: LakeParts, table: Table, request: ScanRequest): Promise<bigint> {
  if (request.where === undefined && request.union !== true) {
    const state = await readStateOf(table, request);
    const { snapshot, schema, createdMsMin } = state;
    const columns = [cheapColumn(schema)];
    if (state.range !== undefined) return countOfBatches(readState(table, state, { columns }, undefined));
    const plan = await planScan(table, snapshot, { schema, createdMsMin });
    return countOfPlan(table, plan, request.signal);
  }
  const { batches } = await scanTable(parts, table, { ...request, columns: [cheapColumn(table.schema)] });
  return countOfBatches(batches);
}

/** A tag may be all that is left of its snapshot; of the other states the number says enough. */
function hintOf(table: Table, request: ScanRequest, { snapshot }: ReadState): Readonly<Record<string, string>> {
  const { dynamicOptions, schema } = table;
  if (request.union === true) return dynamicOptions;
  if (request.tag !== undefined) return { ...dynamicOptions, 'scan.tag-name': request.tag };
  if (snapshot !== undefined && isNamed(request)) return { ...dynamicOptions, 'scan.snapshot-id': String(snapshot.id) };
  return namesState(schema.options) ? dynamicOptions : { ...dynamicOptions, 'scan.mode': 'latest' };
}

async function countOfPlan(table: Table, plan: ScanPlan, signal: AbortSignal | undefined): Promise<bigint> {
  let total = 0n;
  const merged: ScanPlan['splits'][number][] = [];
  for (const split of plan.splits) {
    if (split.work.kind === 'raw') {
      for (const file of split.work.files) total += BigInt(await liveRowCount(table, split, file));
    } else merged.push(split);
  }
  const columns = [cheapColumn(plan.schema)];
  const batches = readPlan(table, { ...plan, splits: merged }, { columns });
  return total + (await countOfBatches(untilAborted(batches, signal)));
}

async function countOfBatches(batches: AsyncIterable<RowBatch>): Promise<bigint> {
  let total = 0n;
  for await (const { rowCount } of batches) total += BigInt(rowCount);
  return total;
}

/** A key column is read for the merge anyhow. */
function cheapColumn(schema: TableSchema): string {
  return schema.primaryKeys.at(-1) ?? present(schema.fields[0], 'column').name;
}

async function* readState(
  table: Table,
  state: ReadState,
  options: ReadOptions,
  predicate: Predicate | undefined,
): AsyncGenerator<RowBatch, void, undefined> {
  const { snapshot, schema, range, createdMsMin } = state;
  if (range !== undefined) {
    yield* readAddedRows(table, range, { columns: options.columns, predicate });
    return;
  }
  yield* readPlan(table, await planScan(table, snapshot, { schema, predicate, createdMsMin }), options);
}

async function* untilAborted(
  batches: AsyncIterable<RowBatch>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch, void, undefined> {
  signal?.throwIfAborted();
  for await (const batch of batches) {
    yield batch;
    signal?.throwIfAborted();
  }
}

function fieldNamed(table: Table, schema: TableSchema, name: string): RowType['fields'][number] {
  const field = schema.fields.find(candidate => candidate.name === name);
  if (field !== undefined) return field;
  const known = schema.fields.map(candidate => candidate.name).join(', ');
  throw invalid('LAKE_UNKNOWN_COLUMN', `table ${table.label} has no column ${JSON.stringify(name)}; it has ${known}`);
}
