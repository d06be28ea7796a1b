/** Random values of a type as canonical JSON text (test/golden/README.md). */
import type { JsonValue } from '../../../src/base/json.ts';
import type { Choices } from './choices.ts';

/** Types of columns, as schema files have them. */
export const columnTypes = [
  'BOOLEAN',
  'TINYINT',
  'SMALLINT',
  'INT',
  'BIGINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL(7, 2)',
  'DECIMAL(30, 5)',
  'STRING',
  'VARCHAR(12)',
  'CHAR(6)',
  'BYTES',
  'DATE',
  'TIME(0)',
  'TIMESTAMP(0)',
  'TIMESTAMP(3)',
  'TIMESTAMP(6)',
  'TIMESTAMP(9)',
  'TIMESTAMP(3) WITH LOCAL TIME ZONE',
  'TIMESTAMP(6) WITH LOCAL TIME ZONE',
  'ARRAY<INT>',
  'ARRAY<ROW<x, y>>',
  'MAP<STRING, BIGINT>',
  'ROW<x, y>',
] as const;

export type ColumnType = (typeof columnTypes)[number];

/** The type as schema files have it; `nextId` gives ids to the fields of rows. */
export function typeJson(type: ColumnType, nextId: () => number): JsonValue {
  switch (type) {
    case 'ARRAY<INT>':
      return { type: 'ARRAY', element: 'INT' };
    case 'ARRAY<ROW<x, y>>':
      return { type: 'ARRAY', element: typeJson('ROW<x, y>', nextId) };
    case 'MAP<STRING, BIGINT>':
      return { type: 'MAP', key: 'STRING NOT NULL', value: 'BIGINT' };
    case 'ROW<x, y>': {
      const [x, y] = [nextId(), nextId()];
      const list = { id: y, name: 'y', type: { type: 'ARRAY', element: 'STRING' } };
      return { type: 'ROW', fields: [{ id: x, name: 'x', type: 'INT' }, list] };
    }
    default:
      return type;
  }
}

/** `spread` different values at most, so that rows of equal values and keys are frequent. */
export function randomValue(type: ColumnType, choices: Choices, spread: number): string {
  const n = choices.below(spread);
  switch (type) {
    case 'BOOLEAN':
      return n % 2 === 0 ? 'true' : 'false';
    case 'TINYINT':
      return String((n * 37) % 128);
    case 'SMALLINT':
      return String((n * 3701) % 32_768);
    case 'INT':
      return String(n * 1_000_003 - 500);
    case 'BIGINT':
      return `"${BigInt(n) * 900_000_000_000_007n - 5n}"`;
    case 'FLOAT':
      return String(n * 0.5 - 2);
    case 'DOUBLE':
      return String(n * 0.25 - 3);
    case 'DECIMAL(7, 2)':
      return `"${n * 3}.${String((n * 7) % 100).padStart(2, '0')}"`;
    case 'DECIMAL(30, 5)':
      return `"${n % 2 === 0 ? '-' : ''}${n}0000000000000${n}.${String(n % 100_000).padStart(5, '0')}"`;
    case 'STRING':
    case 'VARCHAR(12)':
      return JSON.stringify(['', 'a', 'ä€', 'long text'][n % 4] + (n > 3 ? String(n) : ''));
    case 'CHAR(6)':
      return JSON.stringify(`c${n}`);
    case 'BYTES':
      return `"${(n * 2_654_435_761).toString(16).padStart(12, '0')}"`;
    case 'DATE':
      return `"20${10 + (n % 20)}-0${1 + (n % 9)}-11"`;
    case 'ARRAY<INT>':
      return `[${Array.from({ length: n % 4 }, (_, index) => ((n + index) % 5 === 0 ? 'null' : n * index))}]`;
    case 'ARRAY<ROW<x, y>>':
      return `[${Array.from({ length: n % 3 }, (_, index) => (index === 1 ? 'null' : row(n + index)))}]`;
    case 'MAP<STRING, BIGINT>':
      return `[${['a', 'b', 'ä'].slice(0, n % 4).map(key => `["${key}",${n % 5 === 0 ? 'null' : `"${n}"`}]`)}]`;
    case 'ROW<x, y>':
      return row(n);
    case 'TIME(0)':
      return `"0${n % 10}:00:0${n % 10}.000"`;
    default:
      return timestamp(type, n);
  }
}

function row(n: number): string {
  const y = n % 3 === 0 ? 'null' : `[${n % 2 === 0 ? '"s",null' : ''}]`;
  return `{"x":${n % 4 === 0 ? 'null' : n},"y":${y}}`;
}

function timestamp(type: string, n: number): string {
  const digits = Number(/\((\d)\)/.exec(type)?.[1] ?? 0);
  const second = String(n % 60).padStart(2, '0');
  const fraction =
    digits === 0
      ? ''
      : `.${String(n * 123_456_789 + 7)
          .padStart(9, '0')
          .slice(-9)
          .slice(0, digits)}`;
  return `"2024-02-29T12:0${n % 10}:${second}${fraction}${type.includes('ZONE') ? 'Z' : ''}"`;
}
