/**
 * Finishes drops that were cut short after the name had become free (DESIGN S10): of a dropped table nothing stays but its
 * marker, so that numbers under the name go on.
 */
import { mapBounded } from '../base/concurrency.ts';
import { readDropMarker } from '../catalog/drop-marker.ts';
import { firstKey } from '../catalog/folders.ts';
import { type Identifier, printIdentifier, tablePath } from '../catalog/identifier.ts';
import {
  earliestHintPath,
  latestHintPath,
  manifestPath,
  schemaFolder,
  snapshotFolder,
  snapshotPath,
} from '../format/paths.ts';
import type { ListedObject, ObjectStore } from '../storage/object-store.ts';
import { deletesInParallelMax } from './limits.ts';
import { done, type Removed, RemovedTally, type RunEnd, runToEnd } from './receipt.ts';

export type DropReceipt = RunEnd & { readonly label: string; readonly removed: Removed };

/**
 * Removes what is left of a dropped table; nothing when the name is in use or nothing was dropped here.
 *
 * The folder is listed first. If the name is still free after that, nothing on the list is a new table's: that would have
 * put its schema there before anything else.
 */
export async function removeDroppedRemains(
  store: ObjectStore,
  identifier: Identifier,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<DropReceipt> {
  const tally = new RemovedTally();
  const end = await runToEnd(async () => {
    const folder = `${tablePath(identifier)}/`;
    const listed: ListedObject[] = [];
    for await (const { objects } of store.list(folder, options)) listed.push(...objects);
    const marker = await readDropMarker(store, identifier);
    const schema = await firstKey(store, `${folder}${schemaFolder}/`);
    if (marker === undefined || schema !== undefined) return done;
    const kept = new Set(
      [
        snapshotPath(marker.id),
        latestHintPath,
        earliestHintPath,
        manifestPath(marker.baseManifestList),
        manifestPath(marker.deltaManifestList),
      ].map(path => folder + path),
    );
    const going = listed.filter(({ key }) => !kept.has(key));
    const isSnapshot = ({ key }: ListedObject): boolean => key.startsWith(`${folder}${snapshotFolder}/`);
    // Snapshots before what they name: a reader who misses a file finds its snapshot gone as well.
    for (const some of [going.filter(isSnapshot), going.filter(object => !isSnapshot(object))]) {
      await mapBounded(some, deletesInParallelMax, async ({ key, sizeBytes }) => {
        await store.delete(key, options);
        tally.add(sizeBytes);
      });
    }
    return done;
  });
  return { ...end, label: printIdentifier(identifier), removed: tally.removed };
}
