/**
 * Brings a table to another state of it: an older snapshot, a tag, the head of a branch (RFC 0006). Forward, as everything
 * here goes: one OVERWRITE snapshot on top, which has the files of that state. Numbers are not freed (S10), what was there
 * can still be read, and who commits at the same time either comes before and is taken back with the rest, or after.
 *
 * What the log has given to the table stays given: the ingest state is carried on, so rows that were taken back do not come
 * again.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { isLakeError, LakeError, unsupported } from '../../base/errors.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { Committer } from '../commit/commit.ts';
import {
  type CommitBase,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlanAgain,
} from '../commit/request.ts';
import type { PlacedFile } from '../live-files.ts';
import { liveEntries } from '../manifests.ts';
import type { Table } from '../table.ts';
import { batchCommitIdentifier, committedId } from '../write/table-writer.ts';
import { copiesInParallelMax, FileCopies } from './copy-files.ts';
import { decideRestore } from './decide-restore.ts';

export type RestoreReceipt = {
  /** The snapshot that has the state now; the head's, where nothing had to be done. */
  readonly snapshotId: number | undefined;
  /** The head before. */
  readonly previousId: number | undefined;
  readonly isChanged: boolean;
  readonly copiedFileCount: number;
};

/** A state: a snapshot, and the line that its files are read by. */
export type RestoreSource = { readonly table: Table; readonly snapshot: Snapshot };

/**
 * @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED when the state goes away meanwhile; `unsupported` for tables with index
 * files; `conflict`, `unavailable`, `fenced` as commits
 */
export async function restoreTable(
  table: Table,
  source: RestoreSource,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RestoreReceipt> {
  const restore = new Restore(table, source, await stateOf(source));
  await using committer = new Committer(table);
  const outcome = await committer.commit({
    commitUser: table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal: options.signal,
    plan: (base, again) => restore.plan(base, again),
  });
  if (outcome.status === 'changed') {
    const id = outcome.base?.id;
    return { snapshotId: id, previousId: id, isChanged: false, copiedFileCount: 0 };
  }
  const snapshotId = committedId(table, outcome);
  const { copiedFileCount } = restore;
  return { snapshotId, previousId: snapshotId - 1, isChanged: true, copiedFileCount };
}

async function stateOf({ table, snapshot }: RestoreSource): Promise<readonly PlacedFile[]> {
  refuseIndex(table, snapshot);
  return liveEntries(table, snapshot);
}

class Restore {
  readonly #table: Table;
  readonly #source: RestoreSource;
  readonly #wanted: readonly PlacedFile[];
  readonly #copies: FileCopies;
  copiedFileCount = 0;

  constructor(table: Table, source: RestoreSource, wanted: readonly PlacedFile[]) {
    this.#table = table;
    this.#source = source;
    this.#wanted = wanted;
    this.#copies = new FileCopies(table);
  }

  async plan(base: CommitBase, again: PlanAgain | undefined): Promise<CommitPlan | CommitStop> {
    refuseIndex(this.#table, base.snapshot);
    if (again?.reason === 'sequence-floor') {
      return commitStop('conflict', `the files of that state are not in the order of their numbers: ${again.detail}`);
    }
    const hasPrimaryKey = base.schema.primaryKeys.length > 0;
    const { deletes, copies } = decideRestore(await base.liveEntries(), this.#wanted, { hasPrimaryKey });
    if (deletes.length + copies.length === 0) return commitStop('changed', 'the table is so already');
    const adds = await this.#copied(copies, again);
    this.copiedFileCount = adds.length;
    // Files name the schemas they were written under; the table goes on under its newest.
    return commitPlan({ kind: 'OVERWRITE', schemaId: base.schema.id, deletes, adds });
  }

  async #copied(files: readonly PlacedFile[], again: PlanAgain | undefined): Promise<CommitPlan['adds']> {
    try {
      return await mapBounded(files, copiesInParallelMax, file => this.#copies.copyOf(file, again?.files ?? []));
    } catch (error) {
      if (!isLakeError(error, 'LAKE_FILE_MISSING')) throw error;
      const { table, snapshot } = this.#source;
      const message = `snapshot ${snapshot.id} of table ${table.label} has expired while it was copied`;
      throw new LakeError('invalid', 'LAKE_SNAPSHOT_EXPIRED', message, { cause: error });
    }
  }
}

function refuseIndex({ label }: Table, snapshot: Snapshot | undefined): void {
  if (snapshot?.indexManifest !== undefined) {
    throw unsupported('index files (deletion vectors, hash index)', `restoring ${label}`);
  }
}
