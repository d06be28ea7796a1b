/**
 * Where rows go in a table whose buckets are postponed (spec 6.4): to the buckets of their partition, or, where rows wait for
 * a compaction, behind these. Whoever goes past rows that wait would be overwritten by them when they come in.
 *
 * | | a partition that has buckets | a new partition | one in which rows wait |
 * |---|---|---|---|
 * | `postpone.batch-write-fixed-bucket` (default) | into them | into `postpone.default-bucket-num` | they wait, too |
 * | without it | they wait | they wait | they wait |
 *
 * Another commit may have changed that: rows are then placed again (`moveTo`).
 */
import { unsupported } from '../../base/errors.ts';
import { bucketsOfBatch, postponedBucket } from '../../format/bucket.ts';
import {
  hasPostponedBuckets,
  parseTableOptions,
  postponedFeature,
  type TableOptions,
} from '../../format/table-options.ts';
import { bucketKeys, type TableSchema } from '../../format/table-schema.ts';
import type { CommitBase } from '../commit/request.ts';
import { partitionKey } from '../live-files.ts';
import type { Table } from '../table.ts';
import type { BaseOf, DynamicSettings, HashBase } from './dynamic-buckets.ts';
import { type PlacedRows, splitByBucket } from './place-rows.ts';

/** `base`: behind rows that wait at the base. `none`: those are replaced. `waiting`: these are the rows that waited. */
export type PostponedSource = 'base' | 'none' | 'waiting';

type PartitionState = {
  readonly partition: Uint8Array;
  /** How many buckets it has; undefined: its rows wait. */
  readonly bucketCount: number | undefined;
};

export class PostponedBuckets {
  readonly #schema: TableSchema;
  readonly #options: TableOptions;
  readonly #source: PostponedSource;
  readonly #partitions = new Map<string, PartitionState>();

  constructor(schema: TableSchema, source: PostponedSource) {
    this.#schema = schema;
    this.#options = parseTableOptions(schema);
    this.#source = source;
  }

  /** The rows of a partition, told apart by bucket. @param baseOf asked when nothing is known of the partition yet */
  async place(placed: PlacedRows, baseOf: BaseOf): Promise<readonly PlacedRows[]> {
    const { place, rows } = placed;
    const { bucketCount } = await this.#stateOf(place.partition, baseOf);
    if (bucketCount === undefined) {
      return [{ ...placed, place: { ...place, bucket: postponedBucket, totalBuckets: postponedBucket } }];
    }
    const { bucketFunction } = this.#options;
    if (bucketFunction === 'hive') throw unsupported('bucket-function.type = hive', 'writing');
    const buckets = bucketsOfBatch(rows, bucketKeys(this.#schema), bucketCount, bucketFunction);
    return splitByBucket({ ...placed, place: { ...place, totalBuckets: bucketCount } }, buckets);
  }

  /** Goes over to a base. @returns false: rows belong elsewhere now, and must be placed again after `forget` */
  async moveTo(base: CommitBase): Promise<boolean> {
    for (const { partition, bucketCount } of this.#partitions.values()) {
      if ((await this.#bucketCountAt(partition, base)) !== bucketCount) return false;
    }
    return true;
  }

  forget(): void {
    this.#partitions.clear();
  }

  async #stateOf(partition: Uint8Array, baseOf: BaseOf): Promise<PartitionState> {
    const key = partitionKey(partition);
    const known = this.#partitions.get(key);
    if (known !== undefined) return known;
    const state = { partition, bucketCount: await this.#bucketCountAt(partition, await baseOf()) };
    this.#partitions.set(key, state);
    return state;
  }

  async #bucketCountAt(partition: Uint8Array, base: HashBase | undefined): Promise<number | undefined> {
    const { defaultBucketCount, writesDirectly } = this.#options.postponed;
    if (!writesDirectly && this.#source !== 'waiting') return undefined;
    const counts = (await base?.bucketCounts?.(partition)) ?? new Set<number>();
    if (this.#source === 'base' && counts.has(postponedBucket)) return undefined;
    return counts.values().find(count => count > 0) ?? defaultBucketCount;
  }
}

/** @throws LakeError `unsupported` when the writer does not know rows that wait */
export function postponedBuckets(
  table: Table,
  schema: TableSchema,
  settings: DynamicSettings | undefined,
): PostponedBuckets | undefined {
  if (!hasPostponedBuckets(schema)) return undefined;
  if (settings === undefined) throw unsupported(postponedFeature, `writing ${table.label} through a log`);
  return new PostponedBuckets(schema, settings.takesWaiting === true ? 'waiting' : settings.source);
}
