/**
 * The kinds of tables that the scenario goes through: merge engines, buckets, deletion vectors, changelog producers,
 * partitions, and what the table does by itself as time passes, each drawn by chance.
 */
import type { TableDefinition } from '../../../../src/catalog/table-definition.ts';
import type { DataField } from '../../../../src/types/data-type.ts';
import { shortRetention } from '../../../maintenance-fixture.ts';
import { chance, seedOf } from '../../chance.ts';

export type Engine = 'append' | 'deduplicate' | 'partial-update' | 'aggregation' | 'first-row';
export type Producer = 'none' | 'input' | 'lookup' | 'full-compaction';

export type TableKind = {
  readonly engine: Engine;
  readonly isDynamic: boolean;
  readonly hasVectors: boolean;
  readonly producer: Producer;
  /** Whether -D is written: the engine has a use for it. */
  readonly takesDeletes: boolean;
  /** Partitioned by a column of which the key says nothing: rows move their keys, or go to where these are. */
  readonly isCrossing: boolean;
  /** Level 0 is not read (first-row, deletion vectors): what is read may be older than the newest snapshot. */
  readonly hidesLevel0: boolean;
  /** By the day. */
  readonly isPartitioned: boolean;
  /** Partitions go by themselves: days that are old, or that nobody has written to for long. */
  readonly partitionStrategy: 'values-time' | 'update-time';
  /** Columns are added, renamed and widened. */
  readonly evolves: boolean;
  /** Rows go by themselves, when they are compacted, so long after the time in `b`, in seconds. */
  readonly recordSeconds: number | undefined;
  /** Consumers that were not heard of for so long hold nothing. */
  readonly consumerMs: number | undefined;
  readonly hasAutoTags: boolean;
  /** Each row is a row group of its own, and whoever compacts looks into all files: what no other run has is copied. */
  readonly copies: boolean;
  readonly definition: TableDefinition;
};

const engines: readonly Engine[] = [
  'append',
  'deduplicate',
  'deduplicate',
  'partial-update',
  'aggregation',
  'first-row',
];
const hourMs = 3_600_000;
/** A partition key that is no part of the primary key. */
export const groupColumn = 'g';
/** A partition lives so long from the beginning of its day on, or since it was written to. */
export const partitionDays = 4;
export const autoTagsMax = 3;
const recordHours = 10;
const consumerHours = 5;

export function tableKindOf(seed: number): TableKind {
  const draw = (name: string): number => chance(seedOf(seed, name), 3);
  const engine = engines[Math.floor(draw('engine') * engines.length)] ?? 'append';
  const isKeyed = engine !== 'append';
  const hasVectors = engine !== 'first-row' && draw('vectors') < 0.4;
  const removes = engine === 'partial-update' && draw('removes') < 0.5;
  const producer = producerOf(engine, hasVectors, draw('producer'));
  const isPlain = engine === 'deduplicate' && (producer === 'none' || producer === 'input');
  const isDynamic = isKeyed && draw('dynamic') < 0.4;
  const isPartitioned = draw('partitioned') < 0.3;
  const recordSeconds = isPlain && draw('records') < 0.3 ? recordHours * 3_600 : undefined;
  // What is hidden may leave a key in two partitions: where it has come, and where its delete is not compacted yet.
  const showsAll = !hasVectors && engine !== 'first-row' && recordSeconds === undefined;
  // Of other tables compaction sees each row.
  const mayCopy =
    isKeyed &&
    !isDynamic &&
    !hasVectors &&
    (producer === 'none' || producer === 'input') &&
    recordSeconds === undefined;
  const kind: Omit<TableKind, 'definition'> = {
    engine,
    isDynamic,
    isCrossing: isDynamic && !isPartitioned && showsAll && draw('crossing') < 0.5,
    hasVectors,
    producer,
    takesDeletes: engine === 'deduplicate' || removes,
    hidesLevel0: isKeyed && (hasVectors || engine === 'first-row'),
    isPartitioned,
    partitionStrategy: draw('strategy') < 0.5 ? 'values-time' : 'update-time',
    evolves: draw('evolves') < 0.35,
    recordSeconds,
    consumerMs: draw('consumers') < 0.3 ? consumerHours * hourMs : undefined,
    hasAutoTags: draw('tags') < 0.3,
    copies: mayCopy && draw('copies') < 0.7,
  };
  return { ...kind, definition: definitionOf(kind, { draw, removes }) };
}

function producerOf(engine: Engine, hasVectors: boolean, place: number): Producer {
  if (engine === 'append') return 'none';
  // First-row takes lookup only, as Paimon does.
  if (engine === 'first-row') return place < 0.5 ? 'none' : 'lookup';
  // With deletion vectors Paimon takes no changelogs of full compactions.
  const producers: readonly Producer[] = ['none', 'none', 'input', 'lookup', hasVectors ? 'lookup' : 'full-compaction'];
  return producers[Math.floor(place * producers.length)] ?? 'none';
}

type Draws = { readonly draw: (name: string) => number; readonly removes: boolean };

function definitionOf(kind: Omit<TableKind, 'definition'>, { draw, removes }: Draws): TableDefinition {
  const isKeyed = kind.engine !== 'append';
  const partitionKeys = kind.isPartitioned ? ['p'] : [];
  const groups = kind.isCrossing ? [groupColumn] : [];
  return {
    columns: [
      { name: 'k', type: { kind: 'int', nullable: false } },
      { name: 'a', type: { kind: kind.evolves ? 'int' : 'bigint', nullable: true } },
      { name: 'b', type: { kind: 'bigint', nullable: true } },
      ...(kind.isPartitioned
        ? [{ name: 'p', type: { kind: 'varchar', length: 2_147_483_647, nullable: false } as const }]
        : []),
      ...groups.map(name => ({ name, type: { kind: 'int', nullable: true } as const })),
    ],
    primaryKeys: isKeyed ? ['k', ...partitionKeys] : [],
    partitionKeys: [...partitionKeys, ...groups],
    options: {
      ...shortRetention,
      'manifest.compression': 'null',
      'manifest.merge-min-count': '8',
      // Packing is tried elsewhere, and the zstd of small files is a tenth of the time.
      ...(draw('packed') < 0.2 ? {} : { 'file.compression': 'none' }),
      bucket: isKeyed && !kind.isDynamic ? String(1 + Math.floor(draw('buckets') * 2)) : '-1',
      'changelog-producer': kind.producer,
      ...(kind.isDynamic ? { 'dynamic-bucket.target-row-num': '3' } : {}),
      ...(kind.hasVectors ? { 'deletion-vectors.enabled': 'true' } : {}),
      ...(kind.hasVectors && draw('bitmap64') < 0.5 ? { 'deletion-vectors.bitmap64': 'true' } : {}),
      ...(isKeyed ? { 'merge-engine': kind.engine } : {}),
      ...(kind.copies ? { 'file.block-size': '1 b' } : {}),
      ...(removes ? { 'partial-update.remove-record-on-delete': 'true' } : {}),
      ...(kind.engine === 'aggregation'
        ? { 'fields.a.aggregate-function': 'sum', 'fields.b.aggregate-function': 'max' }
        : {}),
      ...(!kind.copies && draw('indexed') < 0.3 ? indexOptions : {}),
      ...lifeOptions(kind, draw),
    },
  };
}

const indexOptions = { 'file-index.bloom-filter.columns': 'k', 'file-index.bitmap.columns': 'b' };

/** What the table does by itself. */
function lifeOptions(kind: Omit<TableKind, 'definition'>, draw: Draws['draw']): Readonly<Record<string, string>> {
  return {
    ...(kind.isPartitioned
      ? {
          'partition.expiration-time': `${partitionDays} d`,
          'partition.expiration-strategy': kind.partitionStrategy,
        }
      : {}),
    ...(kind.recordSeconds === undefined
      ? {}
      : { 'record-level.expire-time': `${kind.recordSeconds} s`, 'record-level.time-field': 'b' }),
    ...(kind.consumerMs === undefined ? {} : { 'consumer.expiration-time': `${kind.consumerMs} ms` }),
    ...(kind.hasAutoTags
      ? {
          'tag.automatic-creation': 'process-time',
          'tag.creation-period': draw('period') < 0.5 ? 'hourly' : 'daily',
          'tag.num-retained-max': String(autoTagsMax),
        }
      : {}),
  };
}

/** The columns besides the key, in order: what a state is told by. */
export function valueFields(fields: readonly DataField[]): readonly DataField[] {
  return fields.filter(({ name }) => name !== 'k' && name !== 'p' && name !== groupColumn);
}
