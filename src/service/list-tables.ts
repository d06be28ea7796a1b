/** Names of all tables of a lake. */
import { isLakeError } from '../base/errors.ts';
import { listDatabases, listTables } from '../catalog/catalog.ts';
import type { LakeParts } from './lake-parts.ts';

/** `db.t`, in order. */
export async function listAllTables(parts: LakeParts): Promise<readonly string[]> {
  const names: string[] = [];
  for (const database of await listDatabases(parts)) {
    try {
      for (const table of await listTables(parts, database)) names.push(`${database}.${table}`);
    } catch (error) {
      // Dropped between the two listings.
      if (!isLakeError(error, 'LAKE_DATABASE_NOT_FOUND')) throw error;
    }
  }
  return names;
}
