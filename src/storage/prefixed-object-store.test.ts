import { expect, test } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import { MemoryObjectStore } from './memory/memory-object-store.ts';
import { objectStoreConformance } from './object-store.conformance.ts';
import { failureOf, utf8 } from './object-store-read.conformance.ts';
import { prefixedObjectStore } from './prefixed-object-store.ts';

objectStoreConformance('prefixed', async () =>
  prefixedObjectStore(new MemoryObjectStore('memory:', systemClock), 'ware/house'),
);

test('a prefixed store sees and touches only what is below its folder', async () => {
  const inner = new MemoryObjectStore('memory:', systemClock);
  const store = prefixedObjectStore(inner, 'ware');
  await inner.put('warehouse/k', utf8('neighbour'));
  await inner.put('ware/k', utf8('inside'));
  await store.put('l', utf8('new'));
  const keys: string[] = [];
  for await (const page of store.list('')) keys.push(...page.objects.map(object => object.key));
  expect(keys).toEqual(['k', 'l']);
  expect((await inner.get('ware/l'))?.bytes).toEqual(utf8('new'));
  expect(isLakeError(await failureOf(store.get('../warehouse/k')), 'LAKE_BAD_KEY')).toBe(true);
  expect(store.uri).toBe('memory:/ware');
});

test('requests of a prefixed store cost what those of its inner store cost', () => {
  const inner = new MemoryObjectStore('memory:', systemClock);
  expect(prefixedObjectStore(inner, 'ware').requestsAreFree).toBeUndefined();
  expect(prefixedObjectStore(Object.assign(inner, { requestsAreFree: true }), 'ware').requestsAreFree).toBe(true);
});
