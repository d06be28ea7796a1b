/**
 * Immutable-ish objects under string keys, in the manner of S3. Everything Tidelake keeps lies in one.
 *
 * Keys are relative to the store's root, `/`-separated, at most 1024 bytes of UTF-8 (object-key.ts). No segment is empty,
 * `.` or `..`: such keys are refused as LAKE_BAD_KEY, and objects of such names, put there by others, are not listed.
 *
 * Promises
 * - `put` is atomic and durable once resolved: readers see all bytes or none, and a `get` after it sees them.
 * - Of any number of `putIfAbsent` on one key, from any number of processes, exactly one is `created`.
 * - `putIfMatch` replaces only the version whose etag is given.
 * - A `list` begun after a `put` resolved contains the key; one begun after a `delete` resolved does not. It gives at
 *   least one page, and so a store time, even when there is no key.
 * - Everything but `putIfAbsent` and `putIfMatch` is idempotent, and the driver retries it itself (transient failures,
 *   bounded, with jitter) before it throws LakeError `unavailable`. Those two make exactly one try and report
 *   `unanswered` when it is not known whether they happened; what to do about that is the caller's protocol. They throw
 *   only when they surely did not happen.
 * - A signal that is aborted before the call makes it reject with the signal's reason, and nothing has happened. Aborted
 *   later, it rejects the same way, except that `putIfAbsent` and `putIfMatch` may be `unanswered`.
 * - Bytes given are not read after the call resolved, bytes returned belong to the caller.
 * - Failures are LakeError: `unavailable` (LAKE_STORE_UNAVAILABLE), `invalid` (LAKE_STORE_DENIED, LAKE_STORE_NOT_FOUND
 *   for a missing bucket), disk full is `unavailable` (LAKE_STORE_FULL). An absent key is an answer, not a failure.
 * - An object larger than the `bytesMax` of a `get` is `corrupt` LAKE_OBJECT_TOO_LARGE; its bytes are not brought.
 * Does not promise
 * - order between keys, or that a long `list` is a picture of one moment;
 * - that both `a` and `a/b` can be objects (a folder cannot do it);
 * - that `putIfMatch` holds against a `put` or `delete` of the same key at the same moment: a key is written one way.
 *
 * **Store time** is the store's own clock as told in its answers (`Date` header; locally the ctime of a file just made).
 * The rules about age use it and never our clock.
 */
export interface ObjectStore extends AsyncDisposable {
  /** For messages: `file:/data/lake`, `s3://bucket/prefix`. */
  readonly uri: string;
  /** Requests cost no money: what is likely to be asked for next is asked for at once. */
  readonly requestsAreFree?: boolean | undefined;
  /** Whole object, or undefined when there is none. */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  /**
   * Bytes [start, end) of an object; shorter when the object ends before; undefined when there is no object. The caller may do with
   * them what it likes: nobody else has their buffer, but where it is smaller than 128 KB.
   */
  getRange(key: string, range: ByteRange, options?: RequestOptions): Promise<Uint8Array | undefined>;
  head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined>;
  put(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutReceipt>;
  putIfAbsent(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutIfAbsentOutcome>;
  putIfMatch(key: string, bytes: Uint8Array, etag: string, options?: RequestOptions): Promise<PutIfMatchOutcome>;
  /** Removing what is not there is fine. */
  delete(key: string, options?: RequestOptions): Promise<void>;
  /** Keys that begin with `prefix`, in ascending order of their UTF-8 bytes, a page at a time. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListPage>;
}

export type RequestOptions = { readonly signal?: AbortSignal | undefined };
export type GetOptions = RequestOptions & {
  /** An object larger than this is refused before it is in memory. */
  readonly bytesMax?: number | undefined;
};
export type ListOptions = RequestOptions & {
  /** Only keys after this one. */
  readonly startAfter?: string | undefined;
  /** Keys a page, at most; a driver may give fewer. */
  readonly pageKeysMax?: number | undefined;
};
/** Bytes [start, end), 0 <= start < end. */
export type ByteRange = { readonly start: number; readonly end: number };

export type ObjectHead = {
  readonly sizeBytes: number;
  readonly etag: string;
  /** When the object came to be, by the store's clock (locally ctime). */
  readonly lastModifiedMs: number;
  /** The store's clock at this answer. */
  readonly storeTimeMs: number;
};
export type StoredObject = ObjectHead & { readonly bytes: Uint8Array };
export type PutReceipt = { readonly etag: string; readonly storeTimeMs: number };

export type PutIfAbsentOutcome =
  | { readonly status: 'created'; readonly etag: string; readonly storeTimeMs: number }
  | { readonly status: 'exists'; readonly storeTimeMs: number }
  /** No answer, a 409 or a 5xx: it may have happened. */
  | { readonly status: 'unanswered'; readonly cause: unknown };

export type PutIfMatchOutcome =
  | { readonly status: 'replaced'; readonly etag: string; readonly storeTimeMs: number }
  /** Another version is there, or none. */
  | { readonly status: 'mismatch'; readonly storeTimeMs: number }
  | { readonly status: 'unanswered'; readonly cause: unknown };

export type ListPage = { readonly objects: readonly ListedObject[]; readonly storeTimeMs: number };
export type ListedObject = { readonly key: string; readonly sizeBytes: number; readonly lastModifiedMs: number };
