/**
 * Marks partitions done whose time is over and into which nothing has come for a while (`partition.time-interval` and
 * `partition.idle-time-to-done`). Paimon's Flink sink does so as it runs; here maintenance does, by what the table says: a
 * partition was written last when its newest file was made.
 *
 * One that is marked is marked anew when it was written since. Where readers do not see level 0, a partition is not done
 * before it is compacted.
 *
 * @see Paimon 1.4.2 PartitionMarkDoneTrigger, PartitionMarkDoneListener
 */
import { mapBounded } from '../base/concurrency.ts';
import { deserializeRow } from '../format/binary-row.ts';
import { type DoneOptions, doneOptions, refusedDoneActions, refusedDoneModes } from '../format/done-actions.ts';
import { textOption } from '../format/option-values.ts';
import { hasPostponedBuckets } from '../format/table-options.ts';
import { fieldsNamed } from '../format/table-schema.ts';
import { doneAtMs, donePath, markDone } from '../table/done-marks.ts';
import { type PlacedFile, partitionKey } from '../table/live-files.ts';
import { liveEntries } from '../table/manifests.ts';
import { latestSnapshot } from '../table/snapshots.ts';
import type { Table } from '../table/table.ts';
import { type PartitionTime, partitionTimeOf } from './decide-partition-expiry.ts';
import { readsInParallelMax } from './limits.ts';
import { partitionTexts, writtenMsOf } from './partition-facts.ts';
import { done, type RunEnd, runToEnd } from './receipt.ts';

export type DoneReceipt = RunEnd & {
  readonly label: string;
  /** Folders of the partitions that were marked. */
  readonly marked: readonly string[];
};

/** Of the main line: a branch shares its folders. */
export async function markDonePartitions(table: Table): Promise<DoneReceipt> {
  const { label, schema } = table;
  const marked: string[] = [];
  const end = await runToEnd(async (): Promise<RunEnd> => {
    const options = doneOptions(schema);
    if (options === undefined || table.identifier.branch !== undefined) return done;
    const refused = [...refusedDoneActions(schema), ...refusedDoneModes(schema)];
    if (refused.length > 0) {
      const cause = `partitions of ${label} are not marked done: ${refused.join(', ')} is not supported by Tidelake`;
      return { status: 'given-up', code: 'LAKE_UNSUPPORTED', cause };
    }
    const due = await duePartitions(table, options);
    await mapBounded([...due], readsInParallelMax, async ({ path, writtenMs }) => {
      if (((await doneAtMs(table, path)) ?? Number.NEGATIVE_INFINITY) >= writtenMs) return;
      await markDone(table, path);
      marked.push(path);
    });
    return done;
  });
  return { ...end, label, marked: marked.toSorted() };
}

type DuePartition = { readonly path: string; readonly writtenMs: number };

async function duePartitions(table: Table, options: DoneOptions): Promise<readonly DuePartition[]> {
  const snapshot = await latestSnapshot(table);
  if (snapshot === undefined) return [];
  const partitions = Map.groupBy(await liveEntries(table, snapshot), ({ partition }) => partitionKey(partition));
  const nowMs = table.storeTimeMs();
  const timeOf = partitionTimeOf(options);
  const hidesLevel0 = level0IsHidden(table);
  return [...partitions.values()].flatMap(files => {
    const writtenMs = writtenMsOf(files, snapshot);
    const { values, startMs } = partitionOf(table, files, timeOf);
    const isWaiting = hidesLevel0 && files.some(({ file }) => file.level === 0);
    // A partition whose values stand for no time is never done by itself.
    if (isWaiting || startMs === undefined || !isDue({ startMs, writtenMs, nowMs }, options)) return [];
    return [{ path: donePath(table, values), writtenMs }];
  });
}

/** As PartitionMarkDoneListener waits for the compaction. */
function level0IsHidden({ schema, options }: Table): boolean {
  if (schema.primaryKeys.length === 0) return false;
  return (
    options.vectors.isEnabled ||
    hasPostponedBuckets(schema) ||
    textOption(schema.options, 'merge-engine')?.toLowerCase() === 'first-row'
  );
}

export type PartitionTimes = { readonly startMs: number; readonly writtenMs: number; readonly nowMs: number };

export function isDue(
  { startMs, writtenMs, nowMs }: PartitionTimes,
  { intervalMs, idleMs }: Pick<DoneOptions, 'intervalMs' | 'idleMs'>,
): boolean {
  return nowMs - Math.max(writtenMs, startMs + intervalMs) > idleMs;
}

function partitionOf(
  { schema }: Table,
  files: readonly PlacedFile[],
  timeOf: PartitionTime,
): { readonly values: ReturnType<typeof deserializeRow>; readonly startMs: number | undefined } {
  const fields = fieldsNamed(schema, schema.partitionKeys);
  const values = deserializeRow(
    files[0]?.partition ?? new Uint8Array(),
    fields.map(({ type }) => type),
  );
  return { values, startMs: timeOf(partitionTexts(fields, values)) };
}
