/**
 * A query, from its text to rows that stream: DuckDB's parser tells which tables it names and which of their columns and
 * rows can matter; each becomes a relation; DuckDB runs the text as it was written.
 */
import { join } from 'node:path';
import { assert, present } from '../../base/assert.ts';
import { invalid, isLakeError, unsupported } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import { branchOption, copyTable } from '../../catalog/dynamic-options.ts';
import { type Identifier, mainBranch, parseIdentifier } from '../../catalog/identifier.ts';
import { deadLettersName, deadLettersType } from '../../catalog/system/dead-letter-table.ts';
import { isRowTableName } from '../../catalog/system/row-tables.ts';
import { catalogTableType, readCatalogTable, systemDatabase } from '../../catalog/system-database.ts';
import { readSystemTable, systemTableFields } from '../../catalog/system-tables.ts';
import { readDeadLetterRows } from '../../flow/read/dead-letter-rows.ts';
import { type ScanState, scanStateOf } from '../../table/scan/scan-state.ts';
import { readSnapshot } from '../../table/snapshots.ts';
import type { Table } from '../../table/table.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { QueryColumn, SqlConnection } from '../connection.ts';
import { openNamedTable, type SqlContext, type SqlSession, type StatementOptions } from '../context.ts';
import { unmarkedQuery } from '../end-mark.ts';
import type { Options, Query, TimeTravel } from '../parser/statement.ts';
import type { ColumnsUsed } from '../query/columns-used.ts';
import { checkColumnCounts, checkRelationCount } from '../query/complexity.ts';
import { factsOf, type QueryFacts } from '../query/facts.ts';
import { pushedFilters } from '../query/pushdown.ts';
import type { TableReference } from '../query/references.ts';
import { resultTypes } from '../query/result-types.ts';
import { queryTree } from '../query/tree.ts';
import { quoteName } from '../quote.ts';
import {
  batchRelation,
  type OwnRelation,
  ownRelation,
  type RelationNeeds,
  type RelationParts,
  rowTableRelation,
  snapshotExpired,
  tableRelation,
} from '../relations/relation.ts';
import { resultBatches, resultRowType } from '../result-columns.ts';

export type OpenQuery = AsyncDisposable & {
  readonly rowType: RowType;
  readonly batches: AsyncIterable<RowBatch>;
};

export type QueryShape = {
  /** Makes another query of it, once its columns are known. */
  readonly wrap?: ((sql: string, columns: readonly QueryColumn[]) => string) | undefined;
  /** Types of the columns, where they are not told by the query. */
  readonly types?: readonly DataType[] | undefined;
  /** A relation that is not looked up in the catalog. */
  readonly own?: OwnRelation | PinnedTable | undefined;
};

/** A table that is open, in a state that is known. */
export type PinnedTable = { readonly name: string; readonly table: Table; readonly state: ScanState };

/** Opens a query; whoever gets it must read it to its end or dispose of it. */
export async function openQuery(
  context: SqlContext,
  session: SqlSession,
  query: Query,
  options: StatementOptions,
  shape: QueryShape = {},
): Promise<OpenQuery> {
  const connection = await context.engine.connectFor(query.sql);
  try {
    const [, prefix = '', sql = ''] = /^(\s*EXPLAIN\s+(?:ANALYZE\s+)?)?(.*)$/is.exec(query.sql) ?? [];
    const isExplain = prefix !== '';
    const tree = await queryTree(connection, sql);
    const facts = factsOf(tree);
    const relations = await findRelations(context, session, facts.references, {
      travels: query.travels,
      own: shape.own,
    });
    const columns = new Map(relations.flatMap(({ trees, fields }) => trees.map(node => [node, fields] as const)));
    await makeRelations(context, connection, session, { tree, facts, relations, columns, options });
    const wrapped = shape.wrap === undefined ? sql : shape.wrap(sql, await connection.columnsOf(sql, options));
    const hasOneRow = !isExplain && shape.wrap === undefined && facts.hasOneRow;
    const text = prefix + (hasOneRow ? unmarkedQuery(wrapped) : wrapped);
    const running = await connection.query(text, { ...options, hasFewRows: isExplain || hasOneRow });
    const declared = shape.types ?? (isExplain ? [] : resultTypes(tree, columns));
    const rowType = resultRowType(running, declared);
    const batches = readingOf(connection, relations, resultBatches(running, rowType));
    return { rowType, batches, [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose]() };
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** A table as often as a query names it under one name. */
type Relation = {
  /** Where the query finds it. */
  readonly database: string;
  readonly name: string;
  readonly source: RelationSource;
  readonly fields: readonly DataField[];
  readonly trees: JsonObject[];
};

type RelationSource =
  | {
      readonly kind: 'table';
      readonly table: Table;
      /** undefined: the table itself. */
      readonly systemTable: string | undefined;
      readonly state: ScanState;
    }
  | { readonly kind: 'own'; readonly own: OwnRelation }
  /** A table of the system database. */
  | { readonly kind: 'catalog'; readonly name: string };

/** Names in the text that stand for something else than a table of the catalog in its newest state. */
type OwnNames = { readonly travels: readonly TimeTravel[]; readonly own: QueryShape['own'] };

async function findRelations(
  context: SqlContext,
  session: SqlSession,
  references: readonly TableReference[],
  { travels, own }: OwnNames,
): Promise<readonly Relation[]> {
  const relations = new Map<string, Relation>();
  const places = references.map(reference => {
    const place = placeOf(reference, session, travels);
    const key = JSON.stringify([place.database.toLowerCase(), place.name.toLowerCase()]);
    return { reference, key, ...place };
  });
  checkRelationCount(new Set(places.map(({ key }) => key)).size);
  for (const { reference, key, database, name, travel } of places) {
    const there = relations.get(key);
    if (there === undefined) {
      const isOwn = own !== undefined && reference.database === '' && name === own.name;
      const opened = isOwn
        ? ownSource(own)
        : await openRelation(context, session, travel?.name ?? { database, table: name }, travel);
      relations.set(key, { database, name, ...opened, trees: [reference.tree] });
      continue;
    }
    if (there.database !== database || there.name !== name) {
      throw unsupported(`${there.name} and ${name}, which differ in case only, in one query`, 'SQL');
    }
    there.trees.push(reference.tree);
  }
  return [...relations.values()];
}

function ownSource(own: OwnRelation | PinnedTable): Pick<Relation, 'source' | 'fields'> {
  if (!('table' in own)) return { source: { kind: 'own', own }, fields: own.fields };
  const { table, state } = own;
  return { source: { kind: 'table', table, systemTable: undefined, state }, fields: state.schema.fields };
}

function placeOf(
  reference: TableReference,
  session: SqlSession,
  travels: readonly TimeTravel[],
): { readonly database: string; readonly name: string; readonly travel: TimeTravel | undefined } {
  const isPlain = reference.database === '';
  const travel = isPlain ? travels.find(({ alias }) => alias === reference.table) : undefined;
  return { database: isPlain ? session.currentDatabase : reference.database, name: reference.table, travel };
}

/** @throws LakeError `invalid` LAKE_BAD_NAME */
export function identifierOf(
  name: { readonly database: string | undefined; readonly table: string },
  session: SqlSession,
): Identifier {
  const database = name.database ?? session.currentDatabase;
  const identifier = parseIdentifier(`${database}.${name.table}`);
  if (identifier.database === database) return identifier;
  throw invalid('LAKE_BAD_NAME', `${JSON.stringify(database)} is not the name of a database`);
}

/** The table of the system database that a name means, if it means one. */
export function catalogTableOf(
  name: { readonly database: string | undefined; readonly table: string },
  session: SqlSession,
): string | undefined {
  return (name.database ?? session.currentDatabase) === systemDatabase ? name.table : undefined;
}

async function openRelation(
  context: SqlContext,
  session: SqlSession,
  name: { readonly database: string | undefined; readonly table: string },
  travel: TimeTravel | undefined,
): Promise<Pick<Relation, 'source' | 'fields'>> {
  const ofSystem = catalogTableOf(name, session);
  if (ofSystem !== undefined) {
    const { fields } = catalogTableType(ofSystem);
    if (travel !== undefined) throw unsupported('options of a table of the system database', 'SQL');
    return { source: { kind: 'catalog', name: ofSystem }, fields };
  }
  const { table, systemTable } = await openWithOptions(context, identifierOf(name, session), travel?.options ?? {});
  const state = await scanStateOf(table, { timestamp: travel?.timestamp });
  const { schema } = state;
  const fields = systemTable === undefined ? schema.fields : systemTableFields(table, schema, systemTable);
  return { source: { kind: 'table', table, systemTable, state }, fields };
}

/**
 * A table with the options of a hint.
 *
 * @throws LakeError `invalid` LAKE_BAD_OPTION, LAKE_TABLE_NOT_FOUND, LAKE_BRANCH_NOT_FOUND
 */
export async function openWithOptions(
  context: SqlContext,
  identifier: Identifier,
  options: Options,
): Promise<{ readonly table: Table; readonly systemTable: string | undefined }> {
  const { [branchOption]: branch, ...others } = options;
  const ofBranch =
    branch === undefined ? identifier : { ...identifier, branch: branch === mainBranch ? undefined : branch };
  const opened = await openNamedTable(context, ofBranch);
  return { table: copyTable(opened, others), systemTable: identifier.systemTable };
}

type Plan = {
  readonly tree: JsonObject;
  readonly facts: QueryFacts;
  readonly relations: readonly Relation[];
  readonly columns: ReadonlyMap<JsonObject, readonly DataField[]>;
  readonly options: StatementOptions;
};

/** Makes a view for each relation and the session's database the one for plain names. */
async function makeRelations(
  context: SqlContext,
  connection: SqlConnection,
  session: SqlSession,
  { tree, facts, relations, columns, options }: Plan,
): Promise<void> {
  const { used } = facts;
  const counts = relations.flatMap(({ trees, fields }) => trees.map(node => columnCount(used.get(node), fields)));
  checkColumnCounts(tree, counts);
  const filters = pushedFilters(tree, columns, options.parameters ?? []);
  const schemaOf = (database: string): string => `${quoteName(connection.catalog)}.${quoteName(database)}`;
  const databases = new Set([session.currentDatabase, ...relations.map(relation => relation.database)]);
  const statements = [...databases].map(database => `CREATE SCHEMA IF NOT EXISTS ${schemaOf(database)}`);
  for (const [index, relation] of relations.entries()) {
    const { source, trees } = relation;
    const folder = join(connection.folder, String(index));
    const parts = { folder, unionRead: context.unionRead, signal: options.signal };
    const needs = { columns: allUsed(trees, used), predicate: anyOf(trees, filters) };
    const text = await textOfRelation(context, source, needs, parts);
    statements.push(`CREATE VIEW ${schemaOf(relation.database)}.${quoteName(relation.name)} AS ${text}`);
  }
  await connection.setRelations([...statements, `USE ${schemaOf(session.currentDatabase)}`].join(';\n'));
}

async function textOfRelation(
  { catalog }: SqlContext,
  source: RelationSource,
  needs: RelationNeeds,
  parts: RelationParts,
): Promise<string> {
  if (source.kind === 'own') return ownRelation(source.own, needs, parts);
  if (source.kind === 'catalog') return batchRelation(await readCatalogTable(catalog, source.name), parts);
  const { table, systemTable, state } = source;
  if (systemTable === undefined) return tableRelation(table, state, needs, parts);
  if (isRowTableName(systemTable)) return rowTableRelation(table, systemTable, state, needs, parts);
  if (systemTable === deadLettersName) return ownRelation(deadLetters(table, state), needs, parts);
  return batchRelation(await readSystemTable(table, systemTable, { snapshot: state.snapshot }), parts);
}

function deadLetters(table: Table, { snapshot }: ScanState): OwnRelation {
  const rows: OwnRelation['rows'] = fields =>
    readDeadLetterRows(table, snapshot, { columns: fields.map(field => field.name) });
  return { name: deadLettersName, fields: deadLettersType.fields, rows };
}

function columnCount(columns: ColumnsUsed | undefined, fields: readonly DataField[]): number {
  return columns === undefined || columns === 'all' ? fields.length : Math.min(columns.size, fields.length);
}

function allUsed(trees: readonly JsonObject[], used: ReadonlyMap<JsonObject, ColumnsUsed>): ColumnsUsed {
  const each = trees.map(tree => used.get(tree) ?? 'all');
  return each.find(columns => columns === 'all') ?? present(each[0], 'a relation is named somewhere');
}

/** What some reference wants; undefined when one wants everything. */
function anyOf(trees: readonly JsonObject[], filters: ReadonlyMap<JsonObject, Predicate>): Predicate | undefined {
  const each = trees.map(tree => filters.get(tree));
  const known = each.filter(filter => filter !== undefined);
  assert(trees.length > 0, 'a relation is named somewhere');
  if (known.length < each.length) return undefined;
  return known.length === 1 ? known[0] : { kind: 'or', children: known };
}

/** The batches; ends the connection behind the last. A file that is gone is looked at again (DESIGN D1). */
async function* readingOf(
  connection: SqlConnection,
  relations: readonly Relation[],
  batches: AsyncIterable<RowBatch>,
): AsyncGenerator<RowBatch, void, undefined> {
  try {
    yield* batches;
  } catch (error) {
    if (isLakeError(error, 'LAKE_SQL_IO')) await checkSnapshots(relations, error);
    throw error;
  } finally {
    await connection[Symbol.asyncDispose]();
  }
}

async function checkSnapshots(relations: readonly Relation[], cause: unknown): Promise<void> {
  for (const { source } of relations) {
    if (source.kind !== 'table' || source.state.snapshot === undefined) continue;
    const {
      table,
      state: { snapshot },
    } = source;
    const now = await readSnapshot(table, snapshot.id);
    if (now?.deltaManifestList !== snapshot.deltaManifestList) throw snapshotExpired(table, snapshot, cause);
  }
}
