/** Dead letters that are brought again: what fits comes in once, whoever replays, dies or comes late; the rest stays. */
import { expect, test } from 'vitest';
import { alterTable, createTable, loadSchema } from '../../catalog/catalog.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import type { Scalar } from '../../types/scalar.ts';
import { CommitLoop, contentOf, EventSource, eventWorld, handOver, keepingDefinition } from '../event-testing.ts';
import { readDeadLetterList } from '../ingest/dead-letter-list.ts';
import { readDeadLetters } from '../ingest/dead-letters.ts';
import { openEventIngest } from '../ingest/ingest-event.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { readDeadLetterRows } from '../read/dead-letter-rows.ts';
import { sendRecords } from '../send-records.ts';
import { append, collect, openTestTable, type TestWorld, testIdentifier, testProducer } from '../testing.ts';
import { type ReplayOptions, type ReplayReceipt, replayDeadLetters } from './replay-dead-letters.ts';
import { readReplayFile } from './replay-file.ts';

/** A table that keeps rows as they come, so that one that came twice shows. */
async function newWorld(definition = keepingDefinition): Promise<{ w: TestWorld; schema: TableSchema }> {
  const w = eventWorld({ shardCount: 2, retentionMs: 3_600_000, nowMs: () => nowMs });
  return { w, schema: await createTable(w, testIdentifier, definition, { ifNotExists: false }) };
}

/** Of the logs; ages of records go by it. */
let nowMs = 1_000_000;

/** As `schema` was before its columns were NOT NULL, or as it is with another number of buckets. */
const loose = (schema: TableSchema): TableSchema => ({
  ...schema,
  fields: schema.fields.map(field => ({ ...field, type: { ...field.type, nullable: true } })),
});
const rebucketed = (schema: TableSchema): TableSchema => ({ ...schema, options: { ...schema.options, bucket: '5' } });

const fitting: Scalar[][] = [
  [1n, 'a', 1],
  [2n, 'b', 2],
];
const withoutNumber: Scalar[][] = [
  [10n, 'c', null],
  [11n, 'd', null],
  [12n, 'e', null],
];
const elsewhere: Scalar[][] = [
  [20n, 'f', 20],
  [21n, 'g', 21],
];

async function drain(w: TestWorld): Promise<void> {
  await using worker = new IngestWorker(w);
  await worker.drain();
}

/** Two rows in the table, three that miss a number and two of another number of buckets among the dead letters. */
async function worldWithLetters(): Promise<{ w: TestWorld; schema: TableSchema }> {
  const { w, schema } = await newWorld();
  await append(testProducer(w, loose(schema)), loose(schema), [...fitting, ...withoutNumber]);
  await append(testProducer(w, rebucketed(schema)), rebucketed(schema), elsewhere);
  await drain(w);
  return { w, schema };
}

async function replay(w: TestWorld, options: Partial<ReplayOptions> = {}): Promise<ReplayReceipt> {
  return replayDeadLetters(w, await openTestTable(w), { waitMs: 0, ...options });
}

/** Replays with somebody who ingests. */
async function replayWhole(w: TestWorld, options: Partial<ReplayOptions> = {}): Promise<ReplayReceipt> {
  const stop = new AbortController();
  await using worker = new IngestWorker(w, { commitIntervalMs: 1 });
  const running = worker.run(stop.signal).catch(() => undefined);
  try {
    return await replay(w, { ...options, waitMs: 30_000 });
  } finally {
    stop.abort();
    await running;
  }
}

const letNumbersBeNull = (w: TestWorld): Promise<unknown> =>
  alterTable(w, testIdentifier, [{ kind: 'change-nullability', name: 'n', nullable: true }]);

async function lettersOf(w: TestWorld): Promise<readonly string[]> {
  const { state } = await contentOf(w);
  if (state?.deadLetters === undefined) return [];
  const letters: string[] = [];
  for await (const { reason, rowCount } of readDeadLetters(await openTestTable(w), state.deadLetters)) {
    letters.push(`${reason} ${rowCount}`);
  }
  return letters.toSorted();
}

/** As the system table has them. */
async function tableOfLetters(w: TestWorld) {
  const table = await openTestTable(w);
  const columns = ['shard', 'position', 'row_count', 'snapshot_id', 'replayed'];
  const letters = await collect(readDeadLetterRows(table, await latestSnapshot(table), { columns }));
  return letters.map(([shard, position, rows, snapshotId, replayed]) => {
    return { shard, position, rows: BigInt(rows as bigint), snapshotId, replayed };
  });
}

function bound(of: object, key: PropertyKey): unknown {
  const value: unknown = Reflect.get(of, key);
  return typeof value === 'function' ? value.bind(of) : value;
}

async function keysOf(w: TestWorld): Promise<readonly number[]> {
  return (await contentOf(w)).rows.map(([key]) => Number(key));
}

test('what fits by now comes into the table and is no dead letter any more, the rest stays one', async () => {
  const { w } = await worldWithLetters();
  expect(await lettersOf(w)).toEqual(['bucket-count 2', 'null-value 1', 'null-value 1', 'null-value 1']);
  const receipt = await replayWhole(w);
  expect(receipt).toMatchObject({ replayedRows: 2, pendingRows: 0 });
  expect(receipt.kept).toEqual(
    Array(3).fill({ reason: 'null-value', rowCount: 1, detail: expect.stringContaining('`n`') }),
  );
  expect(await keysOf(w)).toEqual([1, 2, 20, 21]);
  expect(await lettersOf(w)).toEqual(['null-value 1', 'null-value 1', 'null-value 1']);
  await letNumbersBeNull(w);
  expect(await replayWhole(w)).toEqual({ replayedRows: 3, pendingRows: 0, kept: [] });
  const { rows, state, unaccounted } = await contentOf(w);
  expect(rows).toEqual([...fitting, ...withoutNumber, ...elsewhere]);
  expect(state).toMatchObject({ deadLetters: undefined });
  expect(unaccounted).toBe(0n);
  expect(state?.counters).toMatchObject({ rowsIn: 12n, written: 7n, deadLettered: 5n, replayed: 5n, gaps: 0n });
});

test('of a reason only those go', async () => {
  const { w } = await worldWithLetters();
  await letNumbersBeNull(w);
  expect(await replayWhole(w, { reason: 'null-value' })).toEqual({ replayedRows: 3, pendingRows: 0, kept: [] });
  expect(await keysOf(w)).toEqual([1, 2, 10, 11, 12]);
  expect(await lettersOf(w)).toEqual(['bucket-count 2']);
});

test('nothing to replay makes no snapshot, and a table without a log says so', async () => {
  const { w, schema } = await newWorld();
  await expect(replay(w)).rejects.toMatchObject({ kind: 'invalid', code: 'LAKE_NOT_LOGGED' });
  await append(testProducer(w, schema), schema, fitting);
  await drain(w);
  const { snapshotId } = await contentOf(w);
  expect(await replay(w)).toEqual({ replayedRows: 0, pendingRows: 0, kept: [] });
  expect((await contentOf(w)).snapshotId).toBe(snapshotId);
});

test('rows that nobody ingests are told as pending, and the next replay sends and ends what was begun', async () => {
  const { w } = await worldWithLetters();
  expect(await replay(w)).toMatchObject({ replayedRows: 0, pendingRows: 2 });
  expect(await replay(w)).toMatchObject({ replayedRows: 0, pendingRows: 2 });
  expect(await keysOf(w)).toEqual([1, 2]);
  await drain(w);
  const { state } = await contentOf(w);
  // Sent twice, taken once.
  expect(state?.counters).toMatchObject({ replayed: 2n, duplicates: 2n });
  expect(await replay(w)).toMatchObject({ replayedRows: 2, pendingRows: 0 });
  expect(await keysOf(w)).toEqual([1, 2, 20, 21]);
});

test('many replays at once bring each row once', async () => {
  const { w } = await worldWithLetters();
  await letNumbersBeNull(w);
  const others = Array.from({ length: 4 }, () => replay(w, { waitMs: 30_000 }));
  const [receipt] = await Promise.all([replayWhole(w), ...others]);
  expect(receipt.pendingRows).toBe(0);
  expect((await contentOf(w)).rows).toEqual([...fitting, ...withoutNumber, ...elsewhere]);
  expect((await contentOf(w)).state?.deadLetters).toBeUndefined();
});

test('a sum has each replayed row once: replays that are given up, called twice and at once, with an ingest that repeats', async () => {
  const { w, schema } = await newWorld({
    ...keepingDefinition,
    primaryKeys: ['k'],
    options: { bucket: '2', 'merge-engine': 'aggregation', 'fields.n.aggregate-function': 'sum' },
  });
  await append(testProducer(w, schema), schema, fitting);
  const strays = Array.from({ length: 40 }, (_, i): Scalar[] => [BigInt(i % 5), 'x', i]);
  await append(testProducer(w, rebucketed(schema)), rebucketed(schema), strays);
  await drain(w);
  const waiting = await tableOfLetters(w);
  expect(waiting.reduce((sum, { rows }) => sum + rows, 0n)).toBe(40n);
  expect(new Set(waiting.map(({ snapshotId, replayed }) => `${snapshotId} ${replayed}`))).toEqual(new Set(['1 false']));
  // Given up before, while and after it is sent, and called twice.
  for (let appendsMax = 0; appendsMax < 3; appendsMax += 1) {
    const stop = new AbortController();
    let appends = 0;
    const append: TestWorld['log']['append'] = async (...args) => {
      if (appends === appendsMax) stop.abort();
      appends += 1;
      return w.log.append(...args);
    };
    const log = new Proxy(w.log, { get: (of, key) => (key === 'append' ? append : bound(of, key)) });
    await replay({ ...w, log }, { signal: stop.signal }).catch(() => undefined);
  }
  expect(await tableOfLetters(w)).toEqual(waiting.map(letter => ({ ...letter, replayed: true })));
  await Promise.all([replayWhole(w), replay(w, { waitMs: 30_000 }), replay(w, { waitMs: 30_000 })]);
  expect(await replayWhole(w)).toEqual({ replayedRows: 0, pendingRows: 0, kept: [] });
  expect(await tableOfLetters(w)).toEqual([]);
  const sums = new Map<bigint, number>([]);
  for (const [k, , n] of [...fitting, ...strays]) sums.set(k as bigint, (sums.get(k as bigint) ?? 0) + Number(n));
  const { rows, unaccounted } = await contentOf(w);
  expect(new Map(rows.map(([k, , n]) => [k, n]))).toEqual(sums);
  expect(unaccounted).toBe(0n);
});

test('a replay that is sent once more after it has ended brings nothing, however much was forgotten since', async () => {
  const { w, schema } = await worldWithLetters();
  await replay(w);
  const table = await openTestTable(w);
  const begun = (await contentOf(w)).state?.deadLetters;
  const [file] = (await readDeadLetterList(table, begun)).replays;
  const records = await Array.fromAsync(readReplayFile(table, file?.name ?? ''));
  await drain(w);
  await replay(w);
  for (const pauseMs of [0, 10 * 3_600_000]) {
    nowMs += pauseMs;
    // Somebody writes to every lane, so that silent producers are forgotten.
    await append(
      testProducer(w, schema),
      schema,
      Array.from({ length: 40 }, (_, n) => [100n + BigInt(n), 'x', n]),
    );
    await drain(w);
    await sendRecords(w, records, undefined);
    await drain(w);
  }
  const { rows, state, unaccounted } = await contentOf(w);
  expect(rows.filter(([key]) => key === 20n || key === 21n)).toEqual(elsewhere);
  expect([...(state?.producers.keys() ?? [])].filter(key => key.includes('dead-letter/'))).toEqual([]);
  expect(state?.counters).toMatchObject({ replayed: 2n, duplicates: 4n });
  expect(unaccounted).toBe(0n);
});

test('how far a replay has come is known for as long as nobody ends it, and in another log', async () => {
  const { w, schema } = await worldWithLetters();
  await replay(w);
  await drain(w);
  nowMs += 10 * 3_600_000;
  await append(
    testProducer(w, schema),
    schema,
    Array.from({ length: 40 }, (_, n) => [100n + BigInt(n), 'x', n]),
  );
  await drain(w);
  const anew: TestWorld = { ...w, log: new MemoryLogStore({ name: 'anew', shardCount: 1 }, w) };
  await append(testProducer(anew, schema), schema, [[200n, 'y', 1]]);
  await drain(anew);
  expect(await replayWhole(anew)).toMatchObject({ replayedRows: 2, pendingRows: 0 });
  const { rows, state } = await contentOf(anew);
  expect(rows.filter(([key]) => key === 20n || key === 21n)).toEqual(elsewhere);
  expect(state?.counters).toMatchObject({ replayed: 2n });
});

test('a base from before a replay began takes nothing of it for a repeat', async () => {
  const { w } = await worldWithLetters();
  await using ingest = openEventIngest(w);
  const source = new EventSource(w.log);
  // The ingest remembers a base that knows of no replay.
  await source.drain(ingest);
  await replay(w);
  await source.drain(ingest);
  expect(await keysOf(w)).toEqual([1, 2, 20, 21]);
  expect((await contentOf(w)).state?.counters).toMatchObject({ replayed: 2n, duplicates: 0n });
});

test('replayed rows come in by a commit function, too', async () => {
  const { w } = await worldWithLetters();
  await replay(w);
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  await using _loop = new CommitLoop(w, commitLog, { mistakes: true });
  await using ingest = openEventIngest({ ...w, commitLog });
  for (const { shardId } of (await w.log.describe()).shards) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    await handOver(ingest, shardId, records);
  }
  expect(await replay(w)).toMatchObject({ replayedRows: 2, pendingRows: 0 });
  expect(await keysOf(w)).toEqual([1, 2, 20, 21]);
  expect((await contentOf(w)).state?.counters).toMatchObject({ replayed: 2n, deadLettered: 5n });
});

test('a row that fits when its replay begins and not when it arrives is a dead letter again, and can be replayed', async () => {
  const { w, schema } = await newWorld();
  await append(testProducer(w, rebucketed(schema)), rebucketed(schema), elsewhere);
  await drain(w);
  await replay(w);
  await alterTable(w, testIdentifier, [{ kind: 'set-option', key: 'bucket', value: '4' }]);
  await drain(w);
  expect(await replay(w)).toMatchObject({ replayedRows: 2, pendingRows: 2 });
  await drain(w);
  expect(await replay(w)).toEqual({ replayedRows: 2, pendingRows: 0, kept: [] });
  const { rows, state, unaccounted } = await contentOf(w);
  expect(rows).toEqual(elsewhere);
  expect(unaccounted).toBe(0n);
  expect(state?.counters).toMatchObject({ rowsIn: 6n, written: 2n, deadLettered: 4n, replayed: 4n, duplicates: 0n });
  expect((await loadSchema(w, testIdentifier)).options).toMatchObject({ bucket: '4' });
});

test('bytes that are no record, and rows that are not in it, stay and are told', async () => {
  const { w, schema } = await newWorld({ ...keepingDefinition, options: { bucket: '2', 'bucket-key': 'k' } });
  await append(testProducer(w, loose(schema)), loose(schema), withoutNumber);
  await drain(w);
  const { state } = await contentOf(w);
  const table = await openTestTable(w);
  const [file] = (await readDeadLetterList(table, state?.deadLetters)).files;
  const key = `${table.path}/tidelake/${file?.name}`;
  const text = Buffer.from((await w.store.get(key))?.bytes ?? '').toString('utf8');
  const lines = text.split('\n').filter(line => line !== '');
  const spoilt = lines.map((line, index) => {
    const letter = JSON.parse(line);
    return JSON.stringify(index === 0 ? { ...letter, data: 'AAAA' } : { ...letter, rows: [9] });
  });
  expect(spoilt.length).toBeGreaterThan(1);
  await w.store.put(key, Buffer.from(`${spoilt.join('\n')}\n`));
  await letNumbersBeNull(w);
  const { kept, ...rest } = await replay(w);
  expect(rest).toEqual({ replayedRows: 0, pendingRows: 0 });
  expect(kept.map(({ reason }) => reason)).toEqual(spoilt.map(() => 'unreadable'));
  expect(kept.map(({ detail }) => detail)).toContainEqual(expect.stringContaining('it names row 9'));
});
