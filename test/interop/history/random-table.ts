/** Random tables: columns, keys, partitions, options, such as our writers and Paimon's both take. */
import type { JsonObject } from '../../../src/base/json.ts';
import type { Choices } from './choices.ts';
import { type ColumnType, columnTypes, typeJson } from './random-values.ts';

export type HistoryTable = {
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly primaryKeys: readonly string[];
  readonly partitionKeys: readonly string[];
  readonly options: Readonly<Record<string, string>>;
  /** Rows may be taken away. */
  readonly takesDeletes: boolean;
  /** Merging some rows first and others later comes to the same, so that it does not matter who compacts what. */
  readonly isAssociative: boolean;
  /** What level 0 holds is there only after a compaction, or is another thing then. */
  readonly needsCompaction: boolean;
  /** Paimon's writer does not compact an unaware bucket when it is asked to. */
  readonly isCompactedByPaimon: boolean;
};

type Features = Pick<
  HistoryTable,
  'options' | 'takesDeletes' | 'isAssociative' | 'needsCompaction' | 'isCompactedByPaimon'
>;

const keyTypes: readonly ColumnType[] = [
  'INT',
  'BIGINT',
  'STRING',
  'DECIMAL(7, 2)',
  'DECIMAL(30, 5)',
  'DATE',
  'TIMESTAMP(3)',
  'TIMESTAMP(6)',
  'SMALLINT',
  'BYTES',
];
const partitionTypes: readonly ColumnType[] = ['INT', 'STRING', 'DATE', 'BOOLEAN'];

export function randomTable(choices: Choices): HistoryTable {
  const hasKey = choices.chance(0.85);
  const partitioned = choices.chance(0.35);
  const keys = hasKey ? pickTypes(choices, keyTypes, 1 + choices.below(2), 'k') : [];
  const partitions = partitioned ? pickTypes(choices, partitionTypes, 1, 'p') : [];
  const values = pickTypes(choices, columnTypes, 1 + choices.below(5), 'v');
  const features = hasKey ? keyFeatures(choices, values) : appendFeatures(choices, values);
  const columns = [...partitions, ...keys, ...values];
  const table: HistoryTable = {
    columns,
    partitionKeys: partitions.map(({ name }) => name),
    primaryKeys: hasKey ? [...partitions, ...keys].map(({ name }) => name) : [],
    ...features,
    options: { ...storage(choices), ...features.options, ...formats(choices, columns) },
  };
  return maySpreadKeys(table) && choices.chance(0.6) ? { ...table, primaryKeys: keys.map(({ name }) => name) } : table;
}

/**
 * Whether the table could do with a key that does not tell the partition. Two things Paimon 1.4.2 does otherwise: rows that
 * a table ignores bring their keys somewhere all the same, and a delete that goes to its key in another partition comes
 * there as an insert, unless rows are deduplicated.
 */
function maySpreadKeys({ partitionKeys, primaryKeys, options, takesDeletes }: HistoryTable): boolean {
  if (partitionKeys.length === 0 || primaryKeys.length === 0 || options['bucket'] !== '-1') return false;
  if (takesDeletes && options['merge-engine'] !== undefined) return false;
  return ['sequence.field', 'ignore-delete', 'ignore-update-before'].every(key => options[key] === undefined);
}

/** The schema file's JSON. */
export function schemaOf(table: HistoryTable): JsonObject {
  let highestFieldId = table.columns.length - 1;
  const nextId = (): number => {
    highestFieldId += 1;
    return highestFieldId;
  };
  const fields = table.columns.map(({ name, type }, id) => ({
    id,
    name,
    type: table.primaryKeys.includes(name) ? `${type} NOT NULL` : typeJson(type, nextId),
  }));
  return {
    version: 3,
    id: 0,
    fields,
    highestFieldId,
    partitionKeys: table.partitionKeys,
    primaryKeys: table.primaryKeys,
    options: table.options,
    comment: '',
    timeMillis: 0,
  };
}

type Columns = HistoryTable['columns'];

function pickTypes(choices: Choices, types: readonly ColumnType[], count: number, prefix: string): Columns {
  return Array.from({ length: count }, (_, index) => ({
    name: `${prefix}${index}`,
    type: types[choices.below(types.length)] ?? 'INT',
  }));
}

/** Avro has no timestamps finer than microseconds. */
function formats(choices: Choices, columns: Columns): Record<string, string> {
  if (columns.some(({ type }) => type === 'TIMESTAMP(9)') || !choices.chance(0.25)) return { 'file.format': 'parquet' };
  return choices.of<Record<string, string>>([
    // A codec that Avro has, too.
    { 'file.format': 'avro', 'file.compression': 'zstd' },
    { 'file.format': 'parquet', 'file.format.per.level': '0:avro', 'file.compression': 'zstd' },
    { 'file.format': 'parquet', 'changelog-file.format': 'avro', 'file.compression': 'zstd' },
  ]);
}

function storage(choices: Choices): Record<string, string> {
  const options: Record<string, string> = {};
  if (choices.chance(0.3)) options['file.compression'] = choices.of(['snappy', 'gzip', 'none', 'lz4']);
  if (choices.chance(0.2)) options['metadata.stats-mode'] = choices.of(['none', 'counts', 'full', 'truncate(4)']);
  if (choices.chance(0.2)) options['num-sorted-run.compaction-trigger'] = String(2 + choices.below(4));
  if (choices.chance(0.1)) options['partition.legacy-name'] = 'false';
  return options;
}

function appendFeatures(choices: Choices, values: Columns): Features {
  const key = values[choices.below(values.length)];
  const isBucketed = choices.chance(0.5) && key !== undefined && keyTypes.includes(key.type);
  const options = isBucketed ? { bucket: '2', 'bucket-key': key.name } : { bucket: '-1' };
  return { options, takesDeletes: false, isAssociative: true, needsCompaction: false, isCompactedByPaimon: isBucketed };
}

/** Fixed buckets, or as many as the keys need. */
function bucketOptions(choices: Choices): Record<string, string> {
  if (!choices.chance(0.3)) return { bucket: String(1 + choices.below(3)) };
  return { bucket: '-1', 'dynamic-bucket.target-row-num': String(2 + choices.below(6)) };
}

function keyFeatures(choices: Choices, values: Columns): Features {
  const engine = choices.of(['deduplicate', 'deduplicate', 'partial-update', 'aggregation', 'first-row']);
  const merged = { deduplicate, 'partial-update': partialUpdate, aggregation, 'first-row': firstRow }[engine](
    choices,
    values,
  );
  const isFirstRow = engine === 'first-row';
  const producer = choices.of([
    'none',
    'none',
    'lookup',
    ...(isFirstRow ? [] : (['input', 'full-compaction'] as const)),
  ]);
  const options: Record<string, string> = { ...merged.options, ...bucketOptions(choices) };
  if (engine !== 'deduplicate') options['merge-engine'] = engine;
  if (producer !== 'none') options['changelog-producer'] = producer;
  if (producer !== 'none' && choices.chance(0.3)) options['changelog-producer.row-deduplicate'] = 'true';
  if (choices.chance(0.1)) options['data-file.thin-mode'] = 'true';
  const hasVectors = producer !== 'full-compaction' && !isFirstRow && choices.chance(0.3);
  if (hasVectors) options['deletion-vectors.enabled'] = 'true';
  if (hasVectors && choices.chance(0.5)) options['deletion-vectors.bitmap64'] = 'true';
  // What a compaction has not taken up is not in a table with deletion vectors, nor in one of first rows.
  const needsCompaction = hasVectors || isFirstRow || producer === 'lookup' || producer === 'full-compaction';
  return { ...merged, options, needsCompaction, isCompactedByPaimon: true };
}

/** Whether rows can be ordered by the column. */
function isOrdered({ type }: Columns[number]): boolean {
  return !/^(ARRAY|MAP|ROW)/.test(type);
}

type Merging = Pick<Features, 'options' | 'takesDeletes' | 'isAssociative'>;

function sequenceOptions(choices: Choices, values: Columns): Record<string, string> {
  const [first, second] = values.filter(isOrdered);
  if (first === undefined || !choices.chance(0.4)) return {};
  const names = second !== undefined && choices.chance(0.3) ? [first.name, second.name] : [first.name];
  return {
    'sequence.field': names.join(','),
    ...(choices.chance(0.3) ? { 'sequence.field.sort-order': 'descending' } : {}),
  };
}

function deduplicate(choices: Choices, values: Columns): Merging {
  const options: Record<string, string> = sequenceOptions(choices, values);
  if (choices.chance(0.15)) options['ignore-delete'] = 'true';
  if (choices.chance(0.1)) options['ignore-update-before'] = 'true';
  return { options, takesDeletes: true, isAssociative: true };
}

function firstRow(choices: Choices): Merging {
  const ignores = choices.chance(0.5);
  const options: Record<string, string> = ignores ? { 'ignore-delete': 'true' } : {};
  return { options, takesDeletes: ignores, isAssociative: true };
}

function partialUpdate(choices: Choices, values: Columns): Merging {
  const options: Record<string, string> = {};
  const ordering = values.find(isOrdered);
  const [member, other] = values.filter(column => column !== ordering);
  if (ordering !== undefined && member !== undefined && choices.chance(0.6)) {
    const members = other !== undefined && choices.chance(0.5) ? [member, other] : [member];
    options[`fields.${ordering.name}.sequence-group`] = members.map(({ name }) => name).join(',');
    if (choices.chance(0.4)) options[`fields.${member.name}.aggregate-function`] = aggregateFor(choices, member.type);
    if (choices.chance(0.3)) options['partial-update.remove-record-on-sequence-group'] = ordering.name;
    const refuses = ['max', 'min', 'first_value', 'first_non_null_value', 'bool_and', 'bool_or', 'listagg'];
    const name = options[`fields.${member.name}.aggregate-function`];
    return { options, takesDeletes: name === undefined || !refuses.includes(name), isAssociative: false };
  }
  Object.assign(options, sequenceOptions(choices, values));
  const handling = choices.of(['none', 'ignore', 'remove']);
  if (handling === 'ignore') options['ignore-delete'] = 'true';
  if (handling === 'remove') options['partial-update.remove-record-on-delete'] = 'true';
  return { options, takesDeletes: handling !== 'none', isAssociative: handling !== 'remove' };
}

function aggregation(choices: Choices, values: Columns): Merging {
  const options: Record<string, string> = {};
  const removes = choices.chance(0.2);
  const names = values.map(({ name, type }) => {
    const aggregate = aggregateFor(choices, type);
    options[`fields.${name}.aggregate-function`] = aggregate;
    if (!removes && choices.chance(0.2)) options[`fields.${name}.ignore-retract`] = 'true';
    return { name, aggregate };
  });
  if (removes) options['aggregation.remove-record-on-delete'] = 'true';
  const canRetract = names.every(
    ({ name, aggregate }) =>
      options[`fields.${name}.ignore-retract`] === 'true' ||
      ['sum', 'last_value', 'last_non_null_value'].includes(aggregate),
  );
  return { options, takesDeletes: canRetract && !removes, isAssociative: !(canRetract || removes) };
}

function aggregateFor(choices: Choices, type: ColumnType): string {
  const any = ['last_value', 'last_non_null_value', 'first_value', 'first_non_null_value'] as const;
  // Sums of floats depend on their order, which compactions choose.
  if (['TINYINT', 'SMALLINT', 'INT', 'BIGINT'].includes(type))
    return choices.of(['sum', 'sum', 'max', 'min', 'product', ...any]);
  if (type.startsWith('DECIMAL')) return choices.of(['sum', 'max', 'min', ...any]);
  if (type.startsWith('ARRAY')) return choices.of(['collect', 'collect', ...any]);
  if (type.startsWith('MAP')) return choices.of(['merge_map', 'merge_map', ...any]);
  if (type.startsWith('ROW')) return choices.of(any);
  if (type === 'BOOLEAN') return choices.of(['bool_and', 'bool_or', ...any]);
  if (type === 'STRING') return choices.of(['listagg', 'listagg', 'max', 'min', ...any]);
  return choices.of(['max', 'min', ...any]);
}
