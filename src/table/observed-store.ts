/**
 * A store that remembers the store time of its last answer and counts what it was asked.
 *
 * The age rules (DESIGN 2) know only the store's clock. A writer takes `lastStoreTimeMs` before it begins an upload and
 * hands it over with the file; the commit compares it with the time of its base (S7).
 */
import type {
  ByteRange,
  ListOptions,
  ListPage,
  ObjectHead,
  ObjectStore,
  PutIfAbsentOutcome,
  PutIfMatchOutcome,
  PutReceipt,
  RequestOptions,
  StoredObject,
} from '../storage/object-store.ts';

/** Requests by kind; a LIST counts by page. */
export type RequestCounts = {
  readonly get: number;
  readonly put: number;
  readonly putIfAbsent: number;
  readonly list: number;
  readonly other: number;
};

export class ObservedStore implements ObjectStore {
  readonly #inner: ObjectStore;
  readonly #counts = { get: 0, put: 0, putIfAbsent: 0, list: 0, other: 0 };
  #lastStoreTimeMs: number | undefined;

  constructor(inner: ObjectStore) {
    this.#inner = inner;
  }

  get uri(): string {
    return this.#inner.uri;
  }

  get requestsAreFree(): boolean | undefined {
    return this.#inner.requestsAreFree;
  }

  /** Store time of the newest answer; undefined before the first. */
  get lastStoreTimeMs(): number | undefined {
    return this.#lastStoreTimeMs;
  }

  get counts(): RequestCounts {
    return { ...this.#counts };
  }

  async get(key: string, options?: RequestOptions): Promise<StoredObject | undefined> {
    this.#counts.get += 1;
    return this.#seen(await this.#inner.get(key, options));
  }

  getRange(key: string, range: ByteRange, options?: RequestOptions): Promise<Uint8Array | undefined> {
    this.#counts.get += 1;
    return this.#inner.getRange(key, range, options);
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined> {
    this.#counts.other += 1;
    return this.#seen(await this.#inner.head(key, options));
  }

  async put(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutReceipt> {
    this.#counts.put += 1;
    return this.#seen(await this.#inner.put(key, bytes, options));
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutIfAbsentOutcome> {
    this.#counts.putIfAbsent += 1;
    const outcome = await this.#inner.putIfAbsent(key, bytes, options);
    if (outcome.status !== 'unanswered') this.#lastStoreTimeMs = outcome.storeTimeMs;
    return outcome;
  }

  async putIfMatch(key: string, bytes: Uint8Array, etag: string, options?: RequestOptions): Promise<PutIfMatchOutcome> {
    this.#counts.other += 1;
    const outcome = await this.#inner.putIfMatch(key, bytes, etag, options);
    if (outcome.status !== 'unanswered') this.#lastStoreTimeMs = outcome.storeTimeMs;
    return outcome;
  }

  delete(key: string, options?: RequestOptions): Promise<void> {
    this.#counts.other += 1;
    return this.#inner.delete(key, options);
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
    for await (const page of this.#inner.list(prefix, options)) {
      this.#counts.list += 1;
      this.#lastStoreTimeMs = page.storeTimeMs;
      yield page;
    }
  }

  /** The inner store belongs to whoever opened it. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #seen<T extends { readonly storeTimeMs: number } | undefined>(answer: T): T {
    if (answer !== undefined) this.#lastStoreTimeMs = answer.storeTimeMs;
    return answer;
  }
}
