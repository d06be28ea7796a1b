/** Whether a message can be applied, rule by rule. */
import { expect, test } from 'vitest';
import { type FileDraft, fixtureTable, ManualClock, plannedFile } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { uploadAgeMsMax } from '../../table/commit/limits.ts';
import type { PlannedFile } from '../../table/commit/request.ts';
import { bucketKey } from '../../table/live-files.ts';
import { emptyState, noCounters } from '../ingest/state.ts';
import type { CommitMessage } from './commit-message.ts';
import { decideMessage, type MessageBase, type MessageProgress } from './decide-message.ts';

const clock = new ManualClock();
const table = await fixtureTable(new MemoryObjectStore('memory:message', clock), { clock, random: seededRandom(1) });
const storeTimeMs = 1_000_000_000;

const base: MessageBase = {
  tableId: 'table-1',
  storeTimeMs,
  schemaId: 3,
  bucketCount: 2,
  isUnordered: false,
  isPartition: () => true,
};

function file(name: string, draft: Partial<FileDraft> = {}): PlannedFile {
  return plannedFile(table, { name, sequence: [10, 19], ...draft });
}

function message(changes: Partial<CommitMessage> = {}): CommitMessage {
  return {
    tableId: 'table-1',
    tableName: 'd.t',
    schemaId: 3,
    incarnation: 'log-1',
    shardId: 'a',
    from: 7n,
    to: { position: 9n, arrivalMs: 12 },
    ended: false,
    files: [file('new')],
    changelog: [],
    producers: new Map(),
    forgotten: [],
    counters: noCounters,
    events: undefined,
    deadLetters: [],
    origins: new Map(),
    uploadBeganMs: storeTimeMs,
    ...changes,
  };
}

/** Where the table is at position 7 of shard a and both buckets have numbers up to 9. */
function progress(changes: Partial<MessageProgress> = {}): MessageProgress {
  return {
    state: {
      ...emptyState('log-1'),
      shards: new Map([['a', { position: 7n, row: 0, arrivalMs: 5, ended: false }]]),
      producers: new Map([['0/old', { lastNumber: 1, arrivalMs: 1, named: false }]]),
    },
    floors: new Map([0, 1].map(bucket => [bucketKey(file('x', { bucket })), 9n])),
    fileNames: new Set(['before']),
    ...changes,
  };
}

test('a message that fits is applied: the position, lanes, counters, floors and names go on with it', () => {
  const files = [file('first', { sequence: [15, 30] }), file('second', { sequence: [10, 14] })];
  const counters = { ...noCounters, rowsIn: 4n, written: 4n };
  const producers = new Map([['0/p', { lastNumber: 5, arrivalMs: 12, named: true }]]);
  const sent = message({ files, counters, producers, forgotten: ['0/old'], ended: true });
  const state = { ...progress().state, counters: { ...noCounters, rowsIn: 1n, written: 1n } };
  expect(decideMessage(sent, base, progress({ state }))).toEqual({
    kind: 'apply',
    next: {
      state: {
        ...state,
        shards: new Map([['a', { position: 9n, row: 0, arrivalMs: 12, ended: true }]]),
        producers,
        counters: { ...noCounters, rowsIn: 5n, written: 5n },
      },
      floors: new Map([
        [bucketKey(file('x')), 30n],
        [bucketKey(file('x', { bucket: 1 })), 9n],
      ]),
      fileNames: new Set(['before', 'first', 'second']),
    },
  });
});

test('a message without files moves the position alone', () => {
  expect(decideMessage(message({ files: [] }), base, progress())).toMatchObject({
    kind: 'apply',
    next: { floors: progress().floors, fileNames: progress().fileNames },
  });
});

test('a message that is not for this table, log, position, time or schema is dropped by that rule, and says why', () => {
  const elsewhere = progress({ state: emptyState('log-1') });
  const tooOldMs = storeTimeMs - uploadAgeMsMax;
  for (const [sent, rule, why, at] of [
    [message({ tableId: 'table-2' }), 'table', 'it is of another table', progress()],
    [message({ incarnation: 'log-2' }), 'log', 'it is of another log', progress()],
    [message({ from: 6n }), 'position', 'shard a is at 7, it starts at 6', progress()],
    [message({ from: undefined }), 'position', 'shard a is at 7, it starts at nothing', progress()],
    [message(), 'position', 'shard a is at nothing, it starts at 7', elsewhere],
    [message({ shardId: 'b' }), 'position', 'shard b is at nothing, it starts at 7', progress()],
    [message({ uploadBeganMs: tooOldMs }), 'upload-age', 'its files are too old (S7)', progress()],
    [message({ schemaId: 4 }), 'schema', 'schema 4 is not there', progress()],
  ] as const) {
    expect(decideMessage(sent, base, at)).toEqual({ kind: 'drop', rule, why });
  }
  expect(decideMessage(message({ from: undefined }), base, elsewhere).kind).toBe('apply');
  expect(decideMessage(message({ uploadBeganMs: tooOldMs + 1 }), base, progress()).kind).toBe('apply');
  expect(decideMessage(message({ schemaId: 2 }), base, progress()).kind).toBe('apply');
});

test('a file that counts other buckets, has come before or is of no partition costs its message', () => {
  const files = [file('good'), file('bad')];
  for (const [rule, why, sent, facts] of [
    ['bucket-count', 'it counts 3 buckets, not 2', [file('good'), file('bad', { totalBuckets: 3 })], base],
    ['bucket-count', 'its buckets are dynamic', files, { ...base, bucketCount: undefined }],
    ['file-name', 'before has come before', [file('good'), file('before')], base],
    ['partition', 'good is of no partition of this table', files, { ...base, isPartition: () => false }],
  ] as const) {
    expect(decideMessage(message({ files: sent }), facts, progress())).toEqual({ kind: 'drop', rule, why });
  }
});

test('floors that are not known yet are asked for, of these buckets alone', () => {
  const [known, unknown] = [file('known'), file('unknown', { bucket: 1 })];
  const floors = new Map([[bucketKey(known), 9n]]);
  const sent = message({ files: [known, unknown] });
  expect(decideMessage(sent, base, progress({ floors }))).toEqual({ kind: 'look', at: [unknown] });
  expect(decideMessage(message({ files: [known] }), base, progress({ floors })).kind).toBe('apply');
});

test('S6: numbers at or below those of the bucket cost the message, where there is an order', () => {
  const sent = (first: number): CommitMessage =>
    message({ files: [file('new', { bucket: 1, sequence: [first, 50] })] });
  expect(decideMessage(sent(9), base, progress())).toEqual({
    kind: 'drop',
    rule: 'sequence',
    why: 'bucket 1 has numbers up to 9 (S6)',
  });
  expect(decideMessage(sent(10), base, progress()).kind).toBe('apply');
  const floors = new Map<string, bigint>();
  const unordered = decideMessage(sent(0), { ...base, isUnordered: true }, progress({ floors }));
  expect(unordered).toMatchObject({ kind: 'apply', next: { floors } });
});
