import { expect, test } from 'vitest';
import type { DataType } from '../types/data-type.ts';
import { newTableSchema, type TableDefinition } from './table-definition.ts';

const int: DataType = { kind: 'int', nullable: true };
const settings = { id: 0, timeMillis: 5, extra: {} };
const base: TableDefinition = {
  columns: [
    { name: 'k', type: int },
    { name: 'p', type: int },
    { name: 'v', type: int, comment: 'value' },
  ],
  primaryKeys: ['p', 'k'],
  partitionKeys: ['p'],
  options: { bucket: '2' },
};

test('ids go up from 0 in pre-order and key columns become NOT NULL', () => {
  const row: DataType = {
    kind: 'row',
    nullable: true,
    fields: [{ id: 0, name: 'x', type: int, description: undefined, defaultValue: undefined }],
  };
  const schema = newTableSchema({ ...base, columns: [{ name: 'r', type: row }, ...base.columns] }, settings);
  expect(schema.fields.map(field => field.id)).toEqual([0, 2, 3, 4]);
  expect(schema.fields[0]?.type).toMatchObject({ fields: [{ id: 1 }] });
  expect(schema.highestFieldId).toBe(4);
  expect(schema.fields.map(field => field.type.nullable)).toEqual([true, false, false, true]);
  expect(schema.options).toEqual({ bucket: '2', 'file.format': 'parquet' });
});

test('keys may come as options, but not twice', () => {
  const { options } = base;
  const schema = newTableSchema(
    { ...base, primaryKeys: [], partitionKeys: [], options: { ...options, 'primary-key': 'p, k', partition: 'p' } },
    settings,
  );
  expect(schema.primaryKeys).toEqual(['p', 'k']);
  expect(schema.partitionKeys).toEqual(['p']);
  expect(() => newTableSchema({ ...base, options: { ...options, partition: 'p' } }, settings)).toThrow(/both/);
});

test('a schema that breaks a rule is refused with the rule', () => {
  const cases: readonly [Partial<TableDefinition>, RegExp][] = [
    [{ columns: [] }, /at least one column/],
    [{ columns: [...base.columns, { name: 'k', type: int }] }, /twice/],
    [{ columns: [...base.columns, { name: '_KEY_k', type: int }] }, /reserved/],
    [{ primaryKeys: ['z'] }, /not a column/],
    [{ primaryKeys: ['p'] }, /not a partition key/],
    [{ primaryKeys: ['k', 'k'] }, /twice/],
    [{ options: { bucket: '0' } }, /bucket/],
    [{ options: { bucket: 'x' } }, /bucket/],
    [{ options: { bucket: '2', 'bucket-key': 'v' } }, /not in the primary key/],
    [{ primaryKeys: [], options: { bucket: '2' } }, /bucket-key/],
  ];
  for (const [change, message] of cases)
    expect(() => newTableSchema({ ...base, ...change }, settings)).toThrow(message);
});
