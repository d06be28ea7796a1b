/** Small files that are made once: put unless there is one, sent again until the store says what became of it. */
import { LakeError } from '../base/errors.ts';
import { backoffMs } from '../base/retry.ts';
import { equalBytes } from '../bytes/compare.ts';
import { recordBackoff, recordTriesMax } from './expiry-record.ts';
import type { Table } from './table.ts';

/**
 * @returns `exists`: another file was there. One with the very same bytes counts as ours: an answer may have been lost
 * @throws LakeError `unavailable` when no answer came: it may be there
 */
export async function putNew(
  { store, clock, random }: Pick<Table, 'store' | 'clock' | 'random'>,
  key: string,
  bytes: Uint8Array,
): Promise<'created' | 'exists'> {
  let cause: unknown;
  for (let tries = 0; tries < recordTriesMax; tries += 1) {
    const outcome = await store.putIfAbsent(key, bytes);
    if (outcome.status === 'created') return 'created';
    if (outcome.status === 'exists') {
      if (tries === 0) return 'exists';
      const there = await store.get(key, { bytesMax: bytes.length });
      return there !== undefined && equalBytes(there.bytes, bytes) ? 'created' : 'exists';
    }
    cause = outcome.cause;
    await clock.sleep(backoffMs(tries, random, recordBackoff));
  }
  const message = `${store.uri}: no answer to writing ${key}; it may be there`;
  throw new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', message, { cause });
}
