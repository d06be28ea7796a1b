/**
 * Rows of a table whose keys may move from one partition to another: a bucket of -1 and a primary key without all partition
 * columns. Rows wait as they came. When a commit plans, their keys are looked up on its base, and the rows go where the
 * merge engine's rule says (lsm/key-assigner.ts); on another base they go anew if others have moved their keys meanwhile.
 *
 * There is no index of keys: neither Paimon nor we write one for such tables. What a plan has read is its base alone, and it
 * says so (`keysAt`, S2 i), so of two writers who bring one key to two partitions the later one sees the other's.
 */
import { assert, present } from '../../base/assert.ts';
import { LakeError, unsupported } from '../../base/errors.ts';
import {
  crossPartitionFeature,
  isCrossPartition,
  parseTableOptions,
  type TableOptions,
} from '../../format/table-options.ts';
import { fieldsNamed, type TableSchema } from '../../format/table-schema.ts';
import { type CrossingRule, KeyAssigner, type KeyCounts, type KeyPlaces } from '../../lsm/key-assigner.ts';
import { takeRows } from '../../types/gather.ts';
import type { RowBatch } from '../../types/row-batch.ts';
import { rowKindByte } from '../../types/row-kind.ts';
import type { CommitBase, KeysAt } from '../commit/request.ts';
import { partitionKey } from '../live-files.ts';
import { mergeOptionsOf } from '../merge-spec.ts';
import { partitionPruner } from '../partition-pruning.ts';
import { constantColumn } from '../read/column-mapping.ts';
import { partitionTypes, type Table } from '../table.ts';
import { Arrivals } from './arrivals.ts';
import type { InputRows } from './input-rows.ts';
import { KeyFilter } from './key-filter.ts';
import { KeyLocations, type Located, type LocatedPartition } from './key-locations.ts';
import { keyTexts } from './key-texts.ts';
import { type PlacedRows, partitionsOfRows } from './place-rows.ts';

export type CrossingSettings = {
  /** Of an overwrite: which partitions stay; undefined: nothing is replaced. */
  readonly staying: Staying | undefined;
};

/** @param written the partitions, serialized, that rows were given for */
export type Staying = (written: readonly Uint8Array[]) => (partition: Uint8Array) => boolean;

/** Keys of one commit: they are held in memory. */
const keyCountMax = 10_000_000;

const rules: Readonly<Record<ReturnType<typeof mergeOptionsOf>['engine']['kind'], CrossingRule>> = {
  deduplicate: 'move',
  'partial-update': 'stay',
  aggregation: 'stay',
  'first-row': 'skip',
};

export class CrossPartition {
  readonly #table: Table;
  readonly #schema: TableSchema;
  readonly #options: TableOptions;
  readonly #rule: CrossingRule;
  readonly #staying: Staying | undefined;
  readonly #arrivals: Arrivals;
  readonly #keys = new Set<string>();
  readonly #filter: KeyFilter;
  readonly #locations: KeyLocations;
  /** Those that rows came for and those where their keys are, by `partitionKey`. */
  readonly #partitions = new Map<string, LocatedPartition>();
  readonly #written = new Map<string, Uint8Array>();
  #assigner: KeyAssigner | undefined;
  #keysAt: KeysAt | undefined;
  #moved = 0;

  constructor(table: Table, schema: TableSchema, settings: CrossingSettings & { readonly bytesMax: number }) {
    const { staying, bytesMax } = settings;
    this.#table = table;
    this.#schema = schema;
    this.#options = parseTableOptions(schema);
    this.#rule = rules[mergeOptionsOf(schema).engine.kind];
    this.#staying = staying;
    this.#arrivals = new Arrivals(table, schema, { bytesMax });
    this.#filter = new KeyFilter(schema);
    this.#locations = new KeyLocations(table, schema, this.#options.crossPartition);
  }

  /** The partitions that rows were given for, serialized. */
  get written(): readonly Uint8Array[] {
    return [...this.#written.values()];
  }

  /** Delete rows that were added: each takes a key away where it was. */
  get moved(): number {
    return this.#moved;
  }

  /** After `moveTo`: the base whose keys the plan counts on; undefined: it counts on none. */
  get keysAt(): KeysAt | undefined {
    return this.#keysAt;
  }

  /** @throws LakeError `invalid` LAKE_TOO_MANY_KEYS */
  async add(input: InputRows): Promise<void> {
    for (const key of keyTexts(this.#schema, input.rows)) this.#keys.add(key);
    if (this.#keys.size > keyCountMax) {
      const message = `${this.#table.label}: more than ${keyCountMax} keys in one commit, whose partitions must be looked up`;
      throw new LakeError('invalid', 'LAKE_TOO_MANY_KEYS', `${message}; commit more often`);
    }
    this.#filter.add(input.rows);
    const partitionOf = partitionsOfRows(this.#schema, input.rows);
    for (let row = 0; row < input.rows.rowCount; row += 1) {
      const own = partitionOf(row);
      const id = partitionKey(own.partition);
      if (this.#written.has(id)) continue;
      this.#written.set(id, own.partition);
      this.#partitions.set(id, own);
    }
    await this.#arrivals.add(input);
  }

  /**
   * Goes over to a base.
   *
   * @returns false: rows go elsewhere than before, or have not gone yet; all are to be taken from `placed`
   * @throws LakeError `invalid` LAKE_KEY_ELSEWHERE
   */
  async moveTo(base: CommitBase): Promise<boolean> {
    const { places, partitions } = await this.#locate(base);
    if (this.#assigner?.holdsFor(places) === true) return true;
    for (const [id, partition] of partitions) this.#partitions.set(id, partition);
    const keyCounts = await this.#keyCounts(base);
    this.#assigner = new KeyAssigner(this.#rule, this.#options.dynamicBuckets, { places, keyCounts });
    return false;
  }

  /** After `moveTo` said so: the rows where they go, in their order. */
  async *placed(): AsyncGenerator<PlacedRows, void, undefined> {
    this.#moved = 0;
    for await (const input of this.#arrivals.all()) yield* this.#place(input);
  }

  /** Takes away what was kept in files. */
  discard(): Promise<void> {
    return this.#arrivals.discard();
  }

  async #locate(base: CommitBase): Promise<Located> {
    const counts = this.#staying?.(this.written) ?? (() => true);
    const predicate = this.#filter.predicate();
    const located = await this.#locations.at(base, { has: key => this.#keys.has(key), predicate, counts });
    this.#keysAt = { identity: base.snapshot?.deltaManifestList };
    this.#checkReplaced(located.places);
    return located;
  }

  /** An overwrite replaces partitions, and changes none that stays. */
  #checkReplaced(places: KeyPlaces): void {
    if (this.#staying === undefined || this.#rule === 'skip' || places.size === 0) return;
    const message = `${this.#table.label}: ${places.size} keys of these rows are in partitions that are not overwritten`;
    throw new LakeError('invalid', 'LAKE_KEY_ELSEWHERE', `${message}; overwrite those as well, or insert the rows`);
  }

  /** Rows of each bucket in the partitions that rows came for: at least as many as it has keys. */
  async #keyCounts(base: CommitBase): Promise<ReadonlyMap<string, KeyCounts>> {
    const mayMatch = partitionPruner(this.written, partitionTypes(this.#schema));
    const inPlace = ({ partition }: { readonly partition: Uint8Array }): boolean =>
      this.#written.has(partitionKey(partition));
    const counts = new Map<string, Map<number, number>>();
    if (this.#staying !== undefined) return counts;
    for (const { partition, bucket, file } of await base.liveEntries({ mayMatch, inPlace })) {
      const id = partitionKey(partition);
      const ofPartition = counts.get(id) ?? new Map<number, number>();
      counts.set(id, ofPartition);
      ofPartition.set(bucket, (ofPartition.get(bucket) ?? 0) + file.rowCount - (file.deleteRowCount ?? 0));
    }
    return counts;
  }

  *#place({ rows, kinds }: InputRows): Generator<PlacedRows, void, undefined> {
    const assigner = present(this.#assigner, 'an assigner, after a base');
    const targets = new Map<string, Target>();
    const partitionOf = partitionsOfRows(this.#schema, rows);
    for (const [row, key] of keyTexts(this.#schema, rows).entries()) {
      const own = partitionKey(partitionOf(row).partition);
      assigner.assign(key, own, ({ partition, bucket }, as) => {
        const id = `${bucket}/${partition}`;
        const target = targets.get(id) ?? { partition, bucket, rows: [], kinds: [], hasOthers: false };
        targets.set(id, target);
        target.rows.push(row);
        target.kinds.push(as === 'delete' ? rowKindByte['-D'] : (kinds[row] ?? 0));
        target.hasOthers ||= partition !== own;
        if (as === 'delete') this.#moved += 1;
      });
    }
    for (const target of targets.values()) yield this.#placedRows(rows, target);
  }

  #placedRows(rows: RowBatch, { partition: id, bucket, rows: index, kinds, hasOthers }: Target): PlacedRows {
    const known = this.#partitions.get(id);
    assert(known !== undefined, 'rows go to partitions that are known');
    const place = { ...known, bucket, totalBuckets: this.#options.bucket };
    const taken = takeRows(rows, Uint32Array.from(index));
    return { place, rows: hasOthers ? this.#within(taken, known) : taken, kinds: Int8Array.from(kinds) };
  }

  /** The rows with the columns of a partition that was not theirs. */
  #within(rows: RowBatch, { partitionValues }: LocatedPartition): RowBatch {
    const { partitionKeys } = this.#schema;
    const fields = fieldsNamed(this.#schema, partitionKeys);
    const columns = this.#schema.fields.map(({ name }, column) => {
      const index = partitionKeys.indexOf(name);
      const field = fields[index];
      if (field === undefined) return present(rows.columns[column], 'column');
      return constantColumn(field.type, partitionValues[index] ?? null, rows.rowCount);
    });
    return { ...rows, columns };
  }
}

/**
 * @param bytesMax of rows in memory before they go to files
 * @throws LakeError `unsupported` when the writer does not know such tables
 */
export function crossPartition(
  table: Table,
  schema: TableSchema,
  settings: CrossingSettings | undefined,
  bytesMax: number,
): CrossPartition | undefined {
  if (!isCrossPartition(schema)) return undefined;
  if (settings !== undefined) return new CrossPartition(table, schema, { ...settings, bytesMax });
  throw unsupported(crossPartitionFeature, `writing ${table.label} in this way`);
}

/** Rows of a batch that go to one place. */
type Target = {
  readonly partition: string;
  readonly bucket: number;
  readonly rows: number[];
  readonly kinds: number[];
  hasOthers: boolean;
};
