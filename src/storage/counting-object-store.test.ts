import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { countingObjectStore } from './counting-object-store.ts';
import { MemoryObjectStore } from './memory/memory-object-store.ts';
import { objectStoreConformance } from './object-store.conformance.ts';
import { utf8 } from './object-store-read.conformance.ts';

objectStoreConformance('counting', async () => countingObjectStore(new MemoryObjectStore('memory:', systemClock)));

test('requests are counted by operation, with bytes both ways, until reset', async () => {
  const asked: string[] = [];
  const store = countingObjectStore(new MemoryObjectStore('memory:', systemClock), (operation, key) =>
    asked.push(`${operation} ${key}`),
  );
  const { etag } = await store.put('a', utf8('12345'));
  await store.putIfAbsent('a', utf8('123'));
  await store.putIfMatch('a', utf8('1234567'), etag);
  await store.get('a');
  await store.get('absent');
  await store.getRange('a', { start: 0, end: 3 });
  await store.head('a');
  await store.put('b', utf8(''));
  await store.put('c', utf8(''));
  for await (const _ of store.list('', { pageKeysMax: 2 }));
  await store.delete('a');
  expect(store.counts()).toEqual({
    ...{ get: 2, getRange: 1, head: 1, put: 3, putIfAbsent: 1, putIfMatch: 1, delete: 1, list: 2 },
    ...{ bytesRead: 10, bytesWritten: 15 },
  });
  expect(asked.slice(0, 3)).toEqual(['put a', 'putIfAbsent a', 'putIfMatch a']);
  store.reset();
  expect(Object.values(store.counts()).every(count => count === 0)).toBe(true);
});
