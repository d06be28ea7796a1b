/** All tables of a warehouse, database after database. */
import { isLakeError } from '../base/errors.ts';
import { listDatabases, listTables } from './catalog.ts';
import type { Identifier } from './identifier.ts';
import type { CatalogParts } from './publish-schema.ts';

/** In order. What is made or dropped meanwhile may be among them or not. */
export async function* eachTable(parts: CatalogParts): AsyncGenerator<Identifier, void, undefined> {
  for (const database of await listDatabases(parts)) {
    for (const table of await tablesIfThere(parts, database)) {
      yield { database, table, branch: undefined, systemTable: undefined };
    }
  }
}

/** Tables of a database; none when it is not there. */
export async function tablesIfThere(parts: CatalogParts, database: string): Promise<readonly string[]> {
  try {
    return await listTables(parts, database);
  } catch (error) {
    if (isLakeError(error, 'LAKE_DATABASE_NOT_FOUND')) return [];
    throw error;
  }
}
