/**
 * Per shard, "everything up to here is committed in every table" (DESIGN I6). It only spares reading: what decides is
 * each table's own position.
 *
 * On a log that forgets, a checkpoint at the end of an idle shard also says when it was the end: the record it names goes
 * in time, and what is gone might have been anything (D4).
 */
import type { Clock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../base/json.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import type { LogStart } from '../../storage/log-store.ts';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';

/** DESIGN I6: between two checkpoints of a shard. */
const intervalMs = 60_000;

function checkpointKey(incarnation: string, shardId: string): string {
  const safe = (text: string): string => text.replaceAll(/[^\w.-]/g, char => `%${char.charCodeAt(0).toString(16)}`);
  return `tidelake-log/${safe(incarnation)}/${safe(shardId)}`;
}

export type Checkpoint = {
  readonly position: bigint;
  /** At this time of the log's clock nothing was above it (`LogStart`). */
  readonly tipMs?: number | undefined;
};

export type StoredCheckpoint = Checkpoint & {
  /** Since it was written, ms of the store's clock. */
  readonly ageMs: number;
};

/** undefined: nothing is known to be committed everywhere. A checkpoint that cannot be read says nothing. */
export async function readCheckpoint(
  store: ObjectStore,
  incarnation: string,
  shardId: string,
): Promise<StoredCheckpoint | undefined> {
  const object = await checkpointObject(store, checkpointKey(incarnation, shardId));
  if (object === undefined) return undefined;
  const ageMs = object.storeTimeMs - object.lastModifiedMs;
  try {
    const json = parseJson(Buffer.from(object.bytes).toString('utf8'));
    if (!isJsonObject(json)) return undefined;
    const { position, tipMs } = json;
    if (typeof position !== 'string' || !/^\d{1,80}$/.test(position)) return undefined;
    const hasTip = typeof tipMs === 'number' && Number.isSafeInteger(tipMs) && tipMs >= 0;
    return { position: BigInt(position), tipMs: hasTip ? tipMs : undefined, ageMs };
  } catch {
    return undefined;
  }
}

async function checkpointObject(store: ObjectStore, key: string): Promise<StoredObject | undefined> {
  try {
    return await store.get(key, { bytesMax: jsonBytesMax });
  } catch (error) {
    if (isLakeError(error, 'LAKE_OBJECT_TOO_LARGE')) return undefined;
    throw error;
  }
}

export async function writeCheckpoint(
  store: ObjectStore,
  incarnation: string,
  shardId: string,
  { position, tipMs }: Checkpoint,
): Promise<void> {
  const tip = tipMs === undefined ? {} : { tipMs: Math.max(0, Math.floor(tipMs)) };
  const text = stringifyJson({ position: position.toString(), ...tip });
  await store.put(checkpointKey(incarnation, shardId), Buffer.from(text));
}

/** Where a worker begins in a shard: behind its checkpoint, or at the beginning. */
export async function checkpointStart(store: ObjectStore, incarnation: string, shardId: string): Promise<LogStart> {
  const checkpoint = await readCheckpoint(store, incarnation, shardId);
  return startAbove(checkpoint?.position, checkpoint?.tipMs);
}

/**
 * @param position undefined, or below 0 for a shard that ended without a record: at the beginning
 * @param tipMs at this time of the log's clock nothing was above it
 */
export function startAbove(position: bigint | undefined, tipMs?: number): LogStart {
  if (position === undefined || position < 0n) return { kind: 'earliest' };
  return { kind: 'after', position, tipMs };
}

/** Between two checkpoints that say no more than that an idle shard is still idle: far within what logs keep. */
const tipIntervalMs = 3_600_000;

/** Whether a checkpoint says enough more than the one before it. */
export function isWorthWriting(before: Checkpoint | undefined, { position, tipMs = 0 }: Checkpoint): boolean {
  if (before === undefined || position > before.position) return true;
  return position === before.position && tipMs - (before.tipMs ?? 0) >= tipIntervalMs;
}

/** Writes checkpoints of a process that acknowledges shards, each at most once a minute. */
export class CheckpointWriter {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #written = new Map<string, { readonly position: bigint; readonly atMs: number }>();

  constructor(parts: { readonly store: ObjectStore; readonly clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /** Everything up to `position` is committed in every table. What cannot be written now is written another time. */
  async reached(incarnation: string, shardId: string, position: bigint): Promise<void> {
    const key = checkpointKey(incarnation, shardId);
    const nowMs = this.#clock.monotonicMs();
    const before = this.#written.get(key);
    if (before !== undefined && (nowMs - before.atMs < intervalMs || position <= before.position)) return;
    try {
      await writeCheckpoint(this.#store, incarnation, shardId, { position });
      this.#written.set(key, { position, atMs: nowMs });
    } catch (error) {
      if (!isLakeError(error) || error.kind !== 'unavailable') throw error;
    }
  }
}
