/**
 * Removes claims by age (DESIGN L3): bodies of log records that were too large for the log. Neither their producer nor
 * ingest ever removes one, since subscribers and union readers may still want it; when the log has forgotten the record,
 * and a day has passed, nobody can.
 */
import { mapBounded } from '../base/concurrency.ts';
import type { ListedObject, ObjectStore } from '../storage/object-store.ts';
import { claimExtraMs, deletesInParallelMax } from './limits.ts';
import { done, type Removed, RemovedTally, type RunEnd, runToEnd } from './receipt.ts';

/** Folder of the claims in a warehouse. */
export const claimsFolder = 'tidelake/claims';

export type ClaimReceipt = RunEnd & { readonly listedCount: number; readonly removed: Removed };

export type ClaimOptions = {
  /** How long the log keeps a record; undefined: for ever, or not known: no claim goes. */
  readonly logRetentionMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export async function removeAgedClaims(store: ObjectStore, options: ClaimOptions): Promise<ClaimReceipt> {
  const { logRetentionMs, signal } = options;
  const tally = new RemovedTally();
  let listedCount = 0;
  const end = await runToEnd(async () => {
    if (logRetentionMs === undefined) return done;
    for await (const { objects, storeTimeMs } of store.list(`${claimsFolder}/`, { signal })) {
      listedCount += objects.length;
      const aged = objects.filter(claim => isAged(claim, { storeTimeMs, logRetentionMs }));
      await mapBounded(aged, deletesInParallelMax, async ({ key, sizeBytes }) => {
        await store.delete(key, { signal });
        tally.add(sizeBytes);
      });
    }
    return done;
  });
  return { ...end, listedCount, removed: tally.removed };
}

function isAged(
  { lastModifiedMs }: ListedObject,
  age: { readonly storeTimeMs: number; readonly logRetentionMs: number },
): boolean {
  return age.storeTimeMs - lastModifiedMs > age.logRetentionMs + claimExtraMs;
}
