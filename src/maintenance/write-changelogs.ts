/**
 * Changelogs of snapshots that are about to expire (spec 10.7, Paimon 1.4.2 ExpireSnapshotsImpl.commitChangelog): the file of
 * the snapshot, to the letter, under the name of a changelog.
 *
 * They are written before the snapshots are removed, so that whoever reads changes finds one of the two at any time. Where a
 * snapshot is put back, or the run dies or loses, its changelog stays beside it: a reader takes the snapshot first, and the
 * run that takes it away at last writes the same file again.
 */
import { mapBounded } from '../base/concurrency.ts';
import { changelogLatestHintPath, changelogPath } from '../format/paths.ts';
import type { SnapshotHome } from '../table/snapshots.ts';
import type { ChainSnapshot } from './chain.ts';
import { writeHint } from './hints.ts';
import { writesInParallelMax } from './limits.ts';

/** @param expired ascending */
export async function writeChangelogs(line: SnapshotHome, expired: readonly ChainSnapshot[]): Promise<void> {
  await mapBounded([...expired], writesInParallelMax, async ({ snapshot, text }) => {
    await line.store.put(`${line.metaPath}/${changelogPath(snapshot.id)}`, Buffer.from(text));
  });
  const newest = expired.at(-1);
  if (newest !== undefined) await writeHint(line, changelogLatestHintPath, newest.snapshot.id);
}
