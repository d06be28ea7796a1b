/**
 * The file-system catalog: names to tables. The bucket is the catalog; there is no registry.
 *
 * A **database** is a folder `{name}.db` (an empty one is held by a hidden marker), a **table** a folder in it with a
 * `schema/schema-*`. A schema is changed by putting the next number, if absent. Dropping leaves a fence (DESIGN S10), so
 * a writer that slept through it can never write into a table made again under the name.
 */
import { invalid, LakeError } from '../base/errors.ts';
import { logNameOf } from '../format/log-name.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { decodeSchema, type TableSchema } from '../format/table-schema.ts';
import { dutiesDiffer } from '../table/commit/duties.ts';
import { fenceDuties } from '../table/commit/fence-duties.ts';
import { tableIdKey } from '../table/schemas.ts';
import { openTable, type TableIdentifier } from '../table/table.ts';
import { readDropMarker } from './drop-marker.ts';
import { childFolders, firstKey } from './folders.ts';
import {
  checkName,
  checkNewName,
  databaseOfFolder,
  databasePath,
  type Identifier,
  printIdentifier,
  tablePath,
} from './identifier.ts';
import { noteLogName } from './log-names.ts';
import { type CatalogParts, publishSchema } from './publish-schema.ts';
import { applySchemaChanges, type SchemaChange } from './schema-change.ts';
import { newTableSchema, type TableDefinition } from './table-definition.ts';

const databaseMarker = '.tidelake-database';
/** Rivals that may win in a row before a schema change gives up. */
const schemaAttemptsMax = 100;

export async function listDatabases(parts: CatalogParts): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const folder of childFolders(parts.store, '')) {
    const database = databaseOfFolder(folder);
    if (database !== undefined && (await databaseExists(parts, database))) names.push(database);
  }
  return names;
}

/** Whether it was made here, or has a table. What dropped tables leave behind makes no database. */
export async function databaseExists({ store }: CatalogParts, database: string): Promise<boolean> {
  if ((await store.head(`${databasePath(database)}/${databaseMarker}`)) !== undefined) return true;
  for await (const _ of tablesIn(store, database)) return true;
  return false;
}

export async function createDatabase(
  parts: CatalogParts,
  database: string,
  options: { readonly ifNotExists: boolean },
): Promise<void> {
  checkName(database, database);
  if (await databaseExists(parts, database)) {
    if (options.ifNotExists) return;
    throw invalid('LAKE_DATABASE_EXISTS', `database ${database} is already there`);
  }
  checkNewName(database, database);
  await parts.store.put(`${databasePath(database)}/${databaseMarker}`, new Uint8Array());
}

/** @throws LakeError LAKE_DATABASE_NOT_FOUND, or LAKE_DATABASE_NOT_EMPTY while it has tables */
export async function dropDatabase(
  parts: CatalogParts,
  database: string,
  options: { readonly ifExists: boolean },
): Promise<void> {
  if (!(await databaseExists(parts, database))) {
    if (options.ifExists) return;
    throw databaseNotFound(database);
  }
  const tables = await listTables(parts, database);
  if (tables.length > 0) {
    throw invalid(
      'LAKE_DATABASE_NOT_EMPTY',
      `database ${database} has tables (${tables.slice(0, 5).join(', ')}): drop them first`,
    );
  }
  await parts.store.delete(`${databasePath(database)}/${databaseMarker}`);
}

/** @throws LakeError LAKE_DATABASE_NOT_FOUND */
export async function listTables(parts: CatalogParts, database: string): Promise<readonly string[]> {
  if (!(await databaseExists(parts, database))) throw databaseNotFound(database);
  const tables: string[] = [];
  for await (const table of tablesIn(parts.store, database)) tables.push(table);
  return tables;
}

/** Folders of the database that hold a schema, in order; none when it is not there. */
export async function* tablesIn(
  store: CatalogParts['store'],
  database: string,
): AsyncGenerator<string, void, undefined> {
  const folder = `${databasePath(database)}/`;
  for await (const table of childFolders(store, folder)) {
    if ((await firstKey(store, `${folder}${table}/schema/schema-`)) !== undefined) yield table;
  }
}

/** Newest schema of a table, or undefined when there is no such table. */
export async function findSchema({ store }: CatalogParts, identifier: Identifier): Promise<TableSchema | undefined> {
  const path = tablePath(identifier);
  const folder = identifier.branch === undefined ? path : `${path}/branch/branch-${identifier.branch}`;
  for (let tries = 0; tries < 2; tries += 1) {
    const newest = await newestSchemaId(store, `${folder}/schema`);
    if (newest === undefined) return undefined;
    const key = `${folder}/schema/schema-${newest}`;
    const object = await store.get(key, { bytesMax: jsonBytesMax });
    // Gone between the listing and the look: the table is being dropped; one more listing tells.
    if (object !== undefined) return decodeSchema(object.bytes, key);
  }
  return undefined;
}

/** @throws LakeError LAKE_TABLE_NOT_FOUND, saying what is there instead */
export async function loadSchema(parts: CatalogParts, identifier: Identifier): Promise<TableSchema> {
  const schema = await findSchema(parts, identifier);
  if (schema !== undefined) return schema;
  const { database } = identifier;
  if (!(await databaseExists(parts, database))) throw databaseNotFound(database);
  const name = printIdentifier({ ...identifier, systemTable: undefined });
  throw invalid('LAKE_TABLE_NOT_FOUND', `table ${name} is not there; SHOW TABLES IN ${database} lists what is`);
}

/**
 * Makes a table; its database is made too when it is missing.
 *
 * @returns the schema as stored; with `ifNotExists` that of the table already there
 * @throws LakeError LAKE_TABLE_EXISTS, `conflict` LAKE_SCHEMA_CONFLICT
 */
export async function createTable(
  parts: CatalogParts,
  identifier: Identifier,
  definition: TableDefinition,
  options: { readonly ifNotExists: boolean },
): Promise<TableSchema> {
  if (identifier.branch !== undefined || identifier.systemTable !== undefined) {
    throw invalid('LAKE_BAD_NAME', `${printIdentifier(identifier)} is not the name of a table that can be made`);
  }
  for (let attempt = 0; attempt < schemaAttemptsMax; attempt += 1) {
    const there = await findSchema(parts, identifier);
    if (there !== undefined && options.ifNotExists) return there;
    if (there !== undefined) {
      throw invalid('LAKE_TABLE_EXISTS', `table ${printIdentifier(identifier)} is already there`);
    }
    checkNewName(identifier.table, printIdentifier(identifier));
    await createDatabase(parts, identifier.database, { ifNotExists: true });
    const schemaFolder = `${tablePath(identifier)}/schema`;
    const schema = newTableSchema(definition, {
      id: await firstSchemaId(parts, identifier),
      timeMillis: parts.clock.nowMs(),
      extra: { [tableIdKey]: parts.random.uuid() },
    });
    await prepareLog(parts, schema);
    const outcome = await publishSchema(parts, schemaFolder, schema);
    if (outcome.status === 'won') return outcome.schema;
    // A rival made it, or made it and dropped it again: the next look tells.
  }
  throw tooManyRivals(identifier);
}

/** Before there is a table: rows that nobody ingests must not be taken. */
async function prepareLog({ store, logs }: CatalogParts, { options }: TableSchema): Promise<void> {
  const name = logNameOf(options);
  if (name === undefined) return;
  await logs?.open(name);
  await noteLogName(store, name);
}

/**
 * Changes a table's schema; of rivals each is applied on top of the other. What asks other duties of writers is made known
 * to those that run, by an empty commit (DESIGN A2).
 *
 * @param changes or what they are on top of a schema: none, and the table is left as it is
 *
 * @throws LakeError LAKE_BAD_SCHEMA_CHANGE, LAKE_TABLE_NOT_FOUND, `conflict` LAKE_SCHEMA_CONFLICT; what `fenceDuties` throws:
 * the schema is changed then
 */
export async function alterTable(
  parts: CatalogParts,
  identifier: Identifier,
  changes: readonly SchemaChange[] | ((current: TableSchema) => readonly SchemaChange[]),
): Promise<TableSchema> {
  const path = tablePath(identifier);
  const folder = identifier.branch === undefined ? path : `${path}/branch/branch-${identifier.branch}`;
  for (let attempt = 0; attempt < schemaAttemptsMax; attempt += 1) {
    const current = await loadSchema(parts, identifier);
    const wanted = typeof changes === 'function' ? changes(current) : changes;
    if (typeof changes === 'function' && wanted.length === 0) return current;
    const next = applySchemaChanges(current, wanted, { timeMillis: parts.clock.nowMs() });
    const outcome = await publishSchema(parts, `${folder}/schema`, next);
    if (outcome.status === 'lost') continue;
    if (dutiesDiffer(current, next)) await fenceDuties(await openTable(parts.store, openedName(identifier), parts));
    return outcome.schema;
  }
  throw tooManyRivals(identifier);
}

function tooManyRivals(identifier: Identifier): LakeError {
  return new LakeError(
    'conflict',
    'LAKE_SCHEMA_CONFLICT',
    `${printIdentifier(identifier)}: others changed the schema ${schemaAttemptsMax} times in a row`,
  );
}

function openedName({ database, table, branch }: Identifier): TableIdentifier {
  return { database, name: table, branch };
}

async function newestSchemaId(store: CatalogParts['store'], schemaFolder: string): Promise<number | undefined> {
  const prefix = `${schemaFolder}/schema-`;
  let newest: number | undefined;
  for await (const page of store.list(prefix)) {
    for (const { key } of page.objects) {
      const digits = key.slice(prefix.length);
      if (/^\d{1,10}$/.test(digits)) newest = Math.max(newest ?? 0, Number(digits));
    }
  }
  return newest;
}

/** 0, or the number after those of the table that had the name before (its marker snapshot tells, DESIGN S10). */
async function firstSchemaId({ store }: CatalogParts, identifier: Identifier): Promise<number> {
  const marker = await readDropMarker(store, identifier);
  return marker === undefined ? 0 : marker.schemaId + 1;
}

function databaseNotFound(database: string): Error {
  return invalid('LAKE_DATABASE_NOT_FOUND', `database ${database} is not there; SHOW DATABASES lists what is`);
}
