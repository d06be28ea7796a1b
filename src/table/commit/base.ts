/**
 * A base as the deciders need it: what manifests say of the buckets a plan touches (DESIGN S2).
 *
 * A base never changes. What it tells is worked out from its own list of manifests each time; only the manifests
 * themselves, which are immutable, are kept in memory. Appends look at summaries (a few numbers per bucket), so a warm
 * one costs the same whatever the number of files; who deletes gets the live files of the buckets it touches.
 */
import { mapBounded } from '../../base/concurrency.ts';
import { postponedBucket } from '../../format/bucket.ts';
import { hashIndexType } from '../../format/index-manifest.ts';
import type { ManifestEntry, ManifestFileMeta } from '../../format/manifest.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { deletionsByBucket, indexEntriesOf } from '../index-files.ts';
import { keyComparator } from '../key-comparator.ts';
import { bucketKey, identifierKey, liveAmong, type PlacedFile, partitionKey } from '../live-files.ts';
import type { ManifestSummary } from '../manifest-summary.ts';
import { type ManifestFilter, manifestMayMatch, readEntries, readSummary, whileSnapshotStays } from '../manifests.ts';
import { partitionPruner } from '../partition-pruning.ts';
import { partitionTypes, type Table } from '../table.ts';
import { type BucketFacts, type GuardFacts, needsLiveFiles } from './decide-guards.ts';
import { bucketsOfVectors, type IndexFacts, vectorIdentity } from './decide-index.ts';
import { dutiesDiffer } from './duties.ts';
import { metadataConcurrencyMax } from './limits.ts';
import type { Properties } from './properties.ts';
import type { BucketPlace, CommitBase, CommitPlan } from './request.ts';

export type BaseParts = {
  readonly snapshot: Snapshot | undefined;
  readonly schema: TableSchema;
  readonly properties: Properties;
  /** Store time at or before which the snapshot was seen to be the head. */
  readonly storeTimeMs: number;
  /** Our own clock then; only spares requests. */
  readonly seenAtMs: number;
  /** Base list before delta list. */
  readonly manifests: readonly ManifestFileMeta[];
};

export class TableBase implements CommitBase {
  readonly snapshot: Snapshot | undefined;
  readonly schema: TableSchema;
  readonly properties: Properties;
  readonly storeTimeMs: number;
  readonly seenAtMs: number;
  readonly manifests: readonly ManifestFileMeta[];
  readonly #table: Table;
  /** Those of all manifests, once all were at hand. */
  #allSummaries: readonly ManifestSummary[] | undefined;

  constructor(table: Table, parts: BaseParts) {
    this.#table = table;
    this.snapshot = parts.snapshot;
    this.schema = parts.schema;
    this.properties = parts.properties;
    this.storeTimeMs = parts.storeTimeMs;
    this.seenAtMs = parts.seenAtMs;
    this.manifests = parts.manifests;
  }

  /** 0 before the first snapshot. */
  get id(): number {
    return this.snapshot?.id ?? 0;
  }

  readonly sequenceFloor = (place: BucketPlace): Promise<bigint> => {
    return this.reading(async () => floorAmong(await this.#summaries([place], new Set([place.bucket])), place));
  };

  readonly liveFiles = (place: BucketPlace): Promise<readonly PlacedFile[]> => {
    return this.reading(async () => (await this.#entriesOf([place])).get(bucketKey(place))?.live ?? []);
  };

  readonly liveEntries = (filter: ManifestFilter = {}): Promise<readonly PlacedFile[]> => {
    return this.reading(async () => liveAmong(await readEntries(this.#table, this.manifests, filter)));
  };

  /** Of a partition in which nothing waits or ever did, summaries tell, which count dead files, too. */
  readonly bucketCounts = (partition: Uint8Array): Promise<ReadonlySet<number>> => {
    const key = partitionKey(partition);
    return this.reading(async () => {
      const seen = (await this.#summaries([{ partition, bucket: postponedBucket }])).map(s => s.partitions.get(key));
      const counts = new Set(seen.flatMap(summary => [...(summary?.totalBuckets ?? [])]));
      const mayWait = seen.some(summary => summary?.sequenceMax.has(postponedBucket) === true);
      return counts.size <= 1 && !mayWait ? counts : this.#liveTotalBuckets(key, partition);
    });
  };

  readonly vectorsOf = (place: BucketPlace): Promise<ReadonlyMap<string, string>> => {
    const key = bucketKey(place);
    return this.reading(async () => (await this.#vectorsOf(new Set([key]))).get(key) ?? new Map());
  };

  /** Runs a read of what the base refers to. @throws LakeError LAKE_SNAPSHOT_EXPIRED when the base is no more */
  reading<T>(read: () => Promise<T>): Promise<T> {
    return this.snapshot === undefined ? read() : whileSnapshotStays(this.#table, this.snapshot, read);
  }

  /** Gathers what the guards ask about the plan. @throws LakeError LAKE_SNAPSHOT_EXPIRED */
  factsFor(plan: CommitPlan): Promise<GuardFacts> {
    return this.reading(() => this.#factsFor(plan));
  }

  async #factsFor(plan: CommitPlan): Promise<GuardFacts> {
    const places = new Map<string, BucketPlace>();
    for (const place of [...(plan.index?.files ?? []), ...plan.bucketReads]) places.set(bucketKey(place), place);
    for (const file of plan.adds) places.set(bucketKey(file), file);
    for (const file of plan.deletes) places.set(bucketKey(file), file);
    const wanted = needsLiveFiles(plan);
    const seen = await this.#entriesOf([...places].flatMap(([key, place]) => (wanted.has(key) ? [place] : [])));
    const appended = plan.adds.filter(add => !wanted.has(bucketKey(add)));
    const summaries = await this.#summaries(appended);
    const buckets = new Map<string, BucketFacts>();
    const adds = Map.groupBy(plan.adds, bucketKey);
    for (const [key, place] of places) {
      const own = adds.get(key) ?? [];
      const read = wanted.has(key) ? (seen.get(key) ?? noEntries) : undefined;
      buckets.set(key, read === undefined ? appendFacts(summaries, place, own) : exactFacts(read, own));
    }
    return {
      baseStoreTimeMs: this.storeTimeMs,
      hasPrimaryKey: this.schema.primaryKeys.length > 0,
      buckets,
      totalBuckets: await this.#totalBuckets(plan),
      dutiesChanged: await this.#dutiesChanged(plan),
      identity: this.snapshot?.deltaManifestList,
      indexManifest: this.snapshot?.indexManifest,
      vectors: await this.#vectors(plan),
      hashFiles: await this.#hashFiles(plan),
      compareKeys: keyComparator(this.schema),
    };
  }

  /** S2 (f, i): the deletion vectors of the buckets in which the plan deletes or has read. */
  async #vectors(plan: CommitPlan): Promise<IndexFacts['vectors']> {
    if (plan.deletes.length + plan.bucketReads.length === 0) return new Map();
    return this.#vectorsOf(bucketsOfVectors(plan));
  }

  async #hashFiles(plan: CommitPlan): Promise<IndexFacts['hashFiles']> {
    const partitions = new Map(plan.hashReads.map(({ partition }) => [partitionKey(partition), new Map()]));
    if (partitions.size === 0) return partitions;
    for (const entry of await indexEntriesOf(this.#table, this.snapshot)) {
      if (entry.indexType !== hashIndexType) continue;
      partitions.get(partitionKey(entry.partition))?.set(entry.bucket, entry.fileName);
    }
    return partitions;
  }

  async #vectorsOf(wanted: ReadonlySet<string>): Promise<IndexFacts['vectors']> {
    const buckets = deletionsByBucket(await indexEntriesOf(this.#table, this.snapshot));
    const found = new Map<string, ReadonlyMap<string, string>>();
    for (const [key, vectors] of buckets) {
      if (!wanted.has(key)) continue;
      found.set(key, new Map([...vectors].map(([name, place]) => [name, vectorIdentity(place)])));
    }
    return found;
  }

  /** S2 (c): bucket counts by partition. Summaries also count dead files, so a disagreement is looked into. */
  async #totalBuckets(plan: CommitPlan): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
    if (plan.kind === 'OVERWRITE') return new Map();
    const counts = new Map<string, ReadonlySet<number>>();
    const fixed = plan.adds.filter(({ totalBuckets }) => areFixed(totalBuckets));
    const summaries = await this.#summaries(fixed);
    const ofEach = new Map(fixed.map(add => [partitionKey(add.partition), add]));
    for (const [key, { partition, totalBuckets }] of ofEach) {
      const agrees = summaries.every(({ partitions }) => saysOnly(partitions.get(key)?.totalBuckets, totalBuckets));
      const there = agrees ? [totalBuckets] : await this.#liveTotalBuckets(key, partition);
      counts.set(key, new Set(there.values().filter(areFixed)));
    }
    return counts;
  }

  async #liveTotalBuckets(key: string, partition: Uint8Array): Promise<ReadonlySet<number>> {
    const live = await this.liveEntries({
      mayMatch: partitionPruner([partition], partitionTypes(this.schema)),
      inPlace: ({ partition: other }) => partitionKey(other) === key,
    });
    return new Set(live.map(({ totalBuckets }) => totalBuckets));
  }

  /** S2 (g): whether the base's schema is newer than the oldest one that the plan's files were written under. */
  async #dutiesChanged(plan: CommitPlan): Promise<boolean> {
    const written = [...plan.adds, ...plan.changelog].filter(({ uploadBeganMs }) => uploadBeganMs !== undefined);
    const writtenUnder = written.reduce((oldest, { file }) => Math.min(oldest, file.schemaId), plan.schemaId);
    if (this.snapshot === undefined || this.snapshot.schemaId <= writtenUnder) return false;
    const { schemas } = this.#table;
    return dutiesDiffer(await schemas.get(writtenUnder), await schemas.get(this.snapshot.schemaId));
  }

  /** Summaries of the manifests that may speak of anything in these partitions, or of these buckets there. */
  async #summaries(places: readonly BucketPlace[], buckets?: ReadonlySet<number>): Promise<readonly ManifestSummary[]> {
    if (places.length === 0) return [];
    if (this.#allSummaries !== undefined) return this.#allSummaries;
    const { summaries } = this.#table.caches;
    const found: ManifestSummary[] = [];
    const missing: ManifestFileMeta[] = [];
    for (const meta of this.manifests) {
      const cached = summaries.get(meta.fileName);
      if (cached === undefined) missing.push(meta);
      else found.push(cached);
    }
    if (missing.length === 0) {
      this.#allSummaries = found;
      return found;
    }
    const filter = { buckets, mayMatch: this.#pruner(places) };
    const wanted = missing.filter(meta => manifestMayMatch(meta, filter));
    const read = await mapBounded(wanted, metadataConcurrencyMax, meta => readSummary(this.#table, meta));
    return [...found, ...read];
  }

  /** All entries of these buckets, by bucket, with the live ones among them. */
  async #entriesOf(places: readonly BucketPlace[]): Promise<ReadonlyMap<string, BucketEntries>> {
    if (places.length === 0) return new Map();
    const keys = new Set(places.map(bucketKey));
    const entries = await readEntries(this.#table, this.manifests, {
      buckets: new Set(places.map(({ bucket }) => bucket)),
      mayMatch: this.#pruner(places),
      inPlace: place => keys.has(bucketKey(place)),
    });
    const byBucket = new Map<string, BucketEntries>();
    for (const [key, all] of Map.groupBy(entries, bucketKey)) byBucket.set(key, { all, live: liveAmong(all) });
    return byBucket;
  }

  #pruner(places: readonly BucketPlace[]): (meta: ManifestFileMeta) => boolean {
    const partitions = new Map(places.map(({ partition }) => [partitionKey(partition), partition]));
    return partitionPruner([...partitions.values()], partitionTypes(this.schema));
  }
}

type BucketEntries = { readonly all: readonly ManifestEntry[]; readonly live: readonly ManifestEntry[] };
const noEntries: BucketEntries = { all: [], live: [] };

function exactFacts({ all, live }: BucketEntries, adds: readonly PlacedFile[]): BucketFacts {
  const wanted = new Set(adds.map(identifierKey));
  const repeated = new Set(all.map(identifierKey).filter(identifier => wanted.has(identifier)));
  let sequenceFloor = -1n;
  for (const { file } of live) if (file.maxSequenceNumber > sequenceFloor) sequenceFloor = file.maxSequenceNumber;
  return { sequenceFloor, live, repeated };
}

/** With fixed buckets S6 refuses a file that comes a second time; without, its name tells. */
function appendFacts(
  summaries: readonly ManifestSummary[],
  place: BucketPlace,
  adds: readonly PlacedFile[],
): BucketFacts {
  const repeated = adds.filter(({ file }) => summaries.some(({ unfixedNames }) => unfixedNames.has(file.fileName)));
  return {
    sequenceFloor: floorAmong(summaries, place),
    live: undefined,
    repeated: new Set(repeated.map(identifierKey)),
  };
}

function floorAmong(summaries: readonly ManifestSummary[], { partition, bucket }: BucketPlace): bigint {
  const key = partitionKey(partition);
  let floor = -1n;
  for (const { partitions } of summaries) {
    const largest = partitions.get(key)?.sequenceMax.get(bucket);
    if (largest !== undefined && largest > floor) floor = largest;
  }
  return floor;
}

function saysOnly(counts: ReadonlySet<number> | undefined, count: number): boolean {
  return counts?.values().every(other => other === count) ?? true;
}

/** Whether a file was written for a fixed number of buckets. */
function areFixed(totalBuckets: number): boolean {
  return totalBuckets > 0;
}
