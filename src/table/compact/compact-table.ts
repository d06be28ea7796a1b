/**
 * Compacts a table: looks at the newest snapshot, picks for each bucket, rewrites, and swaps all results in with one
 * COMPACT snapshot.
 *
 * It replaces exactly the files it read (DESIGN C1). On a newer base each bucket's result stands if its inputs are still
 * live, and is given up otherwise; appends never fail because of it.
 */

import { mapBounded } from '../../base/concurrency.ts';
import { invalid, isLakeError, unsupported } from '../../base/errors.ts';
import { clusteringColumns, type SortOrder } from '../../format/clustering-options.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { hasPostponedBuckets, refusedFeatures } from '../../format/table-options.ts';
import type { CompactReason } from '../../lsm/compaction-picker.ts';
import { sortKeys } from '../../lsm/sort-order.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { Committer } from '../commit/commit.ts';
import { faultOfRead } from '../commit/decide-index.ts';
import { type CommitBase, type CommitPlan, commitPlan, commitStop } from '../commit/request.ts';
import { type Deletions, deletionsByBucket, indexEntriesOf } from '../index-files.ts';
import { planVectors } from '../index-plan.ts';
import { identifierKey, type PlacedFile } from '../live-files.ts';
import { liveEntries, whileSnapshotStays } from '../manifests.ts';
import { latestSnapshot, latestSnapshotFrom, readSnapshot } from '../snapshots.ts';
import { type Table, withNewestSchema } from '../table.ts';
import { checkDynamicOptions } from '../write/dynamic-options.ts';
import { batchCommitIdentifier } from '../write/table-writer.ts';
import { chosenEntries } from './chosen-entries.ts';
import { bytesOf, type CompactionTask, pickTasks } from './compaction-tasks.ts';
import { bothReceipts, moveWaiting } from './move-waiting.ts';
import type { CompactResult } from './rewrite.ts';

export type CompactOptions = {
  /** Everything into the last level, whatever the shape. */
  readonly isFull: boolean;
  /** All rows of each partition anew in this order; of append tables without fixed buckets. */
  readonly order?: SortOrder | undefined;
  /** Bytes of rows that are sorted at a time. */
  readonly sortBufferBytesMax?: number | undefined;
  /** What an event told: a snapshot to begin looking at. Whoever knows it has opened the table for it, too. */
  readonly toldId?: number | undefined;
  /** Waits for `num-sorted-run.stop-trigger` runs where the shape of the runs is all there is to mend. */
  readonly isPatient?: boolean | undefined;
  /**
   * Bytes of data files that a bucket's compaction may read: of a larger one only its newest runs are merged. Not of full
   * compactions, nor of append tables, where large files are left as they are.
   */
  readonly bucketBytesMax?: number | undefined;
  /** Over partition keys: others are left as they are. */
  readonly partitions?: Predicate | undefined;
  /** No further bucket is begun after this; what is done by then is committed. On `table.clock`'s monotonic time. */
  readonly deadlineMs?: number | undefined;
  /** Ends buckets that are not done when it aborts; what is done by then is committed. */
  readonly stop?: AbortSignal | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly commitUser?: string | undefined;
};

/** The receipt of a run. */
export type CompactReceipt = {
  readonly status: 'nothing-to-do' | 'committed' | 'given-up';
  readonly snapshotId: number | undefined;
  /** What was looked at. */
  readonly lookedAtId: number | undefined;
  readonly buckets: readonly CompactedBucket[];
  /** Buckets whose inputs were gone when it came to the commit, or that time did not suffice for. */
  readonly leftCount: number;
  /** Of them, those that were begun and not done when they were stopped. */
  readonly stoppedCount?: number | undefined;
  readonly detail: string;
};

export type CompactedBucket = {
  readonly bucket: number;
  readonly reason: CompactReason | 'append' | 'sort' | 'postponed';
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Of them, those of row groups that were copied as they are. */
  readonly bytesCopied: number;
};

type Done = { readonly task: CompactionTask; readonly result: CompactResult };

/** @throws LakeError `unsupported` for tables whose compaction asks for more than is done here */
export async function compactTable(
  opened: Table,
  committer: Committer,
  options: CompactOptions,
): Promise<CompactReceipt> {
  const table = options.toldId === undefined ? await withNewestSchema(opened) : opened;
  const refused = refusedFeatures(table.schema, 'write');
  if (refused.length > 0) throw unsupported(refused.join(', '), `compacting ${table.label}`);
  checkDynamicOptions(table);
  const moved = hasPostponedBuckets(table.schema) ? await moveWaiting(table, committer, options) : undefined;
  const compacted = await compactBuckets(table, committer, options);
  return moved === undefined ? compacted : bothReceipts(moved, compacted);
}

async function compactBuckets(opened: Table, committer: Committer, options: CompactOptions): Promise<CompactReceipt> {
  const { toldId } = options;
  const snapshot = toldId === undefined ? await latestSnapshot(opened) : await latestSnapshotFrom(opened, toldId);
  const live = snapshot === undefined ? [] : await liveEntries(opened, snapshot);
  // A file may have been written under a schema that came after the one we know.
  const schemaId = live.reduce((newest, { file }) => Math.max(newest, file.schemaId), snapshot?.schemaId ?? 0);
  const table = schemaId > opened.schema.id ? await withNewestSchema(opened) : opened;
  if (options.order !== undefined) checkOrder(table, options.order);
  const { clustering, zOrderVarBytes: varBytes } = table.options;
  if (clustering !== undefined) sortKeys({ fields: table.schema.fields }, clustering, { varBytes });
  if (snapshot === undefined) return nothing('the table is empty', undefined);
  const isFull = options.isFull || (await fullCompactionIsDue(table, snapshot));
  const chosen = chosenEntries(table, live, options.partitions);
  const state = {
    ...chosen,
    deletions: await deletionsAt(table, snapshot),
    clustered: await clusteredSchemas(table, chosen.entries),
  };
  const running = { ...options, signal: eitherSignal(options.signal, options.stop) };
  const tasks = await pickTasks(table, state, { ...running, isFull });
  if (tasks.length === 0) return nothing('no bucket has anything to compact', snapshot.id);
  const isSorting = options.order !== undefined || clustering !== undefined;
  const inParallelMax = isSorting ? 1 : table.workMemory.bucketsInParallel;
  // Where time is short, what takes long must not keep the rest from being done.
  const inOrder = options.deadlineMs === undefined ? tasks : tasks.toSorted((a, b) => a.bytes - b.bytes);
  const outcomes = await mapBounded(inOrder, inParallelMax, task => attempt(table, snapshot, task, options));
  const done = outcomes.filter(outcome => typeof outcome === 'object');
  const stoppedCount = outcomes.filter(outcome => outcome === 'stopped').length;
  const receipt =
    done.length === 0
      ? givenUp(tasks.length, 'the files to compact are gone, or time was up')
      : await commitResults(table, committer, done, tasks.length, options);
  return { ...receipt, stoppedCount };
}

/** @throws LakeError `unsupported` for tables whose rows lie where their keys or buckets say; `invalid` LAKE_BAD_SORT_ORDER */
function checkOrder({ schema, options, label }: Table, order: SortOrder): void {
  if (schema.primaryKeys.length > 0) throw unsupported('sorting the rows of a primary-key table', label);
  if (options.bucket !== -1) throw unsupported('sorting the rows of fixed buckets', label);
  if (options.clustering !== undefined) {
    throw invalid('LAKE_BAD_SORT_ORDER', `${label}: its option clustering.columns says how its rows are sorted`);
  }
  sortKeys({ fields: schema.fields }, order, { varBytes: options.zOrderVarBytes });
}

/** Whether as many commits came after the last full compaction as the table asks one for. */
async function fullCompactionIsDue(table: Table, head: Snapshot): Promise<boolean> {
  const { changelogProducer, fullCompactionCommits } = table.options;
  const isProducer = changelogProducer === 'full-compaction';
  const due = fullCompactionCommits ?? (isProducer ? 1 : undefined);
  if (due === undefined || table.schema.primaryKeys.length === 0) return false;
  let commits = 0;
  for (let snapshot: Snapshot | undefined = head; snapshot !== undefined; ) {
    const isCompacted = isProducer ? snapshot.changelogManifestList !== undefined : snapshot.commitKind === 'COMPACT';
    if (isCompacted) return false;
    if (snapshot.commitKind !== 'COMPACT') commits += 1;
    if (commits >= due) return true;
    snapshot = await readSnapshot(table, snapshot.id - 1);
  }
  // What is gone was before the oldest snapshot: whether it was compacted can't be told, and once more does no harm.
  return true;
}

function eitherSignal(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a === undefined || b === undefined ? (a ?? b) : AbortSignal.any([a, b]);
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** undefined: not begun, since time is up, or given up, since an input is gone. `stopped`: begun, and time was up. */
async function attempt(
  table: Table,
  snapshot: Snapshot,
  task: CompactionTask,
  { deadlineMs, stop, signal }: CompactOptions,
): Promise<Done | 'stopped' | undefined> {
  if (isAborted(stop) || (deadlineMs !== undefined && table.clock.monotonicMs() >= deadlineMs)) return undefined;
  try {
    return { task, result: await whileSnapshotStays(table, snapshot, task.run) };
  } catch (error) {
    // Somebody compacted and expired it meanwhile, which is not corruption (DESIGN C1).
    if (isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) return undefined;
    if (isAborted(stop) && error === stop?.reason && !isAborted(signal)) return 'stopped';
    throw error;
  }
}

async function commitResults(
  table: Table,
  committer: Committer,
  done: readonly Done[],
  taskCount: number,
  options: CompactOptions,
): Promise<CompactReceipt> {
  let committed: readonly Done[] = [];
  const outcome = await committer.commit({
    commitUser: options.commitUser ?? table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal: options.signal,
    plan: async (base, again) => {
      if (again !== undefined) return commitStop('conflict', again.detail);
      committed = await stillTrue(done, base);
      if (committed.length === 0) return commitStop('conflict', 'every bucket was changed by another compaction');
      const index = await planVectors(
        table,
        base,
        committed.map(({ result }) => result.vectors),
      );
      return { ...planOf(table, committed), index };
    },
  });
  if (outcome.status !== 'committed') {
    return givenUp(taskCount, 'detail' in outcome ? outcome.detail : outcome.reason);
  }
  return {
    status: 'committed',
    snapshotId: outcome.snapshot.id,
    lookedAtId: undefined,
    buckets: committed.map(describe),
    leftCount: taskCount - committed.length,
    detail: '',
  };
}

/** The results whose every input is live on the base under the identical identifier (S2 a) and was read as it is (S2 i). */
async function stillTrue(done: readonly Done[], base: CommitBase): Promise<readonly Done[]> {
  const kept: Done[] = [];
  for (const item of done) {
    const { place, before, read } = item.result;
    const live = await base.liveFiles(place);
    const identifiers = new Set(live.map(identifierKey));
    if (!before.every(file => identifiers.has(identifierKey({ ...place, file })))) continue;
    if (faultOfRead(read, { live, vectors: await base.vectorsOf(place) }) === undefined) kept.push(item);
  }
  return kept;
}

function planOf(table: Table, done: readonly Done[]): CommitPlan {
  const deletes = done.flatMap(({ result }) =>
    result.before.map((file): PlacedFile => {
      const { partition, bucket, totalBuckets } = result.place;
      return { partition, bucket, totalBuckets, file };
    }),
  );
  return commitPlan({
    kind: 'COMPACT',
    schemaId: table.schema.id,
    deletes,
    adds: done.flatMap(({ result }) => result.after),
    changelog: done.flatMap(({ result }) => result.changelog),
    bucketReads: done.map(({ result }) => result.read),
  });
}

/** The deletion vectors, by bucket; of a table that keeps none, none. */
async function deletionsAt(table: Table, snapshot: Snapshot): Promise<ReadonlyMap<string, Deletions>> {
  if (!table.options.vectors.isEnabled) return new Map();
  return deletionsByBucket(await whileSnapshotStays(table, snapshot, () => indexEntriesOf(table, snapshot)));
}

async function clusteredSchemas(table: Table, entries: readonly PlacedFile[]): Promise<ReadonlySet<number>> {
  const ids = new Set<number>();
  if (table.options.clustering === undefined) return ids;
  const wanted = clusteringColumns(table.schema.options).join();
  for (const id of new Set(entries.map(({ file }) => file.schemaId))) {
    const { options } = await table.schemas.get(id);
    if (clusteringColumns(options).join() === wanted) ids.add(id);
  }
  return ids;
}

function describe({ task, result }: Done): CompactedBucket {
  return {
    bucket: task.place.bucket,
    reason: task.reason,
    filesBefore: result.before.length,
    filesAfter: result.after.length,
    bytesBefore: bytesOf(result.before),
    bytesAfter: bytesOf(result.after.map(({ file }) => file)),
    bytesCopied: result.bytesCopied,
  };
}

function nothing(detail: string, lookedAtId: number | undefined): CompactReceipt {
  return { status: 'nothing-to-do', snapshotId: undefined, lookedAtId, buckets: [], leftCount: 0, detail };
}

function givenUp(leftCount: number, detail: string): CompactReceipt {
  return { status: 'given-up', snapshotId: undefined, lookedAtId: undefined, buckets: [], leftCount, detail };
}
