import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { castability, castColumn, castScalar } from './cast.ts';
import { ColumnBuilder } from './column-builder.ts';
import { columnReader } from './column-reader.ts';
import { type AtomicType, lengthMax } from './data-type.ts';
import type { Scalar } from './scalar.ts';
import { fitTimestamp } from './scalar-range.ts';

/** Written by test/golden/vectors/CastVectors.java with Paimon 1.4.2: for each pair of types what its casts give. */
type CastCase = {
  readonly from: string;
  readonly to: string;
  readonly cast: string;
  /** Value and outcome as texts; `!` where Paimon throws. */
  readonly values: readonly (readonly [string, string])[];
};

const cases: readonly CastCase[] = readFileSync(
  new URL('../../test/golden/vectors/casts.jsonl', import.meta.url),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map(line => JSON.parse(line));

function typeOf(text: string): AtomicType {
  const [name = '', numbers = ''] = text.replace(' WITH LOCAL TIME ZONE', '-LTZ').split(/[()]/);
  const [first = 0, second = 0] = numbers.split(',').map(Number);
  const nullable = true;
  const kind = `${name}${text.includes('LOCAL') ? '-LTZ' : ''}`.toLowerCase();
  switch (kind) {
    case 'string':
      return { kind: 'varchar', length: lengthMax, nullable };
    case 'bytes':
      return { kind: 'varbinary', length: lengthMax, nullable };
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      return { kind, length: first, nullable };
    case 'decimal':
      return { kind, precision: first, scale: second, nullable };
    case 'time':
    case 'timestamp':
    case 'timestamp-ltz':
      return { kind, precision: first, nullable };
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
    case 'date':
      return { kind, nullable };
    default:
      throw new Error(kind);
  }
}

function parse(text: string, type: AtomicType): Scalar {
  if (text === 'null') return null;
  switch (type.kind) {
    case 'boolean':
      return text === 'true';
    case 'float':
    case 'double':
      return Buffer.from(text.padStart(16, '0'), 'hex').readDoubleBE();
    case 'bigint':
    case 'decimal':
      return BigInt(text);
    case 'char':
    case 'varchar':
      return Buffer.from(text, 'hex').toString();
    case 'binary':
    case 'varbinary':
      return new Uint8Array(Buffer.from(text, 'hex'));
    case 'timestamp':
    case 'timestamp-ltz': {
      const [millis = '', nanos = ''] = text.split(':');
      return BigInt(millis) * 1_000_000n + BigInt(nanos);
    }
    default:
      return Number(text);
  }
}

/** A value as a column of the type holds it; `!` for a point of time that int64 microseconds do not reach. */
function stored(value: Scalar, type: AtomicType): Scalar | '!' {
  if ('precision' in type && typeof value === 'bigint' && type.kind !== 'decimal') {
    if (fitTimestamp(value, type.precision) === undefined) return '!';
  }
  const builder = new ColumnBuilder(type);
  builder.append(value);
  return columnReader(builder.finish(), type)(0);
}

/** JDK 17 prints a digit too many here; JDK 19 and we give the shortest. */
const jdkDigits = new Set(['FLOAT 41e0000000000000', 'DOUBLE 43b12210f47de981']);

function show(value: Scalar | '!'): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return Object.is(value, -0) ? '-0' : String(value);
}

function outcome(value: Scalar, from: AtomicType, to: AtomicType): Scalar | '!' {
  try {
    return stored(castScalar(value, from, to), to);
  } catch {
    return '!';
  }
}

test('casts give what Paimon gives, for each pair of types', () => {
  const wrong: string[] = [];
  for (const { from: fromText, to: toText, values } of cases) {
    const from = typeOf(fromText);
    const to = typeOf(toText);
    for (const [input, output] of values) {
      const value = parse(input, from);
      const expected = output === '!' ? '!' : stored(parse(output, to), to);
      const actual = outcome(value, from, to);
      if (show(actual) !== show(expected) && !jdkDigits.has(`${fromText} ${input}`)) {
        wrong.push(
          `${fromText} -> ${toText}: ${show(value)} (${input}) expected ${show(expected)} got ${show(actual)}`,
        );
      }
    }
  }
  expect(wrong).toEqual([]);
});

test('which casts are allowed is what Paimon allows', () => {
  const wrong: string[] = [];
  for (const { from, to, cast } of cases) {
    const actual = castability(typeOf(from), typeOf(to));
    if (actual !== cast) wrong.push(`${from} -> ${to}: expected ${cast} got ${actual}`);
  }
  expect(wrong).toEqual([]);
});

test('a column casts as its values do, one by one', () => {
  for (const { from: fromText, to: toText, values } of cases) {
    const from = typeOf(fromText);
    const to = typeOf(toText);
    const good = values.map(([input]) => parse(input, from)).filter(value => outcome(value, from, to) !== '!');
    if (good.length === 0) continue;
    const builder = new ColumnBuilder(from);
    for (const value of [null, ...good, null]) builder.append(value);
    const column = castColumn(builder.finish().slice(0, good.length + 2), from, to);
    const read = columnReader(column, to);
    expect([...good.keys()].map(row => read(row + 1))).toEqual(
      good.map(value => stored(castScalar(value, from, to), to)),
    );
    expect(read(0)).toBeNull();
  }
});
