/**
 * What of a table is to be compacted: for each bucket what the picker of its kind picks, as tasks that are ready to run.
 */
import { deserializeRow } from '../../format/binary-row.ts';
import type { SortOrder } from '../../format/clustering-options.ts';
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
  compactionSettings,
  lastLevel,
  mayWait,
  pickCompaction,
  pickFullCompaction,
  pickWithin,
} from '../../lsm/compaction-picker.ts';
import { planUnit } from '../../lsm/compaction-plan.ts';
import { type SortedRun, sortedRuns } from '../../lsm/sorted-runs.ts';
import { type Deletions, noDeletions } from '../index-files.ts';
import { keyComparator } from '../key-comparator.ts';
import { bucketKey, partitionKey } from '../live-files.ts';
import { partitionTypes, type Table, targetFileBytes } from '../table.ts';
import type { Place } from '../write/place-rows.ts';
import { mergesLevel0 } from './changelog-of-compaction.ts';
import type { ChosenEntries } from './chosen-entries.ts';
import type { CompactedBucket, CompactOptions } from './compact-table.ts';
import { ExpiringRecords } from './expire-records.ts';
import {
  type CompactResult,
  type KeyBucket,
  rewriteAppendBucket,
  rewriteAppendSorted,
  rewriteKeyBucket,
} from './rewrite.ts';

/** What a compaction finds of the table. */
export type TableState = ChosenEntries & {
  readonly deletions: ReadonlyMap<string, Deletions>;
  /** Schemas of files that are sorted by the table's clustering columns. */
  readonly clustered: ReadonlySet<number>;
};

export type CompactionTask = {
  readonly place: Place;
  /** Bytes of the files that it reads. */
  readonly bytes: number;
  readonly reason: CompactedBucket['reason'];
  readonly run: () => Promise<CompactResult>;
};

export async function pickTasks(
  table: Table,
  { entries, idle, deletions, clustered }: TableState,
  options: CompactOptions,
): Promise<readonly CompactionTask[]> {
  const expiring = ExpiringRecords.of(table);
  const types = partitionTypes(table.schema);
  const buckets = Map.groupBy(entries, bucketKey);
  const tasks: CompactionTask[] = [];
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

function keyTasks(table: Table, found: Omit<KeyBucket, 'lastLevel'>, options: KeyOptions): CompactionTask[] {
  const { isFull, signal, expired } = options;
  const { place, files, deletions } = found;
  const compareKey = keyComparator(table.schema);
  const runs = sortedRuns(files, compareKey);
  const settings = compactionSettings(table.options, {
    sinceFullCompactionMs: sinceFullCompactionMs(table, runs),
    vectored: table.options.vectors.isEnabled ? new Set(deletions.keys()) : undefined,
    targetFileBytes: targetFileBytes(table),
    expired,
  });
  const wanted = isFull ? pickFullCompaction(runs, settings) : pickCompaction(runs, settings);
  if (wanted === undefined || (options.isPatient === true && mayWait(wanted, runs, settings))) return [];
  const { bucketBytesMax } = options;
  const isBounded = !isFull && bucketBytesMax !== undefined;
  const unit = isBounded ? pickWithin(wanted, runs, settings, bucketBytesMax) : wanted;
  if (unit === undefined) return [];
  const plan = planUnit(unit, compareKey, { ...settings, mergesLevel0: mergesLevel0(table.schema) });
  if (plan.rewrites.length === 0 && plan.upgrades.length === 0) return [];
  const bucket = { ...found, lastLevel: lastLevel(runs, settings) };
  const bytes = bytesOf(plan.rewrites.flatMap(({ sections }) => sections.flat(2)));
  return [{ place, bytes, reason: unit.reason, run: () => rewriteKeyBucket(table, bucket, plan, signal) }];
}

/** By the age of the oldest run's newest file. A clock that is wrong makes a compaction sooner or later, no more. */
function sinceFullCompactionMs(table: Table, runs: readonly SortedRun[]): number {
  const oldest = runs.at(-1);
  if (oldest === undefined || oldest.level === 0) return Number.POSITIVE_INFINITY;
  const newestMs = Math.max(...oldest.files.map(file => file.creationTimeMs ?? 0));
  return table.clock.nowMs() - newestMs;
}

type AppendOptions = CompactOptions & Pick<TableState, 'idle' | 'clustered'>;

function appendTasks(table: Table, found: FoundBucket, options: AppendOptions): CompactionTask[] {
  const { place, files } = found;
  const { isFull, signal, order, sortBufferBytesMax: bufferBytesMax } = options;
  if (order !== undefined) {
    const rewrite = { order, level: 0, bufferBytesMax, signal };
    const run = (unit: AppendCompactUnit) => (): Promise<CompactResult> =>
      rewriteAppendSorted(table, found, unit, rewrite);
    return pickAllAppend(files).map(unit => ({ place, bytes: bytesOf(unit.files), reason: 'sort', run: run(unit) }));
  }
  if (table.options.clustering !== undefined) return clusteringTasks(table, found, options, table.options.clustering);
  const settings = { ...appendCompactionSettings(table.options), targetFileBytes: targetFileBytes(table) };
  const ordered = isFull ? pickFullBucketedAppend(files, settings) : pickBucketedAppend(files, settings);
  const units =
    table.options.bucket > 0
      ? [ordered].filter(unit => unit !== undefined)
      : pickUnawareAppend(files, settings, { isFull });
  return units.map(unit => ({
    place,
    bytes: bytesOf(unit.files),
    reason: 'append',
    run: () => rewriteAppendBucket(table, found, unit, signal),
  }));
}

function clusteringTasks(
  table: Table,
  found: FoundBucket,
  { isFull, idle, clustered, sortBufferBytesMax: bufferBytesMax, signal }: AppendOptions,
  order: SortOrder,
): CompactionTask[] {
  const settings = compactionSettings(table.options, {
    sinceFullCompactionMs: Number.POSITIVE_INFINITY,
    vectored: undefined,
    targetFileBytes: targetFileBytes(table),
  });
  const isClustered = ({ schemaId }: { readonly schemaId: number }): boolean => clustered.has(schemaId);
  const isWhole = isFull || idle.has(partitionKey(found.place.partition));
  const unit = pickClustering(found.files, settings, { isFull: isWhole, isClustered });
  if (unit === undefined) return [];
  const rewrite = { order, level: unit.outputLevel, bufferBytesMax, signal };
  const { place } = found;
  const bytes = bytesOf(unit.files);
  return [{ place, bytes, reason: unit.reason, run: () => rewriteAppendSorted(table, found, unit, rewrite) }];
}

export function bytesOf(files: readonly { readonly fileSize: number }[]): number {
  return files.reduce((sum, file) => sum + file.fileSize, 0);
}
