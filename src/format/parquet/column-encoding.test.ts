import { expect, test } from 'vitest';
import { buildBatch } from '../../types/column-builder.ts';
import type { Scalar } from '../../types/scalar.ts';
import { parseType } from '../type-text.ts';
import { type ColumnEncoding, chooseEncoding, type EncodingLimits } from './column-encoding.ts';
import { leafOf } from './encode/leaf-values.ts';

const rowCount = 20_000;

/** A repeatable number that looks like chance. */
function hash(i: number): number {
  return Math.imul(i ^ (i >>> 15), 0x2c1b3c6d) >>> 0;
}

function choiceFor(type: string, value: (i: number) => Scalar, limits: EncodingLimits = {}): ColumnEncoding {
  const field = { id: 0, name: 'c', type: parseType(type), description: undefined, defaultValue: undefined };
  const batch = buildBatch(
    { fields: [field] },
    Array.from({ length: rowCount }, (_, i) => [value(i)]),
  );
  const [column] = batch.columns;
  if (column === undefined) throw new Error('a column');
  return chooseEncoding(leafOf([column], field.type).values, limits);
}

test.each<[string, string, (i: number) => Scalar, string]>([
  ['ascending keys', 'BIGINT', i => BigInt(i), 'delta'],
  ['times near each other', 'TIMESTAMP(3)', i => BigInt(i * 1000 + (hash(i) % 500)) * 1_000_000n, 'delta'],
  ['one kind', 'TINYINT', () => 0, 'dictionary'],
  ['a thousand names', 'STRING', i => `category ${hash(i) % 1000}`, 'dictionary'],
  ['a few decimals', 'DECIMAL(38, 2)', i => BigInt(hash(i) % 20), 'dictionary'],
  ['a few doubles', 'DOUBLE', i => (hash(i) % 20) / 3, 'dictionary'],
  ['names that never come twice', 'STRING', i => `user ${hash(i)} ${i}`, 'plain'],
  [
    'numbers of the full range',
    'BIGINT',
    i => BigInt.asIntN(64, BigInt(hash(i)) * 4_294_967_296n + BigInt(hash(~i))),
    'plain',
  ],
  ['numbers of the full range', 'INT', i => hash(i) | 0, 'plain'],
  ['doubles', 'DOUBLE', i => hash(i) / 7, 'plain'],
  ['booleans', 'BOOLEAN', i => i % 2 === 0, 'plain'],
  ['far timestamps', 'TIMESTAMP(9)', i => BigInt(i), 'plain'],
  ['only nulls', 'INT', () => null, 'plain'],
  ['ascending keys between nulls', 'BIGINT', i => (i % 3 === 0 ? null : BigInt(i)), 'delta'],
])('%s of type %s', (_, type, value, expected) => {
  expect(choiceFor(type, value)).toBe(expected);
});

test('without deltas, which Paimon 0.9 does not read, ascending keys are plain', () => {
  expect(choiceFor('BIGINT', i => BigInt(i), { withoutDeltas: true })).toBe('plain');
});
