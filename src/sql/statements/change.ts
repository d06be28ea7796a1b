/**
 * DELETE, UPDATE and MERGE INTO. Of a table with a primary key, rows come that take the old ones away or their place, one
 * commit or through its log. Of an append table, the files that hold such rows are written anew without them, or, where it
 * has deletion vectors, these take them away; one OVERWRITE.
 *
 * A statement sees one state of the table, and is committed only where others have not changed what it saw; otherwise it is
 * run again. Through a log it is as with every writer: what comes later is newer.
 */
import { invalid, isLakeError, LakeError, unsupported } from '../../base/errors.ts';
import { ignoresDeletesOf } from '../../format/merge-options.ts';
import { booleanOption, textOption } from '../../format/option-values.ts';
import { Committer } from '../../table/commit/commit.ts';
import { mergeOptionsOf } from '../../table/merge-spec.ts';
import { type ChangeOutcome, ChangeWriter } from '../../table/overwrite/change-writer.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { checkKind as checkRowKind } from '../../table/write/input-rows.ts';
import { columnReader } from '../../types/column-reader.ts';
import type { DataType } from '../../types/data-type.ts';
import { takeRows } from '../../types/gather.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { rowKindByte } from '../../types/row-kind.ts';
import type { SqlContext, SqlSession, StatementOptions, StatementResult } from '../context.ts';
import type { QueryColumn } from '../engine.ts';
import type { Query } from '../parser/statement.ts';
import { type ChangeStatement, changeColumnCount, changeQuery, targetName } from './change-query.ts';
import { openQuery, type QueryShape } from './open-query.ts';
import { openTarget } from './overwrite.ts';
import { PositionedTable, positionFields } from './position-rows.ts';
import { castType, checkKind, checkLengths } from './table-values.ts';

/** Times that others may come in between. */
const attemptsMax = 10;
const int: DataType = { kind: 'int', nullable: true };
const bigint: DataType = { kind: 'bigint', nullable: true };
const deleteByte = rowKindByte['-D'];

/** @throws LakeError `invalid` LAKE_SQL_BINDER, LAKE_BAD_VALUE, LAKE_MERGE_AMBIGUOUS; `conflict` LAKE_COMMIT_CONFLICT */
export async function runChange(
  context: SqlContext,
  session: SqlSession,
  statement: ChangeStatement,
  options: StatementOptions,
): Promise<StatementResult> {
  const table = await openTarget(context, session, statement.target.name);
  refuseChange(table, statement);
  const change: Change = { context, session, statement, table, query: changeQuery(table, statement), options };
  const affectedRows = await runOnTable(change);
  const message = `${affectedRows} ${affectedRows === 1 ? 'row' : 'rows'} of ${table.label} ${words[statement.kind]}`;
  return { kind: 'ok', message, affectedRows };
}

const words = { delete: 'deleted', update: 'updated', merge: 'merged' } as const;

type Change = {
  readonly context: SqlContext;
  readonly session: SqlSession;
  readonly statement: ChangeStatement;
  readonly table: Table;
  readonly query: Query;
  readonly options: StatementOptions;
};

/** What a table's merge engine makes of such rows, as Paimon has it. */
function refuseChange({ schema, label }: Table, statement: ChangeStatement): void {
  if (schema.primaryKeys.length === 0) return;
  const clauses: readonly { readonly kind: string }[] = statement.kind === 'merge' ? statement.clauses : [statement];
  const what = statement.kind.toUpperCase();
  if (clauses.some(({ kind }) => kind === 'delete')) {
    if (ignoresDeletesOf(schema)) throw unsupported(`${what} of a table with ignore-delete`, label);
    checkRowKind(schema, deleteByte, label);
  }
  // What a row does is told by its column there, whatever a statement says.
  if (textOption(schema.options, 'rowkind.field') !== undefined)
    throw unsupported(`${what} of a table with rowkind.field`, label);
  // What is not compacted yet is not read there: a statement would change rows that it does not see as they are.
  const seesAll =
    !booleanOption(schema.options, 'deletion-vectors.enabled', false) ||
    booleanOption(schema.options, 'deletion-vectors.merge-on-read', false);
  if (!seesAll) throw unsupported(`${what} of a primary-key table with deletion-vectors.enabled`, label);
  const engine = mergeOptionsOf(schema).engine.kind;
  const isUpdatable = engine === 'deduplicate' || engine === 'partial-update';
  if (clauses.some(({ kind }) => kind === 'update') && !isUpdatable) {
    throw unsupported(`${what} of a table with merge-engine=${engine}`, label);
  }
}

async function runOnTable(change: Change): Promise<number> {
  const { context, table, options } = change;
  const isKeyed = table.schema.primaryKeys.length > 0;
  const throughLog = isKeyed ? context.logWriter?.(table) : undefined;
  if (throughLog !== undefined) {
    let count = 0;
    const rows = changedRows(change, undefined, 'rows');
    const counted = async function* (): AsyncGenerator<ChangedRows, void, undefined> {
      for await (const batch of rows) {
        count += batch.rows.rowCount;
        yield batch;
      }
    };
    await throughLog(counted(), { signal: options.signal });
    return count;
  }
  await context.settle?.(table, options.signal);
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    options.signal?.throwIfAborted();
    const { count, outcome } = isKeyed ? await changeKeyed(change) : await changeAppended(change);
    if (outcome.status === 'again') continue;
    if (outcome.snapshotId !== undefined) context.committed?.(table);
    return count;
  }
  const message = `${table.label}: others changed its rows during each of ${attemptsMax} attempts; nothing was committed`;
  throw new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', message);
}

function hasVectors({ schema }: Table): boolean {
  return booleanOption(schema.options, 'deletion-vectors.enabled', false);
}

type Attempt = { readonly count: number; readonly outcome: ChangeOutcome };

async function changeKeyed(change: Change): Promise<Attempt> {
  const { table, options } = change;
  const readAt = await latestSnapshot(table);
  await using committer = new Committer(table);
  const writer = new ChangeWriter(table, committer, { readAt, needs: 'rows' });
  let count = 0;
  for await (const { rows, kinds } of changedRows(change, undefined, 'rows')) {
    await writer.add(rows, kinds);
    count += rows.rowCount;
  }
  return { count, outcome: await writer.commit(options.signal) };
}

async function changeAppended(change: Change): Promise<Attempt> {
  const { table, statement, options } = change;
  const readAt = await latestSnapshot(table);
  const positioned = new PositionedTable(table, readAt);
  await using committer = new Committer(table);
  const writer = new ChangeWriter(table, committer, { readAt, needs: statement.kind === 'merge' ? 'rows' : 'files' });
  const taken = new Map<number, Set<number>>();
  let count = 0;
  for await (const { rows, kinds, places } of changedRows(change, positioned, 'places')) {
    for (const [file, row] of places) {
      const ofFile = taken.get(file) ?? new Set<number>();
      ofFile.add(row);
      taken.set(file, ofFile);
    }
    count += rows.rowCount;
    const staying = Uint32Array.from([...kinds.keys()].filter(row => kinds[row] !== deleteByte));
    if (staying.length > 0) await writer.add(takeRows(rows, staying), new Int8Array(staying.length));
  }
  for (const [file, rows] of taken) {
    if (hasVectors(table)) {
      const positions = [...rows].toSorted((a, b) => a - b);
      writer.mark({ placed: positioned.file(file), positions, vector: positioned.vectorOf(file) });
      continue;
    }
    writer.replace(positioned.file(file));
    for await (const kept of positioned.rowsBut(file, row => rows.has(row))) {
      options.signal?.throwIfAborted();
      await writer.add(kept, new Int8Array(kept.rowCount));
    }
  }
  return { count, outcome: await writer.commit(options.signal) };
}

type ChangedRows = {
  /** Under the table's row type. */
  readonly rows: RowBatch;
  readonly kinds: Int8Array;
  /** File and row of each row that goes. */
  readonly places: readonly (readonly [file: number, row: number])[];
};

async function* changedRows(
  { context, session, statement, table, query, options }: Change,
  positioned: PositionedTable | undefined,
  needs: 'rows' | 'places',
): AsyncGenerator<ChangedRows, void, undefined> {
  const { fields } = table.schema;
  const own: QueryShape['own'] =
    positioned === undefined
      ? undefined
      : {
          name: targetName,
          fields: [...fields, ...positionFields],
          rows: (wanted, predicate) => positioned.rows(wanted, predicate),
        };
  const travel = { alias: targetName, name: statement.target.name, options: {}, timestamp: undefined };
  const travels = own === undefined ? [...query.travels, travel] : query.travels;
  const shape: QueryShape = {
    own,
    wrap: (sql, columns) => castText(table, sql, columns),
    types: [int, int, int, bigint, ...fields.map(({ type }) => type)],
  };
  try {
    await using running = await openQuery(context, session, { sql: query.sql, travels }, options, shape);
    for await (const batch of running.batches) yield changesOf(table, statement, batch, needs);
  } catch (error) {
    if (!isLakeError(error, 'LAKE_SQL_VALUE') && !isLakeError(error, 'LAKE_SQL_RANGE')) throw error;
    throw invalid('LAKE_BAD_VALUE', `${statement.kind.toUpperCase()} ${table.label}: ${error.message}`, {
      cause: error,
    });
  }
}

function castText({ schema }: Table, sql: string, columns: readonly QueryColumn[]): string {
  const names = columns.map((_, index) => `c${index}`);
  const places = ['INTEGER', 'INTEGER', 'INTEGER', 'BIGINT'].map((type, index) => `CAST(s.c${index} AS ${type})`);
  const values = schema.fields.map((field, index) => {
    checkKind(field, columns[changeColumnCount + index]);
    return `CAST(s.c${changeColumnCount + index} AS ${castType(field.type)})`;
  });
  return `SELECT ${[...places, ...values].join(', ')} FROM (${sql}\n) AS s(${names.join(', ')})`;
}

function changesOf(table: Table, statement: ChangeStatement, batch: RowBatch, needs: 'rows' | 'places'): ChangedRows {
  const { fields } = table.schema;
  const reader = (index: number, type: DataType): ((row: number) => number) => {
    const column: Column | undefined = batch.columns[index];
    const read = column === undefined ? () => null : columnReader(column, type);
    return row => Number(read(row) ?? -1);
  };
  const [fileOf, rowOf, kindOf, countOf] = [reader(0, int), reader(1, int), reader(2, int), reader(3, bigint)];
  const kinds = new Int8Array(batch.rowCount);
  const places: (readonly [number, number])[] = [];
  for (let row = 0; row < batch.rowCount; row += 1) {
    kinds[row] = kindOf(row);
    if (countOf(row) > 1) throw ambiguous(table, statement);
    const file = fileOf(row);
    if (needs === 'places' && file >= 0) places.push([file, rowOf(row)]);
  }
  const rows = makeRowBatch({ fields }, batch.rowCount, batch.columns.slice(changeColumnCount));
  for (const field of fields) checkLengths(field, rows);
  return { rows, kinds, places };
}

function ambiguous({ label }: Table, { kind }: ChangeStatement): Error {
  const message = `${kind.toUpperCase()} INTO ${label}: a row of the table matches several rows of the source`;
  return invalid('LAKE_MERGE_AMBIGUOUS', message);
}
