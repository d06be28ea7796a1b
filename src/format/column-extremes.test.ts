import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryScalar, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { makeColumn } from '../types/column-buffers.ts';
import { buildBatch } from '../types/column-builder.ts';
import { compareScalars } from '../types/compare.ts';
import { columnOf } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { columnExtremes, hasExtremes } from './column-extremes.ts';

// Of floats, zeros and NaN have rules of their own, with tests of their own.
const types = sampleTypes.filter(type => hasExtremes(type) && type.kind !== 'float' && type.kind !== 'double');

/** Values of a type that are mostly alike: long common beginnings, and high words that are the same. */
function alike(value: Scalar): Scalar {
  if (typeof value === 'string') return `category-${[...value].slice(0, 3).join('')}`;
  return value;
}

test.each(types)('the extremes of %j are those of its values, one compared with the other', type => {
  const values = fc.array(fc.oneof(arbitraryScalar(type), arbitraryScalar(type).map(alike)), { maxLength: 30 });
  fc.assert(
    fc.property(values, all => {
      const rowType = rowTypeOf([type]);
      const column = columnOf(
        buildBatch(
          rowType,
          all.map(value => [value]),
        ),
        'c0',
      );
      const present = all.filter(value => value !== null).toSorted((a, b) => compareScalars(type, a, b));
      const { min, max, nullCount } = columnExtremes(column, type);
      expect(nullCount).toBe(all.length - present.length);
      expect([min, max]).toEqual([present[0] ?? null, present.at(-1) ?? null]);
    }),
  );
});

test('a byte order mark counts in the extremes of texts', () => {
  const type = sampleTypes.find(({ kind }) => kind === 'varchar');
  if (type === undefined) throw new Error('a type of texts');
  const texts = ['\u{feff}b', '\u{feff}a'];
  const batch = buildBatch(
    rowTypeOf([type]),
    texts.map(text => [text]),
  );
  expect(columnExtremes(columnOf(batch, 'c0'), type)).toMatchObject({ min: '\u{feff}a', max: '\u{feff}b' });
});

test('texts whose smallest or largest is not UTF-8 have no extremes', () => {
  const type = { kind: 'varchar', length: 10, nullable: true } as const;
  const extremesOf = (...texts: readonly (readonly number[])[]): unknown => {
    let end = 0;
    const valueOffsets = Int32Array.from([0, ...texts.map(text => (end += text.length))]);
    return columnExtremes(
      makeColumn(type, texts.length, { values: Uint8Array.from(texts.flat()), valueOffsets }),
      type,
    );
  };
  const none = { nullCount: 0, min: null, max: null, ranged: false };
  expect(extremesOf([0x61], [0xff])).toEqual(none);
  expect(extremesOf([0x80], [0xc3, 0xa4])).toEqual(none);
  expect(extremesOf([0x61], [0xc3, 0xa4])).toEqual({ nullCount: 0, min: 'a', max: 'ä', ranged: true });
});
