import { expect, test } from 'vitest';
import type { TableSchema } from '../format/table-schema.ts';
import { parseType, printType } from '../format/type-text.ts';
import type { DataType } from '../types/data-type.ts';
import { changesBetween } from './nested-change.ts';
import { applySchemaChanges, type SchemaChange } from './schema-change.ts';
import { newTableSchema } from './table-definition.ts';

const int: DataType = { kind: 'int', nullable: true };
const bigint: DataType = { kind: 'bigint', nullable: true };

function row(fields: Readonly<Record<string, unknown>>): DataType {
  return parseType({
    type: 'ROW',
    fields: Object.entries(fields).map(([name, type], id) => ({ id, name, type })),
  } as never);
}

const base = newTableSchema(
  {
    columns: [
      { name: 'k', type: int },
      {
        name: 'r',
        type: row({ x: 'INT', y: { type: 'ROW', fields: [{ id: 9, name: 'z', type: 'INT NOT NULL' }] }, s: 'STRING' }),
      },
      { name: 'a', type: { kind: 'array', element: row({ p: 'INT', q: 'INT' }), nullable: true } },
      { name: 'm', type: { kind: 'map', key: { kind: 'bigint', nullable: false }, value: int, nullable: true } },
    ],
    primaryKeys: ['k'],
    partitionKeys: [],
    options: { bucket: '1', 'fields.a.nested-key': 'p' },
  },
  { id: 0, timeMillis: 0, extra: {} },
);

function change(...changes: readonly SchemaChange[]): TableSchema {
  return applySchemaChanges(base, changes, { timeMillis: 1 });
}

function typesOf(schema: TableSchema): readonly string[] {
  return schema.fields.slice(1).map(field => printType(field.type));
}

test('fields are added, renamed, dropped, widened at any depth, and ids are never used again', () => {
  const next = change(
    { kind: 'add-column', name: 'r', path: ['y', 'w'], type: row({ n: 'INT' }), position: { kind: 'first' } },
    { kind: 'drop-column', name: 'r', path: ['x'] },
    { kind: 'add-column', name: 'r', path: ['x'], type: bigint, position: { kind: 'after', column: 'y' } },
    { kind: 'rename-column', name: 'a', path: ['element', 'q'], newName: 'qq' },
    { kind: 'change-type', name: 'a', path: ['element', 'p'], type: bigint },
    { kind: 'change-type', name: 'm', path: ['value'], type: { kind: 'double', nullable: true } },
    { kind: 'change-nullability', name: 'r', path: ['y', 'z'], nullable: true },
    { kind: 'change-comment', name: 'r', path: ['s'], comment: 'text' },
  );
  expect(typesOf(next)).toEqual([
    'ROW<y ROW<w ROW<n INT>, z INT>, x BIGINT, s STRING>',
    'ARRAY<ROW<p BIGINT, qq INT>>',
    'MAP<BIGINT NOT NULL, DOUBLE>',
  ]);
  expect(base.highestFieldId).toBe(9);
  expect(next.highestFieldId).toBe(12);
  const fields = JSON.stringify(next.fields);
  // The row that was added and what is in it, then the new x; the old x had 2.
  for (const [name, id] of [
    ['w', 10],
    ['n', 11],
    ['x', 12],
  ] as const)
    expect(fields).toContain(`{"id":${id},"name":"${name}"`);
  expect(fields).toContain('"description":"text"');
});

const refusals: readonly (readonly [string, SchemaChange, RegExp])[] = [
  [
    'a new field that is NOT NULL',
    { kind: 'add-column', name: 'r', path: ['n'], type: { ...int, nullable: false } },
    /nullable/,
  ],
  ['a field that is there', { kind: 'add-column', name: 'r', path: ['y', 'z'], type: int }, /`r.y.z` is already there/],
  [
    'a place that is not there',
    { kind: 'add-column', name: 'r', path: ['n'], type: int, position: { kind: 'after', column: 'q' } },
    /`q`/,
  ],
  ['what is not there', { kind: 'drop-column', name: 'r', path: ['q'] }, /`r` has no field `q`; it has x, y, s/],
  ['a way that is not there', { kind: 'drop-column', name: 'r', path: ['q', 'z'] }, /`r` has no field `q`/],
  ['a field of a number', { kind: 'drop-column', name: 'k', path: ['q'] }, /there is no `q` in `k`/],
  ['a field of a list', { kind: 'drop-column', name: 'a', path: ['p'] }, /no `p` in `a`, only `element`/],
  ['the last field', { kind: 'drop-column', name: 'r', path: ['y', 'z'] }, /last one of `r.y`/],
  ['elements', { kind: 'drop-column', name: 'a', path: ['element'] }, /is no field of a ROW/],
  ['a field that merging needs', { kind: 'drop-column', name: 'a', path: ['element', 'p'] }, /fields.a.nested-key/],
  ['a name that is there', { kind: 'rename-column', name: 'r', path: ['x'], newName: 's' }, /already there/],
  ['keys of a map', { kind: 'change-type', name: 'm', path: ['key'], type: int }, /keys of a MAP/],
  [
    'a type that can not be read',
    { kind: 'change-type', name: 'm', path: ['value'], type: { kind: 'date', nullable: true } },
    /can't be read/,
  ],
  ['a row as a text', { kind: 'change-type', name: 'r', path: ['y'], type: parseType('STRING') }, /can't be read/],
  [
    'NOT NULL afterwards',
    { kind: 'change-nullability', name: 'r', path: ['x'], nullable: false },
    /hold nulls already/,
  ],
];

test('what would break data within a column is refused with the reason', () => {
  for (const [what, refused, reason] of refusals) expect(() => change(refused), what).toThrow(reason);
});

test('the changes between two nested types make the one the other', () => {
  const [, r, a, m] = base.fields;
  const wanted: readonly (readonly [typeof r, DataType])[] = [
    [
      r,
      row({
        first: 'DATE',
        x: 'BIGINT',
        y: {
          type: 'ROW',
          fields: [
            { id: 0, name: 'z', type: 'INT' },
            { id: 0, name: 'n', type: 'INT' },
          ],
        },
      }),
    ],
    [a, { kind: 'array', element: row({ p: 'BIGINT', q: 'INT' }), nullable: true }],
    [m, { kind: 'map', key: { kind: 'bigint', nullable: false }, value: bigint, nullable: true }],
  ];
  for (const [field, type] of wanted) {
    if (field === undefined) throw new Error('a field');
    const changed = change(...changesBetween(field.type, type, { name: field.name, path: [] }));
    const next = changed.fields.find(({ name }) => name === field.name);
    expect(next === undefined ? '' : printType(next.type)).toBe(printType(type));
    expect(next === undefined ? [] : changesBetween(next.type, type, { name: field.name, path: [] })).toEqual([]);
  }
  if (r === undefined || m === undefined) throw new Error('a field');
  expect(() => changesBetween(r.type, row({ s: 'STRING', x: 'INT' }), { name: 'r', path: [] })).toThrow(
    'keep their order',
  );
  expect(() => changesBetween(m.type, { ...m.type, key: int } as DataType, { name: 'm', path: [] })).toThrow(
    'keys of a MAP',
  );
});
