import type { Clock } from '../../base/clock.ts';
import { checkByteRange, checkObjectKey, compareKeys } from '../object-key.ts';
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
} from '../object-store.ts';

/**
 * Objects in memory: the driver of tests and of simulation. Each call takes effect in one step, at once, and the clock
 * given is the store's clock. Durable for as long as the process lives; disposing keeps what is in it.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly uri: string;
  readonly #clock: Clock;
  readonly #objects = new Map<string, Version>();
  /** All keys in order, so that listing costs only what it gives. */
  readonly #keys: string[] = [];
  #versionCount = 0;

  constructor(uri: string, clock: Clock) {
    this.uri = uri;
    this.#clock = clock;
  }

  async get(key: string, options?: RequestOptions): Promise<StoredObject | undefined> {
    this.#check(key, options);
    const version = this.#objects.get(key);
    return version === undefined ? undefined : { ...this.#headOf(version), bytes: version.bytes.slice() };
  }

  async getRange(key: string, range: ByteRange, options?: RequestOptions): Promise<Uint8Array | undefined> {
    this.#check(key, options);
    checkByteRange(key, range);
    return this.#objects.get(key)?.bytes.slice(range.start, range.end);
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined> {
    this.#check(key, options);
    const version = this.#objects.get(key);
    return version === undefined ? undefined : this.#headOf(version);
  }

  async put(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutReceipt> {
    this.#check(key, options);
    return this.#store(key, bytes);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutIfAbsentOutcome> {
    this.#check(key, options);
    if (this.#objects.has(key)) return { status: 'exists', storeTimeMs: this.#clock.nowMs() };
    return { status: 'created', ...this.#store(key, bytes) };
  }

  async putIfMatch(key: string, bytes: Uint8Array, etag: string, options?: RequestOptions): Promise<PutIfMatchOutcome> {
    this.#check(key, options);
    if (this.#objects.get(key)?.etag !== etag) return { status: 'mismatch', storeTimeMs: this.#clock.nowMs() };
    return { status: 'replaced', ...this.#store(key, bytes) };
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    this.#check(key, options);
    if (this.#objects.delete(key)) this.#keys.splice(this.#firstAtOrAfter(key), 1);
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
    const pageKeysMax = options?.pageKeysMax ?? pageKeysDefault;
    let after = options?.startAfter;
    for (;;) {
      options?.signal?.throwIfAborted();
      const objects = [];
      let index = this.#firstAtOrAfter(prefix);
      if (after !== undefined && compareKeys(after, prefix) >= 0) {
        index = this.#firstAtOrAfter(after);
        if (this.#keys[index] === after) index += 1;
      }
      for (; objects.length < pageKeysMax; index += 1) {
        const key = this.#keys[index];
        const version = key === undefined ? undefined : this.#objects.get(key);
        if (key === undefined || version === undefined || !key.startsWith(prefix)) break;
        objects.push({ key, sizeBytes: version.bytes.byteLength, lastModifiedMs: version.lastModifiedMs });
      }
      yield { objects, storeTimeMs: this.#clock.nowMs() };
      if (objects.length < pageKeysMax) return;
      after = objects.at(-1)?.key;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #check(key: string, options: RequestOptions | undefined): void {
    checkObjectKey(key);
    options?.signal?.throwIfAborted();
  }

  #store(key: string, bytes: Uint8Array): PutReceipt {
    this.#versionCount += 1;
    const nowMs = this.#clock.nowMs();
    const version = { bytes: new Uint8Array(bytes), etag: `"${this.#versionCount}"`, lastModifiedMs: nowMs };
    if (!this.#objects.has(key)) this.#keys.splice(this.#firstAtOrAfter(key), 0, key);
    this.#objects.set(key, version);
    return { etag: version.etag, storeTimeMs: nowMs };
  }

  #headOf(version: Version): ObjectHead {
    const { bytes, etag, lastModifiedMs } = version;
    return { sizeBytes: bytes.byteLength, etag, lastModifiedMs, storeTimeMs: this.#clock.nowMs() };
  }

  /** Index of the first key at or after `key`. */
  #firstAtOrAfter(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#keys[middle];
      if (candidate !== undefined && compareKeys(candidate, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

type Version = { readonly bytes: Uint8Array; readonly etag: string; readonly lastModifiedMs: number };

/** Keys a page unless the caller says otherwise; S3's figure. */
const pageKeysDefault = 1000;
