/**
 * Gives buckets to rows that wait for them (`bucket` = -2, spec 6.4): reads the files of each partition in their order, writes
 * the rows to level 0 of their buckets, and swaps the ones for the others with one COMPACT snapshot. What was put off is in
 * the table from then on; merging it is for the compaction that follows. Where others have moved or removed one of the files
 * meanwhile, nothing is swapped (S2 a).
 */
import { isLakeError } from '../../base/errors.ts';
import { deserializeRow } from '../../format/binary-row.ts';
import { postponedBucket } from '../../format/bucket.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { Committer } from '../commit/commit.ts';
import { commitPlan, commitStop, type PlannedFile } from '../commit/request.ts';
import { noDeletions } from '../index-files.ts';
import { type PlacedFile, partitionKey } from '../live-files.ts';
import { liveEntries, streamWhileSnapshotStays } from '../manifests.ts';
import { partitionFilter } from '../partition-filter.ts';
import { readKeyValues } from '../read/read-file.ts';
import { readBatchRowsMax } from '../read/read-split.ts';
import { latestSnapshot } from '../snapshots.ts';
import { partitionTypes, type Table, withNewestSchema } from '../table.ts';
import { likelyBaseOf } from '../write/likely-base.ts';
import { batchCommitIdentifier } from '../write/table-writer.ts';
import { WriteSession } from '../write/write-session.ts';
import type { CompactOptions, CompactReceipt } from './compact-table.ts';

/** Of rows that wait, what becomes of them is told as of one bucket, -2. */
export async function moveWaiting(
  opened: Table,
  committer: Committer,
  options: CompactOptions,
): Promise<CompactReceipt | undefined> {
  const snapshot = await latestSnapshot(opened);
  // After the snapshot was looked at: the schemas of all its files are there by now.
  const table = await withNewestSchema(opened);
  const partitions = snapshot === undefined ? [] : await waitingPartitions(table, snapshot, options);
  if (snapshot === undefined || partitions.length === 0) return undefined;
  const { base, sequenceFloor } = likelyBaseOf(committer);
  const dynamic = { source: 'base', base, takesWaiting: true } as const;
  const session = new WriteSession(table, table.schema, { sequenceFloor, dynamic });
  const moved: PlacedFile[] = [];
  try {
    for (const files of partitions) {
      options.signal?.throwIfAborted();
      if (options.deadlineMs !== undefined && table.clock.monotonicMs() >= options.deadlineMs) break;
      await takeIn(table, snapshot, files, session);
      moved.push(...files);
    }
  } catch (error) {
    // Somebody compacted and expired it meanwhile, which is not corruption (DESIGN C1).
    if (isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED'))
      return receipt('given-up', { detail: 'the rows that waited are gone' });
    throw error;
  }
  const leftCount = partitions.length - new Set(moved.map(({ partition }) => partitionKey(partition))).size;
  if (moved.length === 0) return receipt('given-up', { leftCount, detail: 'time was up' });
  return commitMove(table, committer, { session, moved, leftCount, options });
}

/** By partition, the files that wait, in the order in which their rows came. */
async function waitingPartitions(
  table: Table,
  snapshot: Snapshot,
  options: CompactOptions,
): Promise<readonly (readonly PlacedFile[])[]> {
  const { matches } = partitionFilter(table.schema, options.partitions);
  const waiting = await liveEntries(table, snapshot, {
    buckets: new Set([postponedBucket]),
    inPlace: ({ partition, bucket }) => bucket === postponedBucket && matches(partition),
  });
  const byPartition = Map.groupBy(waiting, ({ partition }) => partitionKey(partition));
  return [...byPartition.values()].map(files => files.toSorted(byTime));
}

/** Those of one time are in the order of their commits, and of one commit in that of the manifest. */
function byTime(a: PlacedFile, b: PlacedFile): number {
  return (a.file.creationTimeMs ?? 0) - (b.file.creationTimeMs ?? 0);
}

async function takeIn(
  table: Table,
  snapshot: Snapshot,
  files: readonly PlacedFile[],
  session: WriteSession,
): Promise<void> {
  const { schema } = table;
  const read = { schema, wanted: { fields: schema.fields }, prune: undefined, batchRowsMax: readBatchRowsMax };
  for (const { partition, bucket, file } of files) {
    const partitionValues = deserializeRow(partition, partitionTypes(schema));
    const rows = readKeyValues(table, { partitionValues, bucket, deletions: noDeletions }, file, read);
    for await (const batch of streamWhileSnapshotStays(table, snapshot, rows))
      await session.add(batch.rows, batch.kinds);
  }
}

type Move = {
  readonly session: WriteSession;
  readonly moved: readonly PlacedFile[];
  readonly leftCount: number;
  readonly options: CompactOptions;
};

async function commitMove(
  table: Table,
  committer: Committer,
  { session, moved, leftCount, options }: Move,
): Promise<CompactReceipt> {
  let adds: readonly PlannedFile[] = [];
  const outcome = await committer.commit({
    commitUser: options.commitUser ?? table.random.uuid(),
    commitIdentifier: batchCommitIdentifier,
    signal: options.signal,
    plan: async (base, again) => {
      if (again?.reason === 'schema') return commitStop('conflict', again.detail);
      const planned = await session.plannedFiles(base, again);
      adds = planned.adds;
      return commitPlan({
        kind: 'COMPACT',
        schemaId: session.schema.id,
        deletes: moved,
        adds,
        changelog: planned.changelog,
      });
    },
  });
  if (outcome.status !== 'committed') {
    const detail = 'detail' in outcome ? outcome.detail : outcome.reason;
    return receipt('given-up', { leftCount: leftCount + 1, detail });
  }
  const bytesOf = (files: readonly PlacedFile[]): number => files.reduce((sum, { file }) => sum + file.fileSize, 0);
  return {
    status: 'committed',
    snapshotId: outcome.snapshot.id,
    lookedAtId: undefined,
    buckets: [
      {
        bucket: postponedBucket,
        reason: 'postponed',
        filesBefore: moved.length,
        filesAfter: adds.length,
        bytesBefore: bytesOf(moved),
        bytesAfter: bytesOf(adds),
        bytesCopied: 0,
      },
    ],
    leftCount,
    detail: '',
  };
}

function receipt(
  status: CompactReceipt['status'],
  { leftCount = 1, detail }: { readonly leftCount?: number; readonly detail: string },
): CompactReceipt {
  return { status, snapshotId: undefined, lookedAtId: undefined, buckets: [], leftCount, detail };
}

/** Of a run that came to two snapshots at most. */
export function bothReceipts(first: CompactReceipt, then: CompactReceipt): CompactReceipt {
  const [told, other] = then.status === 'committed' || first.status === 'nothing-to-do' ? [then, first] : [first, then];
  return { ...told, buckets: [...first.buckets, ...then.buckets], leftCount: told.leftCount + other.leftCount };
}
