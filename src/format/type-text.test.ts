import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleTypes } from '../../test/arbitrary-rows.ts';
import type { JsonValue } from '../base/json.ts';
import { parseField, parseType, printType, typeToJson } from './type-text.ts';

/** What may be written, and how it is written by us and by Paimon. */
const texts: readonly [string, string][] = [
  ['STRING', 'STRING'],
  ['VARCHAR(2147483647)', 'STRING'],
  ['varchar(20) not null', 'VARCHAR(20) NOT NULL'],
  ['VARCHAR', 'VARCHAR(1)'],
  ['CHAR', 'CHAR(1)'],
  ['char ( 10 )', 'CHAR(10)'],
  ['BOOLEAN', 'BOOLEAN'],
  ['BYTES', 'BYTES'],
  ['VARBINARY(2147483647)', 'BYTES'],
  ['BINARY(3)', 'BINARY(3)'],
  ['VARBINARY(5)', 'VARBINARY(5)'],
  ['DECIMAL', 'DECIMAL(10, 0)'],
  ['DECIMAL(5)', 'DECIMAL(5, 0)'],
  ['NUMERIC(38,38)', 'DECIMAL(38, 38)'],
  ['DEC(10,2)', 'DECIMAL(10, 2)'],
  ['TINYINT', 'TINYINT'],
  ['SMALLINT', 'SMALLINT'],
  ['INTEGER', 'INT'],
  ['BIGINT NOT NULL', 'BIGINT NOT NULL'],
  ['FLOAT', 'FLOAT'],
  ['DOUBLE PRECISION', 'DOUBLE'],
  ['DOUBLE PRECISION NOT NULL', 'DOUBLE NOT NULL'],
  ['DATE NULL', 'DATE'],
  ['TIME', 'TIME(0)'],
  ['TIME(3) WITHOUT TIME ZONE', 'TIME(3)'],
  ['TIMESTAMP', 'TIMESTAMP(6)'],
  ['TIMESTAMP(3) WITHOUT TIME ZONE NOT NULL', 'TIMESTAMP(3) NOT NULL'],
  ['TIMESTAMP WITH LOCAL TIME ZONE', 'TIMESTAMP(6) WITH LOCAL TIME ZONE'],
  ['timestamp_ltz(9) NOT NULL', 'TIMESTAMP(9) WITH LOCAL TIME ZONE NOT NULL'],
  ['VARIANT', 'VARIANT'],
  ['BLOB', 'BLOB'],
];

for (const [text, canonical] of texts) {
  test(`${text} is ${canonical}`, () => {
    const type = parseType(text);
    expect(typeToJson(type)).toBe(canonical);
    expect(printType(type)).toBe(canonical);
    expect(parseType(canonical)).toEqual(type);
  });
}

test('every atomic type comes back from its text', () => {
  fc.assert(
    fc.property(fc.constantFrom(...sampleTypes), fc.boolean(), (type, nullable) => {
      expect(parseType(typeToJson({ ...type, nullable }))).toEqual({ ...type, nullable });
    }),
  );
});

test('nested types are objects in schemas and SQL for people', () => {
  const json: JsonValue = {
    type: 'ROW NOT NULL',
    fields: [
      { id: 3, name: 'tags', type: { type: 'ARRAY NOT NULL', element: 'STRING' } },
      { id: 4, name: 'm', type: { type: 'MAP', key: 'INT NOT NULL', value: { type: 'MULTISET', element: 'DATE' } } },
      {
        id: 5,
        name: 'v',
        type: { type: 'VECTOR', element: 'FLOAT', length: 128 },
        description: 'x',
        defaultValue: '1',
      },
    ],
  };
  const type = parseType(json);
  expect(JSON.parse(JSON.stringify(typeToJson(type)))).toEqual(json);
  expect(printType(type)).toBe(
    'ROW<tags ARRAY<STRING> NOT NULL, m MAP<INT NOT NULL, MULTISET<DATE>>, v VECTOR<FLOAT, 128>> NOT NULL',
  );
});

const refused: readonly [JsonValue, string][] = [
  ['', 'not known'],
  ['INT(3)', 'takes no parameter'],
  ['VARCHAR(0)', '1 to 2147483647'],
  ['VARCHAR(2147483648)', '1 to 2147483647'],
  ['VARCHAR()', 'not well formed'],
  ['VARCHAR(1,2)', 'one parameter'],
  ['VARCHAR 5', 'not known'],
  ['(5)', 'not well formed'],
  ['DECIMAL(0)', '1 to 38'],
  ['DECIMAL(39, 2)', '1 to 38'],
  ['DECIMAL(2, 3)', 'at most its precision'],
  ['DECIMAL(2, 1, 0)', 'a precision and a scale'],
  ['DECIMAL(2 1)', 'not well formed'],
  ['TIMESTAMP(10)', '0 to 9'],
  ['INT NOT', 'not known'],
  ['INT; DROP', 'not known'],
  ['ARRAY<INT>', 'not known'],
  [5, 'a string or an object'],
  [null, 'a string or an object'],
  [{ type: 'ARRAY' }, 'element is missing'],
  [{ type: 'ARRAY NOT', element: 'INT' }, 'NOT NULL or nothing'],
  [{ type: 'ROW' }, 'fields are missing'],
  [{ type: 'VECTOR', element: 'FLOAT', length: 0 }, '1 or more'],
  [{ element: 'INT' }, 'not known'],
  [{ type: 'ROW', fields: [{ id: 1, name: 'a' }] }, 'needs a type'],
];

test('what is no type is refused with its text and the reason', () => {
  for (const [json, why] of refused) {
    expect(() => parseType(json)).toThrow(expect.objectContaining({ code: 'LAKE_BAD_TYPE', kind: 'invalid' }));
    expect(() => parseType(json)).toThrow(why);
  }
});

test('types that nest without end are refused, not followed', () => {
  let json: JsonValue = 'INT';
  for (let depth = 0; depth < 10_000; depth += 1) json = { type: 'ARRAY', element: json };
  expect(() => parseType(json)).toThrow('nest deeper than 64');
});

test('a field needs an id, a name and a type', () => {
  expect(() => parseField({ name: 'a', type: 'INT' })).toThrow('numeric id');
  expect(() => parseField({ id: -1, name: 'a', type: 'INT' })).toThrow('numeric id');
  expect(() => parseField({ id: 1, name: '', type: 'INT' })).toThrow('a name');
  expect(() => parseField('a INT')).toThrow('an object');
});
