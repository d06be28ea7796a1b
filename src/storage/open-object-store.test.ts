import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { systemRandom } from '../base/random.ts';
import { failureOf, utf8 } from './object-store-read.conformance.ts';
import { openObjectStore, parseStoreUri } from './open-object-store.ts';

const components = { clock: systemClock, random: systemRandom };

test('an address names a driver and a place', () => {
  expect(parseStoreUri('file:./lake')).toEqual({ kind: 'local', root: './lake' });
  expect(parseStoreUri('file:/data/100%')).toEqual({ kind: 'local', root: '/data/100%' });
  expect(parseStoreUri('file:///data/a%20b')).toEqual({ kind: 'local', root: '/data/a b' });
  expect(parseStoreUri('lake')).toEqual({ kind: 'local', root: 'lake' });
  expect(parseStoreUri('/data/lake')).toEqual({ kind: 'local', root: '/data/lake' });
  expect(parseStoreUri('memory:x')).toEqual({ kind: 'memory', name: 'x' });
  expect(parseStoreUri('s3://bucket')).toEqual({ kind: 's3', bucket: 'bucket', folder: '' });
  expect(parseStoreUri('s3://bucket/a/b/')).toEqual({ kind: 's3', bucket: 'bucket', folder: 'a/b' });
});

test('what is no address is refused', () => {
  for (const uri of [
    '',
    'file:',
    'file://host/x',
    's3:',
    's3://',
    's3://UPPER',
    's3:bucket',
    'gs://bucket',
    'http://x',
  ]) {
    const failure = (() => {
      try {
        return parseStoreUri(uri);
      } catch (error) {
        return error;
      }
    })();
    expect(isLakeError(failure, 'LAKE_BAD_SETTINGS'), uri).toBe(true);
  }
});

test('memory stores of one name are one store', async () => {
  const name = `memory:${systemRandom.uuid()}`;
  await (await openObjectStore(name, {}, components)).put('k', utf8('x'));
  await using again = await openObjectStore(name, {}, components);
  await using other = await openObjectStore(`${name}-other`, {}, components);
  expect((await again.get('k'))?.bytes).toEqual(utf8('x'));
  expect(await other.get('k')).toBeUndefined();
});

test('a folder is opened by path, by file: and by file URL', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tidelake open-'));
  try {
    for (const uri of [root, `file:${root}`, pathToFileURL(root).href]) {
      await using store = await openObjectStore(uri, { local: { durability: 'none' } }, components);
      await store.put('k', utf8(uri));
      expect(await readdir(root)).toEqual(['k']);
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test('a prefix that cannot begin a key is refused', async () => {
  const settings = {
    s3: { endpoint: 'http://127.0.0.1:1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
  };
  const failure = await failureOf(openObjectStore('s3://bucket/a/../b', settings, components));
  expect(isLakeError(failure, 'LAKE_BAD_SETTINGS')).toBe(true);
});
