/**
 * Where the changes of a snapshot are read from: the snapshot, as long as it is there, and then the changelog that has
 * outlived it, `changelog/changelog-{id}`: the snapshot's file again, with the files that its changes are read from.
 *
 * Expiry writes the changelog before it removes the snapshot, so one of the two is always there, until changelogs expire
 * themselves (PROTOCOL R5).
 */
import { invalid, isLakeError } from '../../base/errors.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import { changelogFolder, changelogPath, idOfName } from '../../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import { changelogMarksOf, readExpiryRecord, trustedRecord } from '../expiry-record.ts';
import { guardedSteps } from '../manifests.ts';
import { listSnapshotIds, readSnapshot, type SnapshotHome, snapshotById } from '../snapshots.ts';
import type { Table } from '../table.ts';

/**
 * The snapshot of that number, or what is kept of it for its changelog's sake (spec 10.7).
 *
 * @throws LakeError LAKE_SNAPSHOT_NOT_FOUND, LAKE_SNAPSHOT_EXPIRED
 */
export async function changeSourceOf(table: Table, id: number): Promise<Snapshot> {
  return (await findChangeSource(table, id)) ?? snapshotById(table, id);
}

/** The same; undefined: it is not there, for whatever reason. */
export async function findChangeSource(home: SnapshotHome, id: number): Promise<Snapshot | undefined> {
  return (await readSnapshot(home, id)) ?? readChangelog(home, id);
}

/** undefined: there is none of that number. */
export async function readChangelog(home: SnapshotHome, id: number): Promise<Snapshot | undefined> {
  const key = `${home.metaPath}/${changelogPath(id)}`;
  const object = await home.store.get(key, { bytesMax: jsonBytesMax });
  return object === undefined ? undefined : decodeSnapshot(object.bytes, key);
}

/** Numbers of the changelogs that have outlived their snapshots, ascending. */
export async function listChangelogIds({ store, metaPath }: SnapshotHome): Promise<readonly number[]> {
  const ids: number[] = [];
  for await (const page of store.list(`${metaPath}/${changelogFolder}/changelog-`)) {
    for (const { key } of page.objects) {
      const id = idOfName(key, 'changelog');
      if (id !== undefined) ids.push(id);
    }
  }
  return ids.toSorted((a, b) => a - b);
}

/**
 * Runs a read of a snapshot's changes. If a file is missing and neither the snapshot nor its changelog is there, the changes
 * have expired and nothing is broken.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_EXPIRED instead of `corrupt` LAKE_FILE_MISSING
 */
export async function whileChangesStay<T>(table: Table, snapshot: Snapshot, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isLakeError(error, 'LAKE_FILE_MISSING')) throw error;
    if (await isSourceThere(table, snapshot)) throw error;
    const message = `the changes of snapshot ${snapshot.id} of ${table.label} expired while they were read; start at newer ones`;
    throw invalid('LAKE_SNAPSHOT_EXPIRED', message, { cause: error });
  }
}

/** The same for a stream: each step of it is such a read. */
export function streamWhileChangesStay<T>(
  table: Table,
  snapshot: Snapshot,
  items: AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  return guardedSteps(items, step => whileChangesStay(table, snapshot, step));
}

async function isSourceThere(table: Table, { id, deltaManifestList }: Snapshot): Promise<boolean> {
  const { ids } = await listSnapshotIds(table);
  const record = trustedRecord(await readExpiryRecord(table), ids, undefined);
  const snapshot = await readSnapshot(table, id);
  if (snapshot?.deltaManifestList === deltaManifestList && id >= record.floor) return true;
  // One that a run was late with may lie there below what is gone for good.
  const changelog = await readChangelog(table, id);
  return changelog?.deltaManifestList === deltaManifestList && id >= changelogMarksOf(record).floor;
}
