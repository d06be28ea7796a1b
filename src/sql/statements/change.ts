/**
 * DELETE, UPDATE and MERGE INTO. Of a table with a primary key, rows come that take the old ones away or their place, one
 * commit or through its log. Of an append table, the files that hold such rows are written anew without them, or, where it
 * has deletion vectors, these take them away; one OVERWRITE.
 *
 * A statement sees one state of the table, and is committed only where others have not changed what it saw; otherwise it is
 * run again. Through a log it is as with every writer: what comes later is newer.
 */
import { unreachable } from '../../base/assert.ts';
import { invalid, isLakeError, LakeError, unsupported } from '../../base/errors.ts';
import { postponedBucket } from '../../format/bucket.ts';
import { ignoresDeletesOf } from '../../format/merge-options.ts';
import { booleanOption } from '../../format/option-values.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { hasPostponedBuckets, isCrossPartition } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { Committer } from '../../table/commit/commit.ts';
import { liveEntries, whileSnapshotStays } from '../../table/manifests.ts';
import { mergeOptionsOf } from '../../table/merge-spec.ts';
import { type ChangeOutcome, ChangeWriter, isNewerThan } from '../../table/overwrite/change-writer.ts';
import type { ScanState } from '../../table/scan/scan-state.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import { columnReader } from '../../types/column-reader.ts';
import type { DataType } from '../../types/data-type.ts';
import { takeRows } from '../../types/gather.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../types/row-batch.ts';
import { rowKindByte } from '../../types/row-kind.ts';
import type { QueryColumn } from '../connection.ts';
import type { SqlContext, SqlSession, StatementOptions, StatementResult } from '../context.ts';
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

/**
 * @throws LakeError `invalid` LAKE_SQL_BINDER, LAKE_BAD_VALUE, LAKE_MERGE_AMBIGUOUS, LAKE_ROWS_WAIT; `conflict`
 *   LAKE_COMMIT_CONFLICT
 */
export async function runChange(
  context: SqlContext,
  session: SqlSession,
  statement: ChangeStatement,
  options: StatementOptions,
): Promise<StatementResult> {
  const first = await changeOfNow(context, session, statement, options);
  const { label } = first.table;
  const affectedRows = await runOnTable(first);
  const message = `${affectedRows} ${affectedRows === 1 ? 'row' : 'rows'} of ${label} ${words[statement.kind]}`;
  return { kind: 'ok', message, affectedRows };
}

/** The statement by the table's newest schema. */
async function changeOfNow(
  context: SqlContext,
  session: SqlSession,
  statement: ChangeStatement,
  options: StatementOptions,
): Promise<Change> {
  const table = await openTarget(context, session, statement.target.name);
  refuseChange(table, statement);
  return { context, session, statement, table, query: changeQuery(table, statement), options };
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

/**
 * What a table's merge engine makes of such rows, as Paimon has it.
 *
 * @see Paimon 1.4.2 PrimaryKeyTableUtils.validatePKUpsertDeletable, SupportsRowLevelOperationFlinkTableSink
 */
function refuseChange({ schema, label }: Table, statement: ChangeStatement): void {
  if (schema.primaryKeys.length === 0) return;
  const clauses: readonly { readonly kind: string }[] = statement.kind === 'merge' ? statement.clauses : [statement];
  const what = statement.kind.toUpperCase();
  if (clauses.some(({ kind }) => kind === 'delete')) {
    if (ignoresDeletesOf(schema)) throw unsupported(`${what} of a table with ignore-delete`, label);
    const why = whyNotDeleted(schema);
    if (why !== undefined) throw invalid('LAKE_DELETE_NOT_MERGED', `${label}: ${what}: ${why}`);
  }
  const engine = mergeOptionsOf(schema).engine.kind;
  const isUpdatable = engine === 'deduplicate' || engine === 'partial-update';
  if (clauses.some(({ kind }) => kind === 'update') && !isUpdatable) {
    throw unsupported(`${what} of a table with merge-engine=${engine}`, label);
  }
  const movesRows = isCrossPartition(schema) && engine === 'deduplicate';
  if (!movesRows && setsPartition(schema, statement)) {
    throw unsupported(`${what} of partition columns where rows do not move to another partition`, label);
  }
}

/** Whether rows may get another partition; their key has none of its columns. */
function setsPartition({ primaryKeys, partitionKeys }: TableSchema, statement: ChangeStatement): boolean {
  const free = partitionKeys.filter(name => !primaryKeys.includes(name));
  const clauses = statement.kind === 'merge' ? statement.clauses : [statement];
  return clauses.some(clause => {
    if (clause.kind !== 'update' || free.length === 0) return false;
    return clause.sets === 'all' || clause.sets.some(({ column }) => free.includes(column));
  });
}

/** Why a -D row does not take a row away; it may take values back, which is another thing. */
function whyNotDeleted(schema: TableSchema): string | undefined {
  const { engine } = mergeOptionsOf(schema);
  switch (engine.kind) {
    case 'deduplicate':
      return undefined;
    case 'first-row':
      return 'merge-engine=first-row keeps the first row of a key';
    case 'aggregation':
      if (engine.removesOnDelete) return undefined;
      return 'merge-engine=aggregation takes a row away only with aggregation.remove-record-on-delete';
    case 'partial-update':
      if (engine.removesOnDelete || engine.groups.some(({ removesRecord }) => removesRecord)) return undefined;
      return (
        'merge-engine=partial-update takes a row away only with partial-update.remove-record-on-delete, or with ' +
        'partial-update.remove-record-on-sequence-group'
      );
    default:
      return unreachable(engine);
  }
}

async function runOnTable(first: Change): Promise<number> {
  const { context, session, statement, table, options } = first;
  const isKeyed = table.schema.primaryKeys.length > 0;
  const throughLog = isKeyed ? context.logWriter?.(table) : undefined;
  if (throughLog === undefined) await context.settle?.(table, { signal: options.signal });
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    options.signal?.throwIfAborted();
    // Others may have given the table another schema: rows that were written under it would lose columns under the old one.
    const change = attempt === 0 ? first : await changeOfNow(context, session, statement, options);
    const { count, outcome } =
      throughLog !== undefined
        ? await changeThroughLog(change, throughLog)
        : await (isKeyed ? changeKeyed(change) : changeAppended(change));
    if (outcome.status === 'again') continue;
    if (outcome.snapshotId !== undefined) {
      context.committed?.(table);
      await context.endBatch?.(table, outcome.snapshotId);
    }
    return count;
  }
  const message = `${table.label}: others changed its rows during each of ${attemptsMax} attempts; nothing was committed`;
  throw new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', message);
}

async function changeThroughLog(
  change: Change,
  throughLog: NonNullable<ReturnType<NonNullable<SqlContext['logWriter']>>>,
): Promise<Attempt> {
  const { table, options } = change;
  let count = 0;
  const state = await keyedState(table, { withLog: true });
  if (isNewerThan(state.snapshot, table)) return { count, outcome: { status: 'again', detail: 'the schema is newer' } };
  const rows = changedRows(change, state, 'rows');
  const counted = async function* (): AsyncGenerator<ChangedRows, void, undefined> {
    for await (const batch of rows) {
      count += batch.rows.rowCount;
      yield batch;
    }
  };
  await throughLog(counted(), { signal: options.signal });
  return { count, outcome: { status: 'committed', snapshotId: undefined } };
}

function hasVectors({ schema }: Table): boolean {
  return booleanOption(schema.options, 'deletion-vectors.enabled', false);
}

type Attempt = { readonly count: number; readonly outcome: ChangeOutcome };

async function changeKeyed(change: Change): Promise<Attempt> {
  const { table, options } = change;
  const state = await keyedState(table, { withLog: false });
  await using committer = new Committer(table);
  const writer = new ChangeWriter(table, committer, { readAt: state.snapshot, needs: 'rows' });
  let count = 0;
  for await (const { rows, kinds } of changedRows(change, state, 'rows')) {
    await writer.add(rows, kinds);
    count += rows.rowCount;
  }
  return { count, outcome: await writer.commit(options.signal) };
}

/**
 * The state that a statement sees: all that has been committed, also what readers of the table do not see before it is
 * compacted. Rows of a statement come on top of these, and would undo what they had not seen.
 */
async function keyedState(table: Table, { withLog }: Pick<ScanState, 'withLog'>): Promise<ScanState> {
  const snapshot = await latestSnapshot(table);
  if (snapshot !== undefined && hasPostponedBuckets(table.schema)) await refuseWhileRowsWait(table, snapshot);
  return { snapshot, schema: table.schema, withLog, withLevel0: true };
}

/** Which of them are still to be seen is not known before their keys' other rows are beside them. */
async function refuseWhileRowsWait(table: Table, snapshot: Snapshot): Promise<void> {
  const waiting = await whileSnapshotStays(table, snapshot, () =>
    liveEntries(table, snapshot, {
      buckets: new Set([postponedBucket]),
      inPlace: ({ bucket }) => bucket === postponedBucket,
    }),
  );
  if (waiting.length === 0) return;
  throw invalid(
    'LAKE_ROWS_WAIT',
    `${table.label}: rows wait for a bucket in ${waiting.length} files, and a statement would not see them; ` +
      `CALL sys.compact('${table.identifier.database}.${table.identifier.name}') gives them theirs`,
  );
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
  seen: PositionedTable | ScanState,
  needs: 'rows' | 'places',
): AsyncGenerator<ChangedRows, void, undefined> {
  const { fields } = table.schema;
  const own: QueryShape['own'] =
    seen instanceof PositionedTable
      ? {
          name: targetName,
          fields: [...fields, ...positionFields],
          rows: (wanted, predicate) => seen.rows(wanted, predicate),
        }
      : { name: targetName, table, state: seen };
  const shape: QueryShape = {
    own,
    wrap: (sql, columns) => castText(table, sql, columns),
    types: [int, int, int, bigint, ...fields.map(({ type }) => type)],
  };
  try {
    await using running = await openQuery(context, session, query, options, shape);
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
