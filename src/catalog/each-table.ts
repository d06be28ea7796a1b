/** All tables of a warehouse, database after database. */
import { tablesIn } from './catalog.ts';
import { childFolders } from './folders.ts';
import { databaseOfFolder, type Identifier } from './identifier.ts';
import type { CatalogParts } from './publish-schema.ts';

/** In order. What is made or dropped meanwhile may be among them or not. */
export async function* eachTable({ store }: CatalogParts): AsyncGenerator<Identifier, void, undefined> {
  for await (const folder of childFolders(store, '')) {
    const database = databaseOfFolder(folder);
    if (database === undefined) continue;
    for await (const table of tablesIn(store, database)) {
      yield { database, table, branch: undefined, systemTable: undefined };
    }
  }
}
