/**
 * Tables as relations that DuckDB reads. Three ways were measured (1M rows of 13 columns, two cores):
 *
 * 1. raw files, read by DuckDB itself: 40 ms for a group-by over three columns;
 * 2. rows merged by us and spooled as Parquet: 400 ms, memory bounded;
 * 3. a table function or an appender over batches: 140 ms for numbers but 800 ms with strings (a native call each), and
 *    a table function needs all rows in memory, since it cannot wait.
 *
 * So it is the first where the files allow it, and the second for the rest, in one relation.
 */
import { invalid, unsupported } from '../../base/errors.ts';
import {
  type RowTableName,
  readOptimizedLevel,
  readRowTable,
  rowTableFields,
} from '../../catalog/system/row-tables.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { readAddedRows } from '../../table/changelog/read-range.ts';
import { readPlan } from '../../table/read/read-split.ts';
import { planScan } from '../../table/scan/plan-scan.ts';
import type { ScanState } from '../../table/scan/scan-state.ts';
import type { Table } from '../../table/table.ts';
import type { DataField } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { UnionRead } from '../context.ts';
import type { ColumnsUsed } from '../query/columns-used.ts';
import { quoteText } from '../quote.ts';
import { columnText, emptyColumnText } from './column-text.ts';
import { ParquetSpool } from './parquet-spool.ts';
import { rawFiles } from './raw-files.ts';

export type RelationNeeds = {
  readonly columns: ColumnsUsed;
  readonly predicate: Predicate | undefined;
};

export type RelationParts = {
  /** For spooled rows; this relation's own. */
  readonly folder: string;
  readonly unionRead: UnionRead | undefined;
  readonly signal: AbortSignal | undefined;
};

/** The text of a SELECT that gives the table's rows. @throws LakeError as scans and reads do */
export async function tableRelation(
  table: Table,
  state: ScanState,
  needs: RelationNeeds,
  parts: RelationParts,
): Promise<string> {
  const { schema, snapshot, range } = state;
  const fields = neededFields(schema, needs.columns);
  const columns = fields.map(field => field.name);
  const { predicate } = needs;
  if (range !== undefined) {
    return relationText(fields, await spool(readAddedRows(table, range, { columns, predicate }), fields, parts));
  }
  if (state.withLog && parts.unionRead !== undefined) {
    const { signal } = parts;
    const union = await parts.unionRead(table, { columns, predicate, signal });
    if (union !== undefined) return relationText(fields, await spool(union, fields, parts));
  }
  const { level, withLevel0, createdMsMin } = state;
  const plan = await planScan(table, snapshot, { schema, predicate, level, withLevel0, createdMsMin });
  const { paths, rest } = await rawFiles(table, plan, fields, parts.folder);
  const spooled =
    rest.length === 0 ? [] : await spool(readPlan(table, { ...plan, splits: rest }, { columns }), fields, parts);
  return relationText(fields, [...paths, ...spooled]);
}

/** The text of a SELECT that gives what a system table shows of the rows of a snapshot; the log does not belong to it. */
export async function rowTableRelation(
  table: Table,
  name: RowTableName,
  state: ScanState,
  needs: RelationNeeds,
  parts: RelationParts,
): Promise<string> {
  const { schema } = state;
  if (name === 'ro' && state.range === undefined) {
    const level = readOptimizedLevel(table, schema);
    return tableRelation(table, { ...state, withLog: false, level }, needs, parts);
  }
  const own: OwnRelation = {
    name,
    fields: rowTableFields(table, schema, name),
    rows: (fields, predicate) =>
      readRowTable(table, name, { ...state, columns: fields.map(field => field.name), predicate }),
  };
  return ownRelation(own, needs, parts);
}

/** The text of a SELECT that gives the rows of a batch. */
export async function batchRelation(batch: RowBatch, parts: RelationParts): Promise<string> {
  const { fields } = batch.rowType;
  const one = async function* (): AsyncGenerator<RowBatch, void, undefined> {
    yield batch;
  };
  return relationText(fields, await spool(one(), fields, parts));
}

/** Rows that a statement gives itself, under a name of its own. */
export type OwnRelation = {
  /** The name in the query's text. */
  readonly name: string;
  readonly fields: readonly DataField[];
  /** Batches of these of the fields; rows that do not pass may come nevertheless. */
  readonly rows: (fields: readonly DataField[], predicate: Predicate | undefined) => AsyncIterable<RowBatch>;
};

/** The text of a SELECT that gives a statement's own rows. */
export async function ownRelation(own: OwnRelation, needs: RelationNeeds, parts: RelationParts): Promise<string> {
  const fields = neededFields({ fields: own.fields }, needs.columns);
  return relationText(fields, await spool(own.rows(fields, needs.predicate), fields, parts));
}

/** Columns of the table that the query may look at; one at least, since a relation has columns. */
function neededFields(schema: Pick<TableSchema, 'fields'>, used: ColumnsUsed): readonly DataField[] {
  checkNames(schema.fields);
  const fields = schema.fields.filter(field => used === 'all' || used.has(field.name.toLowerCase()));
  return fields.length > 0 ? fields : schema.fields.filter(field => field === cheapest(schema.fields));
}

/** The column that costs least to read, for queries that only count. */
function cheapest(fields: readonly DataField[]): DataField | undefined {
  const rank = ({ type }: DataField): number => {
    const at = kindsByWidth.indexOf(type.kind);
    return at < 0 ? kindsByWidth.length : at;
  };
  return fields.toSorted((a, b) => rank(a) - rank(b))[0];
}

const kindsByWidth: readonly string[] = ['boolean', 'tinyint', 'smallint', 'int', 'date', 'bigint', 'float', 'double'];

/** DuckDB takes names that differ in case for the same. */
function checkNames(fields: readonly DataField[]): void {
  const seen = new Set<string>();
  for (const { name } of fields) {
    if (seen.has(name.toLowerCase())) throw unsupported(`columns whose names differ in case only (\`${name}\`)`, 'SQL');
    seen.add(name.toLowerCase());
  }
}

async function spool(
  batches: AsyncIterable<RowBatch>,
  fields: readonly DataField[],
  { folder, signal }: RelationParts,
): Promise<readonly string[]> {
  const target = new ParquetSpool(folder, fields);
  for await (const batch of batches) {
    signal?.throwIfAborted();
    await target.append(batch);
  }
  return target.finish();
}

function relationText(fields: readonly DataField[], paths: readonly string[]): string {
  if (paths.length === 0) return `SELECT ${fields.map(emptyColumnText).join(', ')} WHERE false`;
  const list = paths.map(quoteText).join(', ');
  return (
    `SELECT ${fields.map(columnText).join(', ')} FROM ` +
    `read_parquet([${list}], hive_partitioning = false, union_by_name = false, binary_as_string = false)`
  );
}

/** What a snapshot's file that DuckDB misses means. */
export function snapshotExpired(table: Table, snapshot: Snapshot, cause: unknown): Error {
  return invalid(
    'LAKE_SNAPSHOT_EXPIRED',
    `snapshot ${snapshot.id} of ${table.label} expired while it was read; start again at a newer one`,
    { cause },
  );
}
