/**
 * Which bucket a key goes to in a partition with dynamic buckets: that of its hash if it has one, else one with room, else
 * a new one. Pure; what is in the hash index comes from outside.
 *
 * @see spec 6.2; Paimon 1.4.2 PartitionIndex, HashBucketAssigner
 */
import { type AssignerSettings, BucketRoom } from './bucket-room.ts';

/** The hashes of each bucket, ascending. */
export type IndexedHashes = ReadonlyMap<number, Int32Array>;

export class BucketAssigner {
  readonly #settings: AssignerSettings;
  readonly #assigned = new Map<number, number>();
  #room: BucketRoom;
  #indexed: IndexedHashes = new Map();

  constructor(settings: AssignerSettings, indexed: IndexedHashes) {
    this.#settings = settings;
    this.#room = new BucketRoom(settings);
    this.#take(indexed);
  }

  /** The bucket of the hash; it stays. */
  assign(hash: number): number {
    const known = this.#assigned.get(hash);
    if (known !== undefined) return known;
    const bucket = bucketOfHash(this.#indexed, hash) ?? this.#room.take(hash);
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
    const counts = indexed.entries().map(([bucket, hashes]) => [bucket, hashes.length] as const);
    this.#room = new BucketRoom(this.#settings, counts);
    for (const [bucket, hashes] of this.unindexed()) this.#room.add(bucket, hashes.length);
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
