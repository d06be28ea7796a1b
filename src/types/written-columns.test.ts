import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nestedTypes, rowTypeOf, sampleTypes } from '../../test/arbitrary-rows.ts';
import { canonicalValue } from './canonical-json.ts';
import { canonicalValueParser } from './canonical-parse.ts';
import type { DataField, DataType } from './data-type.ts';
import type { Column } from './row-batch.ts';
import { parsedColumn, writtenColumns } from './written-columns.ts';
import { type WrittenValues, writtenForm } from './written-values.ts';

/** Values as a cutter of lines would find them, each JSON or nearly. */
function writtenAs(tokens: readonly (string | null)[]): WrittenValues {
  const bytes = Buffer.from(tokens.map(token => token ?? 'null').join(','));
  const starts = new Int32Array(tokens.length);
  const ends = new Int32Array(tokens.length);
  let at = 0;
  const forms = Uint8Array.from(tokens, (token, row) => {
    const form = formOf(token);
    const quotes = form === writtenForm.text || form === writtenForm.escapedText ? 1 : 0;
    const length = Buffer.byteLength(token ?? 'null');
    starts[row] = at + quotes;
    ends[row] = form === writtenForm.none ? at : at + length - quotes;
    at += length + 1;
    return form;
  });
  return { bytes, rowCount: tokens.length, starts, ends, forms };
}

function formOf(token: string | null): number {
  if (token === null) return writtenForm.none;
  if (token.startsWith('"')) return token.includes('\\') ? writtenForm.escapedText : writtenForm.text;
  if (token === 'true') return writtenForm.yes;
  if (token === 'false') return writtenForm.no;
  return /^[[{]/.test(token) ? writtenForm.nested : writtenForm.number;
}

function outcome(field: DataField, make: () => Column): unknown {
  try {
    const column = make();
    const print = canonicalValue(column, field.type);
    return { nulls: column.nullCount, values: Array.from({ length: column.length }, (_, row) => print(row)) };
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.message : 'not JSON';
  }
}

const digits = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength });
const sign = fc.constantFrom('', '', '-', '+');
const integers = fc.oneof(
  fc.tuple(sign, digits(21)).map(parts => parts.join('')),
  fc.bigInt({ min: -(2n ** 63n) - 2n, max: 2n ** 63n + 2n }).map(String),
  fc.constantFrom('9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'),
  fc.integer({ min: -40_000, max: 40_000 }).map(String),
);
const decimals = fc
  .tuple(sign, digits(12), fc.constantFrom('.', '.', '', '..'), digits(9))
  .map(parts => parts.join(''));
const doubles = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('-0', '-0.0', '1e3', '1E-400', '1e400', '.5', '5.', '00', '01.5', '-', '1-2', '0.1e', '1e', '1.e5'),
);
const numbers = fc.oneof(integers, decimals, doubles);
const times = fc
  .tuple(
    fc.constantFrom('2024-02-29', '2023-02-29', '1969-12-31', '0001-01-01', '9999-12-31', '+12024-01-01', '2024-1-01'),
    fc.constantFrom('T', ' ', 't', ''),
    fc.constantFrom('23:59:59', '24:00:00', '12:30', '00:00:00', '1:00:00', ''),
    fc.constantFrom('', '.5', '.123', '.123456', '.123456789', '.', '.12x'),
    fc.constantFrom('', '', 'Z', 'ZZ'),
  )
  .map(parts => `"${parts.join('')}"`);
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }).map(text => JSON.stringify(text)),
  fc
    .string({
      unit: fc.constantFrom('\\u00e9', '\\ud83d', '\\ude00', '\\n', '\\x', '\\u12', 'é', '😀', 'a'),
      maxLength: 6,
    })
    .map(text => `"${text}"`),
  fc.constantFrom('""', '"NaN"', '"-Infinity"', '"ff00"', '"0f0"', '"12:00:00.000"'),
);
const tokens = fc.oneof(
  numbers,
  numbers.map(number => `"${number}"`),
  times,
  texts,
  fc.constantFrom('true', 'false', '[1]', '[]', '{"x":1}', '[[', '[["a",1]]'),
  fc.constant(null),
);

const types: readonly DataType[] = [
  ...sampleTypes,
  { kind: 'decimal', precision: 4, scale: 4, nullable: true },
  { kind: 'decimal', precision: 15, scale: 3, nullable: true },
  ...nestedTypes,
];

test('columns of written values are those that the parser makes, and so is what is refused', () => {
  fc.assert(
    fc.property(fc.constantFrom(...rowTypeOf(types).fields), fc.array(tokens, { maxLength: 3 }), (field, values) => {
      const written = writtenAs(values);
      const parse = canonicalValueParser(field);
      expect(outcome(field, () => writtenColumns(field)(written))).toEqual(
        outcome(field, () => parsedColumn(field, written, parse)),
      );
    }),
    { numRuns: 6_000 },
  );
});

/** Tokens of which most are values of the type. */
const usual: readonly (readonly [DataType, fc.Arbitrary<string>])[] = [
  [{ kind: 'bigint', nullable: true }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(n => `"${n}"`)],
  [{ kind: 'bigint', nullable: true }, fc.maxSafeInteger().map(String)],
  [{ kind: 'int', nullable: true }, fc.integer().map(String)],
  [{ kind: 'double', nullable: true }, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)],
  [{ kind: 'double', nullable: true }, fc.tuple(fc.integer(), digits(9)).map(([whole, rest]) => `${whole}.${rest}`)],
  [{ kind: 'float', nullable: true }, fc.float({ noNaN: true, noDefaultInfinity: true }).map(String)],
  [
    { kind: 'decimal', precision: 18, scale: 6, nullable: true },
    fc.tuple(fc.integer(), digits(3)).map(p => `"${p.join('.')}"`),
  ],
  [
    { kind: 'varchar', length: 100, nullable: true },
    fc.string({ unit: 'grapheme', maxLength: 60 }).map(t => JSON.stringify(t)),
  ],
  [
    { kind: 'timestamp', precision: 3, nullable: true },
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }).map(d => `"${d.toISOString()}"`),
  ],
  [
    { kind: 'timestamp', precision: 6, nullable: true },
    fc
      .date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2200-01-01') })
      .map(d => `"${d.toISOString().slice(0, -1)}012"`),
  ],
  [
    { kind: 'date', nullable: true },
    fc
      .date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') })
      .map(d => `"${d.toISOString().slice(0, 10)}"`),
  ],
  [{ kind: 'boolean', nullable: true }, fc.boolean().map(String)],
];

test.each(usual)('usual values of %j are what the parser makes of them, nulls among them', (type, values) => {
  const [field] = rowTypeOf([type]).fields;
  if (field === undefined) throw new Error('a field');
  fc.assert(
    fc.property(fc.array(fc.option(values, { freq: 5 }), { maxLength: 40 }), column => {
      const written = writtenAs(column);
      const found = outcome(field, () => writtenColumns(field)(written));
      expect(found).toEqual(outcome(field, () => parsedColumn(field, written, canonicalValueParser(field))));
      expect(found).toHaveProperty('values');
    }),
  );
});
