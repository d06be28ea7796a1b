/**
 * Per shard, "everything up to here is committed in every table" (DESIGN I6). It only spares reading: what decides is
 * each table's own position.
 */
import type { Clock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../base/json.ts';
import type { LogStart } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** DESIGN I6: between two checkpoints of a shard. */
const intervalMs = 60_000;

function checkpointKey(incarnation: string, shardId: string): string {
  const safe = (text: string): string => text.replaceAll(/[^\w.-]/g, char => `%${char.charCodeAt(0).toString(16)}`);
  return `tidelake-log/${safe(incarnation)}/${safe(shardId)}`;
}

/** undefined: nothing is known to be committed everywhere. A checkpoint that cannot be read says nothing. */
export async function readCheckpoint(
  store: ObjectStore,
  incarnation: string,
  shardId: string,
): Promise<bigint | undefined> {
  const object = await store.get(checkpointKey(incarnation, shardId));
  if (object === undefined) return undefined;
  try {
    const json = parseJson(Buffer.from(object.bytes).toString('utf8'));
    const position = isJsonObject(json) ? json['position'] : undefined;
    return typeof position === 'string' && /^\d{1,80}$/.test(position) ? BigInt(position) : undefined;
  } catch {
    return undefined;
  }
}

export async function writeCheckpoint(
  store: ObjectStore,
  incarnation: string,
  shardId: string,
  position: bigint,
): Promise<void> {
  const text = stringifyJson({ position: position.toString() });
  await store.put(checkpointKey(incarnation, shardId), Buffer.from(text));
}

/** Where a worker begins in a shard: behind its checkpoint, or at the beginning. */
export async function checkpointStart(store: ObjectStore, incarnation: string, shardId: string): Promise<LogStart> {
  return startAbove(await readCheckpoint(store, incarnation, shardId));
}

/** @param position undefined, or below 0 for a shard that ended without a record: at the beginning */
export function startAbove(position: bigint | undefined): LogStart {
  return position === undefined || position < 0n ? { kind: 'earliest' } : { kind: 'after', position };
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
      await writeCheckpoint(this.#store, incarnation, shardId, position);
      this.#written.set(key, { position, atMs: nowMs });
    } catch (error) {
      if (!isLakeError(error) || error.kind !== 'unavailable') throw error;
    }
  }
}
