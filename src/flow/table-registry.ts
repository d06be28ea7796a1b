/**
 * The open tables of a process that follows the log: found by the id and name in a record, kept open with their
 * committers.
 */

import type { Clock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { alterTable } from '../catalog/catalog.ts';
import { isHalfDropped } from '../catalog/drop-marker.ts';
import { parseIdentifier } from '../catalog/identifier.ts';
import { schemaEvolution } from '../format/schema-evolution.ts';
import type { TableSchema } from '../format/table-schema.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { Committer } from '../table/commit/commit.ts';
import { type ManifestCaches, manifestCaches } from '../table/manifests.ts';
import { tableIdKey } from '../table/schemas.ts';
import { openTable, type Table } from '../table/table.ts';
import type { WorkMemory } from '../table/work-memory.ts';
import type { LogRecordHeader } from './log-record.ts';
import { adoptedChanges } from './record-columns.ts';

export type OpenedTable = { readonly table: Table; readonly committer: Committer };

export type RegistryParts = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly workMemory?: WorkMemory | undefined;
  /** Whether rows of the table come through the log that is read; all do unless said. Two logs' positions are not of one order. */
  readonly accepts?: ((table: Table) => boolean) | undefined;
};

export type WantedSchema = {
  /** The newest that records name. */
  readonly schemaId: number;
  /** What they bring besides, in their order. */
  readonly columns: readonly Pick<LogRecordHeader, 'columns'>[];
};

/** An id that was not found is looked up again after this long: the table may be about to be made. */
const unknownAgainMs = 10_000;

export class TableRegistry implements AsyncDisposable {
  readonly #parts: RegistryParts;
  readonly #caches: ManifestCaches;
  readonly #open = new Map<string, OpenedTable>();
  readonly #unknownSince = new Map<string, number>();
  /** Ids of tables that were closed: something has become of them. */
  readonly #closed = new Set<string>();

  constructor(parts: RegistryParts) {
    this.#parts = parts;
    this.#caches = manifestCaches(parts.workMemory);
  }

  get tables(): readonly OpenedTable[] {
    return [...this.#open.values()];
  }

  /**
   * The live table with this id.
   *
   * @param name `db.t` as the record has it
   * @returns undefined: there is none under that name, another has it (DESIGN I6), or it is being dropped: whoever does so
   *   may have died over it, and rows of other tables must not wait for that
   */
  async find(tableId: string, name: string): Promise<OpenedTable | undefined> {
    const known = this.#open.get(tableId);
    if (known !== undefined) return known;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - (this.#unknownSince.get(tableId) ?? Number.NEGATIVE_INFINITY) < unknownAgainMs) return undefined;
    const table = await this.#lookUp(name);
    if (
      table === undefined ||
      table.id !== tableId ||
      !this.#accepts(table) ||
      (this.#closed.has(tableId) && (await isHalfDropped(table)))
    ) {
      this.#unknownSince.set(tableId, nowMs);
      return undefined;
    }
    const opened = { table, committer: new Committer(table) };
    this.#open.set(tableId, opened);
    return opened;
  }

  /**
   * The live table with this id, under a schema as new as a record's: an older one would lose the columns that the
   * record has more (DESIGN A3). What records bring besides, the table adopts first, if it does so (RFC 0019).
   */
  async findFor(tableId: string, name: string, wanted: WantedSchema): Promise<OpenedTable | undefined> {
    let opened = await this.find(tableId, name);
    if (opened !== undefined && opened.table.schema.id < wanted.schemaId) {
      await this.forget(tableId);
      opened = await this.find(tableId, name);
    }
    return opened === undefined ? undefined : this.#adopted(tableId, name, opened, wanted.columns);
  }

  /** Of many that adopt the same, one changes the schema; whoever dies then has changed nothing else. */
  async #adopted(
    tableId: string,
    name: string,
    { table, committer }: OpenedTable,
    columns: WantedSchema['columns'],
  ): Promise<OpenedTable | undefined> {
    const isWanting = (schema: TableSchema): boolean =>
      schemaEvolution(schema.options) === 'adopt' && adoptedChanges(schema, columns).length > 0;
    if (columns.length === 0 || !isWanting(table.schema)) return { table, committer };
    const isOurs = (schema: TableSchema): boolean => schema.extra[tableIdKey] === tableId;
    await alterTable(this.#parts, parseIdentifier(name), current =>
      isOurs(current) && isWanting(current) ? adoptedChanges(current, columns) : [],
    );
    await this.forget(tableId);
    return this.find(tableId, name);
  }

  /** Closes a table whose schema or life has changed; the next `find` opens it anew. */
  async forget(tableId: string): Promise<void> {
    const known = this.#open.get(tableId);
    this.#open.delete(tableId);
    this.#closed.add(tableId);
    await known?.committer[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tableId of [...this.#open.keys()]) await this.forget(tableId);
  }

  #accepts(table: Table): boolean {
    return this.#parts.accepts?.(table) ?? true;
  }

  async #lookUp(name: string): Promise<Table | undefined> {
    try {
      const { database, table } = parseIdentifier(name);
      return await openTable(this.#parts.store, { database, name: table }, { ...this.#parts, caches: this.#caches });
    } catch (error) {
      if (isLakeError(error, 'LAKE_TABLE_NOT_FOUND') || isLakeError(error, 'LAKE_BAD_NAME')) return undefined;
      throw error;
    }
  }
}
