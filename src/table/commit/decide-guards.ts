/**
 * Whether a plan may be swapped in on a base: the guards S2 (a) to (i) with S3, S6 and S7 of DESIGN 2.1, as one pure
 * decision. The facts about the base are gathered before (base.ts); nothing here is remembered from an older base.
 */
import { assert, unreachable } from '../../base/assert.ts';
import { postponedBucket } from '../../format/bucket.ts';
import { bucketKey, identifierKey, type PlacedFile, partitionKey } from '../live-files.ts';
import { type IndexFacts, staleRead, vectorFault } from './decide-index.ts';
import { uploadAgeMsMax } from './limits.ts';
import type { CommitPlan, ConflictRule, PlanAgain, PlannedFile } from './request.ts';

/** What a base is asked for one plan. */
export type GuardFacts = IndexFacts & {
  readonly baseStoreTimeMs: number;
  readonly hasPrimaryKey: boolean;
  /** By `bucketKey`, for every bucket the plan touches. */
  readonly buckets: ReadonlyMap<string, BucketFacts>;
  /** By `partitionKey`: the bucket counts above 0 of its live files, for every partition the plan adds to. */
  readonly totalBuckets: ReadonlyMap<string, ReadonlySet<number>>;
  /** Whether the base's schema is newer than the plan's and asks other duties of writers (S2 g). */
  readonly dutiesChanged: boolean;
  /** Order of `_MIN_KEY` and `_MAX_KEY`. */
  readonly compareKeys: (a: Uint8Array, b: Uint8Array) => number;
};

export type BucketFacts = {
  /** At or above the largest sequence number of the live files; exact when `live` is given. -1 for none. */
  readonly sequenceFloor: bigint;
  /** The live files; given whenever `needsLiveFiles` asks for them. */
  readonly live: readonly PlacedFile[] | undefined;
  /** Identifiers that the plan adds and that the base's manifests speak of already, live or deleted. */
  readonly repeated: ReadonlySet<string>;
};

export type GuardVerdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'again'; readonly rule: ConflictRule; readonly again: PlanAgain }
  | { readonly kind: 'conflict'; readonly rule: ConflictRule; readonly detail: string };

/** What a plan does to a bucket. */
type BucketChange = { readonly adds: PlannedFile[]; readonly deleted: Set<string> };
/** By `bucketKey`. */
type Changes = ReadonlyMap<string, BucketChange>;
type Guard = (plan: CommitPlan, facts: GuardFacts, changes: Changes) => GuardVerdict | undefined;

const pass: GuardVerdict = { kind: 'pass' };

/** Of what is wrong, that which the plan cannot be saved from comes first. */
const guards: readonly Guard[] = [
  deletesAreLive,
  addsAreNew,
  keyRangesAreDisjoint,
  bucketCountsAgree,
  indexNamesLiveFiles,
  readsAreTrue,
  dutiesAreKept,
  uploadsAreYoung,
  sequenceIsAboveFloor,
];

export function decideGuards(plan: CommitPlan, facts: GuardFacts): GuardVerdict {
  checkKind(plan, facts.hasPrimaryKey);
  const changes = changesByBucket(plan);
  for (const guard of guards) {
    const verdict = guard(plan, facts, changes);
    if (verdict !== undefined) return verdict;
  }
  return pass;
}

/** Buckets, by key, whose live files the guards must see: where something goes, or comes above level 0. */
export function needsLiveFiles(plan: CommitPlan): ReadonlySet<string> {
  const keys = new Set<string>(plan.deletes.map(bucketKey));
  for (const add of plan.adds) if (add.file.level > 0 || plan.kind === 'OVERWRITE') keys.add(bucketKey(add));
  for (const place of [...(plan.index?.files ?? []), ...plan.bucketReads]) keys.add(bucketKey(place));
  return keys;
}

function changesByBucket(plan: CommitPlan): Changes {
  const changes = new Map<string, BucketChange>();
  const changeOf = (place: PlacedFile): BucketChange => {
    const key = bucketKey(place);
    const change = changes.get(key) ?? { adds: [], deleted: new Set() };
    changes.set(key, change);
    return change;
  };
  for (const add of plan.adds) changeOf(add).adds.push(add);
  for (const file of plan.deletes) {
    const { deleted } = changeOf(file);
    const identifier = identifierKey(file);
    assert(!deleted.has(identifier), () => `the plan deletes ${file.file.fileName} twice`);
    deleted.add(identifier);
  }
  return changes;
}

/** S3. A plan of the wrong shape is our bug. */
function checkKind(plan: CommitPlan, hasPrimaryKey: boolean): void {
  const { kind, adds, deletes } = plan;
  assert(
    !plan.emptied || (kind === 'OVERWRITE' && adds.length + deletes.length === 0),
    'an emptied table lists nothing',
  );
  assert(plan.statistics === undefined || kind === 'ANALYZE', 'statistics come by an ANALYZE');
  switch (kind) {
    case 'APPEND':
      assert(deletes.length === 0, 'an APPEND deletes nothing');
      for (const { file } of adds)
        assert(file.level === 0, () => `an APPEND adds ${file.fileName} at level ${file.level}`);
      break;
    case 'COMPACT':
      if (!hasPrimaryKey || deletes.some(({ bucket }) => bucket === postponedBucket)) break;
      for (const { file } of adds) assert(file.level > 0, () => `a COMPACT adds ${file.fileName} at level 0`);
      break;
    case 'OVERWRITE':
      break;
    case 'ANALYZE':
      assert(adds.length + deletes.length === 0, 'an ANALYZE changes no file');
      break;
    default:
      unreachable(kind);
  }
}

/** S2 (a): what goes is live at the base with the identical identifier. */
function deletesAreLive(_plan: CommitPlan, facts: GuardFacts, changes: Changes): GuardVerdict | undefined {
  for (const [bucket, { deleted }] of changes) {
    if (deleted.size === 0) continue;
    const live = new Set(liveOf(facts, bucket).map(identifierKey));
    for (const identifier of deleted) {
      if (!live.has(identifier)) return conflict('S2a', `${identifier.split('|')[0]} is not live any more`);
    }
  }
  return undefined;
}

/** S2 (a), the other side: an identifier comes once and never comes back (spec 4.5). */
function addsAreNew(plan: CommitPlan, facts: GuardFacts): GuardVerdict | undefined {
  const added = new Set<string>();
  for (const file of plan.adds) {
    const identifier = identifierKey(file);
    assert(!added.has(identifier), () => `the plan adds ${file.file.fileName} twice`);
    added.add(identifier);
    if (bucketFacts(facts, bucketKey(file)).repeated.has(identifier)) {
      return conflict('S2a', `${file.file.fileName} was added before`);
    }
  }
  return undefined;
}

/** S2 (b): in each level from 1 up, the key ranges of a bucket's files are disjoint. */
function keyRangesAreDisjoint(_plan: CommitPlan, facts: GuardFacts, changes: Changes): GuardVerdict | undefined {
  if (!facts.hasPrimaryKey) return undefined;
  for (const [bucket, change] of changes) {
    const levels = new Set(change.adds.map(({ file }) => file.level).filter(level => level > 0));
    if (levels.size === 0) continue;
    const after = filesAfter(facts, bucket, change);
    for (const level of levels) {
      const run = after.filter(file => file.level === level).toSorted((a, b) => facts.compareKeys(a.minKey, b.minKey));
      for (const [index, file] of run.entries()) {
        const next = run[index + 1];
        if (next !== undefined && facts.compareKeys(file.maxKey, next.minKey) >= 0) {
          return conflict('S2b', `${file.fileName} and ${next.fileName} overlap at level ${level}`);
        }
      }
    }
  }
  return undefined;
}

/** S2 (c): `_TOTAL_BUCKETS` agrees within a partition; only an OVERWRITE changes it. */
function bucketCountsAgree(plan: CommitPlan, facts: GuardFacts): GuardVerdict | undefined {
  const counts = new Map<string, number>();
  for (const { partition, totalBuckets, file } of plan.adds) {
    if (totalBuckets <= 0) continue;
    const key = partitionKey(partition);
    const own = counts.get(key) ?? totalBuckets;
    assert(own === totalBuckets, () => `${file.fileName} is planned for ${totalBuckets} buckets, others for ${own}`);
    counts.set(key, own);
    if (plan.kind === 'OVERWRITE') continue;
    for (const there of facts.totalBuckets.get(key) ?? []) {
      if (there !== totalBuckets) {
        const why = `${file.fileName} is written for ${totalBuckets} buckets, its partition has ${there}`;
        return conflict('S2c', `${why}; overwrite the partition with its rows to give it ${totalBuckets}`);
      }
    }
  }
  return undefined;
}

/** S2 (f). */
function indexNamesLiveFiles(plan: CommitPlan, facts: GuardFacts, changes: Changes): GuardVerdict | undefined {
  const namesAfter = (bucket: string): ReadonlySet<string> =>
    new Set(filesAfter(facts, bucket, changes.get(bucket)).map(file => file.fileName));
  const detail = vectorFault(plan, facts, namesAfter);
  return detail === undefined ? undefined : conflict('S2f', detail);
}

/** S2 (i). */
function readsAreTrue(plan: CommitPlan, facts: GuardFacts): GuardVerdict | undefined {
  const detail = staleRead(plan, facts, bucket => liveOf(facts, bucket));
  return detail === undefined ? undefined : conflict('S2i', detail);
}

/** S2 (g). */
function dutiesAreKept(_plan: CommitPlan, facts: GuardFacts): GuardVerdict | undefined {
  if (!facts.dutiesChanged) return undefined;
  const detail = 'the schema in force asks other duties of writers than the one written under';
  return { kind: 'again', rule: 'S2g', again: { reason: 'schema', files: [], detail } };
}

/** S2 (h), S7. A file that only changes its level was uploaded and committed before. */
function uploadsAreYoung(plan: CommitPlan, facts: GuardFacts): GuardVerdict | undefined {
  const tooOld = (beganMs: number): boolean => !uploadIsYoung(beganMs, facts.baseStoreTimeMs);
  const upgraded = new Set(plan.deletes.map(({ file }) => file.fileName));
  const files = [...plan.adds, ...plan.changelog].filter(({ uploadBeganMs, file }) => {
    assert(uploadBeganMs !== undefined || upgraded.has(file.fileName), () => `when was ${file.fileName} uploaded?`);
    return uploadBeganMs !== undefined && tooOld(uploadBeganMs);
  });
  const others = [...plan.uploads, ...(plan.index === undefined ? [] : [plan.index])]
    .filter(({ uploadBeganMs }) => tooOld(uploadBeganMs))
    .map(({ name }) => name);
  if (files.length + others.length === 0) return undefined;
  const names = [...files.map(({ file }) => file.fileName), ...others].join(', ');
  const detail = `uploaded too long before the base was looked up: ${names}`;
  return { kind: 'again', rule: 'S7', again: { reason: 'upload-age', files, detail } };
}

/** S7 for one upload. */
export function uploadIsYoung(uploadBeganMs: number, baseStoreTimeMs: number): boolean {
  return baseStoreTimeMs - uploadBeganMs < uploadAgeMsMax;
}

/**
 * S6: a level-0 file's numbers are above those of all files that stay in its bucket and of those before it in the plan.
 * A compaction moves numbers and makes none, but where it gives buckets to rows that waited, which had none. Append tables
 * without fixed buckets have no order and count from 0, rows that wait are in that of their files.
 */
function sequenceIsAboveFloor(plan: CommitPlan, facts: GuardFacts, changes: Changes): GuardVerdict | undefined {
  if (plan.kind === 'COMPACT' && !facts.hasPrimaryKey) return undefined;
  const files: PlannedFile[] = [];
  for (const [bucket, change] of changes) {
    let floor: bigint | undefined;
    for (const add of change.adds) {
      const { level, minSequenceNumber, maxSequenceNumber } = add.file;
      if (level > 0 || add.bucket === postponedBucket || (!facts.hasPrimaryKey && add.totalBuckets <= 0)) continue;
      floor ??= floorOf(plan, facts, bucket, change);
      if (minSequenceNumber <= floor) files.push(add);
      if (maxSequenceNumber > floor) floor = maxSequenceNumber;
    }
  }
  if (files.length === 0) return undefined;
  const detail = `sequence numbers at or below the base's: ${files.map(({ file }) => file.fileName).join(', ')}`;
  return { kind: 'again', rule: 'S6', again: { reason: 'sequence-floor', files, detail } };
}

/** An OVERWRITE is above what stays; what it deletes does not count. */
function floorOf(plan: CommitPlan, facts: GuardFacts, bucket: string, change: BucketChange): bigint {
  if (plan.kind !== 'OVERWRITE') return bucketFacts(facts, bucket).sequenceFloor;
  let floor = -1n;
  for (const live of liveOf(facts, bucket)) {
    const { maxSequenceNumber } = live.file;
    if (maxSequenceNumber > floor && !change.deleted.has(identifierKey(live))) floor = maxSequenceNumber;
  }
  return floor;
}

/** The bucket's files as they are after the commit. */
function filesAfter(
  facts: GuardFacts,
  bucket: string,
  change: BucketChange | undefined,
): readonly PlacedFile['file'][] {
  const kept = liveOf(facts, bucket).filter(file => change?.deleted.has(identifierKey(file)) !== true);
  return [...kept, ...(change?.adds ?? [])].map(({ file }) => file);
}

function bucketFacts(facts: GuardFacts, bucket: string): BucketFacts {
  const found = facts.buckets.get(bucket);
  assert(found !== undefined, 'facts are there for every bucket that the plan touches');
  return found;
}

function liveOf(facts: GuardFacts, bucket: string): readonly PlacedFile[] {
  const { live } = bucketFacts(facts, bucket);
  assert(live !== undefined, 'live files are there for every bucket that needs them');
  return live;
}

function conflict(rule: ConflictRule, detail: string): GuardVerdict {
  return { kind: 'conflict', rule, detail };
}
