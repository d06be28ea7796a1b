/**
 * Consumers: pins that keep snapshots from expiring (DESIGN R2, spec 10.3). A consumer's file `consumer/consumer-{id}` says
 * which snapshot it wants next; that one and all above it stay.
 *
 * A pin holds only if the snapshot was still there **after** it was written: expiry removes the snapshot file first and
 * then looks at the pins, so one of the two always sees the other. A file may be there again, put back by a run that was
 * late; so the expiry record is asked as well.
 */
import { corrupt, invalid } from '../base/errors.ts';
import { stringifyJson } from '../base/json.ts';
import { isFileName } from '../format/file-name.ts';
import { parseJsonObject } from '../format/json-file.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { consumerFolder, consumerPath } from '../format/paths.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { listChangelogIds, readChangelog } from './changelog/change-source.ts';
import { changelogPinIsSeen, pinIsSeen, readExpiryRecord, trustedRecord } from './expiry-record.ts';
import { listSnapshotIds, readSnapshot, type SnapshotHome } from './snapshots.ts';

export type Consumer = {
  readonly consumerId: string;
  readonly nextSnapshot: number;
  /** When the consumer last said so, by the store. */
  readonly lastModifiedMs: number;
};

/** All consumers of the line, by name. @throws LakeError `corrupt` LAKE_CORRUPT_CONSUMER */
export async function readConsumers(line: SnapshotHome): Promise<readonly Consumer[]> {
  const prefix = `${line.metaPath}/${consumerFolder}/consumer-`;
  const consumers: Consumer[] = [];
  for await (const page of line.store.list(prefix)) {
    for (const { key } of page.objects) {
      const object = await line.store.get(key, { bytesMax: jsonBytesMax });
      // Removed between the listing and the look.
      if (object === undefined) continue;
      const { lastModifiedMs } = object;
      consumers.push({ consumerId: key.slice(prefix.length), nextSnapshot: nextOf(object.bytes, key), lastModifiedMs });
    }
  }
  return consumers;
}

/**
 * Keeps a snapshot and all above it until the consumer pins a later one or lets go.
 *
 * @returns `expired`: it is no longer there (or another has its number), or is going at this moment; nothing is pinned
 */
export async function pinSnapshot(
  line: SnapshotHome,
  consumerId: string,
  snapshot: Pick<Snapshot, 'id' | 'deltaManifestList'>,
): Promise<'pinned' | 'expired'> {
  return pinWhile(line, consumerId, snapshot, () => pinHolds(line, snapshot));
}

/**
 * Keeps the changes of a snapshot and of all above it: the snapshots, or the changelogs that have outlived them, which a
 * consumer holds as well.
 *
 * @returns `expired`: they are no longer all there, or are going at this moment; nothing is pinned
 */
export async function pinChanges(
  line: SnapshotHome,
  consumerId: string,
  source: Pick<Snapshot, 'id' | 'deltaManifestList'>,
): Promise<'pinned' | 'expired'> {
  const holds = async (): Promise<boolean> => (await pinHolds(line, source)) || (await changelogPinHolds(line, source));
  return pinWhile(line, consumerId, source, holds);
}

async function pinWhile(
  line: SnapshotHome,
  consumerId: string,
  { id }: Pick<Snapshot, 'id'>,
  holds: () => Promise<boolean>,
): Promise<'pinned' | 'expired'> {
  if (!isFileName(consumerId)) {
    throw invalid(
      'LAKE_BAD_NAME',
      `consumer ${JSON.stringify(consumerId.slice(0, 80))}: its id must do as the name of a file`,
    );
  }
  const key = `${line.metaPath}/${consumerPath(consumerId)}`;
  await line.store.put(key, new TextEncoder().encode(stringifyJson({ nextSnapshot: id })));
  if (await holds()) return 'pinned';
  await line.store.delete(key);
  return 'expired';
}

/** R2's look for a changelog: it is there with all above it, changelogs first and then snapshots, and no run takes it. */
async function changelogPinHolds(
  line: SnapshotHome,
  source: Pick<Snapshot, 'id' | 'deltaManifestList'>,
): Promise<boolean> {
  const { ids } = await listSnapshotIds(line);
  const head = ids.at(-1) ?? 0;
  // After the snapshots: one that is no longer among them has its changelog by then.
  const known = new Set([...(await listChangelogIds(line)), ...ids]);
  for (let id = source.id; id <= head; id += 1) if (!known.has(id)) return false;
  const there = await readChangelog(line, source.id);
  if (there?.deltaManifestList !== source.deltaManifestList) return false;
  return changelogPinIsSeen(trustedRecord(await readExpiryRecord(line), ids, undefined), source.id);
}

/**
 * R2's look, after a pin was written: whether the snapshot is there and will stay as long as the pin does. false: the pin is
 * to be taken back.
 */
export async function pinHolds(
  line: SnapshotHome,
  snapshot: Pick<Snapshot, 'id' | 'deltaManifestList'>,
): Promise<boolean> {
  // Not only its own file: with one above it missing it hangs on nothing.
  const { ids } = await listSnapshotIds(line);
  const head = ids.at(-1);
  const known = new Set(ids);
  let hangsTogether = head !== undefined && snapshot.id <= head;
  for (let id = snapshot.id; hangsTogether && id <= (head ?? 0); id += 1) hangsTogether = known.has(id);
  const there = hangsTogether ? await readSnapshot(line, snapshot.id) : undefined;
  if (there?.deltaManifestList !== snapshot.deltaManifestList) return false;
  return pinIsSeen(trustedRecord(await readExpiryRecord(line), ids, undefined), snapshot.id);
}

export async function unpin(line: SnapshotHome, consumerId: string): Promise<void> {
  await line.store.delete(`${line.metaPath}/${consumerPath(consumerId)}`);
}

function nextOf(bytes: Uint8Array, where: string): number {
  const { nextSnapshot } = parseJsonObject(bytes, { where, code: 'LAKE_CORRUPT_CONSUMER' });
  if (typeof nextSnapshot === 'number' && Number.isSafeInteger(nextSnapshot)) return nextSnapshot;
  throw corrupt('LAKE_CORRUPT_CONSUMER', `${where} has no nextSnapshot; remove the file if no one reads with it`);
}
