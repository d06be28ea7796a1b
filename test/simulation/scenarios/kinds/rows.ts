/**
 * The plain rule of what a write does to a table: what the product makes out of merge engines, dynamic buckets, deletion
 * vectors, changelog producers and changes of the schema is held against that.
 */
import type { DataField } from '../../../../src/types/data-type.ts';
import { rowKindByte } from '../../../../src/types/row-kind.ts';
import type { Scalar } from '../../../../src/types/scalar.ts';
import { type Engine, groupColumn, type TableKind, valueFields } from './table-kind.ts';

/** What a reader sees: the other columns by the key, as text. The key has the partition in it. */
export type State = ReadonlyMap<number, string>;

/** A row of a write; values undefined: null. */
export type Row = {
  readonly kind: number;
  /** The partition, as days of the world; 0 where there are none. */
  readonly day: number;
  readonly k: number;
  readonly values: Values;
};

/** Of the columns that came first, second and third, whatever their names are now. */
export type Values = readonly [number | undefined, number | undefined, number | undefined];

const dayMs = 86_400_000;
/** The first day that a row may be of. */
const firstDayMs = Date.UTC(2025, 11, 1);
/** Keys of one day. */
const daySize = 1_000_000;

export function dayAt(timeMs: number): number {
  return Math.floor((timeMs - firstDayMs) / dayMs);
}

/** When a day begins. */
export function timeOfDay(day: number): number {
  return firstDayMs + day * dayMs;
}

export function dayOfKey(key: number): number {
  return Math.floor(key / daySize);
}

export function keyOf({ day, k }: Pick<Row, 'day' | 'k'>): number {
  return day * daySize + k;
}

/** The partition's value. */
export function dayText(day: number): string {
  return new Date(timeOfDay(day)).toISOString().slice(0, 10);
}

export function dayOfText(text: string): number {
  return dayAt(Date.parse(`${text}T00:00:00Z`));
}

/** The row under a schema; columns that it has not are left out. */
export function valuesOf(row: Row, fields: readonly DataField[]): readonly Scalar[] {
  const others = valueFields(fields);
  return fields.map(field => {
    if (field.name === 'k') return row.k;
    if (field.name === 'p') return dayText(row.day);
    if (field.name === groupColumn) return groupOf(row);
    const value = row.values[others.indexOf(field)];
    if (value === undefined) return null;
    return field.type.kind === 'int' ? value : BigInt(value);
  });
}

/** One of three, or null; another one nearly whenever the key comes again. */
function groupOf({ k, values }: Row): Scalar {
  const group = (values.find(value => value !== undefined) ?? k) % 4;
  return group === 3 ? null : group;
}

/** Always of three columns: those that are not there yet are null. */
export function textOf(values: readonly unknown[]): string {
  return [0, 1, 2].map(index => `${values[index] ?? 'null'}`).join('|');
}

/** What is in the second column. */
export function secondOf(text: string): number | undefined {
  const value = text.split('|')[1] ?? 'null';
  return value === 'null' ? undefined : Number(value);
}

/** What rows make of a state, one after the other. */
export function written(kind: TableKind, before: State, rows: readonly Row[]): State {
  const after = new Map(before);
  for (const row of rows) {
    const key = keyOf(row);
    if (row.kind === rowKindByte['-D']) after.delete(key);
    else after.set(key, merged(kind.engine, after.get(key), row));
  }
  return after;
}

function merged(engine: Engine, there: string | undefined, { values }: Row): string {
  if (there === undefined) return textOf(values);
  const old = there.split('|');
  const [a, b, c] = values;
  switch (engine) {
    case 'append':
      throw new Error(`a row of an append table came twice: ${there}`);
    case 'deduplicate':
      return textOf(values);
    case 'partial-update':
      return textOf(values.map((value, index) => value ?? old[index]));
    case 'aggregation':
      return textOf([Number(old[0]) + (a ?? 0), Math.max(Number(old[1]), b ?? 0), c ?? old[2]]);
    case 'first-row':
      return there;
  }
}

export function same(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** What two states differ in. */
export function difference(read: State, expected: State): string {
  const keys = [...new Set([...read.keys(), ...expected.keys()])].toSorted((a, b) => a - b);
  const lines = keys
    .filter(key => read.get(key) !== expected.get(key))
    .map(key => `${key}=${read.get(key) ?? 'absent'} and not ${expected.get(key) ?? 'absent'}`);
  return `${lines.slice(0, shownMax).join(', ')}${lines.length > shownMax ? ` and ${lines.length - shownMax} more` : ''}`;
}

const shownMax = 12;
