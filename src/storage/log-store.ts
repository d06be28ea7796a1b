/**
 * Ordered, durable records in shards, in the manner of Kinesis: the log store of a warehouse.
 *
 * A **shard** owns a range of 128-bit hash keys and is an ordered sequence of records. Shards can be split and merged:
 * a shard that was is `closed`, its children list it as parent, and all records of a hash key are in order if parents
 * are read to their end before their children.
 *
 * Promises
 * - A record is durable once its outcome is `appended`, and readers of its shard will see it.
 * - Records appended one after the other (each after the former's outcome) to one hash key are in that order, across
 *   splits and merges too.
 * - Positions grow strictly within a shard and compare as big integers. They belong to the log's incarnation: a log
 *   deleted and made again under its name has another.
 * - `read` gives records in order, never skips one that is still kept, and says truly `atTip`, `ended` and `gap`.
 * - An aborted call rejects with its signal's reason; what an aborted `append` held may have been appended.
 * - Failures of a whole call are LakeError: `invalid` (LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED, LAKE_LOG_RECORD_TOO_BIG,
 *   LAKE_LOG_POSITION for a position this shard never gave), `corrupt` (LAKE_LOG_CORRUPT), `unavailable`
 *   (LAKE_LOG_UNAVAILABLE, LAKE_LOG_FULL, LAKE_LOG_BUSY). A shard that is not listed is LAKE_LOG_NOT_FOUND too.
 * - Appends may be doubled when an answer was lost (`unanswered`, or the driver's own retry of single records): readers
 *   drop doubles by producer numbers. The driver never reorders: after a failed record of a call, no later record of
 *   the same hash key in that call is appended (its outcome is `failed` too).
 * Does not promise
 * - order between shards, or that a record stays longer than the log's retention.
 */
export interface LogStore extends AsyncDisposable {
  /** For messages: `file:/data/lake-log`, `kinesis://stream`. */
  readonly uri: string;
  readonly supports: LogStoreSupport;
  /** Looked up anew at each call. */
  describe(options?: LogRequestOptions): Promise<LogDescription>;
  /** Outcomes in the order of the records; throws only what concerns the whole call (no stream, no rights). */
  append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]>;
  /**
   * Some records of a shard from a place on. May give none without being at the tip.
   * Reading again from `next` continues without gap or repeat.
   */
  read(shardId: string, from: LogStart, options?: LogReadOptions): Promise<LogReadResult>;
  /**
   * Resolves when there may be something beyond `from`, after `waitMsMax` at the latest. Only where that is sooner than
   * polling; callers use `waitForMore`, which sleeps for `pollIntervalMs` on logs without it.
   */
  waitForMore?(shardId: string, from: LogStart, options: LogWaitOptions): Promise<void>;
  /**
   * Rejects with LAKE_LOG_NOT_FOUND when this log is no more, though there may be another of its name. Only of logs whose `read`
   * does not tell: for those who would go on reading without ever calling `describe`.
   */
  checkThere?(options?: LogRequestOptions): Promise<void>;
}

export type LogRequestOptions = { readonly signal?: AbortSignal | undefined };
export type LogWaitOptions = LogRequestOptions & { readonly waitMsMax: number };

export type LogStoreSupport = {
  /** Largest record this log takes, bytes. */
  readonly recordBytesMax: number;
  /** Most records and bytes of one `append`; the driver splits what is larger, so this is for batching only. */
  readonly appendRecordsMax: number;
  readonly appendBytesMax: number;
  /** Shards can be split and merged. */
  readonly resharding: boolean;
  /** How long to wait before reading again after an answer at the tip. */
  readonly pollIntervalMs: number;
};

export type LogDescription = {
  /** Identity of this very log: stream ARN + creation time; a uuid for file and memory. */
  readonly incarnation: string;
  /** Open shards and those closed ones that may still hold records, parents before children. */
  readonly shards: readonly LogShard[];
  /** How long a record is kept; undefined: for ever. */
  readonly retentionMs: number | undefined;
};

export type LogShard = {
  readonly shardId: string;
  readonly parentIds: readonly string[];
  /** Both included, 0 .. 2^128 - 1. */
  readonly hashKeyStart: bigint;
  readonly hashKeyEnd: bigint;
  /** No record will be added any more. */
  readonly closed: boolean;
};

export type LogAppend = { readonly hashKey: bigint; readonly data: Uint8Array };

export type LogAppendOutcome =
  | { readonly status: 'appended'; readonly shardId: string; readonly position: bigint }
  /** Surely not appended (throttled, refused, behind a failed one): may be sent again. */
  | { readonly status: 'failed'; readonly cause: unknown }
  /** It may have been appended. */
  | { readonly status: 'unanswered'; readonly cause: unknown };

export type LogStart =
  | { readonly kind: 'earliest' }
  /** Only what is appended from now on. */
  | { readonly kind: 'latest' }
  /**
   * The first record above this position. `tipMs`: at this time of the log's clock nothing was above it. It is evidence
   * for logs that cannot see what retention took away (Kinesis): without it they call a start whose own record is gone
   * a gap.
   */
  | { readonly kind: 'after'; readonly position: bigint; readonly tipMs?: number | undefined }
  /**
   * The first record that arrived at or after this time. `pin` names a place that this handle has kept for a `latest`
   * and that is exact; to any other handle the time counts, which is never later.
   */
  | { readonly kind: 'timestamp'; readonly arrivalMs: number; readonly pin?: string | undefined };

export type LogReadOptions = LogRequestOptions & {
  /** Bounds of one answer; a driver may give less. A first record above `bytesMax` is given all the same. */
  readonly recordsMax?: number | undefined;
  readonly bytesMax?: number | undefined;
  /**
   * The caller follows the shard and waits by `waitForMore`: where the log pushes, it may answer out of what it has pushed,
   * and `atTip` may be as old as its last push. Without it `atTip` is exact, and a log that pushes is asked.
   */
  readonly follows?: boolean | undefined;
};

export type LogRecordEnvelope = {
  readonly position: bigint;
  /** When the log took it, by the log's clock. */
  readonly arrivalMs: number;
  readonly data: Uint8Array;
};

export type LogReadResult = {
  readonly records: readonly LogRecordEnvelope[];
  /** Where to go on. After `latest` with no records it pins the place, so that nothing appended since is missed. */
  readonly next: LogStart;
  /** There was nothing more at the moment of the answer. */
  readonly atTip: boolean;
  /** The shard is closed and read to its end; it will never give more. */
  readonly ended: boolean;
  /** The log no longer keeps something between `from` and the first record given (retention has passed it). */
  readonly gap: boolean;
  /** How far behind the tip, ms, where the log tells. */
  readonly behindMs: number | undefined;
};

/** 2^128, the number of hash keys. */
export const hashKeyCount: bigint = 1n << 128n;
