/**
 * Gives partitions the number of buckets that their table has by now: their rows are read and put in the place of their
 * files, in one OVERWRITE. It is committed only on the very state that was read, so that nothing of others is lost.
 *
 * @see Paimon 1.4.2 RescaleAction
 */
import { invalid, LakeError } from '../../base/errors.ts';
import type { Predicate } from '../../types/predicate.ts';
import { Committer } from '../commit/commit.ts';
import { readPlan } from '../read/read-split.ts';
import { planScan } from '../scan/plan-scan.ts';
import { latestSnapshot } from '../snapshots.ts';
import { type Table, withNewestSchema } from '../table.ts';
import { type OverwriteResult, OverwriteWriter } from './overwrite-writer.ts';

/** Times that others may come in between. */
const attemptsMax = 10;

export type RescaleOptions = {
  /** Over partition keys; undefined: all partitions. */
  readonly partitions?: Predicate | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** @throws LakeError `invalid` LAKE_NOTHING_TO_RESCALE; `conflict` LAKE_COMMIT_CONFLICT */
export async function rescaleTable(opened: Table, { partitions, signal }: RescaleOptions): Promise<OverwriteResult> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    signal?.throwIfAborted();
    const snapshot = await latestSnapshot(opened);
    // After the snapshot was looked at: the schemas of all its files are there by now.
    const table = await withNewestSchema(opened);
    const plan = await planScan(table, snapshot, { predicate: partitions, withLevel0: true });
    if (snapshot === undefined || plan.splits.length === 0) {
      throw invalid(
        'LAKE_NOTHING_TO_RESCALE',
        `${table.label} has no files there, so that there is nothing to rescale`,
      );
    }
    await using committer = new Committer(table);
    const writer = new OverwriteWriter(table, committer, { kind: 'chosen', predicate: partitions });
    for await (const rows of readPlan(table, plan)) {
      signal?.throwIfAborted();
      await writer.add(rows, new Int8Array(rows.rowCount));
    }
    const result = await writer.commit({ onlyOn: snapshot.id, signal });
    if (result.snapshotId !== undefined) return result;
  }
  const message = `${opened.label}: others committed during each of ${attemptsMax} attempts; nothing was rescaled`;
  throw new LakeError('conflict', 'LAKE_COMMIT_CONFLICT', message);
}
