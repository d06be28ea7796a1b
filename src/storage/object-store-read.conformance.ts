import { expect } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import type { ObjectStorePromise } from './object-store.conformance.ts';
import type { ObjectStore } from './object-store.ts';

/** Promises about reading one object: whole, in ranges, its head, its times; and about keys and signals. */
export const readPromises: readonly ObjectStorePromise[] = [
  { name: 'an absent object is an answer, not a failure', check: absentIsAnAnswer },
  { name: 'what was put is read back whole, and its head agrees', check: readBack },
  { name: 'an empty object is an object', check: emptyObject },
  { name: 'an object of 5 MB is read back whole and in ranges', check: largeObject },
  { name: 'an object larger than its reader takes is refused', check: tooLarge },
  { name: 'a range is cut at the end of the object', check: ranges },
  { name: 'a range that is none is refused', check: badRanges },
  { name: 'bytes given and bytes returned are not shared', check: bytesAreNotShared },
  { name: 'odd keys are kept apart and listed as they are', check: oddKeys },
  { name: 'keys that are not allowed are refused and do nothing', check: badKeys },
  { name: 'store times are near the truth and do not go back', check: times },
  { name: 'a signal aborted before rejects with its reason and does nothing', check: abortedBefore },
  { name: 'disposing twice is fine', check: disposingTwice },
];

async function absentIsAnAnswer(store: ObjectStore, at: string): Promise<void> {
  await store.put(`${at}there`, utf8('x'));
  for (const key of [`${at}absent`, `${at}there/below`, at.slice(0, -1), `${at}no/such/folder/absent`]) {
    expect(await store.get(key), key).toBeUndefined();
    expect(await store.head(key), key).toBeUndefined();
    expect(await store.getRange(key, { start: 0, end: 10 }), key).toBeUndefined();
  }
}

async function readBack(store: ObjectStore, at: string): Promise<void> {
  const bytes = pattern(1000, 7);
  const receipt = await store.put(`${at}a/b/c`, bytes);
  const object = await store.get(`${at}a/b/c`);
  expect(object?.bytes).toEqual(bytes);
  expect(object?.sizeBytes).toBe(1000);
  expect(object?.etag).toBe(receipt.etag);
  const head = await store.head(`${at}a/b/c`);
  expect(head?.sizeBytes).toBe(1000);
  expect(head?.etag).toBe(receipt.etag);
  expect(head).not.toHaveProperty('bytes');
}

async function emptyObject(store: ObjectStore, at: string): Promise<void> {
  await store.put(`${at}empty`, new Uint8Array());
  expect((await store.get(`${at}empty`))?.bytes).toEqual(new Uint8Array());
  expect((await store.head(`${at}empty`))?.sizeBytes).toBe(0);
  expect(await store.getRange(`${at}empty`, { start: 0, end: 5 })).toEqual(new Uint8Array());
  expect((await store.putIfAbsent(`${at}empty`, utf8('x'))).status).toBe('exists');
}

async function tooLarge(store: ObjectStore, at: string): Promise<void> {
  const bytes = pattern(100_000, 5);
  await store.put(`${at}limited`, bytes);
  expect((await store.get(`${at}limited`, { bytesMax: bytes.byteLength }))?.bytes).toEqual(bytes);
  const failure = await failureOf(store.get(`${at}limited`, { bytesMax: bytes.byteLength - 1 }));
  expect(isLakeError(failure, 'LAKE_OBJECT_TOO_LARGE')).toBe(true);
  expect(await store.get(`${at}absent`, { bytesMax: 1 })).toBeUndefined();
  // The connection, or whatever it was read by, is not left behind.
  expect((await store.get(`${at}limited`))?.bytes).toEqual(bytes);
}

async function largeObject(store: ObjectStore, at: string): Promise<void> {
  const bytes = pattern(5_000_000, 3);
  await store.put(`${at}large`, bytes);
  const object = await store.get(`${at}large`);
  expect(object?.sizeBytes).toBe(bytes.byteLength);
  expect(Buffer.compare(object?.bytes ?? new Uint8Array(), bytes)).toBe(0);
  const tail = await store.getRange(`${at}large`, { start: 4_999_990, end: 5_000_000 });
  expect(tail).toEqual(bytes.slice(4_999_990));
  const middle = await store.getRange(`${at}large`, { start: 1_000_000, end: 3_000_000 });
  expect(Buffer.compare(middle ?? new Uint8Array(), bytes.subarray(1_000_000, 3_000_000))).toBe(0);
}

async function ranges(store: ObjectStore, at: string): Promise<void> {
  const bytes = pattern(100, 1);
  await store.put(`${at}k`, bytes);
  for (const [start, end] of [
    [0, 1],
    [0, 100],
    [40, 60],
    [99, 100],
    [90, 200],
    [0, 1_000_000],
    [100, 101],
    [5_000, 6_000],
  ] as const) {
    expect(await store.getRange(`${at}k`, { start, end }), `[${start}, ${end})`).toEqual(bytes.slice(start, end));
  }
}

async function badRanges(store: ObjectStore, at: string): Promise<void> {
  await store.put(`${at}k`, pattern(100, 1));
  for (const [start, end] of [
    [1, 1],
    [2, 1],
    [-1, 1],
    [0, 1.5],
  ] as const) {
    const refused = await failureOf(store.getRange(`${at}k`, { start, end }));
    expect(isLakeError(refused, 'LAKE_BAD_RANGE'), `[${start}, ${end})`).toBe(true);
  }
}

async function bytesAreNotShared(store: ObjectStore, at: string): Promise<void> {
  const whole = pattern(64, 5);
  const given = whole.subarray(16, 48);
  const expected = given.slice();
  await store.put(`${at}k`, given);
  whole.fill(0);
  const first = await store.get(`${at}k`);
  expect(first?.bytes).toEqual(expected);
  first?.bytes.fill(9);
  (await store.getRange(`${at}k`, { start: 0, end: 32 }))?.fill(9);
  expect((await store.get(`${at}k`))?.bytes).toEqual(expected);
}

/** Names that have broken URL, XML or path handling somewhere. */
const oddNames: readonly string[] = [
  'with space',
  ' lead and trail ',
  'a+b',
  'a%2Fb',
  '100%',
  'dt=2026-01-01',
  '..a',
  'a..',
  '.hidden',
  '~!@$&*()=;,:[]{}|^`',
  `quotes'"`,
  'question?x=y#z',
  'angle<&>',
  'back\\slash',
  'ünïcödé',
  '日本語',
  '\u{1f600}\uffee',
  'x'.repeat(200),
];

async function oddKeys(store: ObjectStore, at: string): Promise<void> {
  const keys = [...oddNames.map(name => `${at}${name}`), ...oddNames.map(name => `${at}folder of ${name}/${name}`)];
  const deep = `${at}${'long-segment-'.repeat(15)}/${'y'.repeat(200)}/${'z'.repeat(200)}/${'w'.repeat(200)}`;
  keys.push(deep);
  for (const [index, key] of keys.entries()) await store.put(key, utf8(`#${index}`));
  for (const [index, key] of keys.entries()) expect((await store.get(key))?.bytes, key).toEqual(utf8(`#${index}`));
  const listed: string[] = [];
  for await (const page of store.list(at)) listed.push(...page.objects.map(object => object.key));
  expect(listed.toSorted()).toEqual(keys.toSorted());
  await store.delete(`${at}a%2Fb`);
  expect(await store.get(`${at}a%2Fb`)).toBeUndefined();
}

async function badKeys(store: ObjectStore, at: string): Promise<void> {
  const keys = [
    '',
    '/',
    `/${at}a`,
    `${at}a/`,
    `${at}a//b`,
    `${at}../a`,
    '..',
    '.',
    `${at}./a`,
    `${at}\ud800`,
    `${at}\0`,
  ];
  for (const key of [...keys, `${at}${'x/'.repeat(512)}x`]) {
    for (const call of everyKeyedCall(store, key, undefined)) {
      expect(isLakeError(await failureOf(call()), 'LAKE_BAD_KEY'), JSON.stringify(key)).toBe(true);
    }
  }
}

async function times(store: ObjectStore, at: string): Promise<void> {
  const nearMs = 12 * 3_600_000;
  const first = await store.put(`${at}first`, utf8('1'));
  expect(Math.abs(first.storeTimeMs - systemClock.nowMs())).toBeLessThan(nearMs);
  const second = await store.putIfAbsent(`${at}second`, utf8('2'));
  const third = await store.putIfAbsent(`${at}second`, utf8('2'));
  if (second.status !== 'created' || third.status !== 'exists') expect.fail(`${second.status} and ${third.status}`);
  const head = await store.head(`${at}second`);
  const object = await store.get(`${at}second`);
  if (head === undefined || object === undefined) expect.fail('the object is gone');
  const order = [first.storeTimeMs, second.storeTimeMs, third.storeTimeMs, head.storeTimeMs, object.storeTimeMs];
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  for (const time of order) expect(Number.isInteger(time)).toBe(true);
  // Stores may cut their times to whole seconds, each in its own manner.
  const slackMs = 2_000;
  for (const { lastModifiedMs } of [head, object]) {
    expect(lastModifiedMs).toBeGreaterThanOrEqual(first.storeTimeMs - slackMs);
    expect(lastModifiedMs).toBeLessThanOrEqual(head.storeTimeMs + slackMs);
  }
  for await (const page of store.list(at)) {
    expect(page.storeTimeMs).toBeGreaterThanOrEqual(object.storeTimeMs);
    for (const { lastModifiedMs } of page.objects) {
      expect(lastModifiedMs).toBeGreaterThanOrEqual(first.storeTimeMs - slackMs);
      expect(lastModifiedMs).toBeLessThanOrEqual(page.storeTimeMs + slackMs);
    }
  }
}

async function abortedBefore(store: ObjectStore, at: string): Promise<void> {
  const controller = new AbortController();
  const reason = new Error('enough');
  controller.abort(reason);
  await store.put(`${at}k`, utf8('x'));
  for (const call of everyKeyedCall(store, `${at}k`, controller.signal)) expect(await failureOf(call())).toBe(reason);
  expect((await store.get(`${at}k`))?.bytes).toEqual(utf8('x'));
  const listing = (async () => {
    for await (const _ of store.list(at, { signal: controller.signal }));
  })();
  expect(await failureOf(listing)).toBe(reason);
  await store.putIfAbsent(`${at}new`, utf8('x'), { signal: controller.signal }).catch(() => undefined);
  expect(await store.get(`${at}new`)).toBeUndefined();
}

async function disposingTwice(store: ObjectStore, at: string): Promise<void> {
  await store.put(`${at}k`, utf8('x'));
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
}

function everyKeyedCall(store: ObjectStore, key: string, signal: AbortSignal | undefined): (() => Promise<unknown>)[] {
  return [
    () => store.get(key, { signal }),
    () => store.getRange(key, { start: 0, end: 1 }, { signal }),
    () => store.head(key, { signal }),
    () => store.put(key, utf8('y'), { signal }),
    () => store.putIfAbsent(key, utf8('y'), { signal }),
    () => store.putIfMatch(key, utf8('y'), '"etag"', { signal }),
    () => store.delete(key, { signal }),
  ];
}

/** What a promise rejects with; undefined when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes that differ by place and by seed. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >>> 8) * 17 + seed) & 0xff;
  return bytes;
}

/** Some wait of 0 to `msMax`, so that rivals do not march in step. */
export async function jitter(msMax: number): Promise<void> {
  await systemClock.sleep(systemRandom.next() * msMax);
}
