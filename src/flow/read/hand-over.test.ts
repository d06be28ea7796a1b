/** Subscribers that retention has passed: from the log to the snapshots and back. */
import { expect, test } from 'vitest';
import { changedLog } from '../../../test/changed-ports.ts';
import { ManualClock } from '../../../test/table-fixture.ts';
import { present } from '../../base/assert.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { createTable } from '../../catalog/catalog.ts';
import type { TableDefinition } from '../../catalog/table-definition.ts';
import { logNotFound } from '../../storage/log-errors.ts';
import type { LogStore } from '../../storage/log-store.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { compactTable } from '../../table/compact/compact-table.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { rowsOf } from '../../types/column-reader.ts';
import type { AcknowledgedRecord } from '../acknowledged-record.ts';
import { IngestWorker } from '../ingest/ingest-worker.ts';
import { append, openTestTable, type TestWorld, testDefinition, testIdentifier, testProducer } from '../testing.ts';
import { consume } from './consume.ts';
import { standingOf } from './hand-over.ts';
import type { SubscribeFrom } from './history-range.ts';
import { subscribe } from './subscribe.ts';

const retentionMs = 24 * 3_600_000;
const seedsTo = 40;
const at = (positions: Record<string, bigint>): ReadonlyMap<string, bigint> => new Map(Object.entries(positions));

test('a commit is given, fresh, both, or none, by where its shards stood before and after it', () => {
  const before = at({ a: 10n, b: 10n });
  const decided = (after: Record<string, bigint>, passed: Record<string, bigint>): string =>
    standingOf({ before, after: at(after) }, at(passed));
  expect(decided({ a: 20n, b: 10n }, { a: 20n })).toBe('given');
  expect(decided({ a: 20n, b: 10n }, { a: 10n })).toBe('fresh');
  expect(decided({ a: 20n, b: 10n }, { a: 15n })).toBe('both');
  expect(decided({ a: 20n, b: 20n }, { a: 20n, b: 10n })).toBe('both');
  expect(decided({ a: 10n, b: 10n }, { a: 5n })).toBe('none');
  expect(decided({ a: 10n, b: 10n, c: 0n }, {})).toBe('fresh');
});

type Run = {
  readonly mirror: ReadonlyMap<string, number>;
  readonly model: ReadonlyMap<string, number>;
  readonly given: readonly string[];
  /** The record of each row. */
  readonly records: ReadonlyMap<string, Pick<AcknowledgedRecord, 'shardId' | 'position'>>;
  readonly passedCount: number;
  readonly repeats: number;
};

type Kind = Pick<TableDefinition, 'primaryKeys' | 'partitionKeys' | 'options'>;
const keyed: Kind = { primaryKeys: ['k'], partitionKeys: [], options: { bucket: '3' } };
const unkeyed: Kind = { primaryKeys: [], partitionKeys: [], options: { bucket: '-1' } };
const bucketed: Kind = { ...unkeyed, options: { bucket: '3', 'bucket-key': 'k' } };
const partitioned: Kind = { ...unkeyed, partitionKeys: ['v'] };

async function splitOne(log: MemoryLogStore, random: Random): Promise<void> {
  const open = (await log.describe()).shards.filter(({ closed }) => !closed);
  const chosen = open[Math.floor(random.next() * open.length)];
  if (chosen !== undefined) await log.split(chosen.shardId);
}

async function compactAll(w: Pick<TestWorld, 'clock' | 'random' | 'store'>): Promise<void> {
  const table = await openTestTable(w);
  await using committer = new Committer(table);
  await compactTable(table, committer, { commitUser: 'compact', isFull: true });
}

/** A consumer that reads now and then, while shards are split and retention takes from the log what ingest has taken. */
async function run(seed: number, kind: Kind): Promise<Run> {
  const [clock, random] = [new ManualClock(), seededRandom(seed)];
  const store = new MemoryObjectStore('memory:hand-over', clock);
  const log = new MemoryLogStore({ name: 'hand-over', shardCount: 2, retentionMs }, { clock, random });
  const w = { clock, random, store, log };
  const schema = await createTable(w, testIdentifier, { ...testDefinition, ...kind }, { ifNotExists: false });
  const producer = testProducer(w, schema);
  await using ingest = new IngestWorker(w);
  const [mirror, model] = [new Map<string, number>(), new Map<string, number>()];
  const given: string[] = [];
  const records: Map<string, Pick<AcknowledgedRecord, 'shardId' | 'position'>> = new Map();
  let [count, passedCount, repeats] = [0, 0, 0];
  const read = async (): Promise<void> => {
    const request = { from: { kind: 'full' }, until: { kind: 'now' }, consumerId: 'c' } as const;
    const phases = new Set<string>();
    for await (const { rows, phase, mayRepeat } of consume(
      w,
      await openTestTable(w),
      request,
      new AbortController().signal,
    )) {
      for (const [k, , n] of rowsOf(rows)) {
        mirror.set(String(k), Number(n));
        if (mayRepeat !== true) expect(given, `seed ${seed}, not said to come again`).not.toContain(String(n));
        given.push(String(n));
        phases.add(phase);
      }
      if (mayRepeat === true) repeats += 1;
    }
    if (phases.has('changes')) passedCount += 1;
  };
  for (let turn = 0; turn < 40; turn += 1) {
    const draw = random.next();
    if (draw < 0.5) {
      for (let left = 1 + Math.floor(random.next() * 4); left > 0; left -= 1) {
        count += 1;
        const k = Math.floor(random.next() * 12);
        model.set(String(k), count);
        const row = buildBatch({ fields: schema.fields }, [[BigInt(k), `v${k % 3}`, count]]);
        const [record] = await producer.append(row, new Int8Array(1));
        records.set(String(count), present(record, 'the record'));
      }
    } else if (draw < 0.66) await ingest.drain();
    else if (draw < 0.68) await compactAll(w);
    else if (draw < 0.71) await splitOne(log, random);
    else if (draw < 0.85) await read();
    else {
      // What ingest has not taken would be lost for the table as well.
      await ingest.drain();
      clock.advance(2 * retentionMs);
    }
  }
  await read();
  return { mirror, model, given, records, passedCount, repeats };
}

test('a keyed mirror is the model, however often retention passes the consumer', async () => {
  let [passed, repeats] = [0, 0];
  for (let seed = 1; seed <= seedsTo; seed += 1) {
    const { mirror, model, ...figures } = await run(seed, keyed);
    expect(mirror, `seed ${seed}`).toEqual(model);
    passed += figures.passedCount;
    repeats += figures.repeats;
  }
  expect(passed).toBeGreaterThan(10);
  expect(repeats).toBeGreaterThan(0);
});

test.each(Object.entries({ unkeyed, bucketed, partitioned }))(
  'rows without keys come once each, in the order of their shard, however often retention passes the consumer: %s',
  async (_name, kind) => {
    let passed = 0;
    for (let seed = 1; seed <= (kind === unkeyed ? seedsTo : seedsTo / 2); seed += 1) {
      const { given, records, passedCount } = await run(seed, kind);
      expect(given.toSorted(), `seed ${seed}`).toEqual([...records.keys()].toSorted());
      if (kind === unkeyed) expectOrder(given, records, `seed ${seed}`);
      passed += passedCount;
    }
    expect(passed).toBeGreaterThan(10);
  },
);

function expectOrder(given: Run['given'], records: Run['records'], seed: string): void {
  const newest = new Map<string, bigint>();
  for (const n of given) {
    const { shardId, position } = present(records.get(n), 'a record');
    expect(position, `${seed}, row ${n} of ${shardId}`).toBeGreaterThan(newest.get(shardId) ?? -1n);
    newest.set(shardId, position);
  }
}

test.each(['when it is read', 'when shards are looked up'])(
  'who follows a shard that leaves the log before its end is given the rest from snapshots, told %s',
  async told => {
    const [clock, random] = [new ManualClock(), seededRandom(3)];
    const store = new MemoryObjectStore('memory:hand-over', clock);
    const log = new MemoryLogStore({ name: 'live', shardCount: 2, retentionMs }, { clock, random });
    let [recordsMax, endedCount] = [1_000, 0];
    const watched = changedLog<LogStore>(log, {
      read: async (shardId, from, options) => {
        const { shards } = await log.describe();
        if (!shards.some(shard => shard.shardId === shardId))
          throw logNotFound(log.uri, `there is no shard ${shardId}`);
        const result = await log.read(shardId, from, { ...options, recordsMax });
        if (result.ended) endedCount += 1;
        return result;
      },
    });
    const w = { clock, random, store, log };
    const definition = { ...testDefinition, options: { bucket: '5' } };
    const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
    const producer = testProducer(w, schema);
    await using ingest = new IngestWorker(w);
    const stop = new AbortController();
    const table = await openTestTable(w);
    const changes = subscribe({ ...w, log: watched }, table, { from: { kind: 'full' } }, stop.signal);
    const keys = new Set<unknown>();
    const readUntil = async (isThere: () => boolean): Promise<void> => {
      while (!isThere()) {
        const step = await changes.next();
        if (step.done === true) throw new Error('the subscription has ended');
        for (const [k] of rowsOf(step.value.rows)) keys.add(k);
      }
    };
    const write = async (from: number): Promise<void> => {
      for (const k of range(from)) await append(producer, schema, [[k, 'v', Number(k)]]);
    };
    const areThere = (from: number): boolean => [...range(from)].every(k => keys.has(k));
    await write(0);
    await readUntil(() => areThere(0));
    await write(10);
    for (const { shardId } of (await log.describe()).shards) await log.split(shardId);
    await ingest.drain();
    if (told === 'when shards are looked up') {
      recordsMax = 1;
      await readUntil(() => endedCount === 1);
    }
    expect(areThere(10)).toBe(false);
    clock.advance(2 * retentionMs);
    await write(20);
    expect((await log.describe()).shards.length).toBe(4);
    await readUntil(() => areThere(20));
    stop.abort();
    expect(areThere(10)).toBe(true);
  },
);

test('who stands at the last record of a quiet shard when that is gone has missed nothing', async () => {
  for (const primaryKeys of [['k'], []]) {
    const [clock, random] = [new ManualClock(), seededRandom(4)];
    const store = new MemoryObjectStore('memory:hand-over', clock);
    const log = new MemoryLogStore({ name: 'quiet', shardCount: 2, retentionMs }, { clock, random });
    // As logs do that do not know what they had.
    const forgetful = changedLog<LogStore>(log, {
      read: async (shardId, from, options) => {
        const { next, ...result } = await log.read(shardId, from, options);
        const { records } = await log.read(shardId, { kind: 'earliest' });
        const isKnown =
          from.kind !== 'after' ||
          from.tipMs !== undefined ||
          records.some(({ position }) => position === from.position);
        const tipMs = result.atTip ? clock.nowMs() : undefined;
        return { ...result, next: next.kind === 'after' ? { ...next, tipMs } : next, gap: result.gap || !isKnown };
      },
    });
    const w = { clock, random, store, log: forgetful };
    const definition = { ...testDefinition, primaryKeys, options: { bucket: '5', 'bucket-key': 'k' } };
    const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
    const producer = testProducer(w, schema);
    await using ingest = new IngestWorker(w);
    const given: unknown[] = [];
    let from: SubscribeFrom = { kind: 'full' };
    const read = async (): Promise<void> => {
      const request = { from, until: { kind: 'now' } } as const;
      const table = await openTestTable(w);
      for await (const { rows, resume } of subscribe(w, table, request, new AbortController().signal)) {
        given.push(...rowsOf(rows).map(([k]) => k));
        if (resume !== undefined) from = { kind: 'resume', point: resume };
      }
    };
    for (const k of range(0)) await append(producer, schema, [[k, 'v', 1]]);
    await read();
    await ingest.drain();
    clock.advance(2 * retentionMs);
    await read();
    await append(producer, schema, [[10n, 'v', 1]]);
    await read();
    expect(given.length).toBe(11);
    // What no table has taken in is a loss all the same.
    await append(producer, schema, [[11n, 'v', 1]]);
    clock.advance(2 * retentionMs);
    await expect(read()).rejects.toMatchObject({ code: 'LAKE_LOG_GAP' });
    await expect(read()).rejects.toMatchObject({ code: 'LAKE_LOG_GAP' });
  }
});

function* range(from: number): Generator<bigint> {
  for (let k = from; k < from + 10; k += 1) yield BigInt(k);
}
