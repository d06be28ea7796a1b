import { expect, test } from 'vitest';
import { type BaseFacts, baseIsStale, decideBase } from './decide-base.ts';
import { baseLookAgainMs } from './limits.ts';

const ours: BaseFacts = {
  tableId: 'a',
  knownId: undefined,
  head: { id: 7, tableId: 'a', dropped: false },
  newestSchemaTableId: 'not-read',
};

test('S1: the head of our table is the base, and so is no snapshot at all', () => {
  expect(decideBase(ours)).toEqual({ kind: 'use', fresh: false });
  expect(decideBase({ ...ours, head: undefined })).toEqual({ kind: 'use', fresh: false });
  expect(decideBase({ ...ours, knownId: 7 })).toEqual({ kind: 'use', fresh: false });
});

test('S1: a head with another table id means that our table is gone', () => {
  const head = { id: 7, tableId: 'b', dropped: false };
  expect(decideBase({ ...ours, head })).toEqual({ kind: 'fenced', reason: 'table-gone' });
});

test('S11: a head of another writer carries no id: the newest schema tells whose it is', () => {
  const foreign: BaseFacts = { ...ours, head: { id: 7, tableId: undefined, dropped: false } };
  expect(decideBase(foreign)).toEqual({ kind: 'look', at: 'newest-schema' });
  expect(decideBase({ ...foreign, newestSchemaTableId: { tableId: 'a' } })).toEqual({ kind: 'use', fresh: false });
  // A schema that another writer has changed may have lost the id.
  expect(decideBase({ ...foreign, newestSchemaTableId: { tableId: undefined } })).toEqual({
    kind: 'use',
    fresh: false,
  });
});

test('S11: a foreign head on a table that was made after ours had gone fences us', () => {
  const foreign: BaseFacts = { ...ours, head: { id: 7, tableId: undefined, dropped: false } };
  const gone = { kind: 'fenced', reason: 'table-gone' };
  expect(decideBase({ ...foreign, newestSchemaTableId: { tableId: 'b' } })).toEqual(gone);
  expect(decideBase({ ...foreign, newestSchemaTableId: 'gone' })).toEqual(gone);
});

test('S11: a table that others made has no id, and whatever the head says it is built on', () => {
  expect(decideBase({ ...ours, tableId: undefined })).toEqual({ kind: 'use', fresh: false });
});

test('S10: numbers that are gone from the top fence us', () => {
  expect(decideBase({ ...ours, knownId: 8 })).toEqual({ kind: 'fenced', reason: 'history-rewritten' });
  expect(decideBase({ ...ours, knownId: 8, head: undefined })).toEqual({ kind: 'fenced', reason: 'table-gone' });
});

test('S10: the marker of a dropped table fences its writers', () => {
  const head = { id: 7, tableId: 'a', dropped: true };
  expect(decideBase({ ...ours, head })).toEqual({ kind: 'fenced', reason: 'dropped' });
});

test('S10: a table made again under the name builds on the marker; one that is older still does not', () => {
  const marked: BaseFacts = { ...ours, head: { id: 7, tableId: 'b', dropped: true } };
  expect(decideBase(marked)).toEqual({ kind: 'look', at: 'newest-schema' });
  expect(decideBase({ ...marked, newestSchemaTableId: { tableId: 'a' } })).toEqual({ kind: 'use', fresh: true });
  expect(decideBase({ ...marked, newestSchemaTableId: { tableId: 'c' } })).toEqual({
    kind: 'fenced',
    reason: 'table-gone',
  });
  expect(decideBase({ ...marked, newestSchemaTableId: 'gone' })).toEqual({ kind: 'fenced', reason: 'table-gone' });
  const nameless: BaseFacts = { ...marked, tableId: undefined };
  expect(decideBase({ ...nameless, newestSchemaTableId: 'gone' })).toEqual({ kind: 'fenced', reason: 'table-gone' });
});

test('S1: a base is looked up again when it is older than B/2 by the store', () => {
  expect(baseIsStale(1_000, 1_000 + baseLookAgainMs)).toBe(false);
  expect(baseIsStale(1_000, 1_001 + baseLookAgainMs)).toBe(true);
});

test('S10: the marker of a table that had no id is not ours when we have one', () => {
  const marked: BaseFacts = { ...ours, head: { id: 7, tableId: undefined, dropped: true } };
  expect(decideBase(marked)).toEqual({ kind: 'look', at: 'newest-schema' });
  expect(decideBase({ ...marked, newestSchemaTableId: { tableId: 'a' } })).toEqual({ kind: 'use', fresh: true });
  expect(decideBase({ ...marked, tableId: undefined })).toEqual({ kind: 'fenced', reason: 'dropped' });
});
