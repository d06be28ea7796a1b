/** Following the names in states and dead-letter lists, as flow writes them. */
import { expect, test } from 'vitest';
import { emptyState, encodeState } from '../flow/ingest/state.ts';
import * as objects from './table-objects.ts';

test('the list that a state names is found in what flow writes', () => {
  const state = emptyState('log-1');
  expect(objects.deadLetterListOf(encodeState(state), 'here')).toBeUndefined();
  const text = encodeState({ ...state, deadLetters: 'dead-letter-list-1' });
  expect(objects.deadLetterListOf(text, 'here')).toBe('dead-letter-list-1');
});

test('the files of a list are found', () => {
  const text = '[{"name":"dead-letters-1","rowCount":1,"entryCount":1},{"name":"dead-letters-2"}]';
  expect(objects.filesOfDeadLetterList(text, 'here')).toEqual(['dead-letters-1', 'dead-letters-2']);
  expect(objects.filesOfDeadLetterList('[]', 'here')).toEqual([]);
});

test('what is neither is corrupt, since nothing can be said to be unneeded then', () => {
  for (const text of ['', '[]', '{"dead":1}', '7']) {
    expect(() => objects.deadLetterListOf(text, 'here')).toThrow(
      expect.objectContaining({ code: 'LAKE_CORRUPT_STATE' }),
    );
  }
  for (const text of ['', '{}', '[1]', '[{"name":1}]']) {
    expect(() => objects.filesOfDeadLetterList(text, 'here')).toThrow(
      expect.objectContaining({ code: 'LAKE_CORRUPT_DEAD_LETTERS' }),
    );
  }
});

test('only names that snapshots lead to are taken for such', () => {
  const names = ['state-1', 'dead-letters-1', 'dead-letter-list-1', 'ingested-1', 'expiry', 'else'];
  expect(names.filter(objects.isSnapshotObjectName)).toEqual(['state-1', 'dead-letters-1', 'dead-letter-list-1']);
});
