/** The codec of the ingest state, and how long lanes are known. */
import { expect, test } from 'vitest';
import { parseJson } from '../../base/json.ts';
import {
  addCounters,
  bucketOfProducerKey,
  decodeState,
  emptyState,
  encodeState,
  type IngestState,
  isForgotten,
  noCounters,
  producerKey,
  withoutForgotten,
} from './state.ts';

const counters = {
  rowsIn: 21n,
  written: 1n,
  mergedAway: 2n,
  deadLettered: 3n,
  duplicates: 15n,
  gaps: 6n,
  replayed: 8n,
};
const state: IngestState = {
  incarnation: 'log-1',
  shards: new Map([
    ['a', { position: 2n ** 100n, row: 7, arrivalMs: 11, ended: false }],
    ['b', { position: -1n, row: 0, arrivalMs: 0, ended: true }],
  ]),
  producers: new Map([
    ['0/p', { lastNumber: 5, arrivalMs: 12, named: true }],
    ['3/q', { lastNumber: 0, arrivalMs: 13, named: false }],
  ]),
  events: new Map([
    ['a', { eventMs: -1_700_000_000_000, seenMs: 11 }],
    ['c', { eventMs: undefined, seenMs: 3 }],
  ]),
  counters,
  deadLetters: 'dead-letter-list-1',
  isMarked: true,
};

test('a state comes back as it was written', () => {
  expect(decodeState(encodeState(state), 'here')).toEqual(state);
  const bare = emptyState('log-2');
  expect(decodeState(encodeState(bare), 'here')).toEqual(bare);
  expect(bare).toMatchObject({ counters: noCounters, deadLetters: undefined, isMarked: false });
});

test('the written form is the one that snapshots of earlier versions have, as long as nothing was replayed', () => {
  expect(parseJson(encodeState(state))).toMatchObject({ rows: ['21', '1', '2', '3', '15', '6', '8'] });
  const unreplayed = { ...state, events: new Map(), counters: { ...counters, replayed: 0n } };
  expect(decodeState(encodeState(unreplayed), 'here')).toEqual(unreplayed);
  expect(parseJson(encodeState(unreplayed))).toEqual({
    v: 1,
    inc: 'log-1',
    shards: { a: [String(2n ** 100n), 7, 11, 0], b: ['-1', 0, 0, 1] },
    producers: { '0/p': [5, 12, 1], '3/q': [0, 13, 0] },
    rows: ['21', '1', '2', '3', '15', '6'],
    dead: 'dead-letter-list-1',
    marked: 1,
  });
  expect(Object.keys(Object(parseJson(encodeState(emptyState('x')))))).toEqual([
    'v',
    'inc',
    'shards',
    'producers',
    'rows',
  ]);
});

test('what is not a state is corrupt, whichever part is not', () => {
  const good: Record<string, unknown> = JSON.parse(encodeState(state));
  const bad: readonly Record<string, unknown>[] = [
    { v: 2 },
    { v: undefined },
    { inc: 1 },
    { shards: undefined },
    { shards: [] },
    { shards: { a: ['1', 0, 0] } },
    { shards: { a: [1, 0, 0, 0] } },
    { shards: { a: ['1.5', 0, 0, 0] } },
    { shards: { a: ['x1', 0, 0, 0] } },
    { shards: { a: [`${'1'.repeat(81)}`, 0, 0, 0] } },
    { shards: { a: ['1', '0', 0, 0] } },
    { shards: { a: ['1', 0.5, 0, 0] } },
    { shards: { a: ['1', -1, 0, 0] } },
    { shards: { a: ['1', 0, -1, 0] } },
    { producers: 1 },
    { producers: { p: [1, 2] } },
    { producers: { p: [-1, 2, 0] } },
    { producers: { p: [1, '2', 0] } },
    { rows: ['1', '2', '3', '4', '5'] },
    { rows: ['1', '2', '3', '4', '5', 6] },
    { rows: {} },
    { rows: '123456' },
  ];
  for (const change of bad) {
    const text = JSON.stringify({ ...good, ...change });
    expect(() => decodeState(text, 'here'), text).toThrow(expect.objectContaining({ code: 'LAKE_CORRUPT_STATE' }));
  }
  for (const text of ['', '{', '[]', '1', 'null']) {
    expect(() => decodeState(text, 'here'), text).toThrow(expect.objectContaining({ code: 'LAKE_CORRUPT_STATE' }));
  }
});

test('what is wrong with a state is said, with what the parser said of text that is not JSON', () => {
  const good: Record<string, unknown> = JSON.parse(encodeState(state));
  for (const [change, why] of [
    [{ v: 2 }, 'its version is not 1'],
    [{ inc: 1 }, 'it names no incarnation'],
    [{ shards: [] }, 'an object is missing'],
    [{ shards: { a: ['1'] } }, 'a list of 4 is missing'],
    [{ shards: { a: [1, 0, 0, 0] } }, 'a number is missing'],
    [{ shards: { a: ['1', '0', 0, 0] } }, 'a count is missing'],
  ] as const) {
    expect(() => decodeState(JSON.stringify({ ...good, ...change }), 'here')).toThrow(`ingest state in here: ${why}`);
  }
  expect(() => decodeState('{', 'here')).toThrow(
    expect.objectContaining({ message: 'ingest state in here: it is not JSON', cause: expect.any(Error) }),
  );
});

test('a list of dead letters without a name is none', () => {
  const text = JSON.stringify({ ...JSON.parse(encodeState(state)), dead: 1, marked: 0 });
  expect(decodeState(text, 'here')).toMatchObject({ deadLetters: undefined, isMarked: false });
});

test('counters are added one by one', () => {
  expect(addCounters(counters, noCounters)).toEqual(counters);
  expect(addCounters(counters, counters)).toEqual({
    rowsIn: 42n,
    written: 2n,
    mergedAway: 4n,
    deadLettered: 6n,
    duplicates: 30n,
    gaps: 12n,
    replayed: 16n,
  });
});

test('L1: a lane is a producer in a bucket, which its key tells', () => {
  expect(producerKey('p/1', 12)).toBe('12/p/1');
  expect(bucketOfProducerKey('12/p/1')).toBe(12);
});

test('L2: an anonymous lane is forgotten after an hour, a named one after what the log keeps, or never', () => {
  const hourMs = 3_600_000;
  const anonymous = { lastNumber: 1, arrivalMs: 1_000, named: false };
  const named = { ...anonymous, named: true };
  expect(isForgotten(anonymous, 1_000 + hourMs, undefined)).toBe(false);
  expect(isForgotten(anonymous, 1_001 + hourMs, undefined)).toBe(true);
  expect(isForgotten(anonymous, 1_001 + hourMs, 24 * hourMs)).toBe(true);
  expect(isForgotten(named, 1_000 + 24 * hourMs, 24 * hourMs)).toBe(false);
  expect(isForgotten(named, 1_001 + 24 * hourMs, 24 * hourMs)).toBe(true);
  expect(isForgotten(named, 1_001 + 999 * hourMs, undefined)).toBe(false);
});

test('lanes that are forgotten go, others stay', () => {
  expect([...withoutForgotten(state.producers, ['3/q', 'unknown']).keys()]).toEqual(['0/p']);
  expect(withoutForgotten(state.producers, [])).toEqual(state.producers);
});
