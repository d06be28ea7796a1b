/**
 * Removing what a log keeps no longer. Where it has come to is written down before anything goes, so a reader who misses a
 * batch can tell a gap from the tip. The newest batch always stays: it holds the shard's number.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { encodeFirstKept, firstKey, type ObjectLogShard } from './log-objects.ts';
import type { ShardObjects } from './shard-objects.ts';

const deletesAtOnce = 8;
const looksPerRetention = 4;

/**
 * Removes batches that came to be before `keptFromMs`, by the store's clock: one whose PUT stood still for long is kept for as
 * long as the others, though its arrival is older. Whoever is stopped in between leaves batches that nobody looks for.
 *
 * @param newest the number of a batch that there is; it and what follows are not looked at
 */
export async function removeExpired(objects: ShardObjects, keptFromMs: number, newest: number): Promise<void> {
  const first = await objects.firstKept(undefined);
  let low = first.number;
  let high = newest;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const object = await objects.store.head(objects.key(middle));
    // Gone: another is at it.
    if (object !== undefined && object.lastModifiedMs >= keptFromMs) high = middle;
    else low = middle + 1;
  }
  if (low === first.number) return;
  const previous = await objects.head(low - 1, undefined);
  if (previous === undefined) return;
  const bytes = encodeFirstKept({ number: low, previousArrivalMs: previous.arrivalMs });
  const key = firstKey(objects.incarnation, objects.shardId);
  const outcome =
    first.etag === undefined
      ? await objects.store.putIfAbsent(key, bytes)
      : await objects.store.putIfMatch(key, bytes, first.etag);
  if (outcome.status !== 'created' && outcome.status !== 'replaced') return;
  const numbers = Array.from({ length: low - first.number }, (_, index) => first.number + index);
  await mapBounded(numbers, deletesAtOnce, number => objects.store.delete(objects.key(number)));
}

/**
 * Shards that a handle does not append to just now, closed ones too: perhaps nobody else does, so they are looked at by whoever
 * tidies up another one; a few times in a retention, and closed ones that hold nothing but their seal no more.
 */
export class QuietShards {
  readonly #emptied = new Set<string>();
  #lookedMs = Number.NEGATIVE_INFINITY;

  async removeExpired(
    shards: readonly ObjectLogShard[],
    objectsOf: (shardId: string) => ShardObjects,
    { nowMs, retentionMs }: { readonly nowMs: number; readonly retentionMs: number },
  ): Promise<void> {
    if (nowMs - this.#lookedMs < retentionMs / looksPerRetention) return;
    this.#lookedMs = nowMs;
    for (const { shardId, state } of shards) {
      if (this.#emptied.has(shardId)) continue;
      const objects = objectsOf(shardId);
      const newest = await objects.newest(undefined);
      if (newest === 0) continue;
      await removeExpired(objects, nowMs - retentionMs, newest);
      if (state !== 'closed') continue;
      const { number } = await objects.firstKept(undefined);
      if (number === newest) this.#emptied.add(shardId);
    }
  }
}

/**
 * Who stood still for as long as the log keeps records may have put a batch at a number that was taken and removed
 * meanwhile, where nobody looks for it; or the batch lay there in time, and was removed before its appender saw the answer.
 *
 * @param since how long ago there was no batch of this number yet
 * @returns `taken-back`: readers do not go by it (`#insteadOfStray`), and it is deleted; `unknown`: it is gone, and some may have been
 */
export async function whereItLies(
  objects: ShardObjects,
  number: number,
  since: { readonly ms: number; readonly retentionMs: number | undefined },
): Promise<'in-place' | 'taken-back' | 'unknown'> {
  const { ms, retentionMs } = since;
  if (retentionMs === undefined || ms < retentionMs / 2) return 'in-place';
  const first = await objects.firstKept(undefined);
  if (first.number <= number) return 'in-place';
  const object = await objects.store.head(objects.key(number));
  await objects.store.delete(objects.key(number));
  // One that lay in time was kept for the whole retention before it was written down that it goes.
  const isLate = object !== undefined && first.writtenMs - object.lastModifiedMs < retentionMs / 2;
  return isLate ? 'taken-back' : 'unknown';
}
