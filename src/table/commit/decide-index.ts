/**
 * What must hold of index files between a plan and its base (S2 f and i): pure, asked by decide-guards.ts.
 *
 * A **vector** is told by the index file it is in and where; one that changes is written anew and has another identity.
 */
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import type { BucketRead, CommitPlan } from './request.ts';

export type IndexFacts = {
  /** The base's identity; undefined: there is no snapshot. */
  readonly identity: string | undefined;
  /** The base's; undefined: it has none. */
  readonly indexManifest: string | undefined;
  /** By `bucketKey`, for every bucket in which the plan deletes or has read: the identity of each data file's vector. */
  readonly vectors: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** By `partitionKey`, for every partition of which the plan has read the hash index: its files' names by bucket. */
  readonly hashFiles: ReadonlyMap<string, ReadonlyMap<number, string>>;
};

/** The identity of a deletion vector. */
export function vectorIdentity(place: {
  readonly index: { readonly fileName: string };
  readonly range: { readonly offset: number };
}): string {
  return `${place.index.fileName}@${place.range.offset}`;
}

/** Buckets, by key, of which the plan says what becomes of their vectors. */
export function bucketsOfVectors(plan: CommitPlan): ReadonlySet<string> {
  return new Set([...plan.deletes, ...plan.bucketReads, ...(plan.index?.files ?? [])].map(bucketKey));
}

/**
 * S2 (f): a deletion vector speaks of a file that lives after the commit, none is left to speak of one that goes, and none
 * that is still needed is lost.
 *
 * @param namesAfter the names of a bucket's files as they are after the commit
 * @returns what is wrong, or undefined
 */
export function vectorFault(
  plan: CommitPlan,
  facts: IndexFacts,
  namesAfter: (bucket: string) => ReadonlySet<string>,
): string | undefined {
  const named = Map.groupBy(plan.index?.files ?? [], bucketKey);
  for (const bucket of bucketsOfVectors(plan)) {
    const there = facts.vectors.get(bucket)?.keys() ?? [];
    const [before, next] = [[...there], (named.get(bucket) ?? []).map(({ file }) => file.fileName)];
    if (before.length + next.length === 0) continue;
    const after = namesAfter(bucket);
    const stray = (plan.index === undefined ? before : next).find(name => !after.has(name));
    if (stray !== undefined) return `a deletion vector speaks of ${stray}, which is not live`;
    const lost = plan.index === undefined ? undefined : before.find(name => after.has(name) && !next.includes(name));
    if (lost !== undefined) return `the deletion vector of ${lost} is left out`;
  }
  return undefined;
}

/**
 * S2 (i): what the plan has read of indexes, and of the files in which it looked rows up, is so at the base.
 *
 * @param liveOf the live files of a bucket at the base
 * @returns what is wrong, or undefined
 */
export function staleRead(
  plan: CommitPlan,
  facts: IndexFacts,
  liveOf: (bucket: string) => readonly PlacedFile[],
): string | undefined {
  if (plan.index !== undefined && plan.index.madeFrom !== facts.indexManifest) {
    return `${plan.index.name} was made of another index manifest than the base's`;
  }
  if (plan.keysAt !== undefined && plan.keysAt.identity !== facts.identity) {
    return 'the partitions of its keys were looked up in another snapshot than the base';
  }
  for (const { partition, files } of plan.hashReads) {
    const there = facts.hashFiles.get(partitionKey(partition)) ?? new Map<number, string>();
    const isSame = there.size === files.size && [...files].every(([bucket, name]) => there.get(bucket) === name);
    if (!isSame) return 'keys were given buckets meanwhile, in a partition where this plan gives some';
  }
  for (const read of plan.bucketReads) {
    const bucket = bucketKey(read);
    const fault = faultOfRead(read, { vectors: facts.vectors.get(bucket), live: liveOf(bucket) });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

export type BucketState = {
  readonly live: readonly PlacedFile[];
  /** The identity of each data file's vector. */
  readonly vectors: ReadonlyMap<string, string> | undefined;
};

/** What is no longer so of what was read of a bucket; undefined: nothing. */
export function faultOfRead(read: BucketRead, { live, vectors }: BucketState): string | undefined {
  for (const [name, identity] of read.vectors) {
    if (vectors?.get(name) !== identity) return `rows of ${name} were deleted meanwhile`;
  }
  const { above0 } = read;
  if (above0 === undefined) return undefined;
  const unseen = live.find(placed => placed.file.level > 0 && !above0.has(identifierKey(placed)));
  return unseen === undefined ? undefined : `${unseen.file.fileName} came meanwhile to where rows were looked up`;
}
