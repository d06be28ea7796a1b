/**
 * Overwrites a table: rows in, then one OVERWRITE snapshot that puts them in the place of what was there (spec 3.6). With
 * no rows it truncates, or drops partitions.
 */
import { invalid } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Committer } from '../commit/commit.ts';
import {
  type CommitBase,
  type CommitPlan,
  type CommitStop,
  commitPlan,
  commitStop,
  type PlanAgain,
} from '../commit/request.ts';
import { keyComparator } from '../key-comparator.ts';
import { type PlacedFile, partitionKey } from '../live-files.ts';
import { partitionTypes, type Table } from '../table.ts';
import { likelyBaseOf } from '../write/likely-base.ts';
import { batchCommitIdentifier, committedId } from '../write/table-writer.ts';
import { type WriteCounts, WriteSession } from '../write/write-session.ts';
import { type InPartition, type OverwriteTarget, outsideOf, replacedAt, stayingOf } from './overwrite-plan.ts';
import { OverwriteUpgrade } from './upgrade.ts';

export type OverwriteResult = {
  /** undefined: there was nothing to do, or the snapshot that it was for is no longer the newest. */
  readonly snapshotId: number | undefined;
  readonly counts: WriteCounts;
  readonly removedFileCount: number;
  /** Partitions of which files went, by `partitionKey`. */
  readonly removedPartitions: ReadonlySet<string>;
  /** As files count them: rows that newer ones hide are among them. */
  readonly removedRowCount: number;
};

export type OverwriteOptions = {
  readonly commitUser?: string | undefined;
  readonly commitIdentifier?: bigint | undefined;
  /** Whether a snapshot is made though nothing goes and nothing comes. */
  readonly commitsNothing?: boolean | undefined;
  /** The number of the snapshot that must be the newest; otherwise nothing is committed. */
  readonly onlyOn?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export class OverwriteWriter {
  readonly #table: Table;
  readonly #committer: Committer;
  readonly #target: OverwriteTarget;
  readonly #session: WriteSession;
  readonly #upgrade: OverwriteUpgrade | undefined;
  #removed: readonly PlacedFile[] = [];

  /** @throws LakeError `unsupported` naming what the table asks of writers that is not done here */
  constructor(table: Table, committer: Committer, target: OverwriteTarget) {
    const { schema, options } = table;
    this.#table = table;
    this.#committer = committer;
    this.#target = target;
    this.#session = new WriteSession(table, schema, {
      // An overwrite puts a table in the place of another, which is no change of rows (spec 3.6).
      hasNoChangelog: true,
      dynamic: { source: 'none', base: async () => undefined },
      crossing: { staying: stayingOf(schema, target) },
      sequenceFloor: likelyBaseOf(committer).sequenceFloor,
    });
    const upgrades = schema.primaryKeys.length > 0 && options.overwriteUpgrade;
    this.#upgrade = upgrades
      ? new OverwriteUpgrade(options.compaction.levelCount - 1, keyComparator(schema))
      : undefined;
  }

  /** @throws LakeError `invalid`, see `WriteSession.add` */
  add(rows: RowBatch, kinds: Int8Array): Promise<void> {
    return this.#session.add(rows, kinds);
  }

  /**
   * Commits once.
   *
   * @throws LakeError `invalid` LAKE_BAD_PARTITION for rows outside of the target, LAKE_KEY_ELSEWHERE for keys outside of
   * it; `conflict` LAKE_COMMIT_CONFLICT, `unavailable` LAKE_COMMIT_UNKNOWN, `fenced` LAKE_TABLE_GONE
   */
  async commit(options: OverwriteOptions = {}): Promise<OverwriteResult> {
    if (this.#target.kind === 'written' && this.#session.rowsIn === 0) return this.#resultOf(undefined);
    const committing = this.#committer.commit({
      commitUser: options.commitUser ?? this.#table.random.uuid(),
      commitIdentifier: options.commitIdentifier ?? batchCommitIdentifier,
      signal: options.signal,
      plan: (base, again) => this.#plan(base, again, options),
    });
    const outcome = await committing.finally(() => this.#session.discard());
    if (outcome.status === 'changed') return this.#resultOf(undefined);
    return this.#resultOf(committedId(this.#table, outcome));
  }

  async #plan(
    base: CommitBase,
    again: PlanAgain | undefined,
    options: OverwriteOptions,
  ): Promise<CommitPlan | CommitStop> {
    const { schema } = this.#session;
    if (again?.reason === 'schema') {
      const detail = `schema ${base.schema.id} came meanwhile, and asks other things of writers: open the table again`;
      return commitStop('conflict', detail);
    }
    if (options.onlyOn !== undefined && base.snapshot?.id !== options.onlyOn) {
      return commitStop('changed', `snapshot ${base.snapshot?.id} came meanwhile`);
    }
    const { adds: written, hashes, keysAt } = await this.#session.plannedFiles(base, this.#asWritten(again));
    const adds = this.#upgrade?.apply(written) ?? written;
    // Of rows that have gone to another partition, their own is overwritten all the same.
    const given = [...adds, ...this.#session.givenPartitions.map(partition => ({ partition }))];
    this.#checkInside(base, given);
    const indexes = hashes?.adds ?? [];
    const { deletes, index } = await replacedAt(this.#table, base, this.#target, { given, indexes });
    this.#removed = deletes;
    if (deletes.length + adds.length === 0 && options.commitsNothing !== true) {
      return commitStop('changed', 'there is nothing to overwrite');
    }
    // Without rows nothing was written under a schema.
    const schemaId = this.#session.rowsIn === 0 ? base.schema.id : schema.id;
    return commitPlan({ kind: 'OVERWRITE', schemaId, adds, deletes, index, keysAt });
  }

  /** The session knows its files by the objects it made. */
  #asWritten(again: PlanAgain | undefined): PlanAgain | undefined {
    if (again === undefined || this.#upgrade === undefined) return again;
    return { ...again, files: this.#upgrade.undo(again.files) };
  }

  #checkInside(base: CommitBase, given: readonly InPartition[]): void {
    const [outside] = outsideOf(base.schema, this.#target, given);
    if (outside === undefined) return;
    const values = deserializeRow(outside.partition, partitionTypes(this.#table.schema));
    const keys = this.#table.schema.partitionKeys.map((name, index) => `${name}=${values[index] ?? 'NULL'}`);
    throw invalid(
      'LAKE_BAD_PARTITION',
      `${this.#table.label}: rows of partition ${keys.join(',')} are not of the partition that is overwritten`,
    );
  }

  #resultOf(snapshotId: number | undefined): OverwriteResult {
    const removed = snapshotId === undefined ? [] : this.#removed;
    return {
      snapshotId,
      counts: this.#session.counts,
      removedFileCount: removed.length,
      removedPartitions: new Set(removed.map(({ partition }) => partitionKey(partition))),
      removedRowCount: removed.reduce((sum, { file }) => sum + file.rowCount, 0),
    };
  }
}
