/**
 * ANALYZE TABLE: counts the rows that a query sees and, of columns, what a planner asks: how many values, nulls, the smallest
 * and the largest, lengths. One query over the newest snapshot, then one commit of kind ANALYZE. Of a table with a log, what
 * the log has acknowledged before is taken into the table first.
 *
 * Bounds are kept of numbers, times and truth values, lengths of strings in characters, as Spark has it; of nested columns
 * only the nulls are counted.
 */
import { present } from '../../base/assert.ts';
import { invalid, LakeError } from '../../base/errors.ts';
import { innerText } from '../../catalog/system/value-text.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { ColumnStatistics, TableStatistics } from '../../format/statistics.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { commitStatistics, mergedSize } from '../../table/table-statistics.ts';
import { committedId } from '../../table/write/table-writer.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { type DataField, type DataType, isAtomic } from '../../types/data-type.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Scalar } from '../../types/scalar.ts';
import { printTimestamp } from '../../types/time.ts';
import type { SqlContext, SqlSession, StatementOptions, StatementResult } from '../context.ts';
import type { Statement } from '../parser/statement.ts';
import { quoteName } from '../quote.ts';
import { openQuery, type QueryShape } from './open-query.ts';
import { openTarget } from './overwrite.ts';

type AnalyzeStatement = Statement & { readonly kind: 'analyze' };

/** Times that the schema may change meanwhile. */
const attemptsMax = 3;
/** Above, distinct values are estimated (HyperLogLog): counted exactly they must all be held. */
const exactRowsMax = 1_000_000n;
const alias = 'tidelake_analyzed';
const bigint: DataType = { kind: 'bigint', nullable: true };

/** @throws LakeError `invalid` LAKE_SQL_BINDER for a column that is not there; `conflict` LAKE_COMMIT_CONFLICT */
export async function runAnalyze(
  context: SqlContext,
  session: SqlSession,
  statement: AnalyzeStatement,
  options: StatementOptions,
): Promise<StatementResult> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const table = await openTarget(context, session, statement.name);
    await context.settle?.(table, { signal: options.signal });
    const snapshot = await latestSnapshot(table);
    const fields = fieldsOf(table, statement.columns);
    if (snapshot === undefined) return { kind: 'ok', message: `${table.label} has no snapshot to analyze` };
    const statistics = await analyze(context, session, { table, snapshot, fields }, options);
    const outcome = await commitStatistics(table, statistics, { signal: options.signal });
    if (outcome.status === 'changed') continue;
    const snapshotId = committedId(table, outcome);
    context.committed?.(table);
    const rows = statistics.mergedRecordCount ?? 0n;
    const columns = `${fields.length} ${fields.length === 1 ? 'column' : 'columns'}`;
    return { kind: 'ok', message: `${table.label} analyzed: ${rows} rows, ${columns}, snapshot ${snapshotId}` };
  }
  const label = statement.name.table;
  throw new LakeError(
    'conflict',
    'LAKE_COMMIT_CONFLICT',
    `ANALYZE TABLE ${label}: its schema changed during each of ${attemptsMax} attempts; nothing was committed`,
  );
}

function fieldsOf({ schema: { fields }, label }: Table, columns: AnalyzeStatement['columns']): readonly DataField[] {
  if (columns === 'all') return fields;
  return [...new Set(columns)].map(name => {
    const field = fields.find(candidate => candidate.name === name);
    if (field !== undefined) return field;
    const known = fields.map(candidate => candidate.name).join(', ');
    throw invalid('LAKE_SQL_BINDER', `ANALYZE TABLE ${label}: there is no column \`${name}\`; there are ${known}`);
  });
}

type Analysis = {
  readonly table: Table;
  readonly snapshot: Snapshot;
  readonly fields: readonly DataField[];
};

async function analyze(
  context: SqlContext,
  session: SqlSession,
  { table, snapshot, fields }: Analysis,
  options: StatementOptions,
): Promise<TableStatistics> {
  const isExact = snapshot.totalRecordCount <= exactRowsMax;
  const asked = fields.flatMap(field => questionsOf(field, isExact).map(question => ({ field, ...question })));
  const sql = `SELECT count(*)${asked.map(({ text }) => `, ${text}`).join('')} FROM ${alias}`;
  const shape: QueryShape = {
    types: [bigint, ...asked.map(({ type }) => type)],
    own: { name: alias, table, state: { snapshot, schema: table.schema, withLog: false } },
  };
  await using query = await openQuery(context, session, { sql, travels: [] }, options, shape);
  const [count, ...answers] = await onlyRow(query.batches);
  const mergedRecordCount = BigInt(String(count));
  return {
    snapshotId: snapshot.id,
    schemaId: table.schema.id,
    mergedRecordCount,
    mergedRecordSize: await mergedSize(table, snapshot, mergedRecordCount),
    columns: new Map(
      fields.map(field => {
        const own = asked.flatMap(({ field: of, key }, index) =>
          of === field ? [[key, answers[index] ?? null] as const] : [],
        );
        return [field.name, columnStatistics(field, mergedRecordCount, new Map(own))];
      }),
    ),
  };
}

type Answer = 'values' | 'distinct' | 'min' | 'max' | 'averageLength' | 'maxLength';
type Question = { readonly key: Answer; readonly text: string; readonly type: DataType };

function questionsOf({ name, type }: DataField, isExact: boolean): readonly Question[] {
  const column = `${alias}.${quoteName(name)}`;
  const counted = (key: Answer, text: string): Question => ({ key, text: `CAST(${text} AS BIGINT)`, type: bigint });
  const values = counted('values', `count(${column})`);
  if (!isAtomic(type)) return [values];
  const distinct = isExact ? `count(DISTINCT ${column})` : `approx_count_distinct(${column})`;
  const questions = [values, counted('distinct', distinct)];
  if (hasBounds(type)) {
    questions.push({ key: 'min', text: `min(${column})`, type }, { key: 'max', text: `max(${column})`, type });
  }
  const length = lengthText(type, column);
  if (length !== undefined) {
    questions.push(counted('averageLength', `ceil(avg(${length}))`), counted('maxLength', `max(${length})`));
  }
  return questions;
}

function hasBounds({ kind }: DataType): boolean {
  return !['char', 'varchar', 'binary', 'varbinary', 'variant', 'blob'].includes(kind);
}

function lengthText({ kind }: DataType, column: string): string | undefined {
  if (kind === 'char' || kind === 'varchar') return `length(${column})`;
  return kind === 'binary' || kind === 'varbinary' ? `octet_length(${column})` : undefined;
}

function columnStatistics(
  { id, type }: DataField,
  rowCount: bigint,
  answers: ReadonlyMap<Answer, Scalar>,
): ColumnStatistics {
  const count = (key: Answer): bigint | undefined => {
    const value = answers.get(key) ?? null;
    return value === null ? undefined : BigInt(String(value));
  };
  const bound = (key: Answer): string | undefined => {
    const value = answers.get(key) ?? null;
    return value === null ? undefined : boundText(type, value);
  };
  const fixed = fixedLength(type);
  const valueCount = count('values') ?? 0n;
  const distinct = count('distinct');
  return {
    columnId: id,
    // An estimate may be above what there is.
    distinctCount: distinct === undefined || distinct < valueCount ? distinct : valueCount,
    min: bound('min'),
    max: bound('max'),
    nullCount: rowCount - valueCount,
    averageLength: fixed ?? count('averageLength'),
    maxLength: fixed ?? count('maxLength'),
  };
}

/** What Paimon reads again: days of dates, milliseconds of times, `2024-01-02 03:04:05.000` of timestamps. */
function boundText(type: DataType, value: Scalar): string {
  if (type.kind !== 'timestamp' && type.kind !== 'timestamp-ltz') return innerText(type, value);
  return printTimestamp(BigInt(String(value)), type.precision).replace('T', ' ');
}

/** Bytes of a value in memory, of types whose values all have the same; as planners of queries count them. */
function fixedLength(type: DataType): bigint | undefined {
  switch (type.kind) {
    case 'boolean':
    case 'tinyint':
      return 1n;
    case 'smallint':
      return 2n;
    case 'int':
    case 'date':
    case 'time':
    case 'float':
      return 4n;
    case 'bigint':
    case 'double':
    case 'timestamp':
    case 'timestamp-ltz':
      return 8n;
    case 'decimal':
      return type.precision > 18 ? 16n : 8n;
    default:
      return undefined;
  }
}

async function onlyRow(batches: AsyncIterable<RowBatch>): Promise<readonly Scalar[]> {
  let row: readonly Scalar[] | undefined;
  for await (const batch of batches) row = rowsOf(batch)[0] ?? row;
  return present(row, 'an aggregate has one row');
}
