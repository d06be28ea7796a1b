import { expect, test } from 'vitest';
import { fixtureSchema } from '../../test/table-fixture.ts';
import { checkOptionConflicts } from './option-conflicts.ts';

const vectors = { 'deletion-vectors.enabled': 'true' };
const firstRow = { 'merge-engine': 'First-Row' };

test.each([
  [{ ...vectors, 'changelog-producer': 'full-compaction' }, 'changelog-producer=full-compaction'],
  [{ ...vectors, ...firstRow }, 'deletion-vectors.enabled=true'],
  [{ ...firstRow, 'changelog-producer': 'input' }, 'changelog-producer=input'],
  [{ 'snapshot.num-retained.max': '9' }, 'snapshot.num-retained.max=9: it must be at least snapshot.num-retained.min'],
  [{ 'streaming-read-overwrite': 'true', 'changelog-producer': 'lookup' }, 'streaming-read-overwrite=true'],
  [{ 'partition.expiration-time': '3 d' }, 'partition.expiration-time=3 d'],
])('%j is refused by name', (options, what) => {
  expect(() => checkOptionConflicts(fixtureSchema({ options }))).toThrow(
    expect.objectContaining({ code: 'LAKE_BAD_OPTION', message: expect.stringContaining(what) }),
  );
});

test.each([
  { ...vectors, 'changelog-producer': 'input' },
  { ...firstRow, 'changelog-producer': 'lookup' },
  { 'snapshot.num-retained.max': '10' },
  { 'streaming-read-overwrite': 'true', 'changelog-producer': 'input' },
  { ...vectors, 'streaming-read-overwrite': 'false' },
])('%j goes together', options => {
  expect(() => checkOptionConflicts(fixtureSchema({ options }))).not.toThrow();
});
