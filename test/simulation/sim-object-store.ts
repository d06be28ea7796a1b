/**
 * S3 as one process of a simulated world sees it: strongly consistent, conditional puts by the request, pages of a list that
 * are not one moment, times in whole seconds where the world says so.
 */

import { isLakeError } from '../../src/base/errors.ts';
import { retry } from '../../src/base/retry.ts';
import { headOf } from '../../src/storage/memory/object-map.ts';
import { checkByteRange, checkObjectKey } from '../../src/storage/object-key.ts';
import type {
  ListedObject,
  ListPage,
  ObjectStore,
  PutIfAbsentOutcome,
  PutIfMatchOutcome,
  RequestOptions,
} from '../../src/storage/object-store.ts';
import type { SimProcess, SimRequest } from './process.ts';
import type { World } from './world.ts';

const hintKey = /\/snapshot\/(LATEST|EARLIEST)$/;

export type SimStoreOptions = {
  /** Reads that fail are tried again before anybody hears of it, as the client of S3 does; else each failure is heard. */
  readonly retriesReads: boolean;
};

export function simObjectStore(
  world: World,
  process: SimProcess,
  options: SimStoreOptions = { retriesReads: false },
): ObjectStore {
  const reads = new SimReads(world, process, options);
  const writes = new SimWrites(world, process);
  return {
    uri: 'sim:',
    get: (key, options) => reads.get(key, options),
    async getRange(key, range, options) {
      checkByteRange(key, range);
      const object = await reads.get(key, options);
      return object?.bytes.slice(range.start, range.end);
    },
    async head(key, options) {
      const object = await reads.get(key, options, 'head');
      if (object === undefined) return undefined;
      const { bytes: _, ...head } = object;
      return head;
    },
    put: (key, bytes, options) => writes.put(key, bytes, options),
    putIfAbsent: (key, bytes, options) => writes.putIfAbsent(key, bytes, options),
    putIfMatch: (key, bytes, etag, options) => writes.putIfMatch(key, { bytes, etag }, options),
    delete: (key, options) => writes.delete(key, options),
    list: (prefix, options) => reads.list(prefix, options?.startAfter, options),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** As of S3's client (s3-settings.ts). */
const readAttemptsMax = 6;
const readBackoff = { delayMsMin: 50, delayMsMax: 3_000 };
const listLagMs = 5_000;
/** One put in so many is forgotten, where that is what is wrong with the store. */
const forgottenOneIn = 50;

type Stored = ReturnType<typeof headOf> & { readonly bytes: Uint8Array };

class SimReads {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #options: SimStoreOptions;

  constructor(world: World, process: SimProcess, options: SimStoreOptions) {
    this.#world = world;
    this.#process = process;
    this.#options = options;
  }

  get(key: string, options: RequestOptions | undefined, what = 'get'): Promise<Stored | undefined> {
    checkObjectKey(key);
    const isHint = hintKey.test(key);
    return this.#ask({
      of: 'read',
      what,
      key,
      isHint,
      effect: () => this.#look(key, undefined),
      stale: () => this.#look(key, this.#world.staleHints.get(key)),
      outcome: object => (object === undefined ? 'absent' : `${object.sizeBytes} bytes`),
      bytes: object => object?.bytes,
      signal: options?.signal,
    });
  }

  async *list(
    prefix: string,
    startAfter: string | undefined,
    options: RequestOptions | undefined,
  ): AsyncIterable<ListPage> {
    const { pageKeysMax } = this.#world;
    let after = startAfter;
    for (;;) {
      const page = await this.#page(prefix, after, options);
      yield page;
      if (page.objects.length < pageKeysMax) return;
      after = page.objects.at(-1)?.key;
    }
  }

  #page(prefix: string, after: string | undefined, options: RequestOptions | undefined): Promise<ListPage> {
    const { objects, pageKeysMax: keysMax } = this.#world;
    return this.#ask({
      of: 'read',
      what: 'list',
      key: prefix,
      effect: () => ({
        objects: objects.list({ prefix, after, keysMax }).filter(object => !this.#isHidden(object)),
        storeTimeMs: this.#world.storeTimeMs,
      }),
      outcome: page => `${page.objects.length} keys ${lastOf(page.objects)}`,
      signal: options?.signal,
    });
  }

  #ask<T>(request: SimRequest<T>): Promise<T> {
    const send = (): Promise<T> => this.#process.request(request);
    if (!this.#options.retriesReads) return send();
    const { clock, random } = this.#process;
    return retry(send, {
      clock,
      random,
      attemptsMax: readAttemptsMax,
      backoff: readBackoff,
      retryable: error => isLakeError(error) && error.kind === 'unavailable',
      signal: request.signal,
    });
  }

  /** By a listing that lags. */
  #isHidden({ lastModifiedMs }: ListedObject): boolean {
    return this.#world.sabotage === 'list-lags' && this.#world.storeTimeMs - lastModifiedMs < listLagMs;
  }

  #look(key: string, stale: Uint8Array | undefined): Stored | undefined {
    const version = this.#world.objects.get(key);
    if (version === undefined) return undefined;
    return { ...headOf(version, this.#world.storeTimeMs), bytes: stale ?? version.bytes };
  }
}

class SimWrites {
  readonly #world: World;
  readonly #process: SimProcess;

  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  put(key: string, bytes: Uint8Array, options: RequestOptions | undefined): Promise<Receipt> {
    checkObjectKey(key);
    return this.#process.request({
      of: 'write',
      what: 'put',
      key,
      effect: () => this.#store(key, bytes),
      outcome: () => `${bytes.byteLength} bytes`,
      bytes: () => bytes,
      signal: options?.signal,
    });
  }

  putIfAbsent(key: string, bytes: Uint8Array, options: RequestOptions | undefined): Promise<PutIfAbsentOutcome> {
    checkObjectKey(key);
    return this.#process.request<PutIfAbsentOutcome>({
      of: 'conditional',
      what: 'put-if-absent',
      key,
      effect: () =>
        this.#world.objects.get(key) === undefined || this.#world.sabotage === 'put-if-absent-overwrites'
          ? { status: 'created', ...this.#store(key, bytes) }
          : { status: 'exists', storeTimeMs: this.#world.storeTimeMs },
      outcome: ({ status }) => status,
      bytes: () => bytes,
      unanswered: cause => ({ status: 'unanswered', cause }),
      signal: options?.signal,
    });
  }

  putIfMatch(
    key: string,
    { bytes, etag }: { readonly bytes: Uint8Array; readonly etag: string },
    options: RequestOptions | undefined,
  ): Promise<PutIfMatchOutcome> {
    checkObjectKey(key);
    return this.#process.request<PutIfMatchOutcome>({
      of: 'conditional',
      what: 'put-if-match',
      key,
      effect: () =>
        this.#world.objects.get(key)?.etag === etag
          ? { status: 'replaced', ...this.#store(key, bytes) }
          : { status: 'mismatch', storeTimeMs: this.#world.storeTimeMs },
      outcome: ({ status }) => status,
      bytes: () => bytes,
      unanswered: cause => ({ status: 'unanswered', cause }),
      signal: options?.signal,
    });
  }

  delete(key: string, options: RequestOptions | undefined): Promise<void> {
    checkObjectKey(key);
    return this.#process.request({
      of: 'write',
      what: 'delete',
      key,
      effect: () => {
        this.#world.removed(key);
        this.#world.objects.delete(key);
      },
      outcome: () => '',
      signal: options?.signal,
    });
  }

  #store(key: string, bytes: Uint8Array): Receipt {
    const isForgotten = this.#world.sabotage === 'put-forgotten' && this.#process.random.next() * forgottenOneIn < 1;
    if (isForgotten) return { etag: '"forgotten"', storeTimeMs: this.#world.storeTimeMs };
    if (hintKey.test(key)) this.#world.staleHints.set(key, this.#world.objects.get(key)?.bytes ?? bytes);
    const { etag, lastModifiedMs } = this.#world.objects.put(key, bytes, this.#world.storeTimeMs);
    this.#world.stored(key, bytes);
    return { etag, storeTimeMs: lastModifiedMs };
  }
}

type Receipt = { readonly etag: string; readonly storeTimeMs: number };

function lastOf(objects: readonly ListedObject[]): string {
  const last = objects.at(-1)?.key ?? '';
  return last.slice(last.lastIndexOf('/') + 1);
}
