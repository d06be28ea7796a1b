import { invalid, isLakeError, type LakeError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { ObjectStore, PutIfAbsentOutcome } from './object-store.ts';

/**
 * Proves that put-if-absent works on a store before anything relies on it: commits are safe by nothing else. Rivals
 * put different bytes to one fresh key at once; exactly one may be told that it created the object, its bytes must be
 * the ones there, and whoever comes later must be told that it exists. A store that ignores the condition is found
 * every time, one that looks first and writes later nearly so.
 *
 * @throws LakeError `invalid` LAKE_STORE_NO_CONDITIONAL_PUT; and what the store throws, so also LAKE_STORE_NOT_FOUND and
 *   LAKE_STORE_DENIED
 */
export async function probeConditionalPut(store: ObjectStore, random: Random): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const key = `${probePrefix}${random.uuid()}`;
    try {
      await probeOnce(store, key);
    } catch (error) {
      if (!isLakeError(error, 'LAKE_STORE_REFUSED')) throw error;
      throw noConditionalPut(store, 'it refuses a PUT with If-None-Match', error);
    } finally {
      await store.delete(key).catch(() => undefined);
    }
  }
}

/** Where the probe's objects live, for the short time they do. */
export const probePrefix = 'tidelake-probe/';

const rounds = 3;
const rivalsPerRound = 8;
/** Large enough that a store writing it in pieces takes a moment. */
const bodyBytes = 4_096;

async function probeOnce(store: ObjectStore, key: string): Promise<void> {
  const rivals = Array.from({ length: rivalsPerRound }, (_, n) => n + 1);
  const outcomes = await Promise.all(rivals.map(rival => store.putIfAbsent(key, bodyOf(rival))));
  const late = await settled(store, key);
  const unanswered = outcomes.filter(outcome => outcome.status === 'unanswered');
  if (late === 'created' && unanswered.length === rivals.length) throw unanswered[0]?.cause;
  if (late === 'created') throw noConditionalPut(store, 'it creates an object that exists already');
  const found = await store.get(key);
  const created = rivals.filter((_, index) => outcomes[index]?.status === 'created');
  if (created.length > 1)
    throw noConditionalPut(store, `${created.length} of ${rivals.length} rivals created one object`);
  const winner = created[0] ?? found?.bytes[0] ?? 0;
  if (outcomes[winner - 1]?.status === 'exists' || found === undefined || !isBodyOf(found.bytes, winner)) {
    throw noConditionalPut(store, 'the object is not the one its creator put');
  }
}

/** One more rival, until it gets an answer. */
async function settled(store: ObjectStore, key: string): Promise<'created' | 'exists'> {
  let outcome: PutIfAbsentOutcome = { status: 'unanswered', cause: undefined };
  for (let attempt = 0; attempt < lateAttemptsMax && outcome.status === 'unanswered'; attempt += 1) {
    outcome = await store.putIfAbsent(key, bodyOf(0));
  }
  if (outcome.status === 'unanswered') throw outcome.cause;
  return outcome.status;
}

const lateAttemptsMax = 5;

function bodyOf(rival: number): Uint8Array {
  return new Uint8Array(bodyBytes).fill(rival);
}

function isBodyOf(bytes: Uint8Array, rival: number): boolean {
  return bytes.byteLength === bodyBytes && bytes.every(byte => byte === rival);
}

function noConditionalPut(store: ObjectStore, what: string, cause?: unknown): LakeError {
  return invalid(
    'LAKE_STORE_NO_CONDITIONAL_PUT',
    `${store.uri}: the store does not honour conditional PUT (${what}), and without it commits would lose data; ` +
      'use AWS S3, MinIO or another store with If-None-Match',
    { cause },
  );
}
