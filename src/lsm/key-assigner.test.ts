import { expect, test } from 'vitest';
import type { AssignerSettings } from './bucket-room.ts';
import { type CrossingRule, KeyAssigner, type KeyPlace } from './key-assigner.ts';

const settings: AssignerSettings = { keyCountTarget: 2, bucketCountMax: undefined, initialBucketCount: 4 };

type Places = Readonly<Record<string, readonly string[]>>;

/** Places are written as `partition/bucket`. */
function placesOf(places: Places): ReadonlyMap<string, readonly KeyPlace[]> {
  return new Map(Object.entries(places).map(([key, texts]) => [key, texts.map(placeOf)]));
}

function placeOf(text: string): KeyPlace {
  const [partition = '', bucket = ''] = text.split('/');
  return { partition, bucket: Number(bucket) };
}

type Counts = Readonly<Record<string, readonly number[]>>;

function assignerOf(rule: CrossingRule, places: Places = {}, counts: Counts = {}): KeyAssigner {
  const keyCounts = new Map(
    Object.entries(counts).map(([partition, ofBuckets]) => [partition, new Map(ofBuckets.entries())]),
  );
  return new KeyAssigner(rule, settings, { places: placesOf(places), keyCounts });
}

/** What rows `key@partition` become. */
function assigned(assigner: KeyAssigner, ...rows: readonly string[]): readonly string[] {
  return rows.flatMap(row => {
    const [key = '', partition = ''] = row.split('@');
    const out: string[] = [];
    assigner.assign(key, partition, (place, as) => out.push(`${as} ${key} ${place.partition}/${place.bucket}`));
    return out;
  });
}

test('new keys fill the buckets of their own partition, from the first on', () => {
  const assigner = assignerOf('move', {}, { p: [2, 1] });
  expect(assigned(assigner, 'a@p', 'b@p', 'c@p', 'd@p', 'a@q')).toEqual([
    'row a p/1',
    'row b p/2',
    'row c p/2',
    'row d p/3',
    'delete a p/1',
    'row a q/0',
  ]);
});

test('a key that moves is deleted where it was, each time, and makes room there', () => {
  const assigner = assignerOf('move', { a: ['p/1'] }, { p: [2, 2] });
  expect(assigned(assigner, 'a@p', 'a@q', 'b@p', 'a@p', 'a@p')).toEqual([
    'row a p/1',
    'delete a p/1',
    'row a q/0',
    'row b p/1',
    'delete a q/0',
    'row a p/2',
    'row a p/2',
  ]);
});

test('a key that stays takes all rows in where it is; a new one is where its first row says', () => {
  const assigner = assignerOf('stay', { a: ['p/1'] });
  expect(assigned(assigner, 'a@q', 'a@p', 'b@q', 'b@p')).toEqual(['row a p/1', 'row a p/1', 'row b q/0', 'row b q/0']);
});

test('of first rows, those of a key in another partition are passed over', () => {
  const assigner = assignerOf('skip', { a: ['p/1'] });
  expect(assigned(assigner, 'a@q', 'a@p', 'b@q', 'b@p', 'b@q')).toEqual(['row a p/1', 'row b q/0', 'row b q/0']);
});

test('a key that others have doubled is one after a move; with other rules it is taken where its row says', () => {
  const doubled = { a: ['p/0', 'q/3', 'r/1'] };
  expect(assigned(assignerOf('move', doubled), 'a@q', 'a@q')).toEqual([
    'delete a p/0',
    'delete a r/1',
    'row a q/3',
    'row a q/3',
  ]);
  expect(assigned(assignerOf('move', doubled), 'a@s')).toEqual([
    'delete a p/0',
    'delete a q/3',
    'delete a r/1',
    'row a s/0',
  ]);
  expect(assigned(assignerOf('stay', doubled), 'a@q', 'a@s')).toEqual(['row a q/3', 'row a q/3']);
  expect(assigned(assignerOf('stay', doubled), 'a@s')).toEqual(['row a p/0']);
  expect(assigned(assignerOf('skip', doubled), 'a@r', 'a@s')).toEqual(['row a r/1']);
});

test('what was assigned holds while keys are where they were, or where a new one was brought', () => {
  const assigner = assignerOf('move', { a: ['p/1'] });
  assigned(assigner, 'a@q', 'b@q', 'b@p');
  expect(assigner.holdsFor(placesOf({ a: ['p/1'] }))).toBe(true);
  expect(assigner.holdsFor(placesOf({ a: ['p/1'], b: ['q/0'], other: ['p/0'] }))).toBe(true);
  const elsewhere: readonly Places[] = [
    {},
    { a: ['p/0'] },
    { a: ['q/1'] },
    { a: ['p/1', 'q/0'] },
    { a: ['p/1'], b: ['q/1'] },
    { a: ['p/1'], b: ['p/0'] },
    { a: ['p/1'], b: ['q/0', 'p/0'] },
  ];
  for (const places of elsewhere) expect(assigner.holdsFor(placesOf(places))).toBe(false);
});

test('a row that was passed over holds it up as well', () => {
  const assigner = assignerOf('skip', { a: ['p/1'] });
  assigned(assigner, 'a@q');
  expect(assigner.holdsFor(placesOf({ a: ['p/1'] }))).toBe(true);
  expect(assigner.holdsFor(placesOf({}))).toBe(false);
});
