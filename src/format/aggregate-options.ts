/**
 * The aggregate functions of columns, out of a table's options: which, of which types, with what besides.
 *
 * @see spec 9.3; Paimon 1.4.2 FieldAggregatorFactory
 */
import { type DataField, type DataType, isAtomic, lengthMax } from '../types/data-type.ts';
import { typeName } from '../types/type-name.ts';
import { badOption, booleanOption, integerOption, namesOption, type OptionMap, textOption } from './option-values.ts';
import type { TableSchema } from './table-schema.ts';

/** Functions that make one value of a column's values; each is Paimon's of that name. */
export const aggregateFunctions = [
  'sum',
  'product',
  'max',
  'min',
  'last_value',
  'last_non_null_value',
  'first_value',
  'first_non_null_value',
  'bool_and',
  'bool_or',
  'listagg',
  'collect',
  'merge_map',
  'merge_map_with_keytime',
  'nested_update',
  'nested_partial_update',
  'rbm32',
  'rbm64',
] as const;

export type AggregateFunction = (typeof aggregateFunctions)[number];

/** Functions that Paimon 1.4.2 has and Tidelake has not. */
export const otherAggregateFunctions = ['hll_sketch', 'theta_sketch'] as const;

export type ColumnAggregate = {
  readonly name: AggregateFunction;
  /** Rows of kind -U and -D leave the value as it is. */
  readonly ignoresRetract: boolean;
  /** Of listagg. */
  readonly delimiter: string;
  /** Of listagg and collect: what is there already is not added. */
  readonly isDistinct: boolean;
  /** Of nested_update and nested_partial_update: fields of the rows that tell them apart; none: every row counts. */
  readonly nestedKey: readonly string[];
  /** Of nested_update: rows of an array, at most. */
  readonly countLimit: number;
  /** Of merge_map_with_keytime: the field that says which row is later; undefined: the last one. */
  readonly timeField: string | undefined;
};

/** A function's name and the option that gives it. */
export type NamedAggregate = { readonly key: string; readonly value: string };

/** The names of a table's aggregate functions that are not done here, as options: `fields.c.aggregate-function=hll_sketch`. */
export function refusedAggregates(schema: TableSchema): readonly string[] {
  const others: readonly string[] = otherAggregateFunctions;
  return Object.entries(schema.options)
    .filter(([key, value]) => isAggregateOption(key) && others.includes(value.trim()))
    .map(([key, value]) => `${key}=${value.trim()}`);
}

/** @throws LakeError `invalid` LAKE_BAD_OPTION for a function that is none, or not of the column's type */
export function columnAggregate(
  { options }: TableSchema,
  { name: column, type }: { readonly name: string; readonly type: DataType },
  { key, value }: NamedAggregate,
): ColumnAggregate {
  const word = value === 'first_not_null_value' ? 'first_non_null_value' : value;
  const name = aggregateFunctions.find(candidate => candidate === word);
  if (name === undefined) throw badOption(key, value, `one of ${aggregateFunctions.join(', ')}`);
  checkAggregateType(name, type, { key, column });
  checkNestedOptions(name, type, { options, column });
  return {
    name,
    ignoresRetract: booleanOption(options, `fields.${column}.ignore-retract`, false),
    delimiter: options[`fields.${column}.list-agg-delimiter`] ?? ',',
    isDistinct: booleanOption(options, `fields.${column}.distinct`, false),
    nestedKey: namesOption(options, `fields.${column}.nested-key`),
    countLimit: integerOption(options, `fields.${column}.count-limit`) ?? Number.MAX_SAFE_INTEGER,
    timeField: textOption(options, `fields.${column}.ts-field`),
  };
}

function checkAggregateType(
  name: AggregateFunction,
  type: DataType,
  { key, column }: { readonly key: string; readonly column: string },
): void {
  const wanted = wantedType(name, type);
  if (wanted === undefined) return;
  throw badOption(key, name, `of a column of type ${wanted}; \`${column}\` is ${typeName(type)}`);
}

/** What the function wants, when the type is something else. */
function wantedType(name: AggregateFunction, type: DataType): string | undefined {
  switch (name) {
    case 'sum':
    case 'product':
      return numericKinds.has(type.kind) ? undefined : 'number';
    case 'bool_and':
    case 'bool_or':
      return type.kind === 'boolean' ? undefined : 'BOOLEAN';
    case 'listagg':
      return type.kind === 'varchar' && type.length === lengthMax ? undefined : 'STRING';
    case 'rbm32':
    case 'rbm64':
      return type.kind === 'varbinary' ? undefined : 'BYTES';
    case 'collect':
      return type.kind === 'array' ? undefined : 'ARRAY';
    case 'merge_map':
      return type.kind === 'map' && isHashed(type.key) ? undefined : 'MAP of keys that are numbers, strings or times';
    case 'merge_map_with_keytime':
      if (type.kind === 'map' && isHashed(type.key) && isRow(type.value, 2)) return undefined;
      return 'MAP of rows with at least two fields';
    case 'nested_update':
    case 'nested_partial_update':
      return type.kind === 'array' && isRow(type.element, 1) ? undefined : 'ARRAY of rows';
    case 'max':
    case 'min':
      return incomparableKinds.has(type.kind) ? 'number, string, binary, date or time' : undefined;
    case 'last_value':
    case 'last_non_null_value':
    case 'first_value':
    case 'first_non_null_value':
      return undefined;
  }
}

/** Keys that Java's maps tell by their values. */
function isHashed(type: DataType): boolean {
  return isAtomic(type) && type.kind !== 'binary' && type.kind !== 'varbinary';
}

function isRow(type: DataType, fieldCountMin: number): boolean {
  return type.kind === 'row' && type.fields.length >= fieldCountMin;
}

function checkNestedOptions(
  name: AggregateFunction,
  type: DataType,
  { options, column }: { readonly options: OptionMap; readonly column: string },
): void {
  const keyOption = `fields.${column}.nested-key`;
  const nestedKey = namesOption(options, keyOption);
  if (name === 'nested_partial_update' && nestedKey.length === 0) {
    throw badOption(keyOption, '', 'the fields that tell the rows of nested_partial_update apart');
  }
  if (type.kind === 'array' && type.element.kind === 'row') checkFields(type.element.fields, nestedKey, keyOption);
  const timeOption = `fields.${column}.ts-field`;
  const timeField = textOption(options, timeOption);
  if (timeField !== undefined && type.kind === 'map' && type.value.kind === 'row') {
    checkFields(type.value.fields, [timeField], timeOption);
  }
}

function checkFields(fields: readonly DataField[], names: readonly string[], key: string): void {
  const unknown = names.find(name => !fields.some(field => field.name === name));
  if (unknown !== undefined) throw badOption(key, unknown, `fields of ${fields.map(field => field.name).join(', ')}`);
}

const numericKinds: ReadonlySet<DataType['kind']> = new Set([
  'tinyint',
  'smallint',
  'int',
  'bigint',
  'float',
  'double',
  'decimal',
]);

const incomparableKinds: ReadonlySet<DataType['kind']> = new Set([
  'boolean',
  'array',
  'multiset',
  'map',
  'row',
  'vector',
  'variant',
  'blob',
]);

function isAggregateOption(key: string): boolean {
  return (
    key.startsWith('fields.') && (key.endsWith('.aggregate-function') || key === 'fields.default-aggregate-function')
  );
}
