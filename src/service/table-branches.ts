/** The SDK's branches of a table: lines of snapshots of their own that share its files. `lake.table('db.t$branch_b')` opens one. */
import { createBranch, deleteBranch, listBranches, renameBranch } from '../catalog/branches.ts';
import type { Table } from '../table/table.ts';
import type { LakeParts } from './lake-parts.ts';
import { fastForwardLakeTable, type RestoreReceipt } from './restore-lake-table.ts';

export class TableBranches {
  readonly #parts: LakeParts;
  readonly #table: Table;

  constructor(parts: LakeParts, table: Table) {
    this.#parts = parts;
    this.#table = table;
  }

  /** Names, in order. */
  list(): Promise<readonly string[]> {
    return listBranches(this.#table);
  }

  /**
   * Makes a branch that begins at a tag, or empty.
   *
   * @returns false: there was one of the name, and `ifNotExists` was said
   * @throws LakeError `invalid` LAKE_BRANCH_EXISTS, LAKE_TAG_NOT_FOUND, LAKE_BAD_NAME
   */
  create(name: string, options: { readonly tag?: string; readonly ifNotExists?: boolean } = {}): Promise<boolean> {
    return createBranch(this.#table, name, options);
  }

  /** @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND, LAKE_BRANCH_EXISTS; `conflict` LAKE_BRANCH_BUSY */
  rename(name: string, newName: string): Promise<void> {
    return renameBranch(this.#table, name, newName);
  }

  /** @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND unless `ifExists` */
  delete(name: string, options: { readonly ifExists?: boolean } = {}): Promise<boolean> {
    return deleteBranch(this.#table, name, options);
  }

  /**
   * Makes the table what the branch is, in one snapshot. The branch stays.
   *
   * @throws LakeError `invalid` LAKE_BRANCH_NOT_FOUND, LAKE_BRANCH_DIVERGED, LAKE_SNAPSHOT_NOT_FOUND for an empty branch
   */
  fastForward(name: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<RestoreReceipt> {
    return fastForwardLakeTable(this.#parts, this.#table, name, options.signal);
  }
}
