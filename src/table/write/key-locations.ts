/**
 * Where the keys of rows to be written are in the table, whatever the partition: the key columns of its live files are read
 * and merged, those of them that may have one of the keys, by partitions, statistics and file indexes. Level 0 counts also
 * where readers do not see it.
 *
 * What was found in a bucket holds as long as the bucket has the same files with the same deletion vectors. So on a newer
 * base only those buckets are read again in which others have changed something.
 *
 * @see Paimon 1.4.2 crosspartition.IndexBootstrap, which reads all keys once and keeps them
 */
import { mapBounded } from '../../base/concurrency.ts';
import type { TableOptions } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { KeyPlace } from '../../lsm/key-assigner.ts';
import type { Predicate } from '../../types/predicate.ts';
import { vectorIdentity } from '../commit/decide-index.ts';
import type { CommitBase } from '../commit/request.ts';
import { bucketKey, partitionKey } from '../live-files.ts';
import { readSplit } from '../read/read-split.ts';
import { planScan, type ScanPlan } from '../scan/plan-scan.ts';
import { filesOf, type Split } from '../scan/split.ts';
import type { Table } from '../table.ts';
import { keyTexts } from './key-texts.ts';

/** A partition of the table. */
export type LocatedPartition = Pick<Split, 'partition' | 'partitionValues'>;

export type Located = {
  /** By key. */
  readonly places: ReadonlyMap<string, readonly KeyPlace[]>;
  /** The partitions of these places, by `partitionKey`. */
  readonly partitions: ReadonlyMap<string, LocatedPartition>;
};

export type WantedKeys = {
  readonly has: (key: string) => boolean;
  /** What keys there may be, at least; undefined: any. */
  readonly predicate: Predicate | undefined;
  /** Whether the keys of a partition (a serialized row) count. */
  readonly counts: (partition: Uint8Array) => boolean;
};

type BucketKeys = { readonly state: string; readonly keys: readonly string[] };

export class KeyLocations {
  readonly #table: Table;
  readonly #schema: TableSchema;
  readonly #options: TableOptions['crossPartition'];
  readonly #nowMs: number;
  /** What was found in each bucket, by `bucketKey`. */
  #buckets: ReadonlyMap<string, BucketKeys> = new Map();

  constructor(table: Table, schema: TableSchema, options: TableOptions['crossPartition']) {
    this.#table = table;
    this.#schema = schema;
    this.#options = options;
    this.#nowMs = table.clock.nowMs();
  }

  /**
   * The places of those keys that are in the table.
   *
   * @param wanted the same at each call
   * @throws LakeError LAKE_SNAPSHOT_EXPIRED when the base went away meanwhile
   */
  async at(base: CommitBase, wanted: WantedKeys): Promise<Located> {
    const scan = { schema: this.#schema, predicate: wanted.predicate, withLevel0: true };
    const plan = await planScan(this.#table, base.snapshot, scan);
    const splits = plan.splits.filter(split => wanted.counts(split.partition) && this.#isRemembered(split));
    const buckets = [...Map.groupBy(splits, bucketKey)];
    const read = await mapBounded(buckets, this.#options.lookUpParallelism, async ([key, ofBucket]) => {
      const state = stateOf(ofBucket);
      const before = this.#buckets.get(key);
      if (before?.state === state) return [key, before] as const;
      return [key, { state, keys: await this.#keysIn(plan, ofBucket, wanted) }] as const;
    });
    this.#buckets = new Map(read);
    return this.#located(buckets.flatMap(([, [first]]) => first ?? []));
  }

  /** With `cross-partition-upsert.index-ttl`, keys of files that have not been written for so long are forgotten. */
  #isRemembered(split: Split): boolean {
    const { indexMs } = this.#options;
    if (indexMs === undefined) return true;
    return filesOf(split).some(({ creationTimeMs = this.#nowMs }) => this.#nowMs <= creationTimeMs + indexMs);
  }

  async #keysIn(plan: ScanPlan, splits: readonly Split[], wanted: WantedKeys): Promise<readonly string[]> {
    const found: string[] = [];
    for (const split of splits) {
      for await (const batch of readSplit(this.#table, plan, split, { columns: this.#schema.primaryKeys })) {
        for (const key of keyTexts(this.#schema, batch)) if (wanted.has(key)) found.push(key);
      }
    }
    return found;
  }

  /** @param ofEach a split of each bucket */
  #located(ofEach: readonly Split[]): Located {
    const places = new Map<string, KeyPlace[]>();
    const partitions = new Map<string, LocatedPartition>();
    for (const split of ofEach) {
      const keys = this.#buckets.get(bucketKey(split))?.keys ?? [];
      if (keys.length === 0) continue;
      const { partition, partitionValues, bucket } = split;
      const place: KeyPlace = { partition: partitionKey(partition), bucket };
      partitions.set(place.partition, { partition, partitionValues });
      for (const key of keys) {
        const ofKey = places.get(key);
        if (ofKey === undefined) places.set(key, [place]);
        else ofKey.push(place);
      }
    }
    return { places, partitions };
  }
}

/** What the keys that are read of a bucket depend on. */
function stateOf(splits: readonly Split[]): string {
  const files = splits.flatMap(split =>
    filesOf(split).map(({ fileName, level }) => {
      const vector = split.deletions.get(fileName);
      return `${fileName}@${level}/${vector === undefined ? '' : vectorIdentity(vector)}`;
    }),
  );
  return files.toSorted().join('|');
}
