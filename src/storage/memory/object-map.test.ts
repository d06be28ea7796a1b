import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../object-key.ts';
import { ObjectMap } from './object-map.ts';

const keys = fc.constantFrom(
  'a/1',
  'a/10',
  'a/2',
  'a/b/1',
  'a/b/2',
  'a/\uffee',
  'a/\u{1f600}',
  'a0',
  'b',
  'b/1',
  'c/d/e',
);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key: keys }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: keys }) },
    fc.record({
      kind: fc.constant('list' as const),
      prefix: fc.constantFrom('', 'a', 'a/', 'a/b/', 'a/1', 'b', 'c/d', 'x/'),
      after: fc.option(keys, { nil: undefined }),
      keysMax: fc.integer({ min: 1, max: 20 }),
    }),
  ),
  { maxLength: 60 },
);

test('what is listed is what was put and not deleted, in order, whatever came before', () => {
  fc.assert(
    fc.property(steps, taken => {
      const map = new ObjectMap();
      const model = new Map<string, number>();
      for (const [index, step] of taken.entries()) {
        if (step.kind === 'put') {
          map.put(step.key, new Uint8Array(index), index);
          model.set(step.key, index);
        } else if (step.kind === 'delete') {
          map.delete(step.key);
          model.delete(step.key);
        } else {
          const { prefix, after, keysMax } = step;
          const expected = [...model.keys()]
            .filter(key => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0))
            .sort(compareKeys)
            .slice(0, keysMax);
          expect(map.list({ prefix, after, keysMax }).map(({ key }) => key)).toEqual(expected);
        }
      }
      expect(map.bytes).toBe(model.values().reduce((sum, bytes) => sum + bytes, 0));
      expect(
        map.list({ prefix: '', after: undefined, keysMax: 100 }).map(({ key, sizeBytes }) => [key, sizeBytes]),
      ).toEqual([...model].sort(([a], [b]) => compareKeys(a, b)));
    }),
  );
});
