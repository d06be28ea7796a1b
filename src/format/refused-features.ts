/**
 * What a table asks for and Tidelake does not do. A table with such a feature is refused by its name, before anything is
 * read wrongly or written without what other programs rely on.
 */
import type { DataType } from '../types/data-type.ts';
import { refusedAggregates } from './aggregate-options.ts';
import { fitsAvro } from './avro-data/record-type.ts';
import { postponedBucket } from './bucket.ts';
import { batchesAreDone, refusedDoneActions } from './done-actions.ts';
import { refusedFileIndexes } from './file-index/index-options.ts';
import { ignoresDeletesOf } from './merge-options.ts';
import { booleanOption, integerOption, type OptionMap, perLevelOption, textOption } from './option-values.ts';
import type { TableSchema } from './table-schema.ts';

/** How a table of this kind is named where it is refused. */
export const postponedFeature = 'postponed bucket (bucket=-2)';
export const crossPartitionFeature = 'cross-partition upsert (bucket=-1, and a primary key without all partition keys)';

export type AccessMode = 'read' | 'write';

/** A rule names its feature where the table has it. What cannot be read cannot be written either. */
type Rule = { readonly refuses: AccessMode; readonly feature: (schema: TableSchema) => string | undefined };

/** The names of all refused features of the table, in a fixed order; empty: go ahead. */
export function refusedFeatures(schema: TableSchema, mode: AccessMode): readonly string[] {
  const names = rules
    .filter(rule => rule.refuses === 'read' || mode === 'write')
    .map(rule => rule.feature(schema))
    .filter(name => name !== undefined);
  return [...new Set([...refusedTypes(schema), ...names])];
}

/** Switches that name themselves. */
function whenOn(refuses: AccessMode, key: string): Rule {
  return { refuses, feature: schema => (booleanOption(schema.options, key, false) ? key : undefined) };
}

/** Options whose mere presence asks for something. */
function whenSet(refuses: AccessMode, key: string): Rule {
  return { refuses, feature: schema => (textOption(schema.options, key) === undefined ? undefined : key) };
}

/** Options that ask for something unless they have this value (their default). */
function unless(refuses: AccessMode, key: string, harmless: string): Rule {
  return {
    refuses,
    feature: schema => {
      const value = textOption(schema.options, key)?.toLowerCase() ?? harmless;
      return value === harmless ? undefined : `${key}=${value}`;
    },
  };
}

/** Rules about how equal keys are merged hold for primary-key tables only. */
function ofPrimaryKeyTables(rule: Rule): Rule {
  return {
    refuses: rule.refuses,
    feature: schema => (schema.primaryKeys.length > 0 ? rule.feature(schema) : undefined),
  };
}

const rules: readonly Rule[] = [
  { refuses: 'read', feature: tableKind },
  ofPrimaryKeyTables({ refuses: 'read', feature: mergeFeatures }),
  { refuses: 'read', feature: vectorsBesideData },
  { refuses: 'read', feature: bucketMode },
  { refuses: 'write', feature: crossPartitionConflicts },
  { refuses: 'read', feature: fileFormats },
  { refuses: 'write', feature: avroColumns },
  unless('read', 'manifest.format', 'avro'),
  ofPrimaryKeyTables(whenOn('read', 'sequence.snapshot-ordering')),
  whenOn('write', 'row-tracking.enabled'),
  whenOn('read', 'data-evolution.enabled'),
  whenSet('read', 'data-file.external-paths'),
  whenOn('read', 'chain-table.enabled'),
  whenOn('read', 'pk-clustering-override'),
  whenSet('read', 'blob-field'),
  whenSet('read', 'vector-field'),
  whenSet('read', 'scan.fallback-branch'),
  whenOn('read', 'query-auth.enabled'),
  { refuses: 'read', feature: partitionTypes },
  unless('write', 'type', 'table'),
  unless('write', 'metadata.iceberg.storage', 'disabled'),
  unless('write', 'write.sequence-number-init-mode', 'scan'),
  whenOn('write', 'index-file-in-data-file-dir'),
  { refuses: 'write', feature: fileIndexes },
  { refuses: 'write', feature: doneActions },
  { refuses: 'write', feature: defaultValues },
];

/** Tables of type format-table, object-table and so on are something else altogether. */
function tableKind(schema: TableSchema): string | undefined {
  const type = textOption(schema.options, 'type')?.toLowerCase() ?? 'table';
  return type === 'table' || type === 'materialized-table' ? undefined : `type=${type}`;
}

function bucketMode(schema: TableSchema): string | undefined {
  if (textOption(schema.options, 'bucket-function.type')?.toLowerCase() === 'hive') return 'bucket-function.type=hive';
  return undefined;
}

/** Whether rows are put off: written beside the buckets first, and brought into them by compactions. */
export function hasPostponedBuckets({ options }: TableSchema): boolean {
  return integerOption(options, 'bucket', -2) === postponedBucket;
}

/** Whether keys may move from one partition to another: nothing in a key tells its partition. */
export function isCrossPartition({ primaryKeys, partitionKeys, options }: TableSchema): boolean {
  const bucket = integerOption(options, 'bucket', -2) ?? -1;
  return primaryKeys.length > 0 && bucket === -1 && !partitionKeys.every(key => primaryKeys.includes(key));
}

/** What would let a key be in two partitions: deletes that count for nothing, or an older row that is newer elsewhere. */
function crossPartitionConflicts(schema: TableSchema): string | undefined {
  if (!isCrossPartition(schema)) return undefined;
  if (textOption(schema.options, 'sequence.field') !== undefined) return `${crossPartitionFeature} with sequence.field`;
  const engine = textOption(schema.options, 'merge-engine')?.toLowerCase() ?? 'deduplicate';
  if (engine !== 'deduplicate' || !ignoresDeletesOf(schema)) return undefined;
  return `${crossPartitionFeature} with ignore-delete`;
}

/** By the options that ask for them, those that are neither read nor written here. */
function fileFormats({ options }: TableSchema): string | undefined {
  const asked = formatOptions(options).filter(({ format }) => format !== 'parquet' && format !== 'avro');
  return asked.length === 0 ? undefined : asked.map(({ key, format }) => `${key}=${format}`).join(', ');
}

/** Files that cannot be written as the table asks. */
function avroColumns({ fields, options }: TableSchema): string | undefined {
  const asked = formatOptions(options).find(({ format }) => format === 'avro');
  if (asked === undefined || fitsAvro({ fields })) return undefined;
  return `${asked.key}=avro with columns that Avro files cannot have (TIME above 3, TIMESTAMP above 6, names of other than letters, digits and _, nested ones whose paths are alike)`;
}

function formatOptions(options: OptionMap): readonly { readonly key: string; readonly format: string }[] {
  const perLevel = 'file.format.per.level';
  const single = ['file.format', 'changelog-file.format'].flatMap(key => {
    const format = textOption(options, key)?.toLowerCase();
    return format === undefined ? [] : [{ key, format }];
  });
  return [...single, ...perLevelOption(options, perLevel, '0:avro').map(([, format]) => ({ key: perLevel, format }))];
}

/** Index files that lie elsewhere than we look for them. */
function vectorsBesideData({ options }: TableSchema): string | undefined {
  const key = 'index-file-in-data-file-dir';
  const hasVectors = booleanOption(options, 'deletion-vectors.enabled', false);
  return hasVectors && booleanOption(options, key, false) ? key : undefined;
}

/** Paimon's paths of such partitions are not repeatable (`[B@1b2c3d`). */
function partitionTypes(schema: TableSchema): string | undefined {
  const binary = schema.fields.find(
    field =>
      schema.partitionKeys.includes(field.name) && (field.type.kind === 'binary' || field.type.kind === 'varbinary'),
  );
  return binary === undefined ? undefined : 'partition by a binary column';
}

function fileIndexes(schema: TableSchema): string | undefined {
  return refusedFileIndexes(schema)[0];
}

/** What is to be done with the partitions of every batch of writes. */
function doneActions(schema: TableSchema): string | undefined {
  return batchesAreDone(schema) ? refusedDoneActions(schema)[0] : undefined;
}

/** As an option they are of Paimon before 1.0, whose readers put them in; now they are the schema's, and writers do. */
function defaultValues(schema: TableSchema): string | undefined {
  return Object.keys(schema.options).find(key => /^fields\..+\.default-value$/.test(key));
}

function mergeFeatures(schema: TableSchema): string | undefined {
  const engine = textOption(schema.options, 'merge-engine')?.toLowerCase();
  const aggregates = engine === 'aggregation' || engine === 'partial-update' ? refusedAggregates(schema) : [];
  return aggregates.length === 0 ? undefined : aggregates.join(', ');
}

/** At any depth. */
function refusedTypes(schema: TableSchema): readonly string[] {
  return schema.fields.flatMap(field => refusedIn(field.type));
}

function refusedIn(type: DataType): readonly string[] {
  switch (type.kind) {
    case 'array':
    case 'multiset':
      return refusedIn(type.element);
    case 'map':
      return [...refusedIn(type.key), ...refusedIn(type.value)];
    case 'row':
      return type.fields.length === 0
        ? ['type ROW without fields']
        : type.fields.flatMap(field => refusedIn(field.type));
    case 'vector':
    case 'variant':
    case 'blob':
      return [`type ${type.kind.toUpperCase()}`];
    default:
      return [];
  }
}
