import { expect, test } from 'vitest';
import { parseType } from '../type-text.ts';
import { columnRange } from './column-range.ts';
import type { ColumnChunk, SchemaElement } from './footer.ts';

const leaf: SchemaElement = {
  name: 'ts',
  physical: 'int64',
  typeLength: undefined,
  repetition: 'optional',
  childCount: 0,
  fieldId: undefined,
  annotation: { kind: 'timestamp', unit: 'micros', isUtc: false },
};

function chunkOf(min: bigint, max: bigint): ColumnChunk {
  const [minBytes, maxBytes] = [min, max].map(value => new Uint8Array(BigInt64Array.of(value).buffer));
  return {
    physical: 'int64',
    encodings: [0],
    path: ['ts'],
    codec: 'none',
    valueCount: 3,
    uncompressedBytes: 30,
    compressedBytes: 30,
    dataPageOffset: 4,
    dictionaryPageOffset: undefined,
    statistics: { min: minBytes, max: maxBytes, nullCount: 0 },
  };
}

test.each([
  ['TIMESTAMP(3)', -2_000_000n, 1_000_000n],
  ['TIMESTAMP(6)', -1_001_000n, 1_999_000n],
  ['TIMESTAMP(9)', -1_001_000n, 1_999_000n],
])('bounds of microseconds read as %s are those of the values as they are read', (type, min, max) => {
  expect(columnRange(chunkOf(-1_001n, 1_999n), leaf, parseType(type))).toEqual({ min, max, nullCount: 0 });
});
