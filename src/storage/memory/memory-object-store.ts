import type { Clock } from '../../base/clock.ts';
import { Slab } from '../../bytes/slab.ts';
import { checkByteRange, checkObjectKey } from '../object-key.ts';
import type {
  ByteRange,
  GetOptions,
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
import { checkObjectSize } from '../store-errors.ts';
import { headOf, ObjectMap } from './object-map.ts';

/**
 * Objects in memory: the driver of tests. Each call takes effect in one step, at once, and the clock given is the store's
 * clock. Durable for as long as the process lives; disposing keeps what is in it.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly uri: string;
  readonly #clock: Clock;
  readonly #objects: ObjectMap;
  readonly #slab = new Slab();

  /** @param objects what is in it; others may look at the same */
  constructor(uri: string, clock: Clock, objects: ObjectMap = new ObjectMap()) {
    this.uri = uri;
    this.#clock = clock;
    this.#objects = objects;
  }

  async get(key: string, options?: GetOptions): Promise<StoredObject | undefined> {
    this.#check(key, options);
    const version = this.#objects.get(key);
    if (version === undefined) return undefined;
    checkObjectSize(`${this.uri}/${key}`, version.bytes.byteLength, options?.bytesMax);
    return { ...headOf(version, this.#clock.nowMs()), bytes: version.bytes.slice() };
  }

  async getRange(key: string, range: ByteRange, options?: RequestOptions): Promise<Uint8Array | undefined> {
    this.#check(key, options);
    checkByteRange(key, range);
    return this.#objects.get(key)?.bytes.slice(range.start, range.end);
  }

  async head(key: string, options?: RequestOptions): Promise<ObjectHead | undefined> {
    this.#check(key, options);
    const version = this.#objects.get(key);
    return version === undefined ? undefined : headOf(version, this.#clock.nowMs());
  }

  async put(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutReceipt> {
    this.#check(key, options);
    return this.#store(key, bytes);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options?: RequestOptions): Promise<PutIfAbsentOutcome> {
    this.#check(key, options);
    if (this.#objects.get(key) !== undefined) return { status: 'exists', storeTimeMs: this.#clock.nowMs() };
    return { status: 'created', ...this.#store(key, bytes) };
  }

  async putIfMatch(key: string, bytes: Uint8Array, etag: string, options?: RequestOptions): Promise<PutIfMatchOutcome> {
    this.#check(key, options);
    if (this.#objects.get(key)?.etag !== etag) return { status: 'mismatch', storeTimeMs: this.#clock.nowMs() };
    return { status: 'replaced', ...this.#store(key, bytes) };
  }

  async delete(key: string, options?: RequestOptions): Promise<void> {
    this.#check(key, options);
    this.#objects.delete(key);
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
    const keysMax = options?.pageKeysMax ?? pageKeysDefault;
    let after = options?.startAfter;
    for (;;) {
      options?.signal?.throwIfAborted();
      const objects = this.#objects.list({ prefix, after, keysMax });
      yield { objects, storeTimeMs: this.#clock.nowMs() };
      if (objects.length < keysMax) return;
      after = objects.at(-1)?.key;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #check(key: string, options: RequestOptions | undefined): void {
    checkObjectKey(key);
    options?.signal?.throwIfAborted();
  }

  #store(key: string, bytes: Uint8Array): PutReceipt {
    const { etag, lastModifiedMs } = this.#objects.put(key, this.#slab.copyOf(bytes), this.#clock.nowMs());
    return { etag, storeTimeMs: lastModifiedMs };
  }
}

/** Keys a page unless the caller says otherwise; S3's figure. */
const pageKeysDefault = 1000;
