/** Which files a delta takes out of the table. */
import { expect, test } from 'vitest';
import { fileNames, fixtureTable, ManualClock, plannedFile } from '../../test/table-fixture.ts';
import { seededRandom } from '../base/random.ts';
import type { ManifestEntry } from '../format/manifest.ts';
import { MemoryObjectStore } from '../storage/memory/memory-object-store.ts';
import { filesRemovedBy, withoutNeeded } from './decide-removal.ts';

test('what a delta deletes goes, but not what it adds again on another level of the same place', async () => {
  const clock = new ManualClock();
  const table = await fixtureTable(new MemoryObjectStore('memory:', clock), { clock, random: seededRandom(1) });
  const entry = (kind: ManifestEntry['kind'], name: string, level = 0, bucket = 0): ManifestEntry => {
    return { kind, ...plannedFile(table, { name, level, bucket }) };
  };
  const delta = [
    entry('delete', 'compacted'),
    entry('delete', 'upgraded'),
    entry('delete', 'elsewhere'),
    entry('add', 'new', 5),
    entry('add', 'upgraded', 5),
    entry('add', 'elsewhere', 5, 1),
  ];
  expect(fileNames(filesRemovedBy(delta))).toEqual(['compacted', 'elsewhere']);
});

test('what is needed is taken off what goes', () => {
  const going = new Map([
    ['a', 1],
    ['b', 2],
  ]);
  expect(withoutNeeded(going, new Set(['a', 'c']))).toEqual(new Map([['b', 2]]));
});
