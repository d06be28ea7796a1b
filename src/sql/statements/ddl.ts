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
import type { SchemaChange } from '../../catalog/schema-change.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { sameType } from '../../types/castability.ts';
import { withNullable } from '../../types/data-type.ts';
import type { SqlContext, SqlSession, StatementResult } from '../context.ts';
import type { AlterAction, CreateTable, Statement } from '../parser/statement.ts';
import { identifierOf } from './open-query.ts';

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
      if (!(await databaseExists(catalog, statement.database))) {
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
      const next = await alterTable(catalog, identifier, changes);
      return done(`table ${printIdentifier(identifier)} has schema ${next.id} now`);
    }
    default:
      return unreachable(statement);
  }
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
      const { name, type, comment, primaryKey } = action.column;
      if (primaryKey) throw unsupported('ALTER TABLE ADD … PRIMARY KEY', 'SQL');
      return [{ kind: 'add-column', name, type, comment, position: action.position }];
    }
    case 'modify':
      return modified(schema, action);
    case 'drop':
      return [{ kind: 'drop-column', name: action.name }];
    case 'rename-column':
      return [{ kind: 'rename-column', name: action.name, newName: action.newName }];
    case 'set':
      return Object.entries(action.options).map(([key, value]) => ({ kind: 'set-option', key, value }));
    case 'reset':
      return action.keys.map(key => ({ kind: 'remove-option', key }));
    default:
      return unreachable(action);
  }
}

/** MODIFY says the whole column; only what differs is a change. A comment that is not said stays. */
function modified(schema: TableSchema, action: AlterAction & { readonly kind: 'modify' }): readonly SchemaChange[] {
  const { name, type, comment } = action.column;
  const field = schema.fields.find(candidate => candidate.name === name);
  const changes: SchemaChange[] = [];
  if (field === undefined || !sameType(withNullable(field.type, true), withNullable(type, true))) {
    changes.push({ kind: 'change-type', name, type });
  }
  const isKey = schema.primaryKeys.includes(name);
  if (field !== undefined && !isKey && field.type.nullable !== type.nullable) {
    changes.push({ kind: 'change-nullability', name, nullable: type.nullable });
  }
  if (comment !== undefined && comment !== field?.description) changes.push({ kind: 'change-comment', name, comment });
  if (action.position !== undefined) changes.push({ kind: 'move-column', name, position: action.position });
  return changes;
}

function done(message: string): StatementResult {
  return { kind: 'ok', message };
}
