/**
 * What must come and go so that a table's files are again those of another state of it (RFC 0006). Pure.
 *
 * A file that has gone cannot come back under its name: entries of manifests say that it is deleted (spec 4.5), and expiry
 * may be about to remove it. So it comes as a copy. So does a file that lives but had another deletion vector: whoever has
 * read it with the one it has now (a compaction, also of another engine) must not find it live. Level-0 files of a bucket
 * are told apart by their sequence numbers, and whatever is added at level 0 must be above what stays (S6): a bucket that
 * misses one is made anew as a whole.
 */
import { bucketKey, identifierKey, type PlacedFile } from '../live-files.ts';

export type RestorePlan = {
  readonly deletes: readonly PlacedFile[];
  /** Files of the wanted state, in the order in which they are to be added. */
  readonly copies: readonly PlacedFile[];
};

/**
 * @param live what lives at the base
 * @param wanted what lives in the state to go to
 */
export function decideRestore(
  live: readonly PlacedFile[],
  wanted: readonly PlacedFile[],
  options: {
    readonly hasPrimaryKey: boolean;
    /** Identifiers of files that live in both and have another deletion vector in each. */
    readonly otherVectors: ReadonlySet<string>;
  },
): RestorePlan {
  const liveByBucket = Map.groupBy(live, bucketKey);
  const wantedByBucket = Map.groupBy(wanted, bucketKey);
  const deletes: PlacedFile[] = [];
  const copies: PlacedFile[] = [];
  for (const key of new Set([...liveByBucket.keys(), ...wantedByBucket.keys()])) {
    const [now, then] = [liveByBucket.get(key) ?? [], wantedByBucket.get(key) ?? []];
    const stays = new Set(now.map(identifierKey))
      .intersection(new Set(then.map(identifierKey)))
      .difference(options.otherVectors);
    const missing = then.filter(file => !stays.has(identifierKey(file)));
    if (missing.some(file => isNumbered(file, options.hasPrimaryKey))) {
      deletes.push(...now);
      copies.push(...then.toSorted(bySequence));
    } else {
      deletes.push(...now.filter(file => !stays.has(identifierKey(file))));
      copies.push(...missing);
    }
  }
  return { deletes, copies };
}

/** Files whose order is that of their numbers (S6). */
function isNumbered({ totalBuckets, file }: PlacedFile, hasPrimaryKey: boolean): boolean {
  return file.level === 0 && (hasPrimaryKey || totalBuckets > 0);
}

function bySequence({ file: a }: PlacedFile, { file: b }: PlacedFile): number {
  if (a.minSequenceNumber === b.minSequenceNumber) return 0;
  return a.minSequenceNumber < b.minSequenceNumber ? -1 : 1;
}
