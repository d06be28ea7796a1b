/** A batch on its way in, over the rebases of its commit. */
import { expect, test } from 'vitest';
import { type RecordDraft, recordOf } from '../../../test/record-fixture.ts';
import { fixedRequest, fixtureSchema, fixtureTable, ManualClock, putSchema } from '../../../test/table-fixture.ts';
import { seededRandom } from '../../base/random.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import type { CommitBase } from '../../table/commit/request.ts';
import { openTable, type Table } from '../../table/table.ts';
import { writeClaim } from '../claim.ts';
import { bucketHashKey } from '../hash-key.ts';
import { storeState } from './load-state.ts';
import { emptyState, type IngestState, type ProducerState } from './state.ts';
import type { RoutedRecord } from './tail.ts';
import { type Prepared, type ShardBatch, Take, type TakeInput } from './take.ts';

const hourMs = 3_600_000;
const random = seededRandom(1);
const clock = new ManualClock();

async function newWorld(settings: Parameters<typeof fixtureSchema>[0] = {}) {
  const store = countingObjectStore(new MemoryObjectStore('memory:take', clock));
  const table = await fixtureTable(store, { clock, random }, settings);
  return { store, table };
}

/** The base as it is now, for a writer that has seen nothing before. */
async function baseOf({ store }: Pick<Table, 'store'>): Promise<CommitBase> {
  const table = await openTable(store, { database: 'd', name: 't' }, { clock, random });
  const found = await new Committer(table).base();
  if (found.kind === 'fenced') throw new Error(found.reason);
  return found.base;
}

async function commitState(table: Table, state: IngestState): Promise<void> {
  const { properties } = await storeState(table, state);
  await new Committer(table).commit(fixedRequest(table, { properties }));
}

function batch(records: readonly RoutedRecord[], changes: Partial<ShardBatch> = {}): ShardBatch {
  const hashKeys = { start: 0n, end: (1n << 128n) - 1n };
  return {
    shardId: 'a',
    hashKeys,
    recorded: undefined,
    records,
    through: { position: 9n, arrivalMs: 12 },
    ended: false,
    ...changes,
  };
}

function takeOf(table: Table, shards: readonly ShardBatch[], changes: Partial<TakeInput> = {}): Take {
  return new Take(table, table.store, { incarnation: 'log-1', shards, retentionMs: undefined, listed: [], ...changes });
}

async function preparedOn(take: Take, base: CommitBase): Promise<Prepared> {
  const prepared = await take.prepare(base, undefined);
  if (prepared.status === 'stop') throw new Error(prepared.detail);
  return prepared;
}

function row({ schema }: Table, key: number, draft: RecordDraft = {}): RoutedRecord {
  return recordOf(schema, [[key, 10, 'x']], draft);
}

const lane = (lastNumber: number, arrivalMs = 12, named = false): ProducerState => ({ lastNumber, arrivalMs, named });

const namesOf = ({ adds }: Prepared): readonly string[] => adds.map(({ file }) => file.fileName);

test('a batch is prepared with its files, counters, state and lanes, and no letters when all fits', async () => {
  const { store, table } = await newWorld();
  const records = [
    row(table, 1),
    row(table, 1, { producerNumber: 3 }),
    row(table, 2, { producerNumber: 3 }),
    row(table, 4, { bucket: 1, producerNumber: 2 }),
  ];
  const state = {
    ...emptyState('log-1'),
    producers: new Map([
      ['0/p', lane(0)],
      ['0/q', lane(5)],
    ]),
  };
  await commitState(table, state);
  const base = await baseOf(table);
  store.reset();
  const prepared = await preparedOn(takeOf(table, [batch(records)]), base);
  expect(prepared).toEqual({
    status: 'prepared',
    schema: base.schema,
    adds: expect.any(Array),
    changelog: [],
    counters: { rowsIn: 4n, written: 2n, mergedAway: 1n, deadLettered: 0n, duplicates: 1n, gaps: 1n, replayed: 0n },
    state: { ...state, isMarked: true },
    producers: new Map([
      ['0/p', lane(3)],
      ['1/p', lane(2)],
    ]),
    forgotten: [],
    letters: undefined,
    origins: new Map(),
  });
  expect(prepared.adds.reduce((sum, { file }) => sum + file.rowCount, 0)).toBe(2);
});

test('where readers may need it, it is told which record each row of a table without keys is of', async () => {
  const { table } = await newWorld({ primaryKey: false, options: { bucket: '-1' } });
  const draft = { bucketCount: -1, position: 1n };
  const records = [row(table, 1, draft), row(table, 1, { ...draft, producerNumber: 2, position: 7n })];
  const base = await baseOf(table);
  const rows = [...(await preparedOn(takeOf(table, [batch(records)], { retentionMs: hourMs }), base)).origins];
  expect(rows).toEqual([
    [
      expect.stringContaining('data-'),
      [
        { shardId: 'a', position: 1n, rowCount: 1 },
        { shardId: 'a', position: 7n, rowCount: 1 },
      ],
    ],
  ]);
  expect((await preparedOn(takeOf(table, [batch(records)]), base)).origins.size).toBe(0);
  const keyed = (await newWorld()).table;
  const take = takeOf(keyed, [batch([row(keyed, 1)])], { retentionMs: hourMs });
  expect((await preparedOn(take, await baseOf(keyed))).origins.size).toBe(0);
});

test('a lane of which only repeats came has no new number', async () => {
  const { table } = await newWorld();
  await commitState(table, { ...emptyState('log-1'), producers: new Map([['0/p', lane(5)]]) });
  const records = [row(table, 1, { producerNumber: 4 })];
  const prepared = await preparedOn(takeOf(table, [batch(records)]), await baseOf(table));
  expect(prepared).toMatchObject({ producers: new Map(), adds: [], counters: { duplicates: 1n, written: 0n } });
});

test('I2: a batch stops when a shard is elsewhere, or the base is older than the first rows from the log', async () => {
  const { store, table } = await newWorld();
  const take = takeOf(table, [batch([row(table, 1)], { recorded: 3n })]);
  expect(await take.prepare(await baseOf(table), undefined)).toEqual({
    status: 'stop',
    outcome: 'changed',
    detail: 'shard a is at nothing, not at 3',
  });
  await new Committer(table).commit(fixedRequest(table, {}));
  const old = await baseOf(table);
  await store.put(`${table.path}/tidelake/ingested-table-1`, new Uint8Array());
  await commitState(table, emptyState('log-1'));
  expect(await take.prepare(old, undefined)).toEqual({
    status: 'stop',
    outcome: 'changed',
    detail: 'the base is older than the first rows from the log',
  });
});

test('on another base nothing is written anew while the lanes of its records and the schema are the same', async () => {
  const { table } = await newWorld();
  const records = [row(table, 1), row(table, 2, { bucket: 1 })];
  const take = takeOf(table, [batch(records)]);
  const first = await preparedOn(take, await baseOf(table));
  expect(namesOf(first)).not.toEqual([]);
  await commitState(table, { ...emptyState('log-1'), producers: new Map([['0/other', lane(9)]]) });
  const second = await preparedOn(take, await baseOf(table));
  expect(namesOf(second)).toEqual(namesOf(first));
  expect(second.state.producers.size).toBe(1);
});

test('what another has taken of one lane meanwhile is written no more, and the other lane stays', async () => {
  const { table } = await newWorld();
  const records = [row(table, 1), row(table, 2, { bucket: 1 })];
  for (const key of ['0/p', '1/p']) {
    const take = takeOf(table, [batch(records)]);
    const first = await preparedOn(take, await baseOf(table));
    await commitState(table, { ...emptyState('log-1'), producers: new Map([[key, lane(1)]]) });
    const second = await preparedOn(take, await baseOf(table));
    expect(second.counters).toMatchObject({ written: 1n, duplicates: 1n });
    expect(namesOf(second)).not.toEqual(namesOf(first));
    expect([...second.producers.keys()]).toEqual(['0/p', '1/p'].filter(other => other !== key));
    await commitState(table, emptyState('log-1'));
  }
});

test('under a schema that has come meanwhile the rows are decoded anew', async () => {
  const { store, table } = await newWorld();
  const take = takeOf(table, [batch([row(table, 1)])]);
  const first = await preparedOn(take, await baseOf(table));
  const [k, v, p] = fixtureSchema().fields;
  if (k === undefined || v === undefined || p === undefined) throw new Error('the fixture has three columns');
  const nullable = { ...v, id: 3, name: 'w', type: { ...v.type, nullable: true } };
  await putSchema(store, { ...fixtureSchema({ schemaId: 1 }), fields: [k, v, p, nullable], highestFieldId: 3 });
  const second = await preparedOn(take, await baseOf(table));
  expect([first.schema.id, second.schema.id]).toEqual([0, 1]);
  expect(second.adds.map(({ file }) => file.schemaId)).toEqual([1]);
});

test('letters are written once for what was decoded, and again when it is decoded anew', async () => {
  const { store, table } = await newWorld();
  const records = [row(table, 1), recordOf(table.schema, [[2, null, 'x']], { bucket: 1 })];
  const take = takeOf(table, [batch(records)]);
  clock.advance(5);
  const first = await preparedOn(take, await baseOf(table));
  expect(first.letters).toMatchObject({
    file: { name: expect.stringMatching(/^dead-letters-./), rowCount: 1, entryCount: 1 },
    uploadBeganMs: clock.nowMs(),
  });
  expect(await store.head(`${table.path}/tidelake/${first.letters?.file.name}`)).toBeDefined();
  clock.advance(5);
  const second = await preparedOn(take, await baseOf(table));
  expect(second.letters).toEqual(first.letters);
  await commitState(table, { ...emptyState('log-1'), producers: new Map([['0/p', lane(1)]]) });
  const third = await preparedOn(take, await baseOf(table));
  expect(third.letters?.file.name).toMatch(/^dead-letters-./);
  expect(third.letters?.file.name).not.toBe(first.letters?.file.name);
});

test('claims are fetched from the store of the lake', async () => {
  const { table } = await newWorld();
  const lake = new MemoryObjectStore('memory:lake', clock);
  const inline = row(table, 1);
  const claim = await writeClaim({ store: lake, random }, inline.record.body);
  const header = { ...inline.record.header, claim };
  const claimed: RoutedRecord = { ...inline, record: { header, encoding: 'claim', body: new Uint8Array() } };
  const input: TakeInput = { incarnation: 'log-1', shards: [batch([claimed])], retentionMs: undefined, listed: [] };
  const prepared = await preparedOn(new Take(table, lake, input), await baseOf(table));
  expect(prepared.counters).toMatchObject({ written: 1n, deadLettered: 0n });
});

/** Which lanes are forgotten when these shards were read, of a quiet lane in bucket 0 and whatever else is known. */
async function forgottenWith(
  shards: readonly Partial<ShardBatch>[],
  known: Readonly<Record<string, ProducerState>> = { '0/quiet': lane(1, 0) },
  retentionMs?: number,
): Promise<readonly string[]> {
  const { table } = await newWorld();
  await commitState(table, { ...emptyState('log-1'), producers: new Map(Object.entries(known)) });
  const batches = shards.map((changes, index) => batch([], { shardId: `shard-${index}`, ...changes }));
  return (await preparedOn(takeOf(table, batches, { retentionMs }), await baseOf(table))).forgotten;
}

const through = (arrivalMs: number): ShardBatch['through'] => ({ position: 9n, arrivalMs });

test('L2: lanes are forgotten when their own shard has moved on for an hour since their last record', async () => {
  const key = bucketHashKey('table-1', 0);
  const own = { start: key, end: key };
  const [below, above] = [
    { start: 0n, end: key - 1n },
    { start: key + 1n, end: (1n << 128n) - 1n },
  ];
  expect(await forgottenWith([{ hashKeys: own, through: through(hourMs + 1) }])).toEqual(['0/quiet']);
  expect(await forgottenWith([{ hashKeys: own, through: through(hourMs) }])).toEqual([]);
  for (const hashKeys of [below, above]) {
    expect(await forgottenWith([{ hashKeys, through: through(2 * hourMs) }])).toEqual([]);
  }
  // A shard of which nothing was read says nothing, whichever of the two it is.
  const [read, unread] = [{ through: through(2 * hourMs) }, { through: undefined }];
  for (const shards of [
    [read, unread],
    [unread, read],
  ]) {
    expect(await forgottenWith(shards)).toEqual(['0/quiet']);
  }
  expect(await forgottenWith([{ through: through(2 * hourMs) }, { through: through(1) }])).toEqual(['0/quiet']);
  expect(await forgottenWith([unread])).toEqual([]);
  expect(
    await forgottenWith([
      { hashKeys: own, through: undefined },
      { hashKeys: above, ...read },
    ]),
  ).toEqual([]);
});

test('L2: named lanes are known for as long as the log keeps their records', async () => {
  const known = { '0/named': lane(1, 0, true), '0/quiet': lane(1, 0) };
  const shards = [{ through: through(2 * hourMs) }];
  expect(await forgottenWith(shards, known)).toEqual(['0/quiet']);
  expect(await forgottenWith(shards, known, hourMs)).toEqual(['0/named', '0/quiet']);
});

test('L2: a lane that has just sent something again is not forgotten for its old record', async () => {
  const { table } = await newWorld();
  await commitState(table, { ...emptyState('log-1'), producers: new Map([['0/p', lane(1, 0)]]) });
  const arrivalMs = 5 * hourMs;
  const records = [row(table, 1, { producerNumber: 2, arrivalMs })];
  const take = takeOf(table, [batch(records, { through: through(arrivalMs) })]);
  expect(await preparedOn(take, await baseOf(table))).toMatchObject({
    forgotten: [],
    producers: new Map([['0/p', lane(2, arrivalMs)]]),
  });
});
