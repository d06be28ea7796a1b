import { expect, test } from 'vitest';
import { storeDenied, storeFull, storeUnavailable } from '../store-errors.ts';
import { objectLogFailure } from './log-failures.ts';

test("a store's failures have the codes, the kinds and the words that a log's have", () => {
  for (const [failure, code] of [
    [storeFull('s3://b/log', new Error('no room')), 'LAKE_LOG_FULL'],
    [storeUnavailable('s3://b/log', new Error('down')), 'LAKE_LOG_UNAVAILABLE'],
    [storeDenied('s3://b/log', new Error('no'), 's3:PutObject'), 'LAKE_LOG_DENIED'],
  ] as const) {
    expect(objectLogFailure(failure)).toMatchObject({ code, kind: failure.kind, message: failure.message });
  }
});

test('what is no failure of a store comes back as it is', () => {
  for (const error of [new Error('a bug'), new DOMException('enough', 'AbortError')]) {
    expect(objectLogFailure(error)).toBe(error);
  }
});
