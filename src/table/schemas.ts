/**
 * The versions of a table's schema: `schema/schema-{id}`, immutable, read when they are asked for.
 */
import { corrupt, isLakeError } from '../base/errors.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { idOfName, schemaFolder, schemaPath } from '../format/paths.ts';
import { decodeSchema, type TableSchema } from '../format/table-schema.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** The key under which schema files carry the table's random id, as a field of its own or as an option. */
export const tableIdKey = 'tidelake.table';

export type NewestSchema = {
  readonly schema: TableSchema;
  /** Undefined for tables made by others. */
  readonly tableId: string | undefined;
};

export class SchemaCache {
  readonly #store: ObjectStore;
  readonly #metaPath: string;
  readonly #byId = new Map<number, Promise<TableSchema>>();

  /** @param metaPath the table's folder, or its branch's */
  constructor(store: ObjectStore, metaPath: string) {
    this.#store = store;
    this.#metaPath = metaPath;
  }

  /** @throws LakeError `corrupt` LAKE_SCHEMA_MISSING when a file names a schema that is not there */
  get(id: number): Promise<TableSchema> {
    const cached = this.#byId.get(id);
    if (cached !== undefined) return cached;
    const loading = this.#load(id);
    this.#byId.set(id, loading);
    loading.catch(() => this.#byId.delete(id));
    return loading;
  }

  /** All ids, ascending; one LIST. */
  async ids(): Promise<readonly number[]> {
    const ids: number[] = [];
    for await (const page of this.#store.list(`${this.#metaPath}/${schemaFolder}/schema-`)) {
      for (const { key } of page.objects) {
        const id = idOfName(key, 'schema');
        if (id !== undefined) ids.push(id);
      }
    }
    return ids.toSorted((a, b) => a - b);
  }

  /**
   * The schema with the largest id, and the table's random id; undefined: there is no table. One LIST, mostly one GET.
   *
   * @throws LakeError `corrupt` LAKE_SCHEMA_MISSING when a schema is listed, and listed again, and can not be read
   */
  async newest(): Promise<NewestSchema | undefined> {
    let before: readonly number[] = [];
    for (;;) {
      const ids = await this.ids();
      const id = ids.at(-1);
      if (id === undefined) return undefined;
      try {
        return { schema: await this.get(id), tableId: await this.#tableIdAmong(ids) };
      } catch (error) {
        if (!isLakeError(error, 'LAKE_SCHEMA_MISSING')) throw error;
        // Gone between the listing and the look: the table is being dropped, so that the next listing differs.
        if (ids.length === before.length && id === before.at(-1)) throw error;
        before = ids;
      }
    }
  }

  /** The random id among these versions, newest first: one changed by Java has lost our field. */
  async #tableIdAmong(ids: readonly number[]): Promise<string | undefined> {
    for (const id of ids.toReversed()) {
      const tableId = tableIdOf(await this.get(id));
      if (tableId !== undefined) return tableId;
    }
    return undefined;
  }

  async #load(id: number): Promise<TableSchema> {
    const key = `${this.#metaPath}/${schemaPath(id)}`;
    const object = await this.#store.get(key, { bytesMax: jsonBytesMax });
    if (object === undefined) {
      throw corrupt('LAKE_SCHEMA_MISSING', `${this.#store.uri}: ${key} is named by the table and is not there`);
    }
    const schema = decodeSchema(object.bytes, key);
    if (schema.id !== id) throw corrupt('LAKE_CORRUPT_SCHEMA', `${key} says that it is schema ${schema.id}`);
    return schema;
  }
}

/** The table id a schema carries; undefined for tables and versions written by others. */
export function tableIdOf(schema: TableSchema): string | undefined {
  return schema.extra[tableIdKey] ?? schema.options[tableIdKey];
}
