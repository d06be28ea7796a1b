// Which order a table's options ask of compactions.
import { expect, test } from 'vitest';
import { fixtureSchema } from '../../test/table-fixture.ts';
import { clusteringOrder } from './clustering-options.ts';

function orderOf(options: Readonly<Record<string, string>>, primaryKey = false): unknown {
  const schema = fixtureSchema({ primaryKey });
  return clusteringOrder({ ...schema, options });
}

const on = { 'clustering.incremental': 'true' };

test('the number of columns says along what, unless an option does', () => {
  expect(orderOf({ ...on, 'clustering.columns': 'a' })).toEqual({ strategy: 'order', columns: ['a'] });
  expect(orderOf({ ...on, 'clustering.columns': 'a, b' })).toEqual({ strategy: 'zorder', columns: ['a', 'b'] });
  expect(orderOf({ ...on, 'clustering.columns': 'a,b,c,d,e' })).toMatchObject({ strategy: 'hilbert' });
  expect(orderOf({ ...on, 'sink.clustering.by-columns': 'a,b' })).toMatchObject({ strategy: 'zorder' });
  expect(orderOf({ ...on, 'clustering.columns': 'a,b', 'clustering.strategy': 'order' })).toMatchObject({
    strategy: 'order',
  });
  expect(() => orderOf({ ...on, 'clustering.columns': 'a', 'clustering.strategy': 'x' })).toThrow(
    /clustering\.strategy/,
  );
});

test('where each task sorts by itself, it does so by the columns one after the other', () => {
  const local = { ...on, 'clustering.columns': 'b,a', 'clustering.incremental.mode': 'local-sort' };
  expect(orderOf(local)).toEqual({ strategy: 'order', columns: ['b', 'a'] });
  expect(orderOf({ ...local, 'clustering.strategy': 'hilbert' })).toEqual({ strategy: 'order', columns: ['b', 'a'] });
  expect(orderOf({ ...local, 'clustering.incremental.mode': 'global-sort' })).toMatchObject({ strategy: 'zorder' });
  expect(() => orderOf({ ...local, 'clustering.incremental.mode': 'x' })).toThrow(/clustering\.incremental\.mode/);
});

test('rows lie as they came where nothing is asked, and where keys or buckets say where they lie', () => {
  expect(orderOf({ 'clustering.columns': 'a' })).toBeUndefined();
  expect(orderOf(on)).toBeUndefined();
  expect(orderOf({ ...on, 'clustering.columns': 'a', bucket: '2' })).toBeUndefined();
  expect(orderOf({ ...on, 'clustering.columns': 'a' }, true)).toBeUndefined();
});
