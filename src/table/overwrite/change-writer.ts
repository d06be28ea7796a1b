/**
 * Commits what a statement has made of rows that it read: new rows, rows that go, files that others take the place of, and
 * rows that deletion vectors take away.
 * It is committed only where nothing came in between that the statement should have seen; otherwise it is to be run again
 * on what is there now.
 */
import { mapBounded } from '../../base/concurrency.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Committer } from '../commit/commit.ts';
import { metadataConcurrencyMax } from '../commit/limits.ts';
import {
  type CommitBase,
  type CommitPlan,
  type CommitStop,
  type ConflictRule,
  commitPlan,
  commitStop,
  type PlanAgain,
  type PlannedFile,
} from '../commit/request.ts';
import { planIndex, planVectors, type VectorChange } from '../index-plan.ts';
import { identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import { readSnapshot } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { likelyBaseOf } from '../write/likely-base.ts';
import { batchCommitIdentifier, committedId } from '../write/table-writer.ts';
import { WriteSession } from '../write/write-session.ts';

/** Rules that say of what was read that it is no longer so. */
const overtaken: readonly ConflictRule[] = ['S2a', 'S2f', 'S2i'];

export type ChangeOptions = {
  /** The newest snapshot before the rows were read; undefined: there was none. */
  readonly readAt: Snapshot | undefined;
  /**
   * `rows`: no snapshot but compactions may have come since. `files`: the files that are replaced must still be there, and
   * what was added beside them does not matter.
   */
  readonly needs: 'rows' | 'files';
};

export type ChangeOutcome =
  /** undefined: there was nothing to do. */
  | { readonly status: 'committed'; readonly snapshotId: number | undefined }
  /** Others have changed what was read, or the table's schema before it was. Nothing was committed: open the table again. */
  | { readonly status: 'again'; readonly detail: string };

/** Rows that go, in a file that stays. */
export type MarkedFile = {
  readonly placed: PlacedFile;
  /** Counted over all rows of the file. */
  readonly positions: readonly number[];
  /** Identity of the vector that the rows were read with; undefined: there was none. */
  readonly vector: string | undefined;
};

/** Whether rows of the snapshot may have columns that the table, as it was opened, does not know. */
export function isNewerThan(
  snapshot: Pick<Snapshot, 'schemaId'> | undefined,
  { schema }: Pick<Table, 'schema'>,
): boolean {
  return snapshot !== undefined && snapshot.schemaId > schema.id;
}

export class ChangeWriter {
  readonly #table: Table;
  readonly #committer: Committer;
  readonly #options: ChangeOptions;
  readonly #session: WriteSession;
  readonly #replaced = new Map<string, PlacedFile>();
  readonly #marked: MarkedFile[] = [];

  /** @throws LakeError `unsupported` naming what the table asks of writers that is not done here */
  constructor(table: Table, committer: Committer, options: ChangeOptions) {
    this.#table = table;
    this.#committer = committer;
    this.#options = options;
    const { base, sequenceFloor } = likelyBaseOf(committer);
    this.#session = new WriteSession(table, table.schema, {
      sequenceFloor,
      dynamic: { source: 'base', base },
      crossing: { staying: undefined },
    });
  }

  /** @throws LakeError `invalid`, see `WriteSession.add` */
  add(rows: RowBatch, kinds: Int8Array): Promise<void> {
    return this.#session.add(rows, kinds);
  }

  /** Takes a whole file away; what stays of its rows is added again. */
  replace(file: PlacedFile): void {
    this.#replaced.set(identifierKey(file), file);
  }

  /** Takes rows of a file away by its deletion vector. */
  mark(file: MarkedFile): void {
    this.#marked.push(file);
  }

  /** Commits once. @throws LakeError `conflict` LAKE_COMMIT_CONFLICT, `unavailable`, `fenced` */
  async commit(signal?: AbortSignal): Promise<ChangeOutcome> {
    if (this.#session.rowsIn + this.#replaced.size + this.#marked.length === 0) {
      return { status: 'committed', snapshotId: undefined };
    }
    if (this.#readsNewer())
      return { status: 'again', detail: 'the schema of what was read is newer than the one read by' };
    const committing = this.#committer.commit({
      commitUser: this.#table.random.uuid(),
      commitIdentifier: batchCommitIdentifier,
      signal,
      plan: (base, again) => this.#plan(base, again),
    });
    const outcome = await committing.finally(() => this.#session.discard());
    const isOvertaken =
      outcome.status === 'changed' || (outcome.status === 'conflict' && overtaken.includes(outcome.rule));
    if (isOvertaken) return { status: 'again', detail: outcome.detail };
    return { status: 'committed', snapshotId: committedId(this.#table, outcome) };
  }

  /** Whether rows were read of which the schema that they were read by, and are written under again, may miss columns. */
  #readsNewer(): boolean {
    const { schema } = this.#session;
    const files = [...this.#replaced.values(), ...this.#marked.map(({ placed }) => placed)];
    return isNewerThan(this.#options.readAt, { schema }) || files.some(({ file }) => file.schemaId > schema.id);
  }

  async #plan(base: CommitBase, again: PlanAgain | undefined): Promise<CommitPlan | CommitStop> {
    const { schema } = this.#session;
    if (again?.reason === 'schema') {
      const detail = `schema ${base.schema.id} came meanwhile, and asks other things of writers: open the table again`;
      return commitStop('conflict', detail);
    }
    if (this.#options.needs === 'rows' && !(await this.#isSame(base.snapshot))) {
      return commitStop('changed', 'others have changed rows of the table meanwhile');
    }
    const { adds, changelog, hashes, keysAt } = await this.#session.plannedFiles(base, again);
    const deletes = [...this.#replaced.values()];
    if (deletes.length + this.#marked.length === 0) {
      const index = hashes === undefined ? undefined : await planIndex(this.#table, base, hashes, []);
      const hashReads = hashes?.reads ?? [];
      return commitPlan({ kind: 'APPEND', schemaId: schema.id, adds, changelog, index, hashReads, keysAt });
    }
    const misfit = await this.#otherBucketCount(base, adds);
    if (misfit !== undefined) return commitStop('conflict', misfit);
    const index = await planVectors(this.#table, base, this.#vectorChanges(deletes));
    const bucketReads = this.#marked.map(({ placed, vector }) => ({
      partition: placed.partition,
      bucket: placed.bucket,
      vectors: new Map([[placed.file.fileName, vector]]),
      above0: undefined,
    }));
    return commitPlan({ kind: 'OVERWRITE', schemaId: schema.id, adds, deletes, index, bucketReads, keysAt });
  }

  #vectorChanges(deletes: readonly PlacedFile[]): readonly VectorChange[] {
    const gone = deletes.map(({ partition, bucket, file }) => ({
      ...{ partition, bucket },
      gone: new Set([file.fileName]),
      marks: new Map<string, readonly number[]>(),
    }));
    const marked = this.#marked.map(({ placed: { partition, bucket, file }, positions }) => ({
      ...{ partition, bucket },
      gone: new Set<string>(),
      marks: new Map([[file.fileName, positions]]),
    }));
    return [...gone, ...marked];
  }

  /** Whether a base has the rows that were read: only compactions came since. */
  async #isSame(head: Snapshot | undefined): Promise<boolean> {
    const { readAt } = this.#options;
    const from = readAt?.id ?? 0;
    const ids = Array.from({ length: Math.max(0, (head?.id ?? 0) - from) }, (_, index) => from + 1 + index);
    const between = await mapBounded(ids, metadataConcurrencyMax, id => readSnapshot(this.#table, id));
    return between.every(snapshot => snapshot?.commitKind === 'COMPACT' || snapshot?.commitKind === 'ANALYZE');
  }

  /** S2 (c) holds for whole partitions only, when an OVERWRITE replaces some of their files. */
  async #otherBucketCount(base: CommitBase, adds: readonly PlannedFile[]): Promise<string | undefined> {
    const counts = new Map(
      adds
        .filter(({ totalBuckets }) => totalBuckets > 0)
        .map(({ partition, totalBuckets }) => [partitionKey(partition), totalBuckets]),
    );
    if (counts.size === 0) return undefined;
    const live = await base.liveEntries({ inPlace: ({ partition }) => counts.has(partitionKey(partition)) });
    const other = live.find(
      file =>
        file.totalBuckets > 0 &&
        file.totalBuckets !== counts.get(partitionKey(file.partition)) &&
        !this.#replaced.has(identifierKey(file)),
    );
    if (other === undefined) return undefined;
    return `a partition has ${other.totalBuckets} buckets, and its table another number by now; overwrite it with its rows first`;
  }
}
