/**
 * How a primary-key table merges the rows of one key, out of its options: the merge engine with what it needs to know of
 * each column, and the columns that order rows before their sequence numbers do.
 *
 * @see spec 9; Paimon 1.4.2 PartialUpdateMergeFunction.Factory, AggregateMergeFunction.Factory, SchemaValidation
 */
import { unsupported } from '../base/errors.ts';
import { isAtomic } from '../types/data-type.ts';
import { type ColumnAggregate, columnAggregate, type NamedAggregate } from './aggregate-options.ts';
import { badOption, booleanOption, namesOption, textOption, wordOption } from './option-values.ts';
import type { TableSchema } from './table-schema.ts';

export const mergeEngines = ['deduplicate', 'partial-update', 'aggregation', 'first-row'] as const;

/** Columns that are set together, by the newest row of the group's own order. */
export type SequenceGroup = {
  /** The columns that order rows for this group. */
  readonly orderedBy: readonly string[];
  /** The columns it protects, those it is ordered by not among them. */
  readonly columns: readonly string[];
  /** A -D that is the newest of the group takes the whole row away. */
  readonly removesRecord: boolean;
};

/**
 * `holdsMergedRows`: whoever compacts level 0 looks the older row of each key up, so that a row above level 0 has all
 * older ones in it already, and those at higher levels are not to be merged once more.
 */
export type MergeEngine =
  | { readonly kind: 'deduplicate' | 'first-row'; readonly ignoresDeletes: boolean }
  | {
      readonly kind: 'aggregation';
      readonly holdsMergedRows: boolean;
      readonly removesOnDelete: boolean;
      /** One for each column that is not in the primary key. */
      readonly aggregates: ReadonlyMap<string, ColumnAggregate>;
    }
  | {
      readonly kind: 'partial-update';
      readonly holdsMergedRows: boolean;
      readonly ignoresDeletes: boolean;
      readonly removesOnDelete: boolean;
      readonly groups: readonly SequenceGroup[];
      /** Columns that are aggregated rather than set. */
      readonly aggregates: ReadonlyMap<string, ColumnAggregate>;
    };

/** The columns of `sequence.field`: rows of one key are ordered by them first, nulls lowest. */
export type SequenceOrder = { readonly columns: readonly string[]; readonly isDescending: boolean };

export type MergeOptions = { readonly engine: MergeEngine; readonly sequence: SequenceOrder | undefined };

/** What a table has that says nothing of it: of each key the newest row. */
export const deduplicate: MergeOptions = {
  engine: { kind: 'deduplicate', ignoresDeletes: false },
  sequence: undefined,
};

/** @throws LakeError `invalid` LAKE_BAD_OPTION naming the option and what is wrong with it */
export function parseMergeOptions(schema: TableSchema): MergeOptions {
  const kind = wordOption(schema.options, 'merge-engine', mergeEngines) ?? 'deduplicate';
  const sequence = sequenceOrder(schema);
  if (sequence !== undefined && kind === 'first-row') {
    throw badOption('sequence.field', sequence.columns.join(','), 'left out with merge-engine=first-row');
  }
  return { engine: engineOf(schema, kind, sequence), sequence };
}

/** Names of columns that a read of `names` has to have besides, so that rows can be merged. */
export function columnsToMerge({ engine, sequence }: MergeOptions, names: readonly string[]): readonly string[] {
  const needed = new Set(sequence?.columns ?? []);
  if (engine.kind === 'partial-update') {
    for (const group of engine.groups) {
      const isWanted = group.removesRecord || group.columns.some(name => names.includes(name));
      if (isWanted || group.orderedBy.some(name => names.includes(name))) {
        for (const name of group.orderedBy) needed.add(name);
      }
    }
  }
  return [...needed].filter(name => !names.includes(name));
}

function engineOf(
  schema: TableSchema,
  kind: (typeof mergeEngines)[number],
  sequence: SequenceOrder | undefined,
): MergeEngine {
  const ignoresDeletes = ignoresDeletesOf(schema);
  switch (kind) {
    case 'deduplicate':
    case 'first-row':
      return { kind, ignoresDeletes };
    case 'aggregation': {
      const key = 'aggregation.remove-record-on-delete';
      const removesOnDelete = booleanOption(schema.options, key, false);
      const aggregates = columnAggregates(schema, name => aggregateName(schema, name, sequence));
      const ignoring = [...aggregates].find(([, { ignoresRetract }]) => ignoresRetract)?.[0];
      if (removesOnDelete && ignoring !== undefined) {
        throw badOption(key, 'true', `false while fields.${ignoring}.ignore-retract is true`);
      }
      return { kind, holdsMergedRows: looksUp(schema), removesOnDelete, aggregates };
    }
    case 'partial-update':
      return partialUpdate(schema, ignoresDeletes);
  }
}

/** Whether compactions of level 0 look older rows up. @see Paimon 1.4.2 CoreOptions.lookupStrategy */
export function looksUp({ options, primaryKeys }: TableSchema): boolean {
  if (primaryKeys.length === 0) return false;
  return (
    textOption(options, 'merge-engine')?.toLowerCase() === 'first-row' ||
    textOption(options, 'changelog-producer')?.toLowerCase() === 'lookup' ||
    booleanOption(options, 'deletion-vectors.enabled', false) ||
    booleanOption(options, 'force-lookup', false)
  );
}

/** Rows of kind -U and -D are passed over. Older names of the option are still honoured, as Paimon does. */
export function ignoresDeletesOf({ options }: TableSchema): boolean {
  return ignoreDeleteKeys.some(key => booleanOption(options, key, false));
}

export const ignoreDeleteKeys: readonly string[] = [
  'ignore-delete',
  'first-row.ignore-delete',
  'deduplicate.ignore-delete',
  'partial-update.ignore-delete',
];

function partialUpdate(schema: TableSchema, ignoresDeletes: boolean): MergeEngine {
  const removeKey = 'partial-update.remove-record-on-delete';
  const removesOnDelete = booleanOption(schema.options, removeKey, false);
  const groupKey = 'partial-update.remove-record-on-sequence-group';
  const removing = namesOption(schema.options, groupKey);
  const groups = sequenceGroups(schema, removing);
  const unknown = removing.find(name => !groups.some(({ orderedBy }) => orderedBy.includes(name)));
  if (unknown !== undefined) throw badOption(groupKey, unknown, 'columns that order a sequence group');
  if (ignoresDeletes && removesOnDelete) throw badOption(removeKey, 'true', 'false while ignore-delete is true');
  if (ignoresDeletes && removing.length > 0) {
    throw badOption(groupKey, removing.join(','), 'left out while ignore-delete is true');
  }
  if (removesOnDelete && groups.length > 0) throw badOption(removeKey, 'true', 'false where there are sequence groups');
  const ordering = new Set(groups.flatMap(({ orderedBy }) => orderedBy));
  const grouped = new Set(groups.flatMap(({ columns }) => columns));
  const aggregates = columnAggregates(schema, name => {
    if (ordering.has(name)) return undefined;
    const aggregate = namedAggregate(schema, name);
    if (aggregate !== undefined && aggregate.value !== 'last_non_null_value' && !grouped.has(name)) {
      throw badOption(aggregate.key, aggregate.value, `last_non_null_value, or column \`${name}\` in a sequence group`);
    }
    return aggregate;
  });
  const holdsMergedRows = looksUp(schema);
  return { kind: 'partial-update', holdsMergedRows, ignoresDeletes, removesOnDelete, groups, aggregates };
}

const groupSuffix = '.sequence-group';

function sequenceGroups(schema: TableSchema, removing: readonly string[]): readonly SequenceGroup[] {
  const owners = new Map<string, string>();
  return Object.keys(schema.options)
    .filter(key => key.startsWith('fields.') && key.endsWith(groupSuffix))
    .toSorted()
    .map((key): SequenceGroup => {
      const orderedBy = splitNames(key.slice('fields.'.length, -groupSuffix.length));
      const columns = namesOption(schema.options, key).filter(name => !orderedBy.includes(name));
      for (const name of orderedBy) checkOrdered(schema, name, key);
      for (const name of [...orderedBy, ...columns]) {
        checkColumn(schema, name, key);
        if (owners.has(name)) {
          const other = owners.get(name);
          throw badOption(key, columns.join(','), `columns of one group; \`${name}\` is in ${other} already`);
        }
        owners.set(name, key);
      }
      return { orderedBy, columns, removesRecord: orderedBy.some(name => removing.includes(name)) };
    });
}

function sequenceOrder(schema: TableSchema): SequenceOrder | undefined {
  const key = 'sequence.field';
  const columns = namesOption(schema.options, key);
  if (columns.length === 0) return undefined;
  for (const name of columns) {
    checkColumn(schema, name, key);
    checkOrdered(schema, name, key);
    if (textOption(schema.options, `fields.${name}.aggregate-function`) !== undefined) {
      throw badOption(key, name, 'columns that are not aggregated');
    }
  }
  if (new Set(columns).size < columns.length) throw badOption(key, columns.join(','), 'columns that differ');
  const order = wordOption(schema.options, 'sequence.field.sort-order', ['ascending', 'descending']);
  return { columns, isDescending: order === 'descending' };
}

/** Of aggregation tables: every column has one. */
function aggregateName(schema: TableSchema, name: string, sequence: SequenceOrder | undefined): NamedAggregate {
  if (sequence?.columns.includes(name)) return { key: 'sequence.field', value: 'last_value' };
  return namedAggregate(schema, name) ?? { key: 'merge-engine', value: 'last_non_null_value' };
}

function namedAggregate(schema: TableSchema, name: string): NamedAggregate | undefined {
  for (const key of [`fields.${name}.aggregate-function`, 'fields.default-aggregate-function']) {
    const value = textOption(schema.options, key);
    if (value !== undefined) return { key, value };
  }
  return undefined;
}

function columnAggregates(
  schema: TableSchema,
  nameOf: (column: string) => NamedAggregate | undefined,
): ReadonlyMap<string, ColumnAggregate> {
  const aggregates = new Map<string, ColumnAggregate>();
  for (const field of schema.fields) {
    if (schema.primaryKeys.includes(field.name)) continue;
    const named = nameOf(field.name);
    if (named !== undefined) aggregates.set(field.name, columnAggregate(schema, field, named));
  }
  return aggregates;
}

/** Paimon orders rows by arrays and rows, too. */
function checkOrdered(schema: TableSchema, name: string, key: string): void {
  const type = schema.fields.find(field => field.name === name)?.type;
  if (type !== undefined && !isAtomic(type)) {
    throw unsupported(`${key} by a column of type ${type.kind.toUpperCase()}`, `column \`${name}\``);
  }
}

function checkColumn(schema: TableSchema, name: string, key: string): void {
  if (schema.fields.some(field => field.name === name)) return;
  throw badOption(key, name, `columns of the table: ${schema.fields.map(field => field.name).join(', ')}`);
}

function splitNames(text: string): readonly string[] {
  return text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '');
}
