/** Makes the tags that a table's options ask for, and takes the oldest of them away (decide-auto-tags.ts). */
import { isLakeError } from '../../base/errors.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { listSnapshots } from '../snapshots.ts';
import type { Table } from '../table.ts';
import { autoTagOptions } from './auto-tag-options.ts';
import { dueTags, surplusTags } from './decide-auto-tags.ts';
import { createTag, deleteTag, storedTags } from './manage-tags.ts';

export type AutoTagResult = { readonly created: readonly string[]; readonly removed: readonly string[] };

const watermarkNone = -9_223_372_036_854_775_808n;

/** By the schema of the table as it was opened; nothing where tags are not made by themselves. */
export async function makeAutoTags(table: Table): Promise<AutoTagResult> {
  const options = autoTagOptions(table.schema);
  if (options === undefined) return { created: [], removed: [] };
  const before = await tagsOf(table);
  const snapshots = (await listSnapshots(table)).map(factsOf);
  const created: string[] = [];
  for (const { name, snapshotId } of dueTags({ options, tags: before, snapshots })) {
    try {
      if ((await createTag(table, name, { snapshotId, ifNotExists: true })) !== undefined) created.push(name);
    } catch (error) {
      // Gone since it was listed: the period is told by the next snapshot, at the next run.
      if (!isLakeError(error, 'LAKE_SNAPSHOT_EXPIRED')) throw error;
      break;
    }
  }
  // Also where none was made: a run that died after it had made one has left the surplus behind.
  const removed = surplusTags({ options, tags: created.length === 0 ? before : await tagsOf(table) });
  for (const name of removed) await deleteTag(table, name, { ifExists: true });
  return { created, removed };
}

async function tagsOf(table: Table): Promise<readonly { readonly name: string; readonly snapshotId: number }[]> {
  return (await storedTags(table)).map(({ name, snapshot }) => ({ name, snapshotId: snapshot.id }));
}

function factsOf({ id, timeMillis, watermark }: Snapshot): {
  readonly id: number;
  readonly timeMs: number;
  readonly watermarkMs: number | undefined;
} {
  const isKnown = watermark !== undefined && watermark !== watermarkNone;
  return { id, timeMs: timeMillis, watermarkMs: isKnown ? Number(watermark) : undefined };
}
