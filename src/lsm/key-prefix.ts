/**
 * Common prefixes of byte keys. Where all keys at hand begin alike (`customer-…`, the zeros of a small BIGINT in a
 * composite key), heads of the first bytes tell nothing apart; so a merge leaves the common bytes out of the heads.
 */
import { type BatchKeys, byteHead, headBytes } from './key-order.ts';

/**
 * How many bytes all these keys begin with together.
 *
 * @param batches keys ascending in each, so that what the first and last have in common, all have
 */
export function commonPrefixBytes(batches: readonly BatchKeys[]): number {
  const [reference] = batches;
  if (reference === undefined || reference.rowCount === 0) return 0;
  let common = Number.POSITIVE_INFINITY;
  for (const keys of batches) {
    common = Math.min(common, sharedBytes(reference, 0, keys, 0), sharedBytes(reference, 0, keys, keys.rowCount - 1));
  }
  return common;
}

/** How many bytes two keys begin with together; 0 for null and for keys that are not bytes. */
export function sharedBytes(a: BatchKeys, i: number, b: BatchKeys, j: number): number {
  if (a.heads[i] === Number.NEGATIVE_INFINITY || b.heads[j] === Number.NEGATIVE_INFINITY) return 0;
  const x = a.offsets[i] ?? 0;
  const y = b.offsets[j] ?? 0;
  const length = Math.min((a.offsets[i + 1] ?? 0) - x, (b.offsets[j + 1] ?? 0) - y);
  let shared = 0;
  while (shared < length && a.bytes[x + shared] === b.bytes[y + shared]) shared += 1;
  return shared;
}

/** The same keys with heads of what follows their first `skippedBytes` bytes, which all keys compared must share. */
export function skipBytes(keys: BatchKeys, skippedBytes: number): BatchKeys {
  if (keys.skippedBytes === skippedBytes) return keys;
  const heads = new Float64Array(keys.rowCount);
  let isExact = true;
  for (let i = 0; i < heads.length; i += 1) {
    const start = (keys.offsets[i] ?? 0) + skippedBytes;
    const end = keys.offsets[i + 1] ?? 0;
    const isNull = keys.heads[i] === Number.NEGATIVE_INFINITY;
    if (!isNull && end - start > headBytes) isExact = false;
    heads[i] = isNull ? Number.NEGATIVE_INFINITY : byteHead(keys.bytes, start, end);
  }
  return { ...keys, heads, isExact, skippedBytes };
}
