/**
 * The newest snapshot, for readers who ask again and again. Of a head that was seen a short while ago two GETs tell whether it
 * still is one, or which came after it: a LIST costs as much as twelve, and a local one looks at every snapshot there is.
 *
 * Why that is enough: numbers have no gaps, and nothing above a snapshot that was the head expires within A of that time
 * (S9, R1); so within B of it the end of the unbroken run above it is the head, as for a commit's base (`latestIdAbove`).
 * Whoever takes numbers back, another engine's rollback or a folder removed by hand, takes this snapshot away or puts
 * another in its place, which asking for the head once more shows. Its store time bounds the other answers: of those who came
 * after the head because it is asked for last; of the one that nothing came, which is asked for beside it, because both are
 * there within a time that is nothing beside what lies between B and A.
 */

import { equalBytes } from '../bytes/compare.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { snapshotPath } from '../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { baseFreshMs } from './commit/limits.ts';
import type { ManifestCaches } from './manifests.ts';
import { checkedHead, latestSnapshot, readSnapshot } from './snapshots.ts';
import type { Table } from './table.ts';

type SeenHead = {
  readonly snapshot: Snapshot;
  /** It was the head at this store time, or later. */
  readonly storeTimeMs: number;
  /** It was the head when it was asked for before, too. */
  readonly hasStood: boolean;
};

/** What is remembered of a table, for as long as it is open or in the caches it was opened with. */
export type HeadMemory = { seen: SeenHead | undefined };

/** What a memory takes, about: a snapshot with some properties. */
const headBytes = 4 * 1024;

/** One memory for all who open a table with the same caches, as each statement does. */
export function headMemoryOf(
  { heads }: Pick<ManifestCaches, 'heads'>,
  { uri, metaPath, id }: Pick<Table, 'metaPath' | 'id'> & { readonly uri: string },
): HeadMemory {
  const key = JSON.stringify([uri, metaPath, id ?? '']);
  const known = heads.get(key);
  if (known !== undefined) return known;
  const memory: HeadMemory = { seen: undefined };
  heads.put(key, memory, headBytes);
  return memory;
}

/** Snapshots that are followed one by one before a LIST is cheaper. */
const stepsMax = 8;
/** Answers to what was asked at one time are believed to be of one time when both are there after so long, by our own clock. */
const togetherMsMax = 60_000;

/**
 * As `latestSnapshot`: the snapshot that is the newest at some time after the call. Two GETs at one time where it was asked a
 * short while ago; where snapshots have come since, one more and one for each of them, one after the other. For looking only:
 * a commit looks its base up by itself.
 *
 * @throws LakeError as `latestSnapshot`
 */
export async function newestSnapshot(table: Table): Promise<Snapshot | undefined> {
  // Before the first request: an answer of before is as old as any head that is seen from now on, or older.
  const storeTimeMs = table.storeTimeMs();
  const { seen } = table.heads;
  const followed = seen === undefined ? undefined : await followedHead(table, seen);
  const snapshot = followed === undefined ? await latestSnapshot(table) : await checkedHead(table, followed);
  const hasStood = seen !== undefined && snapshot !== undefined && isSameSnapshot(seen.snapshot, snapshot);
  table.heads.seen = snapshot === undefined ? undefined : { snapshot, storeTimeMs, hasStood };
  return snapshot;
}

/**
 * What is read of the newest snapshot, without waiting for the answer which one that is where the head has stood lately: it is
 * read meanwhile, and counts if it turns out to be the head still. If not, the newest is read, and the next time waits.
 *
 * @param read of one snapshot; may go on when the outcome is there, with what nobody asks for any more
 * @throws LakeError as `latestSnapshot`, and what `read` throws of the newest snapshot
 */
export async function readNewest<T>(table: Table, read: (snapshot: Snapshot | undefined) => Promise<T>): Promise<T> {
  const { seen } = table.heads;
  if (seen?.hasStood !== true) return read(await newestSnapshot(table));
  const guess = { snapshot: seen.snapshot, outcome: read(seen.snapshot) };
  // Of another snapshot than the newest nobody looks at it, also where it failed.
  guess.outcome.catch(() => undefined);
  const newest = await newestSnapshot(table);
  return newest !== undefined && isSameSnapshot(newest, guess.snapshot) ? guess.outcome : read(newest);
}

/** Undefined: it cannot be told from here. */
async function followedHead(table: Table, seen: SeenHead): Promise<Snapshot | undefined> {
  const beganMs = table.clock.nowMs();
  const [next, isThere] = await Promise.all([
    readSnapshot(table, seen.snapshot.id + 1),
    isStillThere(table, seen.snapshot, seen),
  ]);
  if (next === undefined) {
    const isPrompt = table.clock.nowMs() - beganMs < togetherMsMax;
    return isThere && isPrompt ? seen.snapshot : undefined;
  }
  let head = next;
  for (let step = 1; ; step += 1) {
    if (step === stepsMax) return undefined;
    const after = await readSnapshot(table, head.id + 1);
    if (after === undefined) break;
    head = after;
  }
  return (await isStillThere(table, head, seen)) ? head : undefined;
}

/** The bytes in which a snapshot was found again: where they come once more, nobody has to decode them to know it. */
const bytesOf = new WeakMap<Snapshot, Uint8Array>();

/** Whether a snapshot is what its number stands for, by an answer that is prompt after what was seen. */
async function isStillThere(table: Table, head: Snapshot, seen: SeenHead): Promise<boolean> {
  const again = await table.store.get(`${table.metaPath}/${snapshotPath(head.id)}`, { bytesMax: jsonBytesMax });
  if (again === undefined || again.storeTimeMs - seen.storeTimeMs >= baseFreshMs) return false;
  const { bytes } = again;
  const known = bytesOf.get(head);
  if (known !== undefined && equalBytes(known, bytes)) return true;
  if (!isSameSnapshot(decodeSnapshot(bytes, `${table.label}, snapshot ${head.id}`), head)) return false;
  bytesOf.set(head, bytes.slice());
  return true;
}

/** The name of its delta list is a snapshot's identity (DESIGN 2.1). */
export function isSameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return a.id === b.id && a.deltaManifestList === b.deltaManifestList;
}
