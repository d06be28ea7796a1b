/**
 * Writes a table directly, without a log: rows in, one APPEND snapshot for each commit.
 */
import { LakeError } from '../../base/errors.ts';
import { type WatermarkDefinition, watermarkDefinition } from '../../format/watermark-options.ts';
import { eventTimes, latestEventMs } from '../../types/event-times.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import type { Committer } from '../commit/commit.ts';
import { type CommitOutcome, commitPlan, commitStop } from '../commit/request.ts';
import { planIndex } from '../index-plan.ts';
import type { Table } from '../table.ts';
import { likelyBaseOf } from './likely-base.ts';
import { RunningUploads } from './running-uploads.ts';
import { type WriteCounts, WriteSession } from './write-session.ts';

/** What a batch writer puts for its commit's number: it commits once and is never asked again (spec 3.4). */
export const batchCommitIdentifier = 9_223_372_036_854_775_807n;

export type WriteResult = {
  /** The snapshot that came of it; undefined: there was nothing to write. */
  readonly snapshotId: number | undefined;
  readonly counts: WriteCounts;
};

export class TableWriter {
  readonly #table: Table;
  readonly #committer: Committer;
  readonly #commitUser: string;
  readonly #watermark: WatermarkDefinition | undefined;
  #uploads = new RunningUploads();
  #session: WriteSession;
  /** Of the rows since the last commit. */
  #latestEventMs: number | undefined;

  constructor(table: Table, committer: Committer, options: { readonly commitUser?: string | undefined } = {}) {
    this.#table = table;
    this.#committer = committer;
    this.#commitUser = options.commitUser ?? table.random.uuid();
    this.#watermark = watermarkDefinition(table.schema.options);
    this.#session = this.#newSession();
  }

  /** Takes rows in; nothing is visible before `commit`. @throws LakeError `invalid`, see `WriteSession.add` */
  async add(rows: RowBatch, kinds: Int8Array): Promise<void> {
    await this.#session.add(rows, kinds);
    if (this.#watermark === undefined) return;
    const latest = latestEventMs(eventTimes(rows, this.#watermark.column));
    if (latest !== undefined) this.#latestEventMs = Math.max(this.#latestEventMs ?? latest, latest);
  }

  /**
   * Makes everything taken in since the last commit visible at once, or nothing of it. Whatever comes of it, the writer
   * holds no rows afterwards.
   *
   * @throws LakeError `conflict` LAKE_COMMIT_CONFLICT, `unavailable` LAKE_COMMIT_UNKNOWN (it may have happened: look
   * before writing again), `fenced` LAKE_TABLE_GONE
   */
  async commit(
    options: { readonly commitIdentifier?: bigint; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<WriteResult> {
    const session = this.#session;
    const uploads = this.#uploads;
    this.#uploads = new RunningUploads();
    this.#session = this.#newSession();
    const watermark = this.#takeWatermark();
    if (session.rowsIn === 0) return { snapshotId: undefined, counts: session.counts };
    const committing = this.#committer.commit({
      commitUser: this.#commitUser,
      commitIdentifier: options.commitIdentifier ?? batchCommitIdentifier,
      signal: options.signal,
      uploaded: () => uploads.done(),
      plan: async (base, again) => {
        if (again?.reason === 'schema') {
          const detail = `schema ${base.schema.id} came meanwhile, and asks other things of writers: open the table again`;
          return commitStop('conflict', detail);
        }
        const { adds, changelog, hashes, keysAt } = await session.plannedFiles(base, again);
        const index = hashes === undefined ? undefined : await planIndex(this.#table, base, hashes, []);
        const hashReads = hashes?.reads ?? [];
        const schemaId = session.schema.id;
        return commitPlan({ kind: 'APPEND', schemaId, adds, changelog, index, hashReads, keysAt, watermark });
      },
    });
    const outcome = await committing.finally(async () => {
      await uploads.settled();
      await session.discard();
    });
    return { snapshotId: committedId(this.#table, outcome), counts: session.counts };
  }

  /** A commit is to event time what a record is: its rows come in no order, those of the next behind them. */
  #takeWatermark(): bigint | undefined {
    const latest = this.#latestEventMs;
    this.#latestEventMs = undefined;
    return this.#watermark === undefined || latest === undefined ? undefined : BigInt(latest - this.#watermark.delayMs);
  }

  #newSession(): WriteSession {
    const { base, sequenceFloor } = likelyBaseOf(this.#committer);
    return new WriteSession(this.#table, this.#table.schema, {
      sequenceFloor,
      dynamic: { source: 'base', base },
      crossing: { staying: undefined },
      commitUser: this.#commitUser,
      uploads: this.#uploads,
    });
  }
}

/** The snapshot's number of an outcome that must be a commit. @throws LakeError for every other outcome */
export function committedId(table: Table, outcome: CommitOutcome): number {
  switch (outcome.status) {
    case 'committed':
      return outcome.snapshot.id;
    case 'changed':
    case 'conflict':
      throw new LakeError(
        'conflict',
        'LAKE_COMMIT_CONFLICT',
        `${table.label}: nothing was committed: ${outcome.detail}; run the whole operation again`,
      );
    case 'unknown':
      throw new LakeError(
        'unavailable',
        'LAKE_COMMIT_UNKNOWN',
        `${table.label}: snapshot ${outcome.snapshotId} may or may not hold these rows: ${outcome.detail}. ` +
          `It does if its deltaManifestList is ${outcome.identity}; look before writing again`,
      );
    case 'fenced':
      throw new LakeError('fenced', 'LAKE_TABLE_GONE', `${table.label}: this writer must stop: ${outcome.reason}`);
  }
}
