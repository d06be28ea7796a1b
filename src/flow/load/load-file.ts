/**
 * What a bulk load has put aside: the records that its claims become, written down beside them before the first one goes to the
 * log, and kept until age takes it (RFC 0026). So whoever goes on sends the same records under the same numbers, and one whose
 * records are all in the log is known.
 */
import { corrupt, invalid, LakeError } from '../../base/errors.ts';
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

/** Of the version with this etag; its age is by the store's clock. */
export type FoundLoad = KeptLoad & { readonly etag: string; readonly ageMs: number };

type Parts = Pick<SendRecordsParts, 'store' | 'clock' | 'random'>;

const triesMax = 20;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

/** @throws LakeError `corrupt` LAKE_CORRUPT_LOAD */
export async function findLoad({ store }: Parts, name: LoadName, signal?: AbortSignal): Promise<FoundLoad | undefined> {
  const key = keyOf(name);
  const found = await store.get(key, { bytesMax: jsonBytesMax, signal });
  if (found === undefined) return undefined;
  return { ...loadOf(found.bytes, key), etag: found.etag, ageMs: found.storeTimeMs - found.lastModifiedMs };
}

/**
 * Writes a load down unless another has been meanwhile.
 *
 * @returns the one that counts
 * @throws LakeError `invalid` LAKE_LOAD_TOO_LARGE; `unavailable` LAKE_STORE_UNAVAILABLE
 */
export async function keepLoad(parts: Parts, name: LoadName, load: KeptLoad, signal?: AbortSignal): Promise<FoundLoad> {
  const { store, clock, random } = parts;
  const [key, body] = [keyOf(name), bodyOf(load)];
  if (body.length > jsonBytesMax) throw tooLarge(key, body.length);
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(backoffMs(attempt, random, backoff), signal);
    const outcome = await store.putIfAbsent(key, body, { signal });
    if (outcome.status === 'created') return { ...load, etag: outcome.etag, ageMs: 0 };
    // A try that got no answer may have happened.
    const found = await findLoad(parts, name, signal);
    if (found !== undefined) return found;
  }
  throw notWritten(store.uri, key);
}

/**
 * Says that the log has all records. Somebody else may have said so; or the name is another load's by now, since age has taken this one:
 * that is left as it is.
 *
 * @throws LakeError `unavailable` LAKE_STORE_UNAVAILABLE
 */
export async function finishLoad(parts: Parts, name: LoadName, load: FoundLoad, signal?: AbortSignal): Promise<void> {
  const { store, clock, random } = parts;
  const [key, body] = [keyOf(name), bodyOf({ ...load, isDone: true })];
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    if (attempt > 0) await clock.sleep(backoffMs(attempt, random, backoff), signal);
    const { status } = await store.putIfMatch(key, body, load.etag, { signal });
    if (status !== 'unanswered') return;
  }
  throw notWritten(store.uri, key);
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

function notWritten(uri: string, key: string): LakeError {
  return new LakeError(
    'unavailable',
    'LAKE_STORE_UNAVAILABLE',
    `${uri}: ${key} could not be written in ${triesMax} tries; load again under the name to go on`,
  );
}

function tooLarge(key: string, bytes: number): LakeError {
  return invalid(
    'LAKE_LOAD_TOO_LARGE',
    `${key}: the records of the load take ${bytes} bytes, of ${jsonBytesMax}; nothing of it was loaded, ` +
      'load its rows in parts under several names, or with fewer headers',
  );
}
