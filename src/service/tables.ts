/** Making and opening tables by name. */
import { invalid, isLakeError } from '../base/errors.ts';
import { createTable, loadSchema } from '../catalog/catalog.ts';
import { type Identifier, parseIdentifier } from '../catalog/identifier.ts';
import type { TableDefinition } from '../catalog/table-definition.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { openTable, type Table } from '../table/table.ts';
import type { WorkMemory } from '../table/work-memory.ts';
import type { LakeParts } from './lake-parts.ts';
import { definitionOfDdl, definitionOfSchemaFile } from './table-definitions.ts';

/**
 * Makes a table; its database is made too when it is missing.
 *
 * @throws LakeError `invalid` LAKE_BAD_NAME, LAKE_BAD_SCHEMA, LAKE_TABLE_EXISTS
 */
export async function createLakeTable(
  parts: LakeParts,
  name: string,
  definition: TableDefinition,
  options: { readonly ifNotExists: boolean },
): Promise<TableSchema> {
  return createTable(parts, parseIdentifier(name), definition, options);
}

/** @param ddl one `CREATE TABLE` statement · @throws LakeError also LAKE_SQL_SYNTAX, LAKE_BAD_DDL */
export async function createTableFromDdl(parts: LakeParts, name: string, ddl: string): Promise<TableSchema> {
  const identifier = parseIdentifier(name);
  const definition = definitionOfDdl(identifier, ddl);
  return createTable(parts, identifier, definition, definition);
}

/** @param file the bytes of a schema file in Paimon's form · @throws LakeError also LAKE_BAD_SCHEMA_FILE */
export async function createTableFromSchemaFile(
  parts: LakeParts,
  name: string,
  file: { readonly bytes: Uint8Array; readonly where: string },
): Promise<TableSchema> {
  const definition = definitionOfSchemaFile(file.bytes, file.where);
  return createTable(parts, parseIdentifier(name), definition, { ifNotExists: false });
}

/** What opening a table needs of a lake. */
export type OpenTableParts = Pick<LakeParts, 'store' | 'clock' | 'random' | 'caches'> & {
  readonly workMemory?: WorkMemory | undefined;
};

/**
 * Opens the table, or the branch of a table, under the name.
 *
 * @throws LakeError `invalid` LAKE_BAD_NAME, LAKE_DATABASE_NOT_FOUND, LAKE_TABLE_NOT_FOUND, LAKE_BRANCH_NOT_FOUND
 */
export async function openLakeTable(parts: OpenTableParts, name: string): Promise<Table> {
  const identifier = parseIdentifier(name);
  if (identifier.systemTable !== undefined) {
    throw invalid('LAKE_BAD_NAME', `${name} is a system table: read it with SQL`);
  }
  const { database, table, branch } = identifier;
  try {
    return await openTable(parts.store, { database, name: table, branch }, parts);
  } catch (error) {
    if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND')) await sayWhatIsMissing(parts, identifier);
    throw error;
  }
}

/** The database, the table, or only the branch. */
async function sayWhatIsMissing(
  parts: OpenTableParts,
  { database, table, branch, systemTable }: Identifier,
): Promise<void> {
  await loadSchema(parts, { database, table, branch: undefined, systemTable });
  if (branch === undefined) return;
  throw invalid('LAKE_BRANCH_NOT_FOUND', `table ${database}.${table} has no branch ${branch}`);
}
