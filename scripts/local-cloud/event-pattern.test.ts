/** Which events a rule wants. */
import { expect, test } from 'vitest';
import { parseBucketNotice } from './bucket-events.ts';
import { matchesPattern } from './event-pattern.ts';

const event = {
  source: 'aws.s3',
  'detail-type': 'Object Created',
  detail: { bucket: { name: 'lake' }, object: { key: 'a/db.db/t/snapshot/snapshot-12', size: 7 }, tags: ['x', 'y'] },
};
const ofKey = (wanted: unknown): unknown => ({ detail: { object: { key: [wanted] } } });

test.each([
  [{ source: ['aws.s3'] }, true],
  [{ source: ['aws.events', 'aws.s3'], detail: { bucket: { name: ['lake'] } } }, true],
  [{ source: ['aws.s3'], detail: { bucket: { name: ['another'] } } }, false],
  [{ detail: { object: { size: [7] } } }, true],
  [{ detail: { nothing: { of: ['the kind'] } } }, false],
  [{ detail: { tags: ['y'] } }, true],
  [ofKey({ wildcard: '*/snapshot/snapshot-*' }), true],
  [ofKey({ wildcard: '*/snapshot/snapshot' }), false],
  [ofKey({ wildcard: '*/snapshot/snapshot-1' }), false],
  [ofKey({ prefix: 'a/' }), true],
  [ofKey({ suffix: '-13' }), false],
])('%j: %s', (pattern, matches) => {
  expect(matchesPattern(pattern, event)).toBe(matches);
});

test('a comparison that is not known is refused', () => {
  expect(() => matchesPattern(ofKey({ 'anything-but': ['x'] }), event)).toThrow(/does not know the comparison/);
  expect(() => matchesPattern(ofKey({ cidr: '10.0.0.0/8' }), event)).toThrow(/does not know the comparison/);
});

test('a notice of the bucket names its objects as they are called', () => {
  const notice = {
    Records: [
      { eventName: 's3:ObjectCreated:Put', s3: { bucket: { name: 'lake' }, object: { key: 'a+b%2Fc%2B', size: 3 } } },
      { eventName: 's3:ObjectRemoved:Delete', s3: { bucket: { name: 'lake' }, object: { key: 'x' } } },
    ],
  };
  expect(parseBucketNotice(JSON.stringify(notice))).toEqual([{ bucket: 'lake', key: 'a b/c+', size: 3 }]);
  expect(parseBucketNotice('')).toEqual([]);
  expect(() => parseBucketNotice('{"Records":[{}]}')).toThrow();
});
