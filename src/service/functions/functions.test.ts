/** The functions' service parts in one process, on memory: events in, answers out. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { openCommitApplier } from '../../flow/group-commit/commit-event.ts';
import { openEventIngest } from '../../flow/ingest/ingest-event.ts';
import { logUnavailable } from '../../storage/log-errors.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { openMemoryLog } from '../../storage/memory/memory-log-store.ts';
import { openObjectStore } from '../../storage/open-object-store.ts';
import { manifestCaches } from '../../table/manifests.ts';
import { t } from '../column-types.ts';
import { type Lake, openLake } from '../lake.ts';
import { openLakeParts } from '../lake-parts.ts';
import { applyCommits } from './commit-function.ts';
import { type CompactParts, compactOnSnapshot } from './compact-function.ts';
import { openOnce } from './function-parts.ts';
import { ingestRecords } from './ingest-function.ts';
import { batchAnswer, checkStream, parseKinesisEvent } from './kinesis-event.ts';
import { LookedTables } from './looked-tables.ts';
import { maintain, parseMaintainEvent } from './maintain-function.ts';
import { parseObjectCreated, tableOfSnapshot } from './snapshot-event.ts';
import { timeLimit } from './time-limit.ts';

const components = { clock: systemClock, random: systemRandom };
const context = { getRemainingTimeInMillis: () => 60_000 };

async function lakeOf(name: string): Promise<Lake> {
  const lake = await openLake({ warehouse: `memory:${name}`, log: `memory:${name}` });
  await lake.createTable('db.t', {
    columns: { k: t.bigint(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: 2, 'num-sorted-run.compaction-trigger': 2, 'num-sorted-run.stop-trigger': 2 },
  });
  return lake;
}

async function write(lake: Lake, from: number, to: number): Promise<void> {
  await using writer = (await lake.table('db.t')).writer();
  await Promise.all(Array.from({ length: to - from }, (_, index) => writer.upsert({ k: from + index, v: 'v' })));
}

/** Everything in the log, as an event source would hand it over. */
async function eventOf(name: string): Promise<unknown> {
  const log = openMemoryLog({ name }, components);
  const records: unknown[] = [];
  for (const { shardId } of (await log.describe()).shards) {
    for (const { position, arrivalMs, data } of (await log.read(shardId, { kind: 'earliest' })).records) {
      const kinesis = {
        sequenceNumber: position.toString(),
        data: Buffer.from(data).toString('base64'),
        approximateArrivalTimestamp: arrivalMs / 1_000,
      };
      records.push({ eventID: `${shardId}:${position}`, kinesis });
    }
  }
  return { Records: records };
}

test('an event of a stream is told apart by shard, each in order', () => {
  const record = (shard: string, position: string): unknown => ({
    eventID: `${shard}:${position}`,
    kinesis: { sequenceNumber: position, data: 'AQI=', approximateArrivalTimestamp: 1.5 },
  });
  const big = '49590338271490256608559692538361571095921575989136588898';
  const shards = parseKinesisEvent({
    Records: [record('shard-1', big), record('shard-2', '7'), record('shard-1', '5')],
  });
  expect(shards.map(({ shardId, envelopes }) => [shardId, envelopes.map(({ position }) => position)])).toEqual([
    ['shard-1', [5n, BigInt(big)]],
    ['shard-2', [7n]],
  ]);
  expect(shards[1]?.envelopes[0]).toEqual({ position: 7n, arrivalMs: 1_500, data: Uint8Array.of(1, 2) });
  expect(batchAnswer([undefined, BigInt(big)])).toEqual({ batchItemFailures: [{ itemIdentifier: big }] });
});

test('records of another stream than the log are refused, whoever has mapped it', async () => {
  const record = (stream: string): unknown => ({
    eventID: 'shard-1:7',
    eventSourceARN: `arn:aws:kinesis:us-east-1:1:stream/${stream}`,
    kinesis: { sequenceNumber: '7', data: 'AQI=', approximateArrivalTimestamp: 1 },
  });
  const own = parseKinesisEvent({ Records: [record('log')] });
  const both = parseKinesisEvent({ Records: [record('log'), record('other')] });
  expect(both.map(({ shardId, stream }) => [shardId, stream])).toEqual([
    ['shard-1', 'log'],
    ['shard-1', 'other'],
  ]);
  checkStream(own, 'kinesis://log');
  checkStream(own, undefined);
  checkStream(both, 'memory:log');
  const refusal = expect.objectContaining({ code: 'LAKE_BAD_EVENT', message: expect.stringContaining('other') });
  expect(() => checkStream(both, 'kinesis://log')).toThrowError(refusal);
  await using lake = await lakeOf('strange');
  await write(lake, 0, 1);
  await using parts = await openLakeParts({ warehouse: 'memory:strange', log: 'memory:strange' });
  const applier = { ...openCommitApplier(parts), metering: parts.metering, purpose: 'commit' as const };
  await expect(applyCommits({ ...applier, commitLog: 'kinesis://commits' }, both, context)).rejects.toMatchObject({
    code: 'LAKE_BAD_EVENT',
  });
});

test.each([
  ['nothing', undefined],
  ['no records', { Records: 'none' }],
  ['no position', { Records: [{ eventID: 'a:1', kinesis: { data: '', approximateArrivalTimestamp: 0 } }] }],
  [
    'data that is not base64',
    { Records: [{ eventID: 'a:1', kinesis: { sequenceNumber: '1', data: '%', approximateArrivalTimestamp: 0 } }] },
  ],
])('an event with %s is refused', (_, event) => {
  expect(() => parseKinesisEvent(event)).toThrowError(expect.objectContaining({ code: 'LAKE_BAD_EVENT' }));
});

test('the key of a snapshot names its table, and only in this warehouse', () => {
  const table = (key: string, warehouse = 's3://lake/a/b'): string | undefined =>
    tableOfSnapshot(warehouse, parseObjectCreated({ detail: { bucket: { name: 'lake' }, object: { key } } }));
  expect(table('a/b/db.db/t/snapshot/snapshot-12')).toBe('db.t');
  expect(table('db.db/t/snapshot/snapshot-1', 's3://lake')).toBe('db.t');
  expect(table('a/b/db.db/t/branch/branch-dev/snapshot/snapshot-3')).toBe('db.t$branch_dev');
  expect(table('a/b/db.db/t/snapshot/LATEST')).toBeUndefined();
  expect(table('a/b/db.db/t/manifest/manifest-1')).toBeUndefined();
  expect(table('other/db.db/t/snapshot/snapshot-12')).toBeUndefined();
  expect(table('a/b/db.db/t/snapshot/snapshot-12', 's3://another/a/b')).toBeUndefined();
  // Keys that any writer of the bucket may have made, as they are: EventBridge encodes none.
  for (const key of [
    'a/b/db.db/t$branch_dev/snapshot/snapshot-3',
    'a/b/db.db/t$snapshots/snapshot/snapshot-3',
    'a/b/x.db.db/t/snapshot/snapshot-3',
    'a/b/sys.db/t/snapshot/snapshot-3',
    'a/b/db.db/../snapshot/snapshot-3',
    'a/b/db.db/t\u0000/snapshot/snapshot-3',
    'a/b/db.db/t\nlevel=ERROR/snapshot/snapshot-3',
    'a/b/db.db/\ud800/snapshot/snapshot-3',
    'a/b/db.db/t/branch/branch-main/snapshot/snapshot-3',
    'a/b/db.db/t/branch/branch-x$y/snapshot/snapshot-3',
    `a/b/db.db/${'t'.repeat(300)}/snapshot/snapshot-3`,
    'a/b/db.db/t/snapshot/snapshot-3/',
    'a/b/db.db/t/snapshot/snapshot-+3',
  ]) {
    expect(table(key), key).toBeUndefined();
  }
  expect(table('a/b/db.db/t%2Fx +\u{1f600}/snapshot/snapshot-3')).toBe('db.t%2Fx +\u{1f600}');
  expect(() => parseObjectCreated({ detail: {} })).toThrowError(expect.objectContaining({ code: 'LAKE_BAD_EVENT' }));
});

test('orphans are looked for once a day, or when somebody says so', () => {
  const calls = Array.from({ length: 144 }, (_, n) => new Date(n * 600_000 + 7_000).toISOString());
  expect(calls.filter(time => parseMaintainEvent({ time }).orphans === 'remove')).toEqual(['1970-01-01T03:00:07.000Z']);
  expect(parseMaintainEvent({ orphans: 'dry-run' })).toEqual({ orphans: 'dry-run' });
  expect(parseMaintainEvent(undefined)).toEqual({ orphans: 'skip' });
  expect(() => parseMaintainEvent({ time: 'noon' })).toThrowError(expect.objectContaining({ code: 'LAKE_BAD_EVENT' }));
});

test('time that is left becomes a deadline and then a signal, and ends with the invocation', async () => {
  let wake: (() => void) | undefined;
  let sleptMs = 0;
  const clock = {
    ...systemClock,
    monotonicMs: () => 1_000,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        sleptMs = ms;
        wake = resolve;
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  };
  const left = (ms: number): { getRemainingTimeInMillis: () => number } => ({ getRemainingTimeInMillis: () => ms });
  const limit = timeLimit(clock, left(120_000), { finishMs: 10_000, answerMs: 2_000 });
  expect([limit.deadlineMs, sleptMs, limit.signal.aborted]).toEqual([111_000, 118_000, false]);
  wake?.();
  await limit[Symbol.asyncDispose]();
  expect(limit.signal.reason).toMatchObject({ code: 'LAKE_TIMEOUT' });
  const short = timeLimit(clock, left(3_000), { finishMs: 10_000, answerMs: 2_000 });
  expect([short.deadlineMs, sleptMs]).toEqual([2_500, 1_500]);
  await short[Symbol.asyncDispose]();
  expect(short.signal.aborted).toBe(false);
});

test('what a container opens is opened once, and again only after a failure', async () => {
  let opens = 0;
  const opened = openOnce(async () => {
    opens += 1;
    if (opens === 1) throw new Error('not yet');
    return opens;
  });
  await expect(opened()).rejects.toThrow('not yet');
  expect(await Promise.all([opened(), opened()])).toEqual([2, 2]);
});

test('records in, compaction and maintenance by events: the table stays the same', async () => {
  const name = 'functions-all';
  await using lake = await lakeOf(name);
  const store = await openObjectStore(`memory:${name}`, {}, components);
  const log = openMemoryLog({ name }, components);
  await using parts = openEventIngest({ ...components, store, log });
  for (let round = 0; round < 4; round += 1) {
    await write(lake, round * 10, round * 10 + 15);
    const { answer, figures } = await ingestRecords(parts, parseKinesisEvent(await eventOf(name)), context);
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(figures).toMatchObject({ rowsIn: 15, failures: [], lostShards: [] });
  }
  const again = await ingestRecords(parts, parseKinesisEvent(await eventOf(name)), context);
  expect(again.figures).toMatchObject({ rowsIn: 0, commits: 0 });
  const table = await lake.table('db.t');
  const before = await table.scan().rows();
  expect(before).toHaveLength(45);
  const settings = { warehouse: 's3://bucket' };
  const compact: CompactParts = {
    ...components,
    settings,
    store,
    caches: manifestCaches(),
    looked: new LookedTables(),
  };
  const created = { bucket: 'bucket', key: 'db.db/t/snapshot/snapshot-1' };
  const first = await compactOnSnapshot(compact, created, context);
  expect(first).toMatchObject({ table: 'db.t', end: 'done' });
  expect(first.commits).toBeGreaterThan(0);
  expect(await compactOnSnapshot(compact, created, context)).toMatchObject({ end: 'done', commits: 0 });
  const gone = { bucket: 'bucket', key: 'db.db/gone/snapshot/snapshot-1' };
  expect(await compactOnSnapshot(compact, gone, context)).toMatchObject({ table: 'db.gone', end: 'not-compacted' });
  const unknowing = { ...compact, looked: new LookedTables() };
  expect(await compactOnSnapshot(unknowing, created, { getRemainingTimeInMillis: () => 0 })).toMatchObject({
    end: 'out-of-time',
  });
  const figures = await maintain({ ...components, settings, store, log }, { orphans: 'remove' }, context);
  expect(figures).toMatchObject({ tables: 1, checkpointsAdvanced: 0, shardsBehind: 0, givenUp: [] });
  expect((await table.scan().rows()).length).toBe(45);
});

test('maintenance brings checkpoints to where the tables are, asks the log once, and goes on without it', async () => {
  const name = 'functions-checkpoints';
  await using lake = await lakeOf(name);
  const store = await openObjectStore(`memory:${name}`, {}, components);
  const log = openMemoryLog({ name }, components);
  await write(lake, 0, 20);
  await using ingest = openEventIngest({ ...components, store, log });
  await ingestRecords(ingest, parseKinesisEvent(await eventOf(name)), context);
  for await (const { objects } of store.list('tidelake-log/')) for (const { key } of objects) await store.delete(key);
  const parts = { ...components, settings: { warehouse: 's3://bucket' }, store };
  const away = changedLog<LogStore>(log, { read: () => Promise.reject(logUnavailable('log', 'injected')) });
  expect(await maintain({ ...parts, log: away }, { orphans: 'skip' }, context)).toMatchObject({
    tables: 1,
    checkpointsAdvanced: 0,
    givenUp: [expect.stringMatching(/^checkpoints: LAKE_LOG_UNAVAILABLE: /)],
  });
  let describes = 0;
  const watched = changedLog<LogStore>(log, {
    describe: options => {
      describes += 1;
      return log.describe(options);
    },
  });
  const figures = await maintain({ ...parts, log: watched }, { orphans: 'skip' }, context);
  expect(figures).toMatchObject({ shardsBehind: 0, givenUp: [] });
  expect(figures.checkpointsAdvanced).toBeGreaterThan(0);
  expect(describes).toBe(1);
});

test('messages on the commit log are applied, and their ingest acknowledges', async () => {
  const name = 'functions-grouped';
  await using lake = await lakeOf(name);
  const store = await openObjectStore(`memory:${name}`, {}, components);
  const log = openMemoryLog({ name }, components);
  const commitLog = openMemoryLog({ name: `${name}-commits`, shardCount: 1 }, components);
  await using ingest = openEventIngest({ ...components, store, log, commitLog });
  await using applier = openCommitApplier({ ...components, store });
  await write(lake, 0, 20);
  await ingestRecords(ingest, parseKinesisEvent(await eventOf(name)), context);
  await write(lake, 20, 50);
  const batches = parseKinesisEvent(await eventOf(name));
  let done = false;
  const answer = ingestRecords(ingest, batches, context).finally(() => {
    done = true;
  });
  while (!done) {
    const event = await eventOf(`${name}-commits`);
    const { figures } = await applyCommits(applier, parseKinesisEvent(event), context);
    expect(figures.failures).toEqual([]);
    await systemClock.sleep(5);
  }
  expect((await answer).answer).toEqual({ batchItemFailures: [] });
  expect(await (await lake.table('db.t')).accounting()).toMatchObject({ rowsIn: 50n, written: 50n });
});
