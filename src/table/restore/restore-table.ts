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
import { parseTableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { Committer } from '../commit/commit.ts';
import {
  type CommitBase,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlanAgain,
  type PlannedFile,
} from '../commit/request.ts';
import { indexEntriesOf } from '../index-files.ts';
import type { PlacedFile } from '../live-files.ts';
import { liveEntries, whileSnapshotStays } from '../manifests.ts';
import type { Table } from '../table.ts';
import { batchCommitIdentifier, committedId } from '../write/table-writer.ts';
import { copiesInParallelMax, FileCopies } from './copy-files.ts';
import { decideRestore } from './decide-restore.ts';
import {
  checkRestorable,
  filesOfOtherVectors,
  IndexCopies,
  type RestoredIndex,
  type Stand,
  type TableState,
} from './restore-index.ts';

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
 * @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED when the state goes away meanwhile; `unsupported` for tables with
 * indexes of columns, and across a change of `deletion-vectors.enabled`; `conflict`, `unavailable`, `fenced` as commits
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

type WantedState = TableState & { readonly schema: TableSchema };

async function stateOf({ table, snapshot }: RestoreSource): Promise<WantedState> {
  return whileSnapshotStays(table, snapshot, async () => {
    const index = await indexEntriesOf(table, snapshot);
    checkRestorable(table, index);
    return { files: await liveEntries(table, snapshot), index, schema: await table.schemas.get(snapshot.schemaId) };
  });
}

class Restore {
  readonly #table: Table;
  readonly #source: RestoreSource;
  readonly #wanted: WantedState;
  readonly #copies: FileCopies;
  readonly #indexCopies: IndexCopies;
  copiedFileCount = 0;

  constructor(table: Table, source: RestoreSource, wanted: WantedState) {
    this.#table = table;
    this.#source = source;
    this.#wanted = wanted;
    this.#copies = new FileCopies(table);
    this.#indexCopies = new IndexCopies(table);
  }

  async plan(base: CommitBase, again: PlanAgain | undefined): Promise<CommitPlan | CommitStop> {
    if (again?.reason === 'sequence-floor') {
      return commitStop('conflict', `the files of that state are not in the order of their numbers: ${again.detail}`);
    }
    this.#checkVectors(base.schema);
    const there = { files: await base.liveEntries(), index: await indexEntriesOf(this.#table, base.snapshot) };
    checkRestorable(this.#table, there.index);
    const { deletes, copies } = decideRestore(there.files, this.#wanted.files, {
      hasPrimaryKey: base.schema.primaryKeys.length > 0,
      otherVectors: await this.#copying(() => filesOfOtherVectors(this.#table, there, this.#wanted)),
    });
    const stand = await this.#copied(copies, again);
    const adds = [...stand.values()];
    const { index, uploads } = await this.#restoredIndex(base, stand, again);
    if (deletes.length + adds.length === 0 && index === undefined) {
      return commitStop('changed', 'the table is so already');
    }
    this.copiedFileCount = adds.length;
    // Files name the schemas they were written under; the table goes on under its newest.
    return commitPlan({ kind: 'OVERWRITE', schemaId: base.schema.id, deletes, adds, index, uploads });
  }

  /** Whether vectors count, and with keys whether level 0 is read, goes by the table's newest schema. */
  #checkVectors(schema: TableSchema): void {
    const [now, then] = [schema, this.#wanted.schema].map(of => parseTableOptions(of).vectors.isEnabled);
    if (now === then) return;
    throw unsupported('a change of deletion-vectors.enabled since that state', `restoring ${this.#table.label}`);
  }

  #copied(files: readonly PlacedFile[], again: PlanAgain | undefined): Promise<Stand> {
    const tooOld = again?.files ?? [];
    const copy = async (file: PlacedFile): Promise<readonly [PlacedFile, PlannedFile]> => [
      file,
      await this.#copies.copyOf(file, tooOld),
    ];
    return this.#copying(async () => new Map(await mapBounded(files, copiesInParallelMax, copy)));
  }

  #restoredIndex(base: CommitBase, stand: Stand, again: PlanAgain | undefined): Promise<RestoredIndex> {
    if (again?.reason === 'upload-age') this.#indexCopies.forget();
    return this.#copying(() => this.#indexCopies.plan(base, this.#wanted, stand));
  }

  async #copying<T>(copy: () => Promise<T>): Promise<T> {
    try {
      return await copy();
    } catch (error) {
      if (!isLakeError(error, 'LAKE_FILE_MISSING')) throw error;
      const { table, snapshot } = this.#source;
      const message = `snapshot ${snapshot.id} of table ${table.label} has expired while it was copied`;
      throw new LakeError('invalid', 'LAKE_SNAPSHOT_EXPIRED', message, { cause: error });
    }
  }
}
