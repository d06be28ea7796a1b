import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeSchema } from '../format/table-schema.ts';
import { parseType } from '../format/type-text.ts';
import type { DataType } from '../types/data-type.ts';
import { newTableSchema } from './table-definition.ts';

const settings = { id: 0, timeMillis: 0, extra: {} };

function define(type: DataType): ReturnType<typeof newTableSchema> {
  return newTableSchema({ columns: [{ name: 'c', type }], primaryKeys: [], partitionKeys: [], options: {} }, settings);
}

test.each(['ap_unaware', 'pk_nested', 'evo_nested'])('nested fields get the ids that Paimon gave them: %s', name => {
  const path = new URL(`../../test/golden/tables/warehouse/db.db/${name}/schema/schema-0`, import.meta.url);
  const golden = decodeSchema(readFileSync(path), name);
  // As a user says them: without ids.
  const unnumbered = JSON.parse(JSON.stringify(golden.fields), (key, value: unknown) => (key === 'id' ? -1 : value));
  const { primaryKeys, partitionKeys, options } = golden;
  const made = newTableSchema({ columns: unnumbered, primaryKeys, partitionKeys, options }, settings);
  expect(JSON.parse(JSON.stringify(made.fields))).toEqual(JSON.parse(JSON.stringify(golden.fields)));
  expect(made.highestFieldId).toBe(golden.highestFieldId);
});

test('types that no file could hold are refused where the table is made', () => {
  expect(() => define(parseType({ type: 'ROW', fields: [] }))).toThrow('column `c`: a ROW has at least one field');
  const twice = [0, 1].map(id => ({ id, name: 'x', type: 'INT' }));
  const inArray = { type: 'ARRAY', element: { type: 'ROW', fields: twice } };
  expect(() => define(parseType(inArray))).toThrow('column `c`.element: field `x` is there twice');
  const unnamed = parseType({ type: 'ROW', fields: [{ id: 0, name: ' ', type: 'INT' }] });
  expect(() => define(unnamed)).toThrow('a field has no name');
});

test('a type may nest 32 deep and no deeper', () => {
  const nested = (depth: number): DataType => {
    let type: DataType = { kind: 'int', nullable: true };
    for (let i = 0; i < depth; i += 1) type = { kind: 'array', element: type, nullable: true };
    return type;
  };
  expect(define(nested(32)).fields).toHaveLength(1);
  expect(() => define(nested(33))).toThrow('types nest at most 32 deep');
  expect(() => define(nested(3_000))).toThrow('types nest at most 32 deep');
});
