import { expect, test } from 'vitest';
import type { TableSchema } from '../format/table-schema.ts';
import type { DataType } from '../types/data-type.ts';
import { applySchemaChanges, type SchemaChange } from './schema-change.ts';
import { newTableSchema } from './table-definition.ts';

const int: DataType = { kind: 'int', nullable: true };
const bigint: DataType = { kind: 'bigint', nullable: true };
const string: DataType = { kind: 'varchar', length: 2_147_483_647, nullable: true };

const base: TableSchema = newTableSchema(
  {
    columns: [
      { name: 'p', type: int },
      { name: 'k', type: int },
      { name: 'a', type: int },
      { name: 'b', type: string },
    ],
    primaryKeys: ['p', 'k'],
    partitionKeys: ['p'],
    options: { bucket: '2', 'bucket-key': 'k' },
  },
  { id: 4, timeMillis: 1, extra: { 'tidelake.table': 'x' } },
);

function change(...changes: readonly SchemaChange[]): TableSchema {
  return applySchemaChanges(base, changes, { timeMillis: 9 });
}

function shape(schema: TableSchema): readonly string[] {
  return schema.fields.map(({ id, name, type }) => `${id} ${name} ${type.kind}${type.nullable ? '' : '!'}`);
}

test('the next schema has the next number, its own time, and keeps what it does not know', () => {
  const next = change({ kind: 'set-table-comment', comment: 'c' });
  expect(next).toMatchObject({ id: 5, timeMillis: 9, comment: 'c', extra: { 'tidelake.table': 'x' } });
  expect(next.fields).toEqual(base.fields);
});

test('columns are added where they are told, and an id is never used again', () => {
  const next = change(
    { kind: 'add-column', name: 'c', type: int, position: { kind: 'after', column: 'k' } },
    { kind: 'drop-column', name: 'c' },
    { kind: 'add-column', name: 'c', type: bigint, position: { kind: 'first' } },
    { kind: 'add-column', name: 'd', type: int, comment: 'x' },
  );
  expect(shape(next)).toEqual(['5 c bigint', '0 p int!', '1 k int!', '2 a int', '3 b varchar', '6 d int']);
  expect(next.highestFieldId).toBe(6);
});

test('columns are moved, renamed, widened and commented without touching their ids', () => {
  const next = change(
    { kind: 'move-column', name: 'b', position: { kind: 'before', column: 'a' } },
    { kind: 'rename-column', name: 'a', newName: 'aa' },
    { kind: 'change-type', name: 'aa', type: bigint },
    { kind: 'change-comment', name: 'aa', comment: 'wide' },
  );
  expect(shape(next)).toEqual(['0 p int!', '1 k int!', '3 b varchar', '2 aa bigint']);
  expect(next.fields.at(-1)?.description).toBe('wide');
});

test('a renamed key column is renamed in the key and in the options that name it', () => {
  const next = change({ kind: 'rename-column', name: 'k', newName: 'key' });
  expect(next.primaryKeys).toEqual(['p', 'key']);
  expect(next.options['bucket-key']).toBe('key');
});

test('options are set and taken away', () => {
  const next = change({ kind: 'set-option', key: 'write-only', value: 'true' });
  expect(next.options['write-only']).toBe('true');
  const back = applySchemaChanges(next, [{ kind: 'remove-option', key: 'write-only' }], { timeMillis: 9 });
  expect(back.options).toEqual(base.options);
});

const refusals: readonly (readonly [string, SchemaChange, RegExp])[] = [
  ['a new column that is NOT NULL', { kind: 'add-column', name: 'c', type: { ...int, nullable: false } }, /nullable/],
  ['a column that is there', { kind: 'add-column', name: 'a', type: int }, /already there/],
  ['a reserved name', { kind: 'add-column', name: '_KEY_x', type: int }, /reserved/],
  [
    'a place that is not there',
    { kind: 'add-column', name: 'c', type: int, position: { kind: 'after', column: 'z' } },
    /`z`/,
  ],
  ['dropping what is not there', { kind: 'drop-column', name: 'z' }, /is not there; the table has p, k, a, b/],
  ['dropping a key', { kind: 'drop-column', name: 'k' }, /key/],
  ['dropping a partition column', { kind: 'drop-column', name: 'p' }, /key/],
  ['renaming a partition column', { kind: 'rename-column', name: 'p', newName: 'q' }, /partition/],
  ['renaming onto another column', { kind: 'rename-column', name: 'a', newName: 'b' }, /there/],
  ['another type of a key', { kind: 'change-type', name: 'k', type: bigint }, /key/],
  [
    'a type that values can not be read as',
    { kind: 'change-type', name: 'a', type: { kind: 'date', nullable: true } },
    /can't be read/,
  ],
  ['NOT NULL afterwards', { kind: 'change-nullability', name: 'a', nullable: false }, /nulls/],
  ['a nullable key', { kind: 'change-nullability', name: 'k', nullable: true }, /NOT NULL/],
  ['a move next to itself', { kind: 'move-column', name: 'a', position: { kind: 'after', column: 'a' } }, /itself/],
  ['another merge engine', { kind: 'set-option', key: 'merge-engine', value: 'first-row' }, /can't be changed/],
  ['another bucket key', { kind: 'set-option', key: 'bucket-key', value: 'p' }, /can't be changed/],
  ['dynamic buckets afterwards', { kind: 'set-option', key: 'bucket', value: '-1' }, /positive numbers/],
  ['no bucket', { kind: 'remove-option', key: 'bucket' }, /not removed/],
];

test('what would break data that is there is refused with the reason', () => {
  for (const [what, refused, reason] of refusals) expect(() => change(refused), what).toThrow(reason);
});
