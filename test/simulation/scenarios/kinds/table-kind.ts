/**
 * The kinds of tables that the scenario goes through, each with the plain rule of what a write does to it: what the product
 * makes out of merge engines, dynamic buckets, deletion vectors and changelog producers is held against that.
 */
import type { TableDefinition } from '../../../../src/catalog/table-definition.ts';
import { rowKindByte } from '../../../../src/types/row-kind.ts';
import type { Scalar } from '../../../../src/types/scalar.ts';
import { shortRetention } from '../../../maintenance-fixture.ts';
import { chance, seedOf } from '../../chance.ts';

/** What a reader sees: the other columns by the key, as text. */
export type State = ReadonlyMap<number, string>;

/** A row of a write; `a`, `b` undefined: null. */
export type Row = {
  readonly kind: number;
  readonly k: number;
  readonly a: number | undefined;
  readonly b: number | undefined;
};

export type Engine = 'append' | 'deduplicate' | 'partial-update' | 'aggregation' | 'first-row';
export type Producer = 'none' | 'input' | 'lookup' | 'full-compaction';

export type TableKind = {
  readonly engine: Engine;
  readonly isDynamic: boolean;
  readonly hasVectors: boolean;
  readonly producer: Producer;
  /** Whether -D is written: the engine has a use for it. */
  readonly takesDeletes: boolean;
  /** Level 0 is not read (first-row, deletion vectors): what is read may be older than the newest snapshot. */
  readonly hidesLevel0: boolean;
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

export function tableKindOf(seed: number): TableKind {
  const draw = (name: string): number => chance(seedOf(seed, name), 3);
  const engine = engines[Math.floor(draw('engine') * engines.length)] ?? 'append';
  const isKeyed = engine !== 'append';
  const isDynamic = isKeyed && draw('dynamic') < 0.4;
  const hasVectors = engine !== 'first-row' && draw('vectors') < 0.4;
  const removes = engine === 'partial-update' && draw('removes') < 0.5;
  const producer = producerOf(engine, hasVectors, draw('producer'));
  const options: Record<string, string> = {
    ...shortRetention,
    'manifest.compression': 'null',
    // Packing is tried elsewhere, and the zstd of small files is a tenth of the time.
    ...(draw('packed') < 0.2 ? {} : { 'file.compression': 'none' }),
    'manifest.merge-min-count': '8',
    bucket: isKeyed ? (isDynamic ? '-1' : String(1 + Math.floor(draw('buckets') * 2))) : '-1',
    'changelog-producer': producer,
    ...(isDynamic ? { 'dynamic-bucket.target-row-num': '3' } : {}),
    ...(hasVectors ? { 'deletion-vectors.enabled': 'true' } : {}),
    ...(isKeyed ? { 'merge-engine': engine } : {}),
    ...(removes ? { 'partial-update.remove-record-on-delete': 'true' } : {}),
    ...(engine === 'aggregation' ? { 'fields.a.aggregate-function': 'sum', 'fields.b.aggregate-function': 'max' } : {}),
  };
  return {
    engine,
    isDynamic,
    hasVectors,
    producer,
    takesDeletes: engine === 'deduplicate' || removes,
    hidesLevel0: isKeyed && (hasVectors || engine === 'first-row'),
    definition: {
      columns: [
        { name: 'k', type: { kind: 'int', nullable: false } },
        { name: 'a', type: { kind: 'bigint', nullable: true } },
        { name: 'b', type: { kind: 'bigint', nullable: true } },
      ],
      primaryKeys: isKeyed ? ['k'] : [],
      partitionKeys: [],
      options,
    },
  };
}

function producerOf(engine: Engine, hasVectors: boolean, place: number): Producer {
  if (engine === 'append') return 'none';
  // First-row takes lookup only, as Paimon does.
  if (engine === 'first-row') return place < 0.5 ? 'none' : 'lookup';
  // With deletion vectors Paimon takes no changelogs of full compactions.
  const producers: readonly Producer[] = ['none', 'none', 'input', 'lookup', hasVectors ? 'lookup' : 'full-compaction'];
  return producers[Math.floor(place * producers.length)] ?? 'none';
}

export function valuesOf({ k, a, b }: Row): readonly Scalar[] {
  return [k, a === undefined ? null : BigInt(a), b === undefined ? null : BigInt(b)];
}

export function textOf(a: unknown, b: unknown): string {
  return `${a ?? 'null'}|${b ?? 'null'}`;
}

/** What rows make of a state, one after the other. */
export function written(kind: TableKind, before: State, rows: readonly Row[]): State {
  const after = new Map(before);
  for (const row of rows) {
    const there = after.get(row.k);
    if (row.kind === rowKindByte['-D']) after.delete(row.k);
    else after.set(row.k, merged(kind.engine, there, row));
  }
  return after;
}

function merged(engine: Engine, there: string | undefined, { a, b }: Row): string {
  if (there === undefined) return textOf(a, b);
  const [oldA = 'null', oldB = 'null'] = there.split('|');
  switch (engine) {
    case 'append':
      throw new Error(`a row of an append table came twice: ${there}`);
    case 'deduplicate':
      return textOf(a, b);
    case 'partial-update':
      return textOf(a ?? oldA, b ?? oldB);
    case 'aggregation':
      return textOf(Number(oldA) + (a ?? 0), Math.max(Number(oldB), b ?? 0));
    case 'first-row':
      return there;
  }
}
