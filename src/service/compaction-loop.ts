/**
 * Compaction, on and on: soon after each commit of this process, and now and then for tables that others write. Tables
 * with `write-only` are left to whoever compacts them.
 */
import { isLakeError } from '../base/errors.ts';
import { Committer } from '../table/commit/commit.ts';
import { type CompactReceipt, compactTable } from '../table/compact/compact-table.ts';
import { Bell } from './bell.ts';
import { partsAs } from './lake-parts.ts';
import { listAllTables } from './list-tables.ts';
import { failedEvent, type LoopContext, laterInterval, runLoop } from './loop.ts';
import { openLakeTable } from './tables.ts';

const intervalMsDefault = 15_000;
/** Looks that found nothing to do make the next one later, up to this: looking costs requests. */
const quietIntervalMsMax = 600_000;

export async function compactionLoop(context: LoopContext): Promise<void> {
  const { signal } = context;
  const parts = partsAs(context.parts, 'compaction');
  const bell = new Bell(parts.clock);
  const changed = new Set<string>();
  const stopListening = parts.notices.listen(table => {
    changed.add(table);
    bell.ring();
  });
  const intervalMsMin = parts.settings.compaction?.intervalMs ?? intervalMsDefault;
  let intervalMs = intervalMsMin;
  let lookedMs = Number.NEGATIVE_INFINITY;
  try {
    await runLoop(context, 'compaction', async () => {
      const isLook = parts.clock.monotonicMs() - lookedMs >= intervalMs;
      // Told of nothing meanwhile, and nothing found: it is quiet.
      let isQuiet = isLook && changed.size === 0;
      if (isLook) {
        for (const name of await listAllTables(parts)) changed.add(name);
        lookedMs = parts.clock.monotonicMs();
      }
      const names = [...changed];
      changed.clear();
      for (const name of names) {
        signal.throwIfAborted();
        if (await compactNamed({ ...context, parts }, name)) changed.add(name);
      }
      isQuiet = isQuiet && changed.size === 0;
      if (isLook) intervalMs = isQuiet ? laterInterval(intervalMs, quietIntervalMsMax) : intervalMsMin;
      else if (names.length > 0) intervalMs = intervalMsMin;
      if (changed.size === 0) await bell.wait(intervalMs, signal);
    });
  } finally {
    stopListening();
  }
}

/** True when there may be more to do at once. */
async function compactNamed({ parts, signal, emit }: LoopContext, name: string): Promise<boolean> {
  const startMs = parts.clock.monotonicMs();
  try {
    const table = await openLakeTable(parts, name);
    if (table.options.writeOnly) return false;
    await using committer = new Committer(table);
    const receipt = await compactTable(table, committer, { isFull: false, signal });
    if (receipt.status !== 'committed') return false;
    emit({ ...figuresOf(name, receipt), elapsedMs: parts.clock.monotonicMs() - startMs });
    return true;
  } catch (error) {
    // Dropped meanwhile, or of a kind that is not compacted here: neither is a failure.
    if (signal.aborted || isLakeError(error, 'LAKE_TABLE_NOT_FOUND') || isLakeError(error, 'LAKE_UNSUPPORTED'))
      return false;
    emit(failedEvent('compaction', name, error));
    return false;
  }
}

function figuresOf(
  table: string,
  receipt: CompactReceipt,
): {
  readonly kind: 'compacted';
  readonly table: string;
  readonly snapshotId: number;
  readonly bucketCount: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
} {
  const sum = (of: (bucket: CompactReceipt['buckets'][number]) => number): number =>
    receipt.buckets.reduce((total, bucket) => total + of(bucket), 0);
  return {
    kind: 'compacted',
    table,
    snapshotId: receipt.snapshotId ?? 0,
    bucketCount: receipt.buckets.length,
    filesBefore: sum(bucket => bucket.filesBefore),
    filesAfter: sum(bucket => bucket.filesAfter),
    bytesBefore: sum(bucket => bucket.bytesBefore),
    bytesAfter: sum(bucket => bucket.bytesAfter),
  };
}
