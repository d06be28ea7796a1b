/**
 * The snapshots of a table: files `snapshot/snapshot-{id}`. The head is the largest id a LIST shows; the hint files are
 * never trusted (DESIGN S1). What counts as history is the chain that links down from the head (S9): below a hole or a
 * broken link lies garbage of writers that came too late.
 */

import { mapBounded } from '../base/concurrency.ts';
import { corrupt, invalid, LakeError } from '../base/errors.ts';
import { isFileName } from '../format/file-name.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { idOfName, snapshotFolder, snapshotPath, tagFolder, tagPath } from '../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { FenceReason } from './commit/decide-base.ts';
import { chainOf, linkBetween } from './commit/decide-chain.ts';
import { headOfTable } from './commit/head-of-table.ts';
import { baseFreshMs } from './commit/limits.ts';
import type { Table } from './table.ts';

/** The part of a table that snapshots need; a catalog has it before there is a table. */
export type SnapshotHome = { readonly store: ObjectStore; readonly metaPath: string; readonly label: string };

/** The ids of one LIST and the store time when it began. */
export type SnapshotIds = { readonly ids: readonly number[]; readonly storeTimeMs: number };

const listTriesMax = 5;
/** Farthest time that a Date can hold, before and after 1970. */
const dateMsMax = 8.64e15;
const readConcurrencyMax = 16;
/** `latestIdAbove` lists at most 100, then 1,000 numbers before it lists all; fewer than 100 would cost the same request. */
const blockDigitsMin = 2;
const blockDigitsMax = 3;

/**
 * The table's newest snapshot: one LIST, one GET. undefined: it has none yet.
 *
 * @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND when the table was dropped since it was opened, even if its name is in
 * use again
 */
export async function latestSnapshot(table: Table): Promise<Snapshot | undefined> {
  return checkedHead(table, await headSnapshot(table));
}

/** Numbers that are asked for one by one before a LIST is cheaper. */
const stepsMax = 8;

/**
 * The newest snapshot as far as one comes from a known one, asking for the next until there is none: GETs, of which a dozen
 * cost what a LIST does. For looking only: where numbers are missing it may stop early, so it is no base of a commit (S1).
 */
export async function latestSnapshotFrom(table: Table, knownId: number): Promise<Snapshot | undefined> {
  let head = await readSnapshot(table, knownId);
  for (let step = 0; head !== undefined && step < stepsMax; step += 1) {
    const next = await readSnapshot(table, head.id + 1);
    if (next === undefined) return checkedHead(table, head);
    head = next;
  }
  return latestSnapshot(table);
}

/** @throws LakeError `invalid` LAKE_TABLE_NOT_FOUND when it is not the table's that was opened */
export async function checkedHead(table: Table, head: Snapshot | undefined): Promise<Snapshot | undefined> {
  const decision = await headOfTable(table, undefined, head);
  if (decision.kind === 'fenced') throw tableGone(table, decision.reason);
  return head;
}

/** What was opened is no longer what its name stands for. */
export function tableGone({ label }: Pick<Table, 'label'>, reason: FenceReason): LakeError {
  const what =
    reason === 'dropped'
      ? `table ${label} was dropped; if it is still listed, its drop was cut short, and maintenance or another drop ends it`
      : `table ${label} was dropped after it had been opened; open it again for the one that has its name now, if any`;
  return invalid('LAKE_TABLE_NOT_FOUND', what);
}

/** The snapshot with the largest number under the name, be it another table's or the marker of a dropped one. */
export async function headSnapshot(table: Table): Promise<Snapshot | undefined> {
  for (let tries = 0; tries < listTriesMax; tries += 1) {
    const id = (await listSnapshotIds(table)).ids.at(-1);
    if (id === undefined) return undefined;
    const snapshot = await readSnapshot(table, id);
    if (snapshot !== undefined) return snapshot;
  }
  throw headVanishes(table);
}

/** @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND (never was), LAKE_SNAPSHOT_EXPIRED (no longer is) */
export async function snapshotById(table: Table, id: number): Promise<Snapshot> {
  const isId = Number.isSafeInteger(id) && id >= 1;
  const snapshot = isId ? await readSnapshot(table, id) : undefined;
  if (snapshot !== undefined) {
    if (await isInChain(table, snapshot)) return snapshot;
    throw expired(table, id);
  }
  const { ids } = await listSnapshotIds(table);
  const head = ids.at(-1);
  if (isId && head !== undefined && id <= head) throw expired(table, id);
  const range = head === undefined ? 'it has none yet' : `its newest is ${head}`;
  throw invalid('LAKE_SNAPSHOT_NOT_FOUND', `table ${table.label} has no snapshot ${id}; ${range}`);
}

/**
 * The newest snapshot whose `timeMillis` is at or before the time: one LIST and a GET for each halving.
 *
 * @throws LakeError `invalid` LAKE_SNAPSHOT_NOT_FOUND before the first snapshot, LAKE_SNAPSHOT_EXPIRED
 */
export async function snapshotAtTimestamp(table: Table, timeMs: number): Promise<Snapshot> {
  const run = contiguousTop((await listSnapshotIds(table)).ids);
  let [low, high] = [0, run.length];
  let found: Snapshot | undefined;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const snapshot = await readSnapshot(table, run[middle] ?? 0);
    // One that is gone meanwhile was the oldest: the search goes on above it.
    if (snapshot !== undefined && snapshot.timeMillis > timeMs) high = middle;
    else {
      low = middle + 1;
      found = snapshot;
    }
  }
  if (found !== undefined && (await isInChain(table, found))) return found;
  const when = Math.abs(timeMs) <= dateMsMax ? new Date(timeMs).toISOString() : `${timeMs} ms`;
  if (low === 0 && (run[0] ?? 1) === 1) {
    throw invalid('LAKE_SNAPSHOT_NOT_FOUND', `table ${table.label} has no snapshot at or before ${when}`);
  }
  throw invalid('LAKE_SNAPSHOT_EXPIRED', `the snapshot of table ${table.label} at ${when} has expired`);
}

/** @throws LakeError `invalid` LAKE_TAG_NOT_FOUND */
export async function snapshotOfTag(table: Table, tag: string): Promise<Snapshot> {
  const key = `${table.metaPath}/${tagPath(tag)}`;
  const object = !isFileName(tag) ? undefined : await table.store.get(key, { bytesMax: jsonBytesMax });
  if (object === undefined) throw invalid('LAKE_TAG_NOT_FOUND', `table ${table.label} has no tag ${tag}`);
  return decodeSnapshot(object.bytes, key);
}

/** Names of all tags, in order. */
export async function listTags(table: Table): Promise<readonly string[]> {
  const prefix = `${table.metaPath}/${tagFolder}/tag-`;
  const names: string[] = [];
  for await (const page of table.store.list(prefix)) {
    for (const { key } of page.objects) names.push(key.slice(prefix.length));
  }
  return names;
}

/** The chain, oldest first. One LIST and a GET for each snapshot. */
export async function listSnapshots(table: Table): Promise<readonly Snapshot[]> {
  const known = new Map<number, Snapshot>();
  for (let tries = 0; tries < listTriesMax; tries += 1) {
    const { ids } = await listSnapshotIds(table);
    const run = contiguousTop(ids).toReversed();
    const lowest = run.at(-1);
    if (lowest === undefined) return [];
    const read = await mapBounded(run, readConcurrencyMax, async id => known.get(id) ?? readSnapshot(table, id));
    for (const snapshot of read) if (snapshot !== undefined) known.set(snapshot.id, snapshot);
    // Either expiry took the oldest between LIST and GET, or the hole is none: look again (S9).
    const complete = read.every(snapshot => snapshot !== undefined);
    const ends = run.length === ids.length || (await isHole(table, lowest - 1));
    if (!complete || !ends) continue;
    const snapshots = read.filter(snapshot => snapshot !== undefined);
    return snapshots.slice(0, chainOf(snapshots).count).toReversed();
  }
  throw headVanishes(table);
}

/** The snapshot file of that id, whether or not it is in the chain; undefined: there is none. */
export async function readSnapshot(home: SnapshotHome, id: number): Promise<Snapshot | undefined> {
  const key = `${home.metaPath}/${snapshotPath(id)}`;
  const object = await home.store.get(key, { bytesMax: jsonBytesMax });
  if (object === undefined) return undefined;
  const snapshot = decodeSnapshot(object.bytes, key);
  if (snapshot.id !== id) throw corrupt('LAKE_CORRUPT_SNAPSHOT', `${key} says that it is snapshot ${snapshot.id}`);
  return snapshot;
}

/** All ids there are, ascending. A LIST that took so long that it shows no moment is made again. */
export async function listSnapshotIds(home: SnapshotHome): Promise<SnapshotIds> {
  for (let tries = 0; tries < listTriesMax; tries += 1) {
    const { ids, storeTimeMs, endedMs } = await idsUnder(home, 'snapshot-');
    if (endedMs - storeTimeMs < baseFreshMs) return { ids, storeTimeMs };
  }
  throw new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${home.store.uri}: listing the snapshots of ${home.label} takes longer than ten minutes`,
  );
}

/** A snapshot that was the head at that store time or later. */
export type KnownHead = { readonly id: number; readonly storeTimeMs: number };

/**
 * The largest id, for somebody who knows a head of before: lists only numbers that share all digits but the last two,
 * then all but the last three. For B after it was seen as the head nothing above it can have expired, and numbers
 * have no gaps, so the end of the unbroken run is the head. Later its number proves nothing, even if it is there: a writer
 * that came late may have filled it again. Then, and when the run cannot be seen, everything is listed.
 */
export async function latestIdAbove(
  home: SnapshotHome,
  known: KnownHead,
): Promise<{ readonly id: number | undefined; readonly storeTimeMs: number }> {
  let { id } = known;
  let startedMs: number | undefined;
  for (let digits = blockDigitsMin; digits <= blockDigitsMax; digits += 1) {
    const block = Math.floor(id / 10 ** digits);
    const listed = await idsUnder(home, block === 0 ? 'snapshot-' : `snapshot-${block}`);
    startedMs ??= listed.storeTimeMs;
    if (listed.endedMs - known.storeTimeMs >= baseFreshMs) break;
    const ids = new Set(listed.ids);
    // The first number of a further block may not be there yet; the one we know must be.
    if (digits > blockDigitsMin && !ids.has(id)) return { id: id - 1, storeTimeMs: startedMs };
    if (!ids.has(id)) break;
    while (ids.has(id + 1) && Math.floor((id + 1) / 10 ** digits) === block) id += 1;
    const isBlockFull = Math.floor((id + 1) / 10 ** digits) !== block;
    if (!isBlockFull) return { id, storeTimeMs: startedMs };
    id += 1;
  }
  const all = await listSnapshotIds(home);
  return { id: all.ids.at(-1), storeTimeMs: all.storeTimeMs };
}

async function idsUnder(home: SnapshotHome, namePrefix: string): Promise<SnapshotIds & { readonly endedMs: number }> {
  const ids: number[] = [];
  let [startedMs, endedMs]: [number | undefined, number] = [undefined, 0];
  for await (const page of home.store.list(`${home.metaPath}/${snapshotFolder}/${namePrefix}`)) {
    startedMs ??= page.storeTimeMs;
    endedMs = page.storeTimeMs;
    for (const { key } of page.objects) {
      const id = idOfName(key, 'snapshot');
      if (id !== undefined) ids.push(id);
    }
  }
  return { ids: ids.toSorted((a, b) => a - b), storeTimeMs: startedMs ?? endedMs, endedMs };
}

/** The ids that hang together with the largest one by number. */
export function contiguousTop(ids: readonly number[]): readonly number[] {
  let first = ids.length - 1;
  while (first > 0 && ids[first - 1] === (ids[first] ?? 0) - 1) first -= 1;
  return first < 0 ? [] : ids.slice(first);
}

/** S9: believed only after a GET says 404 and a second LIST still shows it. */
async function isHole(table: Table, id: number): Promise<boolean> {
  if ((await readSnapshot(table, id)) !== undefined) return false;
  return !(await listSnapshotIds(table)).ids.includes(id);
}

/**
 * Whether a snapshot file that is there belongs to the chain: the one above it must link to it. A late writer that fills
 * an expired number cannot be linked to, since nobody ever built on it (S5 calls it void).
 */
async function isInChain(table: Table, snapshot: Snapshot): Promise<boolean> {
  const above = await readSnapshot(table, snapshot.id + 1);
  if (above !== undefined) return linkBetween(above, snapshot) !== 'broken';
  const head = (await listSnapshotIds(table)).ids.at(-1) ?? 0;
  return head <= snapshot.id || !(await isHole(table, snapshot.id + 1));
}

function expired(table: Table, id: number): LakeError {
  return invalid('LAKE_SNAPSHOT_EXPIRED', `snapshot ${id} of table ${table.label} has expired`);
}

function headVanishes(table: Table): LakeError {
  return new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${table.store.uri}: snapshots of ${table.label} vanish while they are read; try again`,
  );
}
