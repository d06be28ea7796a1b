/**
 * The chain of a line as removal must see it (DESIGN S9 and the expiry record): what is listed, together with what a run
 * of expiry has taken away and may put back, without what lies below a proved hole, a broken link or the floor.
 */
import { mapBounded } from '../base/concurrency.ts';
import { corrupt } from '../base/errors.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import { snapshotPath } from '../format/paths.ts';
import { decodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { chainOf } from '../table/commit/decide-chain.ts';
import { isOurs } from '../table/commit/properties.ts';
import { readExpiryRecord, type StoredRecord, trustedRecord } from '../table/expiry-record.ts';
import { readSnapshot, type SnapshotHome } from '../table/snapshots.ts';
import { readsInParallelMax, readTriesMax } from './limits.ts';
import { type NumberedFile, snapshotFiles, tooSlow } from './lines.ts';

/** A snapshot with the text of its file. */
export type ChainSnapshot = {
  readonly snapshot: Snapshot;
  readonly text: string;
  /** The file's, at its listing; undefined: it has been taken away and is held by the record. */
  readonly file: NumberedFile | undefined;
};

export type ChainPart = {
  readonly record: StoredRecord;
  /** Store time at which the listing began. */
  readonly storeTimeMs: number;
  /** Files by id, all that were listed. */
  readonly files: readonly NumberedFile[];
  /** Ids that hang together up to the head, ascending; the lowest of them is in the chain. */
  readonly ids: readonly number[];
  /** The lowest of them, ascending. */
  readonly lowest: readonly ChainSnapshot[];
  /** Listed and surely not in the chain, ascending. */
  readonly garbage: readonly NumberedFile[];
};

/** What a listing alone tells. */
export type ListedChain = Pick<ChainPart, 'storeTimeMs' | 'files' | 'ids'>;

/**
 * The chain from its oldest snapshot on.
 *
 * @param count how many of the oldest are read, or a function that says so; the whole chain when it is Infinity. A broken
 *   link above them cannot be: only a number that had expired is ever filled by a writer that came too late
 * @throws LakeError `unavailable` when snapshots keep vanishing while they are read
 */
export async function readChain(
  line: SnapshotHome,
  count: number | ((listed: ListedChain) => number),
): Promise<ChainPart> {
  const countOf = typeof count === 'number' ? () => count : count;
  for (let tries = 0; tries < readTriesMax; tries += 1) {
    const part = await tryReadChain(line, countOf);
    if (part !== undefined) return part;
  }
  throw tooSlow(line);
}

async function tryReadChain(
  line: SnapshotHome,
  countOf: (listed: ListedChain) => number,
): Promise<ChainPart | undefined> {
  // In this order: whoever takes a file away has written it into the record before.
  const { files, storeTimeMs } = await snapshotFiles(line);
  const listed = new Map(files.map(file => [file.id, file]));
  const record = await recordFor(line, [...listed.keys()]);
  const texts = new Map(record.held.filter(({ id }) => !listed.has(id)).map(({ id, text }) => [id, text]));
  const ids = topRun([...listed.keys(), ...texts.keys()].filter(id => id >= record.floor));
  const bottom = ids[0];
  if (bottom === undefined) return { record, storeTimeMs, files, ids, lowest: [], garbage: [] };
  const hasHole = files.some(({ id }) => id < bottom && id >= record.floor);
  if (hasHole && !(await isHole(line, bottom - 1))) return undefined;
  const read = await mapBounded(ids.slice(0, countOf({ storeTimeMs, files, ids })), readsInParallelMax, async id => {
    const text = texts.get(id) ?? (await snapshotText(line, id));
    return text === undefined ? undefined : { snapshot: decodeText(line, id, text), text, file: listed.get(id) };
  });
  const lowest = read.filter(item => item !== undefined);
  if (lowest.length < read.length) return undefined;
  const { count } = chainOf(lowest.map(({ snapshot }) => snapshot).toReversed());
  const inChain = lowest.slice(lowest.length - count);
  const lowestId = inChain[0]?.snapshot.id ?? bottom;
  return {
    record,
    storeTimeMs,
    files,
    ids: ids.filter(id => id >= lowestId),
    lowest: inChain,
    garbage: files.filter(({ id }) => id < lowestId),
  };
}

/** The record, when it speaks of these snapshots. The one at the floor is looked at only when some lie below it. */
async function recordFor(line: SnapshotHome, listedIds: readonly number[]): Promise<StoredRecord> {
  const record = await readExpiryRecord(line);
  const hasBelow = listedIds.some(id => id < record.floor);
  const atFloor = hasBelow ? await readSnapshot(line, record.floor) : undefined;
  return trustedRecord(record, listedIds, atFloor?.deltaManifestList);
}

/** The newest snapshot of the chain that carries properties of ours (S11), looking down from the head. */
export async function newestOwn(line: SnapshotHome, chain: ChainPart): Promise<Snapshot | undefined> {
  const known = new Map(chain.lowest.map(({ snapshot }) => [snapshot.id, snapshot]));
  const down = chain.ids.toReversed();
  for (let at = 0; at < down.length; ) {
    // Most often the head itself.
    const some = down.slice(at, at === 0 ? 1 : at + readsInParallelMax);
    at += some.length;
    const read = await mapBounded(some, readsInParallelMax, async id => known.get(id) ?? readSnapshot(line, id));
    const own = read.find(snapshot => snapshot !== undefined && isOurs(snapshot.properties));
    if (own !== undefined) return own;
  }
  return undefined;
}

async function snapshotText(line: SnapshotHome, id: number): Promise<string | undefined> {
  const object = await line.store.get(`${line.metaPath}/${snapshotPath(id)}`, { bytesMax: jsonBytesMax });
  return object === undefined ? undefined : Buffer.from(object.bytes).toString('utf8');
}

function decodeText(line: SnapshotHome, id: number, text: string): Snapshot {
  const key = `${line.metaPath}/${snapshotPath(id)}`;
  const snapshot = decodeSnapshot(Buffer.from(text), key);
  if (snapshot.id !== id) throw corrupt('LAKE_CORRUPT_SNAPSHOT', `${key} says that it is snapshot ${snapshot.id}`);
  return snapshot;
}

/** The ids that hang together with the largest one by number, ascending. */
function topRun(ids: readonly number[]): readonly number[] {
  const sorted = ids.toSorted((a, b) => a - b);
  return sorted.slice(sorted.findLastIndex((id, index) => sorted[index - 1] !== id - 1));
}

/** S9: believed only after a GET says 404 and a second LIST still shows it. */
async function isHole(line: SnapshotHome, id: number): Promise<boolean> {
  if ((await readSnapshot(line, id)) !== undefined) return false;
  return !(await snapshotFiles(line)).files.some(file => file.id === id);
}
