/**
 * What a bulk load has put aside: the records that its claims become, written down beside them before the first one goes to the
 * log, and kept until age takes it (RFC 0026). So whoever goes on sends the same records under the same numbers, and one whose
 * records are all in the log is known.
 */
import { corrupt, LakeError } from '../../base/errors.ts';
import { stringifyJson } from '../../base/json.ts';
import { backoffMs } from '../../base/retry.ts';
import { parseJsonObject } from '../../format/json-file.ts';
import { jsonBytesMax } from '../../format/metadata-limits.ts';
import { claimFolder } from '../claim.ts';
import { decodeRecord, encodeRecord, type LogRecord } from '../log-record.ts';
import type { SendRecordsParts } from '../send-records.ts';

export type LoadName = { readonly tableId: string; readonly name: string };

export type KeptLoad = {
  /** Of the log that its records go to. */
  readonly incarnation: string;
  /** In the order of their numbers in each lane; each is a claim check. */
  readonly records: readonly LogRecord[];
  /** The log has all of them. */
  readonly isDone: boolean;
};

/** By the store's clock. */
export type FoundLoad = KeptLoad & { readonly ageMs: number };

type Parts = Pick<SendRecordsParts, 'store' | 'clock' | 'random'>;

const triesMax = 20;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

/** @throws LakeError `corrupt` LAKE_CORRUPT_LOAD */
export async function findLoad({ store }: Parts, name: LoadName, signal?: AbortSignal): Promise<FoundLoad | undefined> {
  const key = keyOf(name);
  const found = await store.get(key, { bytesMax: jsonBytesMax, signal });
  if (found === undefined) return undefined;
  return { ...loadOf(found.bytes, key), ageMs: found.storeTimeMs - found.lastModifiedMs };
}

/**
 * Writes a load down unless another has been meanwhile.
 *
 * @returns the one that counts
 * @throws LakeError `unavailable` LAKE_STORE_UNAVAILABLE
 */
export async function keepLoad(parts: Parts, name: LoadName, load: KeptLoad, signal?: AbortSignal): Promise<FoundLoad> {
  const { store, clock, random } = parts;
  const [key, body] = [keyOf(name), bodyOf(load)];
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(backoffMs(attempt, random, backoff), signal);
    const { status } = await store.putIfAbsent(key, body, { signal });
    if (status === 'created') return { ...load, ageMs: 0 };
    // A try that got no answer may have happened.
    const found = await findLoad(parts, name, signal);
    if (found !== undefined) return found;
  }
  throw new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${store.uri}: ${key} could not be written in ${triesMax} tries`,
  );
}

/** Whoever finds its records in the log says so; all say the same. */
export async function finishLoad(
  { store }: Parts,
  name: LoadName,
  load: KeptLoad,
  signal?: AbortSignal,
): Promise<void> {
  await store.put(keyOf(name), bodyOf({ ...load, isDone: true }), { signal });
}

function keyOf({ tableId, name }: LoadName): string {
  return `${claimFolder}/load-${tableId}-${name}`;
}

function bodyOf({ incarnation, records, isDone }: KeptLoad): Uint8Array {
  const encoded = records.map(record => Buffer.from(encodeRecord(record)).toString('base64'));
  return Buffer.from(stringifyJson({ v: 1, log: incarnation, done: isDone, records: encoded }));
}

function loadOf(bytes: Uint8Array, key: string): KeptLoad {
  const { log, done, records } = parseJsonObject(bytes, { code: 'LAKE_CORRUPT_LOAD', where: key });
  if (typeof log !== 'string' || typeof done !== 'boolean' || !Array.isArray(records)) throw bad(key);
  const decoded = records.map(record => {
    if (typeof record !== 'string') throw bad(key);
    return decodeRecord(new Uint8Array(Buffer.from(record, 'base64')), key);
  });
  return { incarnation: log, records: decoded, isDone: done };
}

function bad(key: string): Error {
  return corrupt(
    'LAKE_CORRUPT_LOAD',
    `${key}: it does not say what was loaded; look what of it is in the table, then remove it`,
  );
}
