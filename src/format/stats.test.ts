import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryRows, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { buildBatch } from '../types/column-builder.ts';
import { compareScalars } from '../types/compare.ts';
import type { AtomicType, DataField } from '../types/data-type.ts';
import { sliceBatch } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { emptyRow, serializeRow } from './binary-row.ts';
import { arityOf } from './binary-row-reader.ts';
import { hasExtremes } from './column-extremes.ts';
import {
  collectStats,
  type DecodedStats,
  decodeStats,
  emptyStats,
  StatsCollector,
  type StatsMode,
  statsOfRows,
  truncateMax,
  truncateMin,
} from './stats.ts';
import { parseType } from './type-text.ts';

const text: AtomicType = { kind: 'varchar', length: 100, nullable: true };
const double: AtomicType = { kind: 'double', nullable: true };
const truncate: StatsMode = { kind: 'truncate', length: 16 };
const full: StatsMode = { kind: 'full' };

function statsOf(type: AtomicType, values: readonly Scalar[], mode: StatsMode): DecodedStats {
  const rows = values.map(value => [value]);
  return decodeStats(
    collectStats(buildBatch(rowTypeOf([type]), rows), () => mode),
    [type],
  );
}

test('strings are cut to their first characters, the largest upwards', () => {
  const values = ['abcdefghijklmnopqrstuvwxyz', 'abcdefghijklmnopzz', null];
  expect(statsOf(text, values, truncate)).toEqual({
    min: ['abcdefghijklmnop'],
    max: ['abcdefghijklmnoq'],
    nullCounts: [1n],
  });
  expect(statsOf(text, values, full).max).toEqual(['abcdefghijklmnopzz']);
});

test('ranges of texts that begin alike, and of integers alike in a half, are those that comparing them all gives', () => {
  const bigint: AtomicType = { kind: 'bigint', nullable: true };
  const texts = fc.array(fc.option(fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é', '😀'), maxLength: 7 })), {
    minLength: 1,
    maxLength: 20,
  });
  const half = fc.constantFrom(-(2n ** 31n), -1n, 0n, 1n, 2n ** 31n - 1n);
  const integers = fc.array(
    fc.option(fc.tuple(half, half).map(([high, low]) => BigInt.asIntN(64, (high << 32n) + low))),
    {
      minLength: 1,
      maxLength: 20,
    },
  );
  const check = (type: AtomicType, values: readonly Scalar[]): void => {
    const inOrder = values.filter(value => value !== null).toSorted((a, b) => compareScalars(type, a, b));
    const { min, max } = statsOf(type, values, full);
    expect([min, max]).toEqual([[inOrder[0] ?? null], [inOrder.at(-1) ?? null]]);
  };
  fc.assert(fc.property(texts, values => check(text, values)));
  fc.assert(fc.property(integers, values => check(bigint, values)));
});

test('cutting counts characters beyond the first plane as one and never ends in half of one', () => {
  expect(truncateMin('😀😀😀', 2)).toBe('😀😀');
  expect(truncateMax('😀😀😀', 2)).toBe('😀😁');
  expect(truncateMax('😀😀', 2)).toBe('😀😀');
  expect(truncateMax('a\u{10ffff}b', 2)).toBe('b');
  expect(truncateMax('a\ud7ffb', 2)).toBe('a\ue000');
  expect(truncateMax('\u{10ffff}\u{10ffff}\u{10ffff}', 2)).toBeUndefined();
});

test('where the largest cannot be counted up there is no range', () => {
  const values = ['a', '\u{10ffff}'.repeat(20)];
  expect(statsOf(text, values, truncate)).toEqual({ min: [null], max: [null], nullCounts: [0n] });
});

test('the mode says what is kept', () => {
  const values = [3, null, -3];
  const int: AtomicType = { kind: 'int', nullable: true };
  expect(statsOf(int, values, full)).toEqual({ min: [-3], max: [3], nullCounts: [1n] });
  expect(statsOf(int, values, { kind: 'counts' })).toEqual({ min: [null], max: [null], nullCounts: [1n] });
  expect(statsOf(int, values, { kind: 'none' })).toEqual({ min: [null], max: [null], nullCounts: [undefined] });
});

test('each column has its own mode and its place', () => {
  const batch = buildBatch(rowTypeOf([text, text]), [['a', 'b']]);
  const stats = collectStats(batch, column => (column === 'c0' ? { kind: 'none' } : full));
  expect(arityOf(stats.minValues)).toBe(2);
  expect(decodeStats(stats, [text, text])).toEqual({ min: [null, 'b'], max: [null, 'b'], nullCounts: [undefined, 0n] });
});

test('a NaN leaves a column without range, also when it comes in another batch', () => {
  expect(statsOf(double, [1, Number.NaN, 2], full)).toEqual({ min: [null], max: [null], nullCounts: [0n] });
  const collector = new StatsCollector(rowTypeOf([double]), () => full);
  for (const value of [Number.NaN, 1]) collector.append(buildBatch(rowTypeOf([double]), [[value]]));
  expect(decodeStats(collector.finish(), [double]).max).toEqual([null]);
});

test('a range that ends at zero takes in both zeros', () => {
  expect(statsOf(double, [0, 5], full).min[0]).toBe(-0);
  expect(statsOf(double, [-0, -5], full).max[0]).toBe(0);
  const float: AtomicType = { kind: 'float', nullable: true };
  expect(statsOf(float, [-0, 0], full)).toEqual({ min: [-0], max: [0], nullCounts: [0n] });
});

test('binaries and timestamps of more than 6 digits have a null count only', () => {
  for (const type of [parseType('BYTES'), parseType('BINARY(2)'), parseType('TIMESTAMP(9)')] as AtomicType[]) {
    const value = type.kind === 'timestamp' ? 5n : Uint8Array.of(1);
    expect(statsOf(type, [value, null], full)).toEqual({ min: [null], max: [null], nullCounts: [1n] });
  }
});

test('strings are ordered by their UTF-8 bytes', () => {
  expect(statsOf(text, ['\ue000', '😀', '￿'], full)).toMatchObject({ min: ['\ue000'], max: ['😀'] });
});

test('over all batches the range is that of all values', () => {
  fc.assert(
    fc.property(arbitraryRows(sampleTypes), fc.nat(), (rows, cut) => {
      const types = sampleTypes;
      const batch = buildBatch(rowTypeOf(types), rows);
      const middle = batch.rowCount === 0 ? 0 : cut % (batch.rowCount + 1);
      const collector = new StatsCollector(batch.rowType, () => full);
      collector.append(sliceBatch(batch, 0, middle));
      collector.append(sliceBatch(batch, middle, batch.rowCount));
      const found = decodeStats(collector.finish(), types);
      for (const [index, type] of types.entries()) {
        const values = rows.map(row => row[index] ?? null).filter(value => value !== null);
        expect(found.nullCounts[index]).toBe(BigInt(rows.length - values.length));
        expect([found.min[index], found.max[index]]).toEqual(rangeOf(values, type));
      }
    }),
  );
});

function rangeOf(values: readonly Scalar[], type: AtomicType): readonly Scalar[] {
  if (values.length === 0 || !hasExtremes(type) || values.some(Number.isNaN)) return [null, null];
  const sorted = values.toSorted((a, b) => compareScalars(type, a, b));
  const min = sorted[0] ?? null;
  const max = sorted.at(-1) ?? null;
  return [min === 0 && isFloat(type) ? -0 : min, max === 0 && isFloat(type) ? 0 : max];
}

function isFloat(type: AtomicType): boolean {
  return type.kind === 'float' || type.kind === 'double';
}

test('rows of partitions are counted and compared whole', () => {
  const rows = [
    ['2024-01-01 and much more than sixteen', 5],
    [null, 7],
    ['2023', null],
  ];
  expect(decodeStats(statsOfRows([text, parseType('INT')], rows), [text, parseType('INT')])).toEqual({
    min: ['2023', 5],
    max: ['2024-01-01 and much more than sixteen', 7],
    nullCounts: [1n, 1n],
  });
  expect(statsOfRows([], [[], []])).toEqual(emptyStats);
});

test('empty statistics say nothing of any column', () => {
  expect(emptyStats).toEqual({ minValues: emptyRow, maxValues: emptyRow, nullCounts: [] });
  expect(decodeStats(emptyStats, [text, double])).toEqual({
    min: [null, null],
    max: [null, null],
    nullCounts: [undefined, undefined],
  });
});

test('the NaN that Paimon keeps as the largest is no range to prune by', () => {
  const stats = {
    minValues: serializeRow([double], [-1]),
    maxValues: serializeRow([double], [Number.NaN]),
    nullCounts: [0n],
  };
  expect(decodeStats(stats, [double])).toEqual({ min: [null], max: [null], nullCounts: [0n] });
});

test('nested columns have their place and no statistics', () => {
  const nested = parseType({ type: 'ARRAY', element: 'INT' });
  const stats = {
    minValues: serializeRow([nested, double], [null, 1]),
    maxValues: serializeRow([nested, double], [null, 2]),
    nullCounts: [undefined, 0n],
  };
  expect(decodeStats(stats, [nested, double])).toEqual({ min: [null, 1], max: [null, 2], nullCounts: [undefined, 0n] });
});

test('all types can be collected at once', () => {
  const fields: readonly DataField[] = rowTypeOf(sampleTypes).fields;
  const batch = buildBatch({ fields }, [sampleTypes.map(() => null)]);
  expect(arityOf(collectStats(batch, () => truncate).maxValues)).toBe(sampleTypes.length);
});
