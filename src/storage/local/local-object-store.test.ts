import { link, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import { seededRandom, systemRandom } from '../../base/random.ts';
import { objectStoreConformance } from '../object-store.conformance.ts';
import type { ObjectStore } from '../object-store.ts';
import { failureOf, utf8 } from '../object-store-read.conformance.ts';
import { probeLink } from './link-probe.ts';
import { type LocalStoreSettings, openLocalObjectStore } from './local-object-store.ts';

const components = { clock: systemClock, random: systemRandom };
const folders: string[] = [];

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidelake-local-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function open(root: string, settings?: Partial<LocalStoreSettings>): Promise<ObjectStore> {
  return await openLocalObjectStore({ root, ...settings }, components);
}

objectStoreConformance('local', async () => await open(await freshFolder()));
objectStoreConformance('local without fsync', async () => await open(await freshFolder(), { durability: 'none' }));

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.objects.map(object => object.key));
  return keys;
}

test('files of the store itself, links and folders are not objects', async () => {
  const root = await freshFolder();
  const outside = join(await freshFolder(), 'secret');
  await writeFile(outside, 'secret');
  await using store = await open(root);
  const { etag } = await store.put('a/k', utf8('1'));
  await store.putIfMatch('a/k', utf8('2'), etag);
  const tempName = `.k.${systemRandom.uuid()}.tmp`;
  await writeFile(join(root, 'a', tempName), 'half');
  await mkdir(join(root, 'empty'));
  await symlink(outside, join(root, 'link'));
  expect(await keysOf(store)).toEqual(['a/k']);
  expect(await store.get('link')).toBeUndefined();
  expect(await store.get('a')).toBeUndefined();
  for (const key of [`a/${tempName}`, '.tidelake-lock']) {
    expect(isLakeError(await failureOf(store.get(key)), 'LAKE_BAD_KEY')).toBe(true);
    expect(isLakeError(await failureOf(store.put(key, utf8('x'))), 'LAKE_BAD_KEY')).toBe(true);
  }
});

test('every write leaves the object and nothing else in the folder', async () => {
  const root = await freshFolder();
  await using store = await open(root);
  const { etag } = await store.put('k', utf8('1'));
  await store.putIfAbsent('k', utf8('2'));
  await store.putIfAbsent('l', utf8('2'));
  await store.putIfMatch('k', utf8('3'), 'other');
  await store.putIfMatch('k', utf8('4'), etag);
  await Promise.all(Array.from({ length: 10 }, (_, n) => store.putIfAbsent('m', utf8(`${n}`))));
  expect((await readdir(root)).toSorted()).toEqual(['.tidelake-lock', 'k', 'l', 'm']);
});

test('a key whose name is a folder, or goes through an object, is refused for writing', async () => {
  await using store = await open(await freshFolder());
  await store.put('a/b', utf8('x'));
  for (const key of ['a', 'a/b/c']) {
    expect(isLakeError(await failureOf(store.put(key, utf8('y'))), 'LAKE_BAD_KEY'), key).toBe(true);
    expect(isLakeError(await failureOf(store.putIfAbsent(key, utf8('y'))), 'LAKE_BAD_KEY'), key).toBe(true);
  }
  expect(await keysOf(store)).toEqual(['a/b']);
});

test('folders that were removed behind its back are made again', async () => {
  const root = await freshFolder();
  await using store = await open(root);
  await store.put('a/b/c', utf8('x'));
  await rm(join(root, 'a'), { recursive: true });
  await store.put('a/b/d', utf8('y'));
  expect(await keysOf(store)).toEqual(['a/b/d']);
});

test('the age of an object is that of its name, not of its bytes', async () => {
  const root = await freshFolder();
  await using store = await open(root);
  await store.put('k', utf8('x'));
  const before = await store.head('k');
  const old = new Date('2020-01-01T00:00:00Z');
  await utimes(join(root, 'k'), old, old);
  expect((await store.head('k'))?.lastModifiedMs).toBeGreaterThanOrEqual(before?.lastModifiedMs ?? Infinity);
});

test('temporary files of a crash are kept while they may still be in use', async () => {
  const root = await freshFolder();
  await using store = await open(root);
  await store.put('k', utf8('x'));
  const young = `.k.${systemRandom.uuid()}.tmp`;
  const linked = `.k.${systemRandom.uuid()}.tmp`;
  await writeFile(join(root, young), 'half');
  await link(join(root, 'k'), join(root, linked));
  await keysOf(store);
  expect((await readdir(root)).toSorted()).toEqual([young, linked, 'k'].toSorted());
});

test('a store opened for reading touches nothing and refuses to write', async () => {
  const root = await freshFolder();
  await writeFile(join(root, 'k'), 'x');
  await using store = await open(root, { access: 'read' });
  expect((await store.get('k'))?.bytes).toEqual(utf8('x'));
  expect(await keysOf(store)).toEqual(['k']);
  for (const call of [store.put('l', utf8('x')), store.putIfAbsent('l', utf8('x')), store.delete('k')]) {
    expect(isLakeError(await failureOf(call), 'LAKE_STORE_DENIED')).toBe(true);
  }
  expect(await readdir(root)).toEqual(['k']);
});

test('a root that is missing or is a file is refused by name', async () => {
  const root = await freshFolder();
  await writeFile(join(root, 'file'), 'x');
  const missing = await failureOf(open(join(root, 'missing'), { access: 'read' }));
  expect(isLakeError(missing, 'LAKE_STORE_NOT_FOUND')).toBe(true);
  for (const access of ['read', 'read-write'] as const) {
    expect(isLakeError(await failureOf(open(join(root, 'file'), { access })), 'LAKE_BAD_SETTINGS')).toBe(true);
    expect(isLakeError(await failureOf(open(join(root, 'file', 'x'), { access })), 'LAKE_BAD_SETTINGS')).toBe(true);
  }
  await using made = await open(join(root, 'new', 'root'));
  expect(await keysOf(made)).toEqual([]);
});

test('a store that was closed says so', async () => {
  const store = await open(await freshFolder());
  await store[Symbol.asyncDispose]();
  expect(isLakeError(await failureOf(store.get('k')), 'LAKE_STORE_CLOSED')).toBe(true);
  expect(isLakeError(await failureOf(keysOf(store)), 'LAKE_STORE_CLOSED')).toBe(true);
});

test('a file system without working hard links is refused', async () => {
  const root = await freshFolder();
  const random = seededRandom(1);
  await probeLink(root, random);
  const missing = async (): Promise<void> => {
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
  };
  const overwriting = async (from: Parameters<typeof link>[0], to: Parameters<typeof link>[1]): Promise<void> => {
    await rm(to, { force: true });
    await link(from, to);
  };
  const copying = async (_from: unknown, to: Parameters<typeof link>[1]): Promise<void> => {
    await writeFile(to, '', { flag: 'wx' });
  };
  for (const wrong of [missing, overwriting, copying]) {
    const refused = await failureOf(probeLink(root, random, wrong));
    expect(isLakeError(refused, 'LAKE_STORE_NO_LINK'), String(refused)).toBe(true);
  }
  expect(await readdir(root)).toEqual([]);
});
