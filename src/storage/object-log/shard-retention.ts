/**
 * Removing what a log keeps no longer. Where it has come to is written down before anything goes, so a reader who misses a
 * batch can tell a gap from the tip. The newest batch always stays: it holds the shard's number.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { encodeFirstKept, firstKey } from './log-objects.ts';
import type { ShardObjects } from './shard-objects.ts';

const deletesAtOnce = 8;

/**
 * Removes batches that arrived before `keptFromMs`, by the log's clock. Whoever is stopped in between leaves batches that
 * nobody looks for; the next call with `removedFrom` of before would remove them.
 *
 * @param newest the number of a batch that there is; it and what follows are not looked at
 */
export async function removeExpired(objects: ShardObjects, keptFromMs: number, newest: number): Promise<void> {
  const first = await objects.firstKept(undefined);
  let low = first.number;
  let high = newest;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const head = await objects.head(middle, undefined);
    // Gone: another is at it.
    if (head !== undefined && head.arrivalMs >= keptFromMs) high = middle;
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
