import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { MemoryObjectStore } from './memory/memory-object-store.ts';
import { objectStorePromises } from './object-store.conformance.ts';
import type { ListPage, ObjectStore } from './object-store.ts';
import { failureOf, jitter } from './object-store-read.conformance.ts';

// The suite itself is tested: for each way a driver can break a promise, some check must fail.

/** A store that is right but for what `break` changes. */
function wrongStore(breakIt: (right: ObjectStore) => Partial<ObjectStore>, clock: Clock = systemClock): ObjectStore {
  const right = new MemoryObjectStore('memory:', clock);
  const same: ObjectStore = {
    uri: right.uri,
    get: (...call) => right.get(...call),
    getRange: (...call) => right.getRange(...call),
    head: (...call) => right.head(...call),
    put: (...call) => right.put(...call),
    putIfAbsent: (...call) => right.putIfAbsent(...call),
    putIfMatch: (...call) => right.putIfMatch(...call),
    delete: (...call) => right.delete(...call),
    list: (...call) => right.list(...call),
    [Symbol.asyncDispose]: () => right[Symbol.asyncDispose](),
  };
  return { ...same, ...breakIt(same) };
}

async function* eachPage(
  pages: AsyncIterable<ListPage>,
  change: (page: ListPage) => ListPage,
): AsyncIterable<ListPage> {
  for await (const page of pages) yield change(page);
}

const wrongStores: Readonly<Record<string, () => ObjectStore>> = {
  'put-if-absent looks first and writes later': () =>
    wrongStore(right => ({
      async putIfAbsent(key, bytes, options) {
        const found = await right.head(key, options);
        if (found !== undefined) return { status: 'exists', storeTimeMs: found.storeTimeMs };
        await jitter(1);
        return { status: 'created', ...(await right.put(key, bytes, options)) };
      },
    })),
  'put-if-absent ignores its condition': () =>
    wrongStore(right => ({
      putIfAbsent: async (...call) => ({ status: 'created', ...(await right.put(...call)) }),
    })),
  'put-if-absent says that all lost': () =>
    wrongStore(right => ({
      putIfAbsent: async (...call) => {
        const { storeTimeMs } = { storeTimeMs: 1, ...(await right.putIfAbsent(...call)) };
        return { status: 'exists', storeTimeMs };
      },
    })),
  'put is seen in halves': () =>
    wrongStore(right => ({
      async put(key, bytes, options) {
        await right.put(key, bytes.subarray(0, bytes.byteLength >> 1), options);
        await jitter(3);
        return await right.put(key, bytes, options);
      },
    })),
  'put-if-absent is seen in halves': () =>
    wrongStore(right => ({
      async putIfAbsent(key, bytes, options) {
        const outcome = await right.putIfAbsent(key, bytes.subarray(0, bytes.byteLength >> 1), options);
        if (outcome.status !== 'created') return outcome;
        await jitter(3);
        return { status: 'created', ...(await right.put(key, bytes, options)) };
      },
    })),
  'put-if-match looks first and writes later': () =>
    wrongStore(right => ({
      async putIfMatch(key, bytes, etag, options) {
        const found = await right.head(key, options);
        if (found?.etag !== etag) return { status: 'mismatch', storeTimeMs: systemClock.nowMs() };
        await jitter(1);
        return { status: 'replaced', ...(await right.put(key, bytes, options)) };
      },
    })),
  'put-if-match creates what is absent': () =>
    wrongStore(right => ({
      async putIfMatch(key, bytes, etag, options) {
        if ((await right.head(key, options)) !== undefined) return await right.putIfMatch(key, bytes, etag, options);
        return { status: 'replaced', ...(await right.put(key, bytes, options)) };
      },
    })),
  'the etag is always the same': () =>
    wrongStore(right => ({ put: async (...call) => ({ ...(await right.put(...call)), etag: '"same"' }) })),
  'delete does nothing': () => wrongStore(() => ({ delete: async () => undefined })),
  'delete fails on what is not there': () =>
    wrongStore(right => ({
      async delete(key, options) {
        if ((await right.head(key)) === undefined) throw new Error('not there');
        await right.delete(key, options);
      },
    })),
  'an absent object is a failure': () =>
    wrongStore(right => ({
      async get(key, options) {
        const object = await right.get(key, options);
        if (object === undefined) throw new Error('absent');
        return object;
      },
    })),
  'a range is off by one': () =>
    wrongStore(right => ({
      getRange: async (key, range, options) =>
        await right.getRange(key, { start: range.start, end: range.end + 1 }, options),
    })),
  'a range past the end is a failure': () =>
    wrongStore(right => ({
      async getRange(key, range, options) {
        const bytes = await right.getRange(key, range, options);
        if (bytes?.byteLength === 0) throw new Error('416');
        return bytes;
      },
    })),
  'large objects are cut': () =>
    wrongStore(right => ({
      async get(key, options) {
        const object = await right.get(key, options);
        return object && { ...object, bytes: object.bytes.slice(0, 4_000_000) };
      },
    })),
  'empty objects are absent': () =>
    wrongStore(right => ({
      async get(key, options) {
        const object = await right.get(key, options);
        return object?.sizeBytes === 0 ? undefined : object;
      },
    })),
  'keys are listed in the order of UTF-16 units': () =>
    wrongStore(right => ({
      list: (prefix, options) =>
        eachPage(right.list(prefix, options), page => ({
          ...page,
          objects: page.objects.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
        })),
    })),
  'keys are listed folder by folder': () =>
    wrongStore(right => ({
      list: (prefix, options) =>
        eachPage(right.list(prefix, options), page => ({
          ...page,
          objects: page.objects.toSorted((a, b) =>
            a.key.split('/').join('\0') < b.key.split('/').join('\0') ? -1 : 1,
          ),
        })),
    })),
  'a listing is a moment old': () => {
    let before: ListPage[] = [];
    return wrongStore(right => ({
      async *list(prefix, options) {
        const pages = before;
        before = [];
        for await (const page of right.list(prefix, options)) before.push(page);
        yield* pages.length > 0 ? pages : before;
      },
    }));
  },
  'the start of a listing is included': () =>
    wrongStore(right => ({
      async *list(prefix, options) {
        const { startAfter, ...others } = options ?? {};
        for await (const page of right.list(prefix, others)) {
          yield {
            ...page,
            objects: page.objects.filter(object => startAfter === undefined || object.key >= startAfter),
          };
        }
      },
    })),
  'pages are larger than asked': () =>
    wrongStore(right => ({ list: (prefix, options) => right.list(prefix, { ...options, pageKeysMax: 1_000 }) })),
  'only the first page is listed': () =>
    wrongStore(right => ({
      async *list(prefix, options) {
        for await (const page of right.list(prefix, options)) return yield page;
      },
    })),
  'an empty listing has no page': () =>
    wrongStore(right => ({
      async *list(prefix, options) {
        for await (const page of right.list(prefix, options)) if (page.objects.length > 0) yield page;
      },
    })),
  'the store time is a day off': () =>
    wrongStore(() => ({}), { ...systemClock, nowMs: () => systemClock.nowMs() - 86_400_000 }),
  'the store time goes back': () => {
    let timeMs = systemClock.nowMs();
    return wrongStore(() => ({}), { ...systemClock, nowMs: () => (timeMs -= 1) });
  },
  'keys lose their escapes': () =>
    wrongStore(right => ({
      put: async (key, ...rest) => await right.put(key.replaceAll('%2F', '/'), ...rest),
    })),
  'keys may leave the root': () =>
    wrongStore(right => ({ put: async (key, ...rest) => await right.put(key.replaceAll('../', 'up/'), ...rest) })),
  'signals are not looked at': () => wrongStore(right => ({ put: async (key, bytes) => await right.put(key, bytes) })),
  'the bytes returned are the ones kept': () => {
    const kept = new Map<string, Uint8Array>();
    return wrongStore(right => ({
      async get(key, options) {
        const object = await right.get(key, options);
        if (object === undefined) return undefined;
        const bytes = kept.get(object.etag) ?? object.bytes;
        kept.set(object.etag, bytes);
        return { ...object, bytes };
      },
    }));
  },
  'disposing twice fails': () => {
    let disposed = false;
    return wrongStore(() => ({
      async [Symbol.asyncDispose]() {
        if (disposed) throw new Error('twice');
        disposed = true;
      },
    }));
  },
};

async function brokenPromises(store: ObjectStore): Promise<string[]> {
  const broken: string[] = [];
  for (const promise of objectStorePromises) {
    const failure = await failureOf(promise.check(store, `conformance/${systemRandom.uuid()}/`));
    if (failure !== undefined) broken.push(promise.name);
  }
  return broken;
}

for (const [wrong, open] of Object.entries(wrongStores)) {
  test(`the suite finds that ${wrong}`, async () => {
    expect(await brokenPromises(open())).not.toEqual([]);
  });
}

test('the suite finds nothing wrong with a right store', async () => {
  expect(await brokenPromises(wrongStore(() => ({})))).toEqual([]);
});
