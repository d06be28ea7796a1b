import { expect } from 'vitest';
import type { ObjectStorePromise } from './object-store.conformance.ts';
import type { ListedObject, ListOptions, ObjectStore } from './object-store.ts';
import { failureOf, utf8 } from './object-store-read.conformance.ts';

/** Promises about listing: order, prefix, start, pages, and that it shows what has been done before it. */
export const listPromises: readonly ObjectStorePromise[] = [
  { name: 'keys are listed in the order of their UTF-8 bytes', check: order },
  { name: 'a listing shows size and age, and what was put or deleted before it', check: fresh },
  { name: 'a listing of nothing is one empty page with the store time', check: nothing },
  { name: 'a prefix may end anywhere in a key', check: prefixes },
  { name: 'a listing starts after any key, present or not', check: startAfter },
  { name: 'pages hold no more than asked, and together everything once', check: pages },
  { name: 'pages go on in order over objects that come and go', check: changingPages },
  { name: 'a listing can be left early and can be aborted between pages', check: leaving },
];

/** In order of UTF-8 bytes: `-` and `.` come before `/`, digits and letters after it, U+1F600 after U+FFEE. */
const orderedNames: readonly string[] = [
  'A',
  'a!b',
  'a-b/c',
  'a.b/c',
  'a/b!/c',
  'a/b-c',
  'a/b/c',
  'a/b/c.d',
  'a/b0',
  'a0/b',
  'aa',
  'b/10',
  'b/2',
  'z',
  'ä/x',
  '\ud7ff',
  '\uffee',
  '\u{1f600}',
];

async function order(store: ObjectStore, at: string): Promise<void> {
  await putAll(store, at, orderedNames.toReversed());
  expect(await names(store, at)).toEqual(orderedNames);
  expect(await names(store, at, { pageKeysMax: 2 })).toEqual(orderedNames);
}

async function fresh(store: ObjectStore, at: string): Promise<void> {
  for (let n = 0; n < 5; n += 1) {
    await store.put(`${at}k-${n}`, new Uint8Array(n));
    await store.delete(`${at}k-${n - 1}`);
    const found = await objects(store, at);
    expect(found.map(object => [object.key, object.sizeBytes])).toEqual([[`${at}k-${n}`, n]]);
    expect(found[0]?.lastModifiedMs).toBe((await objects(store, at))[0]?.lastModifiedMs);
  }
  await store.putIfAbsent(`${at}l`, utf8('x'));
  expect(await names(store, at)).toEqual(['k-4', 'l']);
}

async function nothing(store: ObjectStore, at: string): Promise<void> {
  await store.put(`${at}there/k`, utf8('x'));
  for (const prefix of [`${at}absent/`, `${at}there/k/`, `${at}there/kk`, `${at}there//`, `${at}there/../`]) {
    let pageCount = 0;
    for await (const page of store.list(prefix)) {
      pageCount += 1;
      expect(page.objects, prefix).toEqual([]);
      expect(page.storeTimeMs).toBeGreaterThan(0);
    }
    expect(pageCount, prefix).toBe(1);
  }
}

async function prefixes(store: ObjectStore, at: string): Promise<void> {
  const all = [
    'snapshot/EARLIEST',
    'snapshot/snapshot-1',
    'snapshot/snapshot-10',
    'snapshot/snapshot-2',
    'snapshots/x',
  ];
  await putAll(store, at, all);
  const under = async (prefix: string): Promise<string[]> => await names(store, at, {}, prefix);
  expect(await under('')).toEqual(all);
  expect(await under('s')).toEqual(all);
  expect(await under('snapshot')).toEqual(all);
  expect(await under('snapshot/')).toEqual(all.slice(0, 4));
  expect(await under('snapshot/snapshot-1')).toEqual(['snapshot/snapshot-1', 'snapshot/snapshot-10']);
  expect(await under('snapshot/snapshot-10')).toEqual(['snapshot/snapshot-10']);
  expect(await under('snapshots/x')).toEqual(['snapshots/x']);
  expect(await under('t')).toEqual([]);
}

async function startAfter(store: ObjectStore, at: string): Promise<void> {
  await putAll(store, at, orderedNames);
  for (const [index, name] of orderedNames.entries()) {
    expect(await names(store, at, { startAfter: `${at}${name}` }), name).toEqual(orderedNames.slice(index + 1));
  }
  expect(await names(store, at, { startAfter: `${at}a/` })).toEqual(namesAfter('a/'));
  expect(await names(store, at, { startAfter: `${at}a/b/bbb` })).toEqual(namesAfter('a/b/bbb'));
  expect(await names(store, at, { startAfter: `${at}a/b/c/zzz` })).toEqual(namesAfter('a/b/c/zzz'));
  expect(await names(store, at, { startAfter: at })).toEqual(orderedNames);
  expect(await names(store, at, { startAfter: '!' })).toEqual(orderedNames);
  expect(await names(store, at, { startAfter: `${at}\u{1ffff}` })).toEqual([]);
  expect(await names(store, at, { startAfter: `${at}a/b/`, pageKeysMax: 2 })).toEqual(namesAfter('a/b/'));
}

function namesAfter(name: string): string[] {
  return orderedNames.filter(other => Buffer.compare(Buffer.from(other), Buffer.from(name)) > 0);
}

async function pages(store: ObjectStore, at: string): Promise<void> {
  const all = Array.from({ length: 25 }, (_, n) => `part-${Math.floor(n / 10)}/file-${String(n).padStart(2, '0')}`);
  await putAll(store, at, all);
  for (const pageKeysMax of [1, 7, 25, 26]) {
    const seen: string[] = [];
    for await (const page of store.list(at, { pageKeysMax })) {
      expect(page.objects.length).toBeLessThanOrEqual(pageKeysMax);
      seen.push(...page.objects.map(object => object.key.slice(at.length)));
    }
    expect(seen, `pages of ${pageKeysMax}`).toEqual(all);
  }
}

async function changingPages(store: ObjectStore, at: string): Promise<void> {
  const stays = Array.from({ length: 12 }, (_, n) => `k-${String(n).padStart(2, '0')}`);
  await putAll(store, at, stays);
  const seen: string[] = [];
  let pageCount = 0;
  for await (const page of store.list(at, { pageKeysMax: 4 })) {
    seen.push(...page.objects.map(object => object.key.slice(at.length)));
    await store.put(`${at}k-00-${pageCount}`, utf8('behind'));
    await store.put(`${at}z-${pageCount}`, utf8('ahead'));
    await store.delete(`${at}z-${pageCount - 1}`);
    pageCount += 1;
    if (pageCount > 20) expect.fail('the listing does not end');
  }
  expect(seen.filter(name => stays.includes(name))).toEqual(stays);
  expect(new Set(seen).size).toBe(seen.length);
}

async function leaving(store: ObjectStore, at: string): Promise<void> {
  await putAll(store, at, ['a', 'b', 'c']);
  for await (const page of store.list(at, { pageKeysMax: 1 })) {
    expect(page.objects[0]?.key).toBe(`${at}a`);
    break;
  }
  const controller = new AbortController();
  const reason = new Error('enough');
  const seen: string[] = [];
  const listing = (async () => {
    for await (const page of store.list(at, { pageKeysMax: 1, signal: controller.signal })) {
      seen.push(...page.objects.map(object => object.key.slice(at.length)));
      controller.abort(reason);
    }
  })();
  expect(await failureOf(listing)).toBe(reason);
  expect(seen).toEqual(['a']);
}

async function putAll(store: ObjectStore, at: string, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.put(`${at}${key}`, utf8(key));
}

async function objects(store: ObjectStore, prefix: string, options?: ListOptions): Promise<ListedObject[]> {
  const found: ListedObject[] = [];
  for await (const page of store.list(prefix, options)) found.push(...page.objects);
  return found;
}

/** Keys under `at` + `prefix`, without `at`. */
async function names(store: ObjectStore, at: string, options?: ListOptions, prefix = ''): Promise<string[]> {
  return (await objects(store, `${at}${prefix}`, options)).map(object => object.key.slice(at.length));
}
