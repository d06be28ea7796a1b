/**
 * Which bucket a key goes to in a partition with dynamic buckets: that of its hash if it has one, else one with room, else
 * a new one. Pure; what is in the hash index comes from outside.
 *
 * @see spec 6.2; Paimon 1.4.2 PartitionIndex, HashBucketAssigner
 */
export type AssignerSettings = {
  /** Keys of a bucket before new ones go elsewhere. */
  readonly keyCountTarget: number;
  /** Buckets of a partition; undefined: as many as Paimon can count. */
  readonly bucketCountMax: number | undefined;
  /** Buckets that a partition begins with: keys are spread over them by their hash. */
  readonly initialBucketCount: number;
};

/** The hashes of each bucket, ascending. */
export type IndexedHashes = ReadonlyMap<number, Int32Array>;

/** Paimon counts buckets in 16 bits. */
const bucketCountLimit = 32_767;

export class BucketAssigner {
  readonly #settings: AssignerSettings;
  readonly #assigned = new Map<number, number>();
  readonly #keyCounts = new Map<number, number>();
  #indexed: IndexedHashes = new Map();

  constructor(settings: AssignerSettings, indexed: IndexedHashes) {
    this.#settings = settings;
    this.#take(indexed);
  }

  /** The bucket of the hash; it stays. */
  assign(hash: number): number {
    const known = this.#assigned.get(hash);
    if (known !== undefined) return known;
    const bucket = bucketOfHash(this.#indexed, hash) ?? this.#bucketForKey(hash);
    this.#assigned.set(hash, bucket);
    return bucket;
  }

  /**
   * Goes over to another state of the hash index.
   *
   * @returns false: in it a hash that was assigned here is in another bucket, and nothing has changed
   */
  moveTo(indexed: IndexedHashes): boolean {
    for (const [hash, bucket] of this.#assigned) {
      const there = bucketOfHash(indexed, hash);
      if (there !== undefined && there !== bucket) return false;
    }
    this.#take(indexed);
    return true;
  }

  /** By bucket, the hashes that were assigned and that the hash index does not have. */
  unindexed(): ReadonlyMap<number, readonly number[]> {
    const hashes = new Map<number, number[]>();
    for (const [hash, bucket] of this.#assigned) {
      if (bucketOfHash(this.#indexed, hash) !== undefined) continue;
      const ofBucket = hashes.get(bucket) ?? [];
      hashes.set(bucket, ofBucket);
      ofBucket.push(hash);
    }
    return hashes;
  }

  #take(indexed: IndexedHashes): void {
    this.#indexed = indexed;
    this.#keyCounts.clear();
    for (const [bucket, hashes] of indexed) this.#keyCounts.set(bucket, hashes.length);
    for (const [bucket, hashes] of this.unindexed()) {
      this.#keyCounts.set(bucket, (this.#keyCounts.get(bucket) ?? 0) + hashes.length);
    }
  }

  #bucketForKey(hash: number): number {
    const { keyCountTarget, bucketCountMax = bucketCountLimit, initialBucketCount } = this.#settings;
    const share = Math.min(initialBucketCount, bucketCountMax);
    const own = Math.abs(hash % share);
    const isOwn = (bucket: number): boolean => bucket % share === own;
    const withRoom = [...this.#keyCounts].find(([bucket, count]) => isOwn(bucket) && count < keyCountTarget)?.[0];
    const bucket = withRoom ?? this.#newBucket(isOwn, bucketCountMax) ?? this.#leastFull();
    this.#keyCounts.set(bucket, (this.#keyCounts.get(bucket) ?? 0) + 1);
    return bucket;
  }

  #newBucket(isOwn: (bucket: number) => boolean, bucketCountMax: number): number | undefined {
    if (this.#keyCounts.size >= bucketCountMax) return undefined;
    for (let bucket = 0; bucket < bucketCountMax; bucket += 1) {
      if (isOwn(bucket) && !this.#keyCounts.has(bucket)) return bucket;
    }
    return undefined;
  }

  /** There are as many buckets as there may be. */
  #leastFull(): number {
    let [least, leastCount] = [0, Number.POSITIVE_INFINITY];
    for (const [bucket, count] of this.#keyCounts) if (count < leastCount) [least, leastCount] = [bucket, count];
    return least;
  }
}

function bucketOfHash(indexed: IndexedHashes, hash: number): number | undefined {
  for (const [bucket, hashes] of indexed) if (includes(hashes, hash)) return bucket;
  return undefined;
}

/** @param hashes ascending */
function includes(hashes: Int32Array, hash: number): boolean {
  let [low, high] = [0, hashes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const value = hashes[middle] ?? 0;
    if (value === hash) return true;
    if (value < hash) low = middle + 1;
    else high = middle;
  }
  return false;
}
