/**
 * Columns as the SDK writes them: `t.bigint()`, `t.decimal(10, 2).nullable()`. They carry the type of their values, so that
 * rows are typed from the columns. A column is NOT NULL unless it says otherwise.
 */
import { invalid } from '../base/errors.ts';
import { type DataField, type DataType, lengthMax, withNullable } from '../types/data-type.ts';

/** @typeParam Out what a read gives · @typeParam In what a write takes */
export type ColumnType<Out = unknown, In = unknown> = {
  readonly type: DataType;
  readonly comment: string | undefined;
  /** The same column, taking and giving `null`. */
  nullable(): ColumnType<Out | null, In | null | undefined>;
  /** The same column with a comment in the table's schema. */
  describe(comment: string): ColumnType<Out, In>;
  /** Never set: it tells the compiler what values there are. */
  readonly values?: { readonly out: Out; readonly in: In };
};

/** Columns by name, in the order they have in the table. */
export type Columns = Readonly<Record<string, ColumnType>>;

type OutOf<C> = C extends ColumnType<infer Out, infer _> ? Out : never;
type InOf<C> = C extends ColumnType<infer _, infer In> ? In : never;
type OptionalNames<C extends Columns> = { [N in keyof C]: undefined extends InOf<C[N]> ? N : never }[keyof C];

/** A row as reads give it. */
export type RowOf<C extends Columns> = { [N in keyof C]: OutOf<C[N]> };

/** A row as writers take it: columns that may be null can be left out. */
export type RowInputOf<C extends Columns> = {
  readonly [N in Exclude<keyof C, OptionalNames<C>>]: InOf<C[N]>;
} & { readonly [N in OptionalNames<C>]?: InOf<C[N]> };

type TimestampOut<P extends number> = number extends P ? Date | string : P extends 0 | 1 | 2 | 3 ? Date : string;
type Bytes = Uint8Array;
type Entries<Key, Value> = ReadonlyMap<Key, Value> | readonly (readonly [Key, Value])[];

/**
 * The column types.
 *
 * | type | read | written |
 * |---|---|---|
 * | `boolean` | boolean | boolean |
 * | `tinyint smallint int float double` | number | number |
 * | `bigint` | bigint | bigint, safe integer, string of digits |
 * | `decimal(precision, scale)` | string with its full scale | string, number, bigint |
 * | `string varchar(n) char(n)` | string | string |
 * | `bytes varbinary(n) binary(n)` | Uint8Array | Uint8Array |
 * | `date` | `'2024-02-29'` | that, or a Date (its UTC day) |
 * | `time` | `'HH:MM:SS.mmm'` | that |
 * | `timestamp(0 to 3)`, `timestampLtz(0 to 3)` | Date | Date, or `'2024-02-29T23:59:59.999'` (UTC) |
 * | `timestamp(4 to 9)`, `timestampLtz(4 to 9)` | string with so many digits | that, or a Date |
 * | `array(element)` | array | array |
 * | `map(key, value)` | Map | Map, or an array of pairs |
 * | `multiset(element)` | Map of elements and how often | that, or an array of pairs |
 * | `row({ … })` | object | object |
 *
 * Lengths and precisions out of range throw LakeError LAKE_BAD_TYPE.
 */
export const t: {
  boolean(): ColumnType<boolean, boolean>;
  tinyint(): ColumnType<number, number>;
  smallint(): ColumnType<number, number>;
  int(): ColumnType<number, number>;
  bigint(): ColumnType<bigint, bigint | number | string>;
  float(): ColumnType<number, number>;
  double(): ColumnType<number, number>;
  /** @param precision digits in all, 1 to 38 · @param scale digits after the point */
  decimal(precision: number, scale?: number): ColumnType<string, string | number | bigint>;
  string(): ColumnType<string, string>;
  /** @param length characters */
  varchar(length: number): ColumnType<string, string>;
  char(length: number): ColumnType<string, string>;
  bytes(): ColumnType<Bytes, Bytes>;
  /** @param length bytes */
  varbinary(length: number): ColumnType<Bytes, Bytes>;
  binary(length: number): ColumnType<Bytes, Bytes>;
  date(): ColumnType<string, string | Date>;
  /** Milliseconds are kept, whatever the precision says. */
  time(precision?: number): ColumnType<string, string>;
  /** A wall clock without a zone; a Date stands for its UTC fields. @param precision digits of a second, 0 to 9; 6 */
  timestamp<const P extends number = 6>(precision?: P): ColumnType<TimestampOut<P>, Date | string>;
  /** An instant. */
  timestampLtz<const P extends number = 6>(precision?: P): ColumnType<TimestampOut<P>, Date | string>;
  array<Out, In>(element: ColumnType<Out, In>): ColumnType<Out[], readonly In[]>;
  /** Keys are never null. */
  map<KeyOut, KeyIn, Out, In>(
    key: ColumnType<KeyOut, KeyIn>,
    value: ColumnType<Out, In>,
  ): ColumnType<Map<KeyOut, Out>, Entries<KeyIn, In>>;
  multiset<Out, In>(element: ColumnType<Out, In>): ColumnType<Map<Out, number>, Entries<In, number>>;
  row<C extends Columns>(fields: C): ColumnType<RowOf<C>, RowInputOf<C>>;
} = Object.freeze({
  boolean: () => column<boolean, boolean>({ kind: 'boolean', nullable: false }),
  tinyint: () => column<number, number>({ kind: 'tinyint', nullable: false }),
  smallint: () => column<number, number>({ kind: 'smallint', nullable: false }),
  int: () => column<number, number>({ kind: 'int', nullable: false }),
  bigint: () => column<bigint, bigint | number | string>({ kind: 'bigint', nullable: false }),
  float: () => column<number, number>({ kind: 'float', nullable: false }),
  double: () => column<number, number>({ kind: 'double', nullable: false }),
  decimal: (precision: number, scale = 0) => {
    checkRange('decimal precision', precision, 1, 38);
    checkRange('decimal scale', scale, 0, precision);
    return column<string, string | number | bigint>({ kind: 'decimal', precision, scale, nullable: false });
  },
  string: () => column<string, string>({ kind: 'varchar', length: lengthMax, nullable: false }),
  varchar: (length: number) => text('varchar', length),
  char: (length: number) => text('char', length),
  bytes: () => column<Bytes, Bytes>({ kind: 'varbinary', length: lengthMax, nullable: false }),
  varbinary: (length: number) => bytes('varbinary', length),
  binary: (length: number) => bytes('binary', length),
  date: () => column<string, string | Date>({ kind: 'date', nullable: false }),
  time: (precision = 3) => {
    checkRange('time precision', precision, 0, 9);
    return column<string, string>({ kind: 'time', precision, nullable: false });
  },
  timestamp: <const P extends number = 6>(precision?: P) => timestamp<P>('timestamp', precision),
  timestampLtz: <const P extends number = 6>(precision?: P) => timestamp<P>('timestamp-ltz', precision),
  array: <Out, In>(element: ColumnType<Out, In>) =>
    column<Out[], readonly In[]>({ kind: 'array', element: element.type, nullable: false }),
  map: <KeyOut, KeyIn, Out, In>(key: ColumnType<KeyOut, KeyIn>, value: ColumnType<Out, In>) =>
    column<Map<KeyOut, Out>, Entries<KeyIn, In>>({ kind: 'map', key: key.type, value: value.type, nullable: false }),
  multiset: <Out, In>(element: ColumnType<Out, In>) =>
    column<Map<Out, number>, Entries<In, number>>({ kind: 'multiset', element: element.type, nullable: false }),
  row: <C extends Columns>(fields: C) =>
    column<RowOf<C>, RowInputOf<C>>({ kind: 'row', fields: Object.entries(fields).map(rowField), nullable: false }),
});

/** Ids are given when the table is made. */
function rowField([name, { type, comment }]: readonly [string, ColumnType], id: number): DataField {
  return { id, name, type, description: comment, defaultValue: undefined };
}

function column<Out, In>(type: DataType, comment?: string): ColumnType<Out, In> {
  return Object.freeze({
    type,
    comment,
    nullable: () => column<Out | null, In | null | undefined>(withNullable(type, true), comment),
    describe: (words: string) => column<Out, In>(type, words),
  });
}

function text(kind: 'char' | 'varchar', length: number): ColumnType<string, string> {
  checkRange(`${kind} length`, length, 1, lengthMax);
  return column({ kind, length, nullable: false });
}

function bytes(kind: 'binary' | 'varbinary', length: number): ColumnType<Bytes, Bytes> {
  checkRange(`${kind} length`, length, 1, lengthMax);
  return column({ kind, length, nullable: false });
}

function timestamp<P extends number>(
  kind: 'timestamp' | 'timestamp-ltz',
  precision: number | undefined,
): ColumnType<TimestampOut<P>, Date | string> {
  checkRange(`${kind} precision`, precision ?? 6, 0, 9);
  return column({ kind, precision: precision ?? 6, nullable: false });
}

function checkRange(what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid('LAKE_BAD_TYPE', `${what} ${value}: it must be a whole number from ${min} to ${max}`);
}
