/** Which shards the ingest state goes on to know. */
import { expect, test } from 'vitest';
import type { LogShard } from '../../storage/log-store.ts';
import { nextState } from './next-state.ts';
import { emptyState, noCounters, type ShardState } from './state.ts';
import type { ShardBatch } from './take.ts';

const hourMs = 3_600_000;
const nothingTaken = { producers: new Map(), forgotten: [], counters: noCounters, events: undefined };
const hashKeys = { start: 0n, end: 2n ** 128n - 1n };

function shard(change: Partial<ShardState>): ShardState {
  return { position: 7n, row: 0, arrivalMs: 0, ended: false, ...change };
}

function batch(shardId: string, change: Partial<ShardBatch>): ShardBatch {
  return { shardId, hashKeys, recorded: undefined, records: [], through: undefined, ended: false, ...change };
}

function listedOf(...shardIds: readonly string[]): readonly LogShard[] {
  const { start: hashKeyStart, end: hashKeyEnd } = hashKeys;
  return shardIds.map(shardId => ({ shardId, parentIds: [], hashKeyStart, hashKeyEnd, closed: false }));
}

function keptOf(
  shards: Readonly<Record<string, ShardState>>,
  listed: readonly string[],
  retentionMs: number | undefined,
): readonly string[] {
  const state = { ...emptyState('log'), shards: new Map(Object.entries(shards)) };
  const input = { shards: [], listed: listedOf(...listed), retentionMs };
  return [...nextState({ state, ...nothingTaken }, input, undefined).shards.keys()];
}

test('a log that forgets nothing lists its shards for ever: one that is not listed is newer than the list', () => {
  const shards = { parent: shard({ ended: true, arrivalMs: 1 }), child: shard({ arrivalMs: 1_000 * hourMs }) };
  expect(keptOf(shards, ['parent'], undefined)).toEqual(['parent', 'child']);
  expect(keptOf({ ...shards, child: shard({ ended: true }) }, ['parent'], undefined)).toEqual(['parent', 'child']);
  expect(keptOf(shards, [], undefined)).toEqual(['parent', 'child']);
});

test('a shard that is listed no more goes when its last record is older than what the log forgets, and not a moment before', () => {
  const shards = (ageMs: number): Record<string, ShardState> => ({
    old: shard({ ended: true, arrivalMs: 10 * hourMs - ageMs }),
    new: shard({ arrivalMs: 10 * hourMs }),
  });
  expect(keptOf(shards(hourMs), ['new'], hourMs)).toEqual(['old', 'new']);
  expect(keptOf(shards(hourMs + 1), ['new'], hourMs)).toEqual(['new']);
  expect(keptOf(shards(hourMs + 1), ['old', 'new'], hourMs)).toEqual(['old', 'new']);
});

test('what is taken in now counts for how old the others are, and a shard that ended without a record is known as ended', () => {
  const state = { ...emptyState('log'), shards: new Map([['old', shard({ ended: true, arrivalMs: 1 })]]) };
  const taken = (arrivalMs: number): ReadonlyMap<string, ShardState> =>
    nextState(
      { state, ...nothingTaken },
      {
        shards: [
          batch('new', { through: { position: 9n, arrivalMs } }),
          batch('empty', { ended: true }),
          batch('untouched', {}),
        ],
        listed: listedOf('new', 'empty', 'untouched'),
        retentionMs: hourMs,
      },
      undefined,
    ).shards;
  expect(taken(1 + hourMs)).toEqual(
    new Map([
      ['old', shard({ ended: true, arrivalMs: 1 })],
      ['new', { position: 9n, row: 0, arrivalMs: 1 + hourMs, ended: false }],
      ['empty', { position: -1n, row: 0, arrivalMs: 0, ended: true }],
    ]),
  );
  expect([...taken(2 + hourMs).keys()]).toEqual(['new', 'empty']);
});

test('a shard of which nothing more was read stays where it was, and what has ended has ended for good', () => {
  const before = { moved: shard({ arrivalMs: 3 }), done: shard({ arrivalMs: 4, ended: true }) };
  const state = { ...emptyState('log'), shards: new Map(Object.entries(before)) };
  const input = {
    shards: [batch('moved', { ended: true }), batch('done', { through: { position: 8n, arrivalMs: 5 } })],
    listed: [],
    retentionMs: undefined,
  };
  expect(nextState({ state, ...nothingTaken }, input, 'letters')).toEqual({
    ...state,
    shards: new Map([
      ['moved', { ...before.moved, ended: true }],
      ['done', { position: 8n, row: 0, arrivalMs: 5, ended: true }],
    ]),
    deadLetters: 'letters',
  });
});
