/**
 * Which bucket of a partition a new key goes to, by how many keys each has. Pure.
 *
 * @see Paimon 1.4.2 PartitionIndex, crosspartition.BucketAssigner
 */
export type AssignerSettings = {
  /** Keys of a bucket before new ones go elsewhere. */
  readonly keyCountTarget: number;
  /** Buckets of a partition; undefined: as many as Paimon can count. */
  readonly bucketCountMax: number | undefined;
  /** Buckets that a partition begins with: keys are spread over them by their hash. */
  readonly initialBucketCount: number;
};

/** Paimon counts buckets in 16 bits. */
const bucketCountLimit = 32_767;

export class BucketRoom {
  readonly #settings: AssignerSettings;
  readonly #keyCounts: Map<number, number>;

  /** @param keyCounts by bucket, in the order in which they are filled up */
  constructor(settings: AssignerSettings, keyCounts: Iterable<readonly [bucket: number, count: number]> = []) {
    this.#settings = settings;
    this.#keyCounts = new Map(keyCounts);
  }

  /** Counts keys that the bucket has got otherwise, or has lost. */
  add(bucket: number, count: number): void {
    this.#keyCounts.set(bucket, (this.#keyCounts.get(bucket) ?? 0) + count);
  }

  /** The bucket of a new key, which counts from now on: one with room, else a new one, else the least full. */
  take(hash: number): number {
    const { keyCountTarget, bucketCountMax = bucketCountLimit, initialBucketCount } = this.#settings;
    const share = Math.min(initialBucketCount, bucketCountMax);
    const own = Math.abs(hash % share);
    const isOwn = (bucket: number): boolean => bucket % share === own;
    const withRoom = this.#keyCounts.entries().find(([bucket, count]) => isOwn(bucket) && count < keyCountTarget)?.[0];
    const bucket = withRoom ?? this.#newBucket(isOwn, bucketCountMax) ?? this.#leastFull();
    this.add(bucket, 1);
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
