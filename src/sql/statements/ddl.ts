/** CREATE, DROP, ALTER, USE: statements that change the catalog or the session. */
import { unreachable } from '../../base/assert.ts';
import { invalid, unsupported } from '../../base/errors.ts';
import {
  alterTable,
  createDatabase,
  createTable,
  databaseExists,
  dropDatabase,
  listTables,
  loadSchema,
} from '../../catalog/catalog.ts';
import { dropTable } from '../../catalog/drop-table.ts';
import { type Identifier, printIdentifier } from '../../catalog/identifier.ts';
import { changesBetween, typeAt } from '../../catalog/nested-change.ts';
import type { SchemaChange } from '../../catalog/schema-change.ts';
import { systemDatabase } from '../../catalog/system-database.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { SqlContext, SqlSession, StatementResult } from '../context.ts';
import type { AlterAction, CreateTable, Statement } from '../parser/statement.ts';
import { identifierOf } from './open-query.ts';
import { openTarget } from './overwrite.ts';

export type DdlStatement = Statement & {
  readonly kind: 'create-database' | 'drop-database' | 'use' | 'create-table' | 'drop-table' | 'alter-table';
};

export async function runDdl(
  context: SqlContext,
  session: SqlSession,
  statement: DdlStatement,
): Promise<StatementResult> {
  const { catalog } = context;
  switch (statement.kind) {
    case 'create-database':
      await createDatabase(catalog, statement.database, statement);
      return done(`database ${statement.database} is there`);
    case 'drop-database':
      return dropDatabaseWith(context, session, statement);
    case 'use':
      if (statement.database !== systemDatabase && !(await databaseExists(catalog, statement.database))) {
        throw invalid(
          'LAKE_DATABASE_NOT_FOUND',
          `database ${statement.database} is not there; SHOW DATABASES lists what is`,
        );
      }
      session.currentDatabase = statement.database;
      return done(`database ${statement.database} is used from now on`);
    case 'create-table':
      return createTableFrom(context, session, statement);
    case 'drop-table': {
      const identifier = identifierOf(statement.name, session);
      const dropped = await dropTable(catalog, identifier, statement);
      return done(`table ${printIdentifier(identifier)} ${dropped ? 'is dropped' : 'was not there'}`);
    }
    case 'alter-table': {
      const identifier = tableIdentifier(statement.name, session);
      const schema = await loadSchema(catalog, identifier);
      const changes = statement.actions.flatMap(action => changesOf(schema, action));
      if (changes.length === 0) return done(`table ${printIdentifier(identifier)} is so already`);
      if (changes.some(isRescale)) await settleFirst(context, session, statement);
      const next = await alterTable(catalog, identifier, changes);
      return done(`table ${printIdentifier(identifier)} has schema ${next.id} now`);
    }
    default:
      return unreachable(statement);
  }
}

function isRescale(change: SchemaChange): boolean {
  return change.kind === 'set-option' && change.key === 'bucket';
}

/** Rows that the log has acknowledged were spread over the buckets of before: afterwards they would be dead letters. */
async function settleFirst(
  context: SqlContext,
  session: SqlSession,
  { name }: Statement & { readonly kind: 'alter-table' },
): Promise<void> {
  if (context.settle === undefined) return;
  await context.settle(await openTarget(context, session, name), {});
}

async function dropDatabaseWith(
  { catalog }: SqlContext,
  session: SqlSession,
  statement: Statement & { readonly kind: 'drop-database' },
): Promise<StatementResult> {
  const { database } = statement;
  if (statement.cascade && (await databaseExists(catalog, database))) {
    for (const table of await listTables(catalog, database)) {
      await dropTable(catalog, identifierOf({ database, table }, session), { ifExists: true });
    }
  }
  await dropDatabase(catalog, database, statement);
  return done(`database ${database} is gone`);
}

async function createTableFrom(
  { catalog }: SqlContext,
  session: SqlSession,
  statement: CreateTable,
): Promise<StatementResult> {
  const identifier = tableIdentifier(statement.name, session);
  const { columns, primaryKeys, partitionKeys, options, comment } = statement;
  await createTable(catalog, identifier, { columns, primaryKeys, partitionKeys, options, comment }, statement);
  return done(`table ${printIdentifier(identifier)} is there`);
}

function tableIdentifier(
  name: { readonly database: string | undefined; readonly table: string },
  session: SqlSession,
): Identifier {
  const identifier = identifierOf(name, session);
  if (identifier.systemTable === undefined) return identifier;
  throw invalid('LAKE_BAD_NAME', `${printIdentifier(identifier)} is a system table: it can only be read`);
}

function changesOf(schema: TableSchema, action: AlterAction): readonly SchemaChange[] {
  switch (action.kind) {
    case 'add': {
      const { name, path } = action;
      const { type, comment, primaryKey } = action.column;
      if (primaryKey) throw unsupported('ALTER TABLE ADD … PRIMARY KEY', 'SQL');
      return [{ kind: 'add-column', name, path, type, comment, position: action.position }];
    }
    case 'modify':
      return modified(schema, action);
    case 'drop':
      return [{ kind: 'drop-column', name: action.name, path: action.path }];
    case 'rename-column':
      return [{ kind: 'rename-column', name: action.name, path: action.path, newName: action.newName }];
    case 'set':
      return Object.entries(action.options).map(([key, value]) => ({ kind: 'set-option', key, value }));
    case 'reset':
      return action.keys.map(key => ({ kind: 'remove-option', key }));
    default:
      return unreachable(action);
  }
}

/** MODIFY says the whole column, or field; only what differs is a change. A comment that is not said stays. */
function modified(
  schema: TableSchema,
  action: AlterAction & { readonly kind: 'add' | 'modify' },
): readonly SchemaChange[] {
  const { name, path } = action;
  const { type, comment } = action.column;
  const place = { name, path };
  const field = schema.fields.find(candidate => candidate.name === name);
  const there = field === undefined ? undefined : typeAt(field.type, path);
  if (there === undefined) return [{ kind: 'change-type', ...place, type }];
  const changes: SchemaChange[] = [...changesBetween(there, type, place)];
  const isKey = schema.primaryKeys.includes(name);
  if (path.length === 0 && !isKey && there.nullable !== type.nullable) {
    changes.push({ kind: 'change-nullability', name, nullable: type.nullable });
  }
  const description = path.length === 0 ? field?.description : undefined;
  if (comment !== undefined && comment !== description) changes.push({ kind: 'change-comment', ...place, comment });
  if (action.position === undefined) return changes;
  if (path.length > 0) throw unsupported('ALTER TABLE MODIFY of a field with FIRST or AFTER', 'SQL');
  return [...changes, { kind: 'move-column', name, position: action.position }];
}

function done(message: string): StatementResult {
  return { kind: 'ok', message };
}
