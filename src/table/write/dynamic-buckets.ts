/**
 * Buckets of a table that has as many as its keys need (spec 6.2, 6.3): rows go where the hash index of their partition
 * says, new keys where there is room, and the hash index is written anew in the same commit.
 *
 * Two writers may give one new key two buckets. Who comes second sees that when it plans on the other's snapshot
 * (`moveTo`), and has its rows placed again.
 */
import { assert } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { keyHashes } from '../../format/bucket.ts';
import { decodeHashIndex, encodeHashIndex } from '../../format/hash-index.ts';
import { hashIndexType, type IndexEntry } from '../../format/index-manifest.ts';
import { indexFileName } from '../../format/paths.ts';
import {
  hasDynamicBuckets,
  isCrossPartition,
  parseTableOptions,
  type TableOptions,
} from '../../format/table-options.ts';
import { type TableSchema, trimmedPrimaryKeys } from '../../format/table-schema.ts';
import { BucketAssigner, type IndexedHashes } from '../../lsm/bucket-assigner.ts';
import type { CommitBase, HashRead } from '../commit/request.ts';
import { indexEntriesOf, indexFileKey, readIndexFile } from '../index-files.ts';
import type { IndexEdit } from '../index-plan.ts';
import { bucketKey, partitionKey } from '../live-files.ts';
import type { Table } from '../table.ts';
import { type PlacedRows, splitByBucket } from './place-rows.ts';

/** What becomes of the hash index, and what of it the plan counts on. */
export type HashEdit = IndexEdit & { readonly reads: readonly HashRead[] };

/** `base`: what the hash index says counts. `none`: the partitions are replaced, and begin anew. */
export type HashSource = 'base' | 'none';

/** What of a base says where keys are; bucket counts where rows may wait for a bucket. */
export type HashBase = Pick<CommitBase, 'snapshot'> & Partial<Pick<CommitBase, 'bucketCounts'>>;

/** The base that a plan will most likely have; undefined: none is known. */
export type BaseOf = () => Promise<HashBase | undefined>;

/** How rows of a table without fixed buckets find their places. */
export type DynamicSettings = {
  /** Of what is at the base, rows go to the same buckets, or the rows that come take its place. */
  readonly source: HashSource;
  /** The rows are those that waited for a bucket. */
  readonly takesWaiting?: boolean | undefined;
  /** The base that the commit will most likely have; undefined: none is known. */
  readonly base: BaseOf;
};

type PartitionState = { readonly partition: Uint8Array; readonly assigner: BucketAssigner };

export class DynamicBuckets {
  readonly #table: Table;
  readonly #schema: TableSchema;
  readonly #options: TableOptions;
  readonly #source: HashSource;
  readonly #partitions = new Map<string, PartitionState>();

  constructor(table: Table, schema: TableSchema, source: HashSource) {
    this.#table = table;
    this.#schema = schema;
    this.#options = parseTableOptions(schema);
    this.#source = source;
  }

  /** The rows of a partition, told apart by bucket. @param baseOf asked when nothing is known of the partition yet */
  async place(placed: PlacedRows, baseOf: BaseOf): Promise<readonly PlacedRows[]> {
    const { place, rows } = placed;
    const { assigner } = await this.#stateOf(place.partition, baseOf);
    const hashes = keyHashes(rows, trimmedPrimaryKeys(this.#schema));
    return splitByBucket(
      placed,
      hashes.map(hash => assigner.assign(hash)),
    );
  }

  /**
   * Goes over to a base.
   *
   * @returns false: others have given keys of ours to other buckets; all rows must be placed again after `forget`
   */
  async moveTo(base: HashBase): Promise<boolean> {
    for (const { partition, assigner } of this.#partitions.values()) {
      if (!assigner.moveTo(await this.#hashesOf(partition, base))) return false;
    }
    return true;
  }

  forget(): void {
    this.#partitions.clear();
  }

  /** After `moveTo` the same base. Writes index files; what it uploads is an orphan until a commit names it. */
  async plan(base: HashBase): Promise<HashEdit> {
    const uuid = this.#table.random.uuid();
    const adds: IndexEntry[] = [];
    const reads: HashRead[] = [];
    for (const { partition, assigner } of this.#partitions.values()) {
      const entries = await this.#entriesOf(partition, base);
      reads.push({ partition, files: new Map(entries.map(({ bucket, fileName }) => [bucket, fileName])) });
      for (const [bucket, hashes] of assigner.unindexed()) {
        const before = entries.find(entry => entry.bucket === bucket);
        const known = before === undefined ? [] : await this.#read(before);
        const fileName = indexFileName({ uuid, count: adds.length });
        const bytes = encodeHashIndex([...known, ...hashes]);
        await this.#table.store.put(indexFileKey(this.#table, fileName), bytes);
        adds.push(hashEntry({ partition, bucket, fileName, fileSize: bytes.length }));
      }
    }
    const replaced = new Set(adds.map(bucketKey));
    const drops = (entry: IndexEntry): boolean => entry.indexType === hashIndexType && replaced.has(bucketKey(entry));
    return { drops, adds, reads: this.#source === 'none' ? [] : reads };
  }

  async #stateOf(partition: Uint8Array, baseOf: BaseOf): Promise<PartitionState> {
    const key = partitionKey(partition);
    const known = this.#partitions.get(key);
    if (known !== undefined) return known;
    const base = await baseOf();
    const indexed = base === undefined ? new Map<number, Int32Array>() : await this.#hashesOf(partition, base);
    const state = { partition, assigner: new BucketAssigner(this.#options.dynamicBuckets, indexed) };
    this.#partitions.set(key, state);
    return state;
  }

  async #hashesOf(partition: Uint8Array, base: HashBase): Promise<IndexedHashes> {
    const hashes = new Map<number, Int32Array>();
    for (const entry of await this.#entriesOf(partition, base)) {
      assert(!hashes.has(entry.bucket), 'a bucket has one hash index');
      hashes.set(entry.bucket, (await this.#read(entry)).toSorted());
    }
    return hashes;
  }

  async #entriesOf(partition: Uint8Array, base: HashBase): Promise<readonly IndexEntry[]> {
    if (this.#source === 'none') return [];
    const key = partitionKey(partition);
    const entries = await indexEntriesOf(this.#table, base.snapshot);
    return entries.filter(entry => entry.indexType === hashIndexType && partitionKey(entry.partition) === key);
  }

  async #read(entry: IndexEntry): Promise<Int32Array> {
    return decodeHashIndex(await readIndexFile(this.#table, entry), indexFileKey(this.#table, entry.fileName));
  }
}

/** @throws LakeError `unsupported` when the writer does not know dynamic buckets */
export function dynamicBuckets(
  table: Table,
  schema: TableSchema,
  settings: DynamicSettings | undefined,
): DynamicBuckets | undefined {
  if (!hasDynamicBuckets(schema) || isCrossPartition(schema)) return undefined;
  if (settings !== undefined) return new DynamicBuckets(table, schema, settings.source);
  throw unsupported('dynamic bucket (bucket=-1 with a primary key)', `writing ${table.label} in this way`);
}

function hashEntry(file: Pick<IndexEntry, 'partition' | 'bucket' | 'fileName' | 'fileSize'>): IndexEntry {
  const rowCount = file.fileSize / 4;
  return {
    ...file,
    indexType: hashIndexType,
    rowCount,
    vectors: undefined,
    externalPath: undefined,
    global: undefined,
  };
}
