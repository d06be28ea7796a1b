/**
 * Makes one object of each day of the ledger that is over, and removes days of long ago (RFC 0011).
 *
 * The sum is written before what it is made of is removed, and says whose totals it holds: a crash in between, or a writer
 * that comes back from a long sleep, leaves objects that count nowhere any more. Of maintainers at a time one wins the day.
 */
import { mapBounded } from '../base/concurrency.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { decodeLedger, encodeLedger, ledgerBytesMax, mergedLedgerKey, placeOfLedgerKey } from './ledger.ts';
import { dayOf } from './meter.ts';
import { type LedgerDay, listLedger, readDay } from './read-ledger.ts';

/** After its end a day may still be written to by processes that were frozen. */
const mergeAfterMs = 24 * 3_600_000;
/** Days are kept for a year, and the month before it to compare with. */
export const ledgerDaysMax = 400;
const dayMs = 24 * 3_600_000;
const deletesInParallelMax = 16;

export type MergeReceipt = { readonly mergedDays: number; readonly removedObjects: number };

/** @throws LakeError of the store; `corrupt` LAKE_LEDGER_CORRUPT */
export async function mergeLedger(
  store: ObjectStore,
  { nowMs, signal }: { readonly nowMs: number; readonly signal?: AbortSignal | undefined },
): Promise<MergeReceipt> {
  let [mergedDays, removedObjects] = [0, 0];
  for (const listed of await listLedger(store)) {
    signal?.throwIfAborted();
    const { day, mergedKey, writerKeys } = listed;
    const action = decideDay(listed, nowMs);
    if (action === 'keep') continue;
    if (action === 'merge') {
      if (!(await writeMerged(store, listed))) continue;
      mergedDays += 1;
    }
    const doomed =
      action === 'remove'
        ? [...writerKeys, ...(mergedKey === undefined ? [] : [mergedKey])]
        : await countedElsewhere(store, day, writerKeys);
    await mapBounded(doomed, deletesInParallelMax, key => store.delete(key, { signal }));
    removedObjects += doomed.length;
  }
  return { mergedDays, removedObjects };
}

/** A day with one object and nothing else needs no merging. */
export function decideDay({ day, mergedKey, writerKeys }: LedgerDay, nowMs: number): 'keep' | 'merge' | 'remove' {
  if (day < dayOf(nowMs - ledgerDaysMax * dayMs)) return 'remove';
  if (Date.parse(day) + dayMs + mergeAfterMs > nowMs) return 'keep';
  if (writerKeys.length === 0 || (mergedKey === undefined && writerKeys.length === 1)) return 'keep';
  return 'merge';
}

/** False: somebody else has written it meanwhile, or it is not known whether we have; the next round sees. */
async function writeMerged(store: ObjectStore, { day }: LedgerDay): Promise<boolean> {
  const key = mergedLedgerKey(day);
  const before = await store.get(key, { bytesMax: ledgerBytesMax });
  const bytes = encodeLedger(await readDay(store, day));
  if (before === undefined) return (await store.putIfAbsent(key, bytes)).status === 'created';
  return (await store.putIfMatch(key, bytes, before.etag)).status === 'replaced';
}

/** Those of the objects whose totals are in the day's sum as it is now. */
async function countedElsewhere(
  store: ObjectStore,
  day: string,
  writerKeys: readonly string[],
): Promise<readonly string[]> {
  const object = await store.get(mergedLedgerKey(day), { bytesMax: ledgerBytesMax });
  if (object === undefined) return [];
  const merged = new Set(decodeLedger(object.bytes, `${store.uri}: ${mergedLedgerKey(day)}`).writers);
  return writerKeys.filter(key => {
    const place = placeOfLedgerKey(key);
    return place?.kind === 'writer' && merged.has(place.writer);
  });
}
