/** The SDK's tags of a table: names for snapshots whose data stays for as long as the tag does. */
import type { Table } from '../table/table.ts';
import { expireTags } from '../table/tags/expire-tags.ts';
import { createTag, deleteTag, renameTag, replaceTag, storedTags, type TagOptions } from '../table/tags/manage-tags.ts';

export type { TagOptions } from '../table/tags/manage-tags.ts';

export type TableTag = {
  readonly name: string;
  readonly snapshotId: number;
  /** undefined: it is kept for ever, and does not tell. */
  readonly createTime: Date | undefined;
  readonly retainedMs: number | undefined;
};

export class TableTags {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** By name. */
  async list(): Promise<readonly TableTag[]> {
    return (await storedTags(this.#table)).map(({ name, snapshot, createTimeMs, retainedMs }) => ({
      name,
      snapshotId: snapshot.id,
      createTime: createTimeMs === undefined ? undefined : new Date(createTimeMs),
      retainedMs,
    }));
  }

  /**
   * Tags the newest snapshot, or another. When it resolves, its data stays.
   *
   * @returns the snapshot's number; undefined: there was a tag of the name, and `ifNotExists` was said
   * @throws LakeError `invalid` LAKE_TAG_EXISTS, LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED, LAKE_BAD_NAME
   */
  async create(
    name: string,
    options: TagOptions & { readonly ifNotExists?: boolean } = {},
  ): Promise<number | undefined> {
    return (await createTag(this.#table, name, options))?.id;
  }

  /** Lets a tag mean another snapshot. @throws LakeError LAKE_TAG_NOT_FOUND; `conflict` LAKE_TAG_CONFLICT */
  async replace(name: string, options: TagOptions = {}): Promise<number> {
    return (await replaceTag(this.#table, name, options)).id;
  }

  /** @throws LakeError `invalid` LAKE_TAG_NOT_FOUND, LAKE_TAG_EXISTS; `conflict` LAKE_TAG_CONFLICT */
  rename(name: string, newName: string): Promise<void> {
    return renameTag(this.#table, name, newName);
  }

  /** @throws LakeError `invalid` LAKE_TAG_NOT_FOUND unless `ifExists` */
  delete(name: string, options: { readonly ifExists?: boolean } = {}): Promise<boolean> {
    return deleteTag(this.#table, name, options);
  }

  /**
   * Deletes tags whose time is over, as maintenance does.
   *
   * @param options.olderThan tags made before go, too
   * @returns their names
   */
  expire(options: { readonly olderThan?: Date } = {}): Promise<readonly string[]> {
    return expireTags(this.#table, { olderThanMs: options.olderThan?.getTime() });
  }
}
