/**
 * Hash key ranges: how the 2^128 hash keys of a log are shared out among its shards. Same arithmetic for every driver
 * and for the streams that tests create.
 */
import { assert } from '../base/assert.ts';
import { invalid } from '../base/errors.ts';
import { hashKeyCount, type LogAppend } from './log-store.ts';

/** Both ends included. */
export type HashKeyRange = { readonly hashKeyStart: bigint; readonly hashKeyEnd: bigint };

/** `shardCount` ranges of (almost) the same size, ascending, that cover every hash key once. */
export function evenRanges(shardCount: number): readonly HashKeyRange[] {
  assert(Number.isInteger(shardCount), 'shardCount is an integer');
  assert(shardCount >= 1, 'a log has at least one shard');
  const count = BigInt(shardCount);
  return Array.from({ length: shardCount }, (_, index) => ({
    hashKeyStart: (hashKeyCount * BigInt(index)) / count,
    hashKeyEnd: (hashKeyCount * BigInt(index + 1)) / count - 1n,
  }));
}

/** The two halves of a range of at least two keys. */
export function halves(range: HashKeyRange): readonly [HashKeyRange, HashKeyRange] {
  assert(range.hashKeyEnd > range.hashKeyStart, 'a range of one key cannot be halved');
  const middle = (range.hashKeyStart + range.hashKeyEnd) / 2n;
  return [
    { hashKeyStart: range.hashKeyStart, hashKeyEnd: middle },
    { hashKeyStart: middle + 1n, hashKeyEnd: range.hashKeyEnd },
  ];
}

export function contains(range: HashKeyRange, hashKey: bigint): boolean {
  return range.hashKeyStart <= hashKey && hashKey <= range.hashKeyEnd;
}

/** Which of even, ascending ranges a key is in. */
export function shardAt(ranges: readonly HashKeyRange[], hashKey: bigint): number {
  const at = ranges.findIndex(range => contains(range, hashKey));
  assert(at !== -1, 'the ranges cover every hash key');
  return at;
}

/** Shards come with digits of equal width, so that their names sort in the order they were made. */
export function shardIdAt(index: number): string {
  return `shard-${String(index).padStart(6, '0')}`;
}

/**
 * What every driver checks before it takes records.
 *
 * @throws LakeError `invalid` LAKE_LOG_RECORD_TOO_BIG; nothing of the call has been appended then
 */
export function checkAppend(uri: string, recordBytesMax: number, records: readonly LogAppend[]): void {
  for (const { hashKey, data } of records) {
    assert(hashKey >= 0n && hashKey < hashKeyCount, () => `hash key ${hashKey} is in [0, 2^128)`);
    if (data.byteLength > recordBytesMax) {
      throw invalid(
        'LAKE_LOG_RECORD_TOO_BIG',
        `${uri}: a record of ${data.byteLength} bytes is above this log's limit of ${recordBytesMax} bytes; ` +
          'write less in one record, or put the bytes elsewhere and append a reference',
      );
    }
  }
}
