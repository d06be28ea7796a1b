/**
 * The table room: where I/O meets the formats and the LSM. Nouns: a **table** (a folder of the store, opened), its
 * **schemas**, its **snapshots** (the chain under `snapshot/`), its **manifests** (which files are live), and the verbs
 * beside them, a folder each: commit, scan, read, write, compact, changelog, overwrite, restore; and tags.
 *
 * This file opens a table. It finds no name by itself (catalog does) and holds nothing that must be closed.
 */
import type { Clock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { OptionMap } from '../format/option-values.ts';
import { branchPath } from '../format/paths.ts';
import { parseTableOptions, type TableOptions } from '../format/table-options.ts';
import { fieldsNamed, type TableSchema, trimmedPrimaryKeys } from '../format/table-schema.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { DataType } from '../types/data-type.ts';
import { type ManifestCaches, manifestCaches } from './manifests.ts';
import { ObservedStore } from './observed-store.ts';
import { SchemaCache } from './schemas.ts';
import { type HeadMemory, headMemoryOf } from './seen-head.ts';
import { type WorkMemory, workMemoryOf } from './work-memory.ts';

export type TableIdentifier = {
  readonly database: string;
  readonly name: string;
  readonly branch?: string | undefined;
};

/** An open table. Plain and shareable; it shows the schema that was newest when it was opened. */
export type Table = {
  readonly identifier: TableIdentifier;
  /** For messages: `db.t`, `db.t$branch_b`. */
  readonly label: string;
  /** Key prefix of the table's folder, `db.db/t`. Data, manifests and indexes lie here, also those of branches. */
  readonly path: string;
  /** Key prefix of schemas, snapshots and tags: `path`, or the branch's folder. */
  readonly metaPath: string;
  readonly store: ObjectStore;
  /** Store time of the newest answer this table got (DESIGN S7): what an upload that begins now is dated with. */
  readonly storeTimeMs: () => number;
  readonly clock: Clock;
  readonly random: Random;
  /** Random id of the table (DESIGN 2.1); undefined when it was made by others. */
  readonly id: string | undefined;
  /** Its newest schema when it was opened, with the options that were given for this use of it. */
  readonly schema: TableSchema;
  readonly options: TableOptions;
  /** `schema` as it is stored, without options that were given for this use of the table. */
  readonly storedSchema: TableSchema;
  /** Options that hold for this use of the table only (`withOptions`). */
  readonly dynamicOptions: OptionMap;
  readonly schemas: SchemaCache;
  readonly caches: ManifestCaches;
  /** The newest snapshot that was seen (`seen-head.ts`). */
  readonly heads: HeadMemory;
  readonly workMemory: WorkMemory;
};

export type TableParts = {
  readonly clock: Clock;
  readonly random: Random;
  /** Shared between tables of one process so that their memory has one bound. */
  readonly caches?: ManifestCaches | undefined;
  /** What work on the table may hold; that of a process without a limit when not given. */
  readonly workMemory?: WorkMemory | undefined;
};

/**
 * Opens the table under the name: one LIST, one GET.
 *
 * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND
 */
export async function openTable(store: ObjectStore, identifier: TableIdentifier, parts: TableParts): Promise<Table> {
  const { database, name, branch } = identifier;
  const path = `${database}.db/${name}`;
  const metaPath = branch === undefined ? path : `${path}/${branchPath(branch)}`;
  const label = branch === undefined ? `${database}.${name}` : `${database}.${name}$branch_${branch}`;
  const observed = store instanceof ObservedStore ? store : new ObservedStore(store);
  const schemas = new SchemaCache(observed, metaPath);
  const newest = await schemas.newest();
  if (newest === undefined) {
    throw invalid('LAKE_TABLE_NOT_FOUND', `table ${label} is not there (${store.uri}, ${metaPath}/schema is empty)`);
  }
  const { schema, tableId } = newest;
  const workMemory = parts.workMemory ?? workMemoryOf();
  const caches = parts.caches ?? manifestCaches(workMemory);
  return {
    identifier,
    label,
    path,
    metaPath,
    store: observed,
    storeTimeMs: () => observed.lastStoreTimeMs ?? 0,
    clock: parts.clock,
    random: parts.random,
    id: tableId,
    schema,
    options: parseTableOptions(schema),
    storedSchema: schema,
    dynamicOptions: {},
    schemas,
    caches,
    heads: headMemoryOf(caches, { uri: store.uri, metaPath, id: tableId }),
    workMemory,
  };
}

/** The same table with its newest schema; caches are kept, and so are options that hold for this use of it. */
export async function reopenTable(table: Table): Promise<Table> {
  return withOptions(await openTable(table.store, table.identifier, table), table.dynamicOptions);
}

/** Files may be of a newer schema than the table was opened with: rewritten under the old one they would lose columns. */
export async function withNewestSchema(table: Table): Promise<Table> {
  const newestId = (await table.schemas.ids()).at(-1) ?? table.schema.id;
  return newestId > table.schema.id ? reopenTable(table) : table;
}

/**
 * The same table, with options that hold for this use of it and are not checked here (`catalog/dynamic-options.ts` does).
 *
 * @throws LakeError `invalid` LAKE_BAD_OPTION, `unsupported`: values that options can't have
 */
export function withOptions(table: Table, options: OptionMap): Table {
  if (Object.keys(options).length === 0) return table;
  const dynamicOptions = { ...table.dynamicOptions, ...options };
  const schema = { ...table.schema, options: { ...table.schema.options, ...options } };
  return { ...table, schema, options: parseTableOptions(schema), dynamicOptions };
}

/** How long data files are made: as long as the table asks for, and no longer than the process can hold. */
export function targetFileBytes({ options, workMemory }: Pick<Table, 'options' | 'workMemory'>): number {
  return Math.min(options.files.targetBytes, workMemory.fileBytes);
}

export function partitionTypes(schema: TableSchema): readonly DataType[] {
  return fieldsNamed(schema, schema.partitionKeys).map(field => field.type);
}

/** Types of the columns in `_MIN_KEY` and `_MAX_KEY`; none for append tables. */
export function keyTypes(schema: TableSchema): readonly DataType[] {
  return fieldsNamed(schema, trimmedPrimaryKeys(schema)).map(field => field.type);
}
