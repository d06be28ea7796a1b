/**
 * Compacts a table: looks at the newest snapshot, picks for each bucket, rewrites, and swaps all results in with one
 * COMPACT snapshot.
 *
 * It replaces exactly the files it read (DESIGN C1). On a newer base each bucket's result stands if its inputs are still
 * live, and is given up otherwise; appends never fail because of it.
 */

import { mapBounded } from '../../base/concurrency.ts';
import { invalid, isLakeError, unsupported } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { clusteringColumns, type SortOrder } from '../../format/clustering-options.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { hasPostponedBuckets, refusedFeatures } from '../../format/table-options.ts';
import {
  type AppendCompactUnit,
  appendCompactionSettings,
  pickAllAppend,
  pickBucketedAppend,
  pickFullBucketedAppend,
  pickUnawareAppend,
} from '../../lsm/append-picker.ts';
import { pickClustering } from '../../lsm/clustering-picker.ts';
import {
  type CompactReason,
  compactionSettings,
  lastLevel,
  mayWait,
  pickCompaction,
  pickFullCompaction,
} from '../../lsm/compaction-picker.ts';
import { planUnit } from '../../lsm/compaction-plan.ts';
import { sortKeys } from '../../lsm/sort-order.ts';
import { type SortedRun, sortedRuns } from '../../lsm/sorted-runs.ts';
import type { Predicate } from '../../types/predicate.ts';
import type { Committer } from '../commit/commit.ts';
import { faultOfRead } from '../commit/decide-index.ts';
import { type CommitBase, type CommitPlan, commitPlan, commitStop } from '../commit/request.ts';
import { type Deletions, deletionsByBucket, indexEntriesOf, noDeletions } from '../index-files.ts';
import { planVectors } from '../index-plan.ts';
import { keyComparator } from '../key-comparator.ts';
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import { liveEntries, whileSnapshotStays } from '../manifests.ts';
import { latestSnapshot, latestSnapshotFrom, readSnapshot } from '../snapshots.ts';
import { partitionTypes, type Table, withNewestSchema } from '../table.ts';
import { checkDynamicOptions } from '../write/dynamic-options.ts';
import type { Place } from '../write/place-rows.ts';
import { batchCommitIdentifier } from '../write/table-writer.ts';
import { mergesLevel0 } from './changelog-of-compaction.ts';
import { type ChosenEntries, chosenEntries } from './chosen-entries.ts';
import { ExpiringRecords } from './expire-records.ts';
import { bothReceipts, moveWaiting } from './move-waiting.ts';
import {
  type CompactResult,
  type KeyBucket,
  rewriteAppendBucket,
  rewriteAppendSorted,
  rewriteKeyBucket,
} from './rewrite.ts';

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
  /** Over partition keys: others are left as they are. */
  readonly partitions?: Predicate | undefined;
  /** No further bucket is begun after this; what is done by then is committed. On `table.clock`'s monotonic time. */
  readonly deadlineMs?: number | undefined;
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
  /** Buckets whose inputs were gone when it came to the commit, or that the deadline left out. */
  readonly leftCount: number;
  readonly detail: string;
};

export type CompactedBucket = {
  readonly bucket: number;
  readonly reason: CompactReason | 'append' | 'sort' | 'postponed';
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
};

type Task = {
  readonly place: Place;
  readonly reason: CompactedBucket['reason'];
  readonly run: () => Promise<CompactResult>;
};
type Done = { readonly task: Task; readonly result: CompactResult };

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
  const tasks = await pickTasks(table, state, { ...options, isFull });
  if (tasks.length === 0) return nothing('no bucket has anything to compact', snapshot.id);
  const isSorting = options.order !== undefined || clustering !== undefined;
  const inParallelMax = isSorting ? 1 : table.workMemory.bucketsInParallel;
  const outcomes = await mapBounded(tasks, inParallelMax, task => attempt(table, snapshot, task, options));
  const done = outcomes.filter(outcome => outcome !== undefined);
  if (done.length === 0) return givenUp(tasks.length, 'the files to compact are gone, or time was up');
  return commitResults(table, committer, done, tasks.length, options);
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

/** undefined: given up, since an input is gone or time is up. */
async function attempt(
  table: Table,
  snapshot: Snapshot,
  task: Task,
  options: CompactOptions,
): Promise<Done | undefined> {
  if (options.deadlineMs !== undefined && table.clock.monotonicMs() >= options.deadlineMs) return undefined;
  try {
    return { task, result: await whileSnapshotStays(table, snapshot, task.run) };
  } catch (error) {
    // Somebody compacted and expired it meanwhile, which is not corruption (DESIGN C1).
    if (isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) return undefined;
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

type TableState = ChosenEntries & {
  readonly deletions: ReadonlyMap<string, Deletions>;
  /** Schemas of files that are sorted by the table's clustering columns. */
  readonly clustered: ReadonlySet<number>;
};

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

async function pickTasks(
  table: Table,
  { entries, idle, deletions, clustered }: TableState,
  options: CompactOptions,
): Promise<readonly Task[]> {
  const expiring = ExpiringRecords.of(table);
  const types = partitionTypes(table.schema);
  const buckets = Map.groupBy(entries, bucketKey);
  const tasks: Task[] = [];
  for (const [key, files] of buckets) {
    const first = files[0];
    if (first === undefined) continue;
    const { partition, bucket, totalBuckets } = first;
    const place: Place = { partition, partitionValues: deserializeRow(partition, types), bucket, totalBuckets };
    const metas = files.map(({ file }) => file);
    const found = { place, files: metas, deletions: deletions.get(key) ?? noDeletions };
    const isKeyed = table.schema.primaryKeys.length > 0;
    if (isKeyed) {
      const expired = await expiring?.expiredFiles(table, metas);
      tasks.push(...keyTasks(table, { ...found, expiring }, { ...options, expired }));
    } else tasks.push(...appendTasks(table, found, { ...options, idle, clustered }));
  }
  return tasks;
}

type FoundBucket = Omit<KeyBucket, 'lastLevel' | 'expiring'>;
type KeyOptions = CompactOptions & { readonly expired: ReadonlySet<string> | undefined };

function keyTasks(table: Table, found: Omit<KeyBucket, 'lastLevel'>, options: KeyOptions): Task[] {
  const { isFull, signal, expired } = options;
  const { place, files, deletions } = found;
  const compareKey = keyComparator(table.schema);
  const runs = sortedRuns(files, compareKey);
  const settings = compactionSettings(table.options, {
    sinceFullCompactionMs: sinceFullCompactionMs(table, runs),
    vectored: table.options.vectors.isEnabled ? new Set(deletions.keys()) : undefined,
    expired,
  });
  const unit = isFull ? pickFullCompaction(runs, settings) : pickCompaction(runs, settings);
  if (unit === undefined || (options.isPatient === true && mayWait(unit, runs, settings))) return [];
  const plan = planUnit(unit, compareKey, { ...settings, mergesLevel0: mergesLevel0(table.schema) });
  if (plan.rewrites.length === 0 && plan.upgrades.length === 0) return [];
  const bucket = { ...found, lastLevel: lastLevel(runs, settings) };
  return [{ place, reason: unit.reason, run: () => rewriteKeyBucket(table, bucket, plan, signal) }];
}

/** By the age of the oldest run's newest file. A clock that is wrong makes a compaction sooner or later, no more. */
function sinceFullCompactionMs(table: Table, runs: readonly SortedRun[]): number {
  const oldest = runs.at(-1);
  if (oldest === undefined || oldest.level === 0) return Number.POSITIVE_INFINITY;
  const newestMs = Math.max(...oldest.files.map(file => file.creationTimeMs ?? 0));
  return table.clock.nowMs() - newestMs;
}

type AppendOptions = CompactOptions & Pick<TableState, 'idle' | 'clustered'>;

function appendTasks(table: Table, found: FoundBucket, options: AppendOptions): Task[] {
  const { place, files } = found;
  const { isFull, signal, order, sortBufferBytesMax: bufferBytesMax } = options;
  if (order !== undefined) {
    const rewrite = { order, level: 0, bufferBytesMax, signal };
    const run = (unit: AppendCompactUnit) => (): Promise<CompactResult> =>
      rewriteAppendSorted(table, found, unit, rewrite);
    return pickAllAppend(files).map(unit => ({ place, reason: 'sort', run: run(unit) }));
  }
  if (table.options.clustering !== undefined) return clusteringTasks(table, found, options, table.options.clustering);
  const settings = appendCompactionSettings(table.options);
  const ordered = isFull ? pickFullBucketedAppend(files, settings) : pickBucketedAppend(files, settings);
  const units =
    table.options.bucket > 0
      ? [ordered].filter(unit => unit !== undefined)
      : pickUnawareAppend(files, settings, { isFull });
  return units.map(unit => ({ place, reason: 'append', run: () => rewriteAppendBucket(table, found, unit, signal) }));
}

function clusteringTasks(
  table: Table,
  found: FoundBucket,
  { isFull, idle, clustered, sortBufferBytesMax: bufferBytesMax, signal }: AppendOptions,
  order: SortOrder,
): Task[] {
  const settings = compactionSettings(table.options, {
    sinceFullCompactionMs: Number.POSITIVE_INFINITY,
    vectored: undefined,
  });
  const isClustered = ({ schemaId }: { readonly schemaId: number }): boolean => clustered.has(schemaId);
  const isWhole = isFull || idle.has(partitionKey(found.place.partition));
  const unit = pickClustering(found.files, settings, { isFull: isWhole, isClustered });
  if (unit === undefined) return [];
  const rewrite = { order, level: unit.outputLevel, bufferBytesMax, signal };
  return [{ place: found.place, reason: unit.reason, run: () => rewriteAppendSorted(table, found, unit, rewrite) }];
}

function describe({ task, result }: Done): CompactedBucket {
  const bytes = (files: readonly { readonly fileSize: number }[]): number =>
    files.reduce((sum, file) => sum + file.fileSize, 0);
  return {
    bucket: task.place.bucket,
    reason: task.reason,
    filesBefore: result.before.length,
    filesAfter: result.after.length,
    bytesBefore: bytes(result.before),
    bytesAfter: bytes(result.after.map(({ file }) => file)),
  };
}

function nothing(detail: string, lookedAtId: number | undefined): CompactReceipt {
  return { status: 'nothing-to-do', snapshotId: undefined, lookedAtId, buckets: [], leftCount: 0, detail };
}

function givenUp(leftCount: number, detail: string): CompactReceipt {
  return { status: 'given-up', snapshotId: undefined, lookedAtId: undefined, buckets: [], leftCount, detail };
}
