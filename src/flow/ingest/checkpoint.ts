/**
 * Per shard, "everything up to here is committed in every table" (DESIGN I6). It only spares reading: what decides is
 * each table's own position.
 */
import { isJsonObject, parseJson, stringifyJson } from '../../base/json.ts';
import type { LogStart } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

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
  const position = await readCheckpoint(store, incarnation, shardId);
  return position === undefined ? { kind: 'earliest' } : { kind: 'after', position };
}
