/**
 * The newest snapshot, for readers who ask again and again. Of a head that was seen a short while ago two GETs tell whether it
 * still is one, or which came after it: a LIST costs as much as twelve, and a local one looks at every snapshot there is.
 *
 * Why that is enough: numbers have no gaps, and nothing above a snapshot that was the head expires within A of that time
 * (S9, R1); so within B of it the end of the unbroken run above it is the head, as for a commit's base (`latestIdAbove`).
 * Whoever takes numbers back, another engine's rollback or a folder removed by hand, takes this snapshot away or puts
 * another in its place, which asking for the head once more shows. That comes last: its store time bounds all answers before.
 */

import { jsonBytesMax } from '../format/metadata-limits.ts';
import { snapshotPath } from '../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { baseFreshMs } from './commit/limits.ts';
import { checkedHead, latestSnapshot, readSnapshot } from './snapshots.ts';
import type { Table } from './table.ts';

type SeenHead = {
  readonly snapshot: Snapshot;
  /** It was the head at this store time, or later. */
  readonly storeTimeMs: number;
};

/** What is remembered of a table, for as long as it is open. */
export type HeadMemory = { seen: SeenHead | undefined };

/** Snapshots that are followed one by one before a LIST is cheaper. */
const stepsMax = 8;

/**
 * As `latestSnapshot`: the snapshot that is the newest at some time after the call. Two GETs where it was asked a short while
 * ago, and one more for each snapshot that has come since. For looking only: a commit looks its base up by itself.
 *
 * @throws LakeError as `latestSnapshot`
 */
export async function newestSnapshot(table: Table): Promise<Snapshot | undefined> {
  // Before the first request: an answer of before is as old as any head that is seen from now on, or older.
  const storeTimeMs = table.storeTimeMs();
  const { seen } = table.heads;
  const followed = seen === undefined ? undefined : await followedHead(table, seen);
  const snapshot = followed === undefined ? await latestSnapshot(table) : await checkedHead(table, followed);
  table.heads.seen = snapshot === undefined ? undefined : { snapshot, storeTimeMs };
  return snapshot;
}

/** Undefined: it cannot be told from here. */
async function followedHead(table: Table, seen: SeenHead): Promise<Snapshot | undefined> {
  let head = seen.snapshot;
  for (let step = 0; ; step += 1) {
    if (step === stepsMax) return undefined;
    const next = await readSnapshot(table, head.id + 1);
    if (next === undefined) break;
    head = next;
  }
  const again = await table.store.get(`${table.metaPath}/${snapshotPath(head.id)}`, { bytesMax: jsonBytesMax });
  if (again === undefined || again.storeTimeMs - seen.storeTimeMs >= baseFreshMs) return undefined;
  const isSame = isSameSnapshot(decodeSnapshot(again.bytes, `${table.label}, snapshot ${head.id}`), head);
  return isSame ? head : undefined;
}

/** The name of its delta list is a snapshot's identity (DESIGN 2.1). */
export function isSameSnapshot(a: Snapshot, b: Snapshot): boolean {
  return a.id === b.id && a.deltaManifestList === b.deltaManifestList;
}
