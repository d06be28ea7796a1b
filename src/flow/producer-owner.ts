/**
 * Who writes under a producer's name: of those who open it, the last. It is written down beside the warehouse, one small
 * object for each name of a table, replaced by compare-and-swap only, so that a late try can not bring back one who was
 * followed. Whoever finds another's token there has been followed, and stops (RFC 0018).
 */
import type { Clock } from '../base/clock.ts';
import { corrupt, LakeError } from '../base/errors.ts';
import { stringifyJson } from '../base/json.ts';
import type { Random } from '../base/random.ts';
import { backoffMs } from '../base/retry.ts';
import { parseJsonObject } from '../format/json-file.ts';
import { jsonBytesMax } from '../format/metadata-limits.ts';
import type { ObjectStore, StoredObject } from '../storage/object-store.ts';

type OwnerParts = { readonly store: ObjectStore; readonly clock: Clock; readonly random: Random };

export type ProducerOwner = {
  readonly key: string;
  readonly token: string;
  /** How often the name was opened, this time included: larger than that of all before. */
  readonly opened: number;
};

/** @param name of `producerNamePattern` */
type ProducerName = { readonly tableId: string; readonly name: string };

const folder = 'tidelake/producers';
const triesMax = 20;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

/**
 * Takes the name over. Whoever had it is told when it next looks.
 *
 * @param name of `producerNamePattern`
 * @throws LakeError `unavailable` LAKE_STORE_UNAVAILABLE, LAKE_CORRUPT_PRODUCER: it does not become clear who has it
 */
export async function takeOver(
  { store, clock, random }: OwnerParts,
  { tableId, name }: ProducerName,
  signal: AbortSignal | undefined,
): Promise<ProducerOwner> {
  const key = keyOf({ tableId, name });
  const token = random.uuid();
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(backoffMs(attempt, random, backoff), signal);
    const found = await store.get(key, { bytesMax: jsonBytesMax, signal });
    const before = ownerOf(found, key);
    // A try that got no answer may have happened.
    if (before?.token === token) return before;
    const owner = { key, token, opened: (before?.opened ?? 0) + 1 };
    const body = Buffer.from(stringifyJson({ v: 1, token, opened: owner.opened }));
    const { status } =
      found === undefined
        ? await store.putIfAbsent(key, body, { signal })
        : await store.putIfMatch(key, body, found.etag, { signal });
    if (status === 'created' || status === 'replaced') return owner;
  }
  throw new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${store.uri}: ${key} could not be replaced in ${triesMax} tries; open the producer again`,
  );
}

/** How often a name was opened. @throws LakeError `corrupt` LAKE_CORRUPT_PRODUCER */
export async function openingsOf(store: ObjectStore, name: ProducerName, signal?: AbortSignal): Promise<number> {
  const key = keyOf(name);
  return ownerOf(await store.get(key, { bytesMax: jsonBytesMax, signal }), key)?.opened ?? 0;
}

function keyOf({ tableId, name }: ProducerName): string {
  return `${folder}/${tableId}/${name}.json`;
}

/** @throws LakeError `fenced` LAKE_PRODUCER_FENCED */
export async function checkOwner(
  { store }: OwnerParts,
  { key, token }: ProducerOwner,
  what: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const found = await store.get(key, { bytesMax: jsonBytesMax, signal });
  if (ownerOf(found, key)?.token === token) return;
  throw new LakeError(
    'fenced',
    'LAKE_PRODUCER_FENCED',
    `${what} was opened by another since: this one stops, and what it sent last may or may not be there`,
  );
}

/** undefined: there is none. @throws LakeError `corrupt` LAKE_CORRUPT_PRODUCER */
function ownerOf(object: StoredObject | undefined, key: string): ProducerOwner | undefined {
  if (object === undefined) return undefined;
  const { token, opened } = parseJsonObject(object.bytes, { code: 'LAKE_CORRUPT_PRODUCER', where: key });
  if (typeof token === 'string' && typeof opened === 'number' && Number.isSafeInteger(opened) && opened >= 1) {
    return { key, token, opened };
  }
  throw corrupt(
    'LAKE_CORRUPT_PRODUCER',
    `${key}: it does not say who has the name; remove it when nobody writes under it`,
  );
}
