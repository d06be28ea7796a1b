/**
 * What a commit is asked and what it answers.
 *
 * A **request** brings a `plan` function that is run anew on every base (S2), so that whatever a plan depends on is read
 * from that base and never remembered from an older one. A **plan** says which files come and go. An **outcome** is what
 * became of it; expected ends are values, and an exception means that nothing was committed.
 */
import type { CommitKind, Snapshot } from '../../format/snapshot.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { PlacedFile } from '../live-files.ts';
import type { ManifestFilter } from '../manifests.ts';
import type { FenceReason } from './decide-base.ts';
import type { Properties } from './properties.ts';

/** A file that comes. */
export type PlannedFile = PlacedFile & {
  /**
   * `table.storeTimeMs()` before its upload began (S7). undefined only for a file that is live already and changes its
   * level: the same plan deletes it.
   */
  readonly uploadBeganMs: number | undefined;
};

export type CommitPlan = {
  readonly status: 'plan';
  readonly kind: CommitKind;
  /** The schema the writer wrote under. */
  readonly schemaId: number;
  /** In commit order. To have a manifest kept over a rebase, plan the same objects again. */
  readonly adds: readonly PlannedFile[];
  /** Live files that go, copied from the base. */
  readonly deletes: readonly PlacedFile[];
  readonly changelog: readonly PlannedFile[];
  /** Snapshot properties to set, or to take away (undefined). `tidelake.table` and `tidelake.parent` are not for plans. */
  readonly properties: Readonly<Record<string, string | undefined>>;
  /** Other objects that the properties name: dead-letter lists, states. They are under S7, too. */
  readonly uploads: readonly PlannedUpload[];
  /** What the plan has read of buckets and counts on. */
  readonly bucketReads: readonly BucketRead[];
  /** By partition, the hash index by which rows were given buckets. */
  readonly hashReads: readonly HashRead[];
  /** Where the plan has looked up which partitions its keys are in; undefined: it counts on none. */
  readonly keysAt: KeysAt | undefined;
  /** A new index manifest; undefined: the parent's stays. */
  readonly index: PlannedIndex | undefined;
  readonly watermark: bigint | undefined;
  /** The file of new statistics; undefined: the parent's are carried on while the schema stays. */
  readonly statistics: string | undefined;
  /** S10: the end of a table. Lists nothing any more; `deletes` and `adds` are empty. */
  readonly emptied: boolean;
};

export type PlannedUpload = { readonly name: string; readonly uploadBeganMs: number };

export type PlannedIndex = PlannedUpload & {
  /** The index manifest whose entries it has besides the plan's own: the base's (S2 i). undefined: the base has none. */
  readonly madeFrom: string | undefined;
  /**
   * The data files that its deletion vectors speak of, in the buckets where the plan deletes or has read: all must live
   * after this commit (S2 f).
   */
  readonly files: readonly VectoredFile[];
};

export type VectoredFile = BucketPlace & { readonly file: Pick<PlacedFile['file'], 'fileName'> };

/** What was read of a bucket before: another commit that changed it stands in the way (S2 i). */
export type BucketRead = BucketPlace & {
  /** By data file, the identity of the deletion vector it was read with; undefined: without one. */
  readonly vectors: ReadonlyMap<string, string | undefined>;
  /** Identifiers of the live files above level 0, where rows were looked up among them. */
  readonly above0: ReadonlySet<string> | undefined;
};

/** The hash index files of a partition: another commit that changed them stands in the way (S2 i). */
export type HashRead = {
  readonly partition: Uint8Array;
  /** Their names, by bucket. */
  readonly files: ReadonlyMap<number, string>;
};

/** The snapshot whose live files were read for keys. Any other may have them elsewhere (S2 i). */
export type KeysAt = {
  /** undefined: there was no snapshot. */
  readonly identity: string | undefined;
};

/** The plan cannot be made on this base. `changed`: a precondition of the caller does not hold. */
export type CommitStop = { readonly status: 'stop'; readonly outcome: 'changed' | 'conflict'; readonly detail: string };

/** Why a plan must be written again before it can be committed on this base, and what of it. */
export type PlanAgain = {
  readonly reason: /** S6: these files' sequence numbers are not above the base's; `base.sequenceFloor` tells where to begin. */
    | 'sequence-floor'
    /** S7: these uploads are too old. */
    | 'upload-age'
    /** S2 g: the base's schema asks other duties of writers; `base.schema` is it. */
    | 'schema';
  readonly files: readonly PlannedFile[];
  readonly detail: string;
};

export type CommitRequest = {
  /** Identity of the writing job. */
  readonly commitUser: string;
  /** Increasing per user; the largest long for a batch. */
  readonly commitIdentifier: bigint;
  /** @param again set when the plan made just before on the same base cannot be committed as it is */
  readonly plan: (base: CommitBase, again: PlanAgain | undefined) => Promise<CommitPlan | CommitStop>;
  readonly signal?: AbortSignal | undefined;
  /** Resolves when the files of all plans so far are there. It is asked before a swap; without it they are there when planned. */
  readonly uploaded?: (() => Promise<void>) | undefined;
};

/** The snapshot a plan is made on, and what is asked of it. */
export type CommitBase = {
  /** undefined: the table has no snapshot yet. */
  readonly snapshot: Snapshot | undefined;
  /** The newest schema in force: the larger of the snapshot's and the opened table's. */
  readonly schema: TableSchema;
  /** Our properties in force, also when the head is another writer's and has none (S11). */
  readonly properties: Properties;
  readonly storeTimeMs: number;
  /** At or above the largest sequence number of the bucket's live files; -1 when there is none. */
  readonly sequenceFloor: (place: BucketPlace) => Promise<bigint>;
  readonly liveFiles: (place: BucketPlace) => Promise<readonly PlacedFile[]>;
  readonly liveEntries: (filter?: ManifestFilter) => Promise<readonly PlacedFile[]>;
  /** What the live files of the partition say of how many buckets it has; -2 where rows wait for a bucket. */
  readonly bucketCounts: (partition: Uint8Array) => Promise<ReadonlySet<number>>;
  /** By data file, the identity of its deletion vector. */
  readonly vectorsOf: (place: BucketPlace) => Promise<ReadonlyMap<string, string>>;
};

export type BucketPlace = Pick<PlacedFile, 'partition' | 'bucket'>;

export type CommitOutcome = CommitFigures &
  (
    | { readonly status: 'committed'; readonly snapshot: Snapshot }
    /** The plan stopped with `changed`. */
    | { readonly status: 'changed'; readonly detail: string; readonly base: Snapshot | undefined }
    /** What the plan wants cannot be had on the newest base, or the swap was lost too often. Nothing was committed. */
    | { readonly status: 'conflict'; readonly rule: ConflictRule; readonly detail: string }
    /** It may have been committed, and cannot be told (S5). */
    | { readonly status: 'unknown'; readonly snapshotId: number; readonly identity: string; readonly detail: string }
    /** The table is gone or was taken back: this writer must stop. */
    | { readonly status: 'fenced'; readonly reason: FenceReason }
  );

/** The rule that stands in the way; `S4`: lost too often. */
export type ConflictRule = 'S2a' | 'S2b' | 'S2c' | 'S2f' | 'S2g' | 'S2i' | 'S4' | 'S6' | 'S7' | 'plan';

export type CommitFigures = {
  /** Swaps tried at different numbers, this one included. */
  readonly attempts: number;
  /** Requests to the store by this commit, without those of the plan; those of manifest merges are in `merge` only. */
  readonly requests: CommitRequests;
};

export type CommitRequests = {
  readonly put: number;
  readonly putIfAbsent: number;
  readonly get: number;
  readonly list: number;
  readonly merge: number;
};

type PlanDraft = Pick<CommitPlan, 'kind' | 'schemaId'> & Partial<CommitPlan>;

/** A plan with everything that is not said left empty. */
export function commitPlan(draft: PlanDraft): CommitPlan {
  return {
    status: 'plan',
    adds: [],
    deletes: [],
    changelog: [],
    properties: {},
    uploads: [],
    bucketReads: [],
    hashReads: [],
    keysAt: undefined,
    index: undefined,
    watermark: undefined,
    statistics: undefined,
    emptied: false,
    ...draft,
  };
}

export function commitStop(outcome: CommitStop['outcome'], detail: string): CommitStop {
  return { status: 'stop', outcome, detail };
}
