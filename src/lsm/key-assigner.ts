/**
 * Where rows go in a table whose keys may move from one partition to another: its primary key lacks partition columns. What
 * a row does to a key that is in another partition is the merge engine's: it moves there and the other goes (deduplicate),
 * it stays where it is and takes the row in (partial-update, aggregation), or it stays as it is (first-row). Pure; where
 * keys are in the table comes from outside.
 *
 * @see Paimon 1.4.2 crosspartition.GlobalIndexAssigner, ExistingProcessor
 */
import { type AssignerSettings, BucketRoom } from './bucket-room.ts';

/** @param partition a text that tells it from others */
export type KeyPlace = { readonly partition: string; readonly bucket: number };

/** Of a key whose rows are in another partition. */
export type CrossingRule = 'move' | 'stay' | 'skip';

/** By key, where it is; a key that is nowhere is not in it. More than one place: other writers have let it double. */
export type KeyPlaces = ReadonlyMap<string, readonly KeyPlace[]>;

/** `row`: as it is, but for the partition's columns. `delete`: a delete row of its key. */
export type Emit = (place: KeyPlace, as: 'row' | 'delete') => void;

type AssignedKey = {
  /** Where the table had it. */
  readonly before: readonly KeyPlace[];
  /** Where its first row went; undefined: nowhere. */
  readonly first: KeyPlace | undefined;
  /** Where it is after the rows so far. */
  current: KeyPlace | undefined;
};

const nowhere: readonly KeyPlace[] = [];

export class KeyAssigner {
  readonly #rule: CrossingRule;
  readonly #settings: AssignerSettings;
  readonly #places: KeyPlaces;
  readonly #rooms: Map<string, BucketRoom>;
  readonly #keys = new Map<string, AssignedKey>();

  /** @param keyCounts by partition and bucket, of the partitions that rows come for */
  constructor(
    rule: CrossingRule,
    settings: AssignerSettings,
    { places, keyCounts }: { readonly places: KeyPlaces; readonly keyCounts: ReadonlyMap<string, KeyCounts> },
  ) {
    this.#rule = rule;
    // Buckets to begin with are for assigners that work side by side; here is one.
    this.#settings = { ...settings, initialBucketCount: 1 };
    this.#places = places;
    this.#rooms = new Map([...keyCounts].map(([partition, counts]) => [partition, this.#roomOf(counts)]));
  }

  /**
   * The next row: what it becomes, and where.
   *
   * @param partition that of the row's own columns
   */
  assign(key: string, partition: string, emit: Emit): void {
    const known = this.#keys.get(key);
    if (known === undefined) this.#begin(key, partition, emit);
    else known.current = this.#next(known.current, partition, emit);
  }

  /** Whether the rows have gone where they would go if the table had its keys in these places. */
  holdsFor(places: KeyPlaces): boolean {
    for (const [key, { before, first }] of this.#keys) {
      const there = places.get(key) ?? nowhere;
      const isAsBefore =
        there.length === before.length && there.every(place => before.some(other => same(place, other)));
      // A new key that another has brought to the very place.
      const isAsGiven = before.length === 0 && there.length === 1 && there.every(place => same(place, first));
      if (!isAsBefore && !isAsGiven) return false;
    }
    return true;
  }

  #begin(key: string, partition: string, emit: Emit): void {
    const before = this.#places.get(key) ?? nowhere;
    const own = before.find(place => place.partition === partition);
    // Where it is double, a move leaves one.
    const others = before.filter(place => place !== own);
    if (this.#rule === 'move') {
      for (const other of others) this.#leave(other, emit);
      const place = own ?? this.#newPlace(partition);
      emit(place, 'row');
      this.#keys.set(key, { before, first: place, current: place });
      return;
    }
    const current = this.#next(own ?? others[0], partition, emit);
    this.#keys.set(key, { before, first: current, current });
  }

  /** @returns where the key is then */
  #next(current: KeyPlace | undefined, partition: string, emit: Emit): KeyPlace {
    if (current === undefined || current.partition === partition) {
      const place = current ?? this.#newPlace(partition);
      emit(place, 'row');
      return place;
    }
    if (this.#rule === 'skip') return current;
    if (this.#rule === 'stay') {
      emit(current, 'row');
      return current;
    }
    this.#leave(current, emit);
    const place = this.#newPlace(partition);
    emit(place, 'row');
    return place;
  }

  #leave(place: KeyPlace, emit: Emit): void {
    emit(place, 'delete');
    this.#rooms.get(place.partition)?.add(place.bucket, -1);
  }

  #newPlace(partition: string): KeyPlace {
    let room = this.#rooms.get(partition);
    if (room === undefined) {
      room = this.#roomOf(new Map());
      this.#rooms.set(partition, room);
    }
    return { partition, bucket: room.take(0) };
  }

  /** Buckets are filled from the first on. */
  #roomOf(counts: KeyCounts): BucketRoom {
    return new BucketRoom(
      this.#settings,
      [...counts].toSorted(([a], [b]) => a - b),
    );
  }
}

/** By bucket. */
export type KeyCounts = ReadonlyMap<number, number>;

function same(a: KeyPlace, b: KeyPlace | undefined): boolean {
  return a.partition === b?.partition && a.bucket === b.bucket;
}
