/** From records to rows, record by record: what comes in, what counts as what, and what becomes a dead letter. */
import { expect, test } from 'vitest';
import { changedStore } from '../../../test/changed-ports.ts';
import { recordOf } from '../../../test/record-fixture.ts';
import { fixtureSchema, fixtureTable, ManualClock, putSchema } from '../../../test/table-fixture.ts';
import { LakeError } from '../../base/errors.ts';
import { seededRandom } from '../../base/random.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { storeDenied } from '../../storage/store-errors.ts';
import { rowsOf } from '../../types/column-reader.ts';
import { writeClaim } from '../claim.ts';
import { type RoutedRecord, rowsOfRecords, type TailInput, type TailResult } from './tail.ts';

const clock = new ManualClock();
const random = seededRandom(1);
const [insert, updateBefore, updateAfter, remove] = [0, 1, 2, 3];

type World = { readonly store: ObjectStore; readonly input: Omit<TailInput, 'records'>; readonly failing: Failing };
/** What reading a key that has this in it comes to. */
type Failing = { part: string | undefined; failure: Error };

async function newWorld(settings: Parameters<typeof fixtureSchema>[0] = {}): Promise<World> {
  const failing: Failing = { part: undefined, failure: new Error('injected') };
  const inner = new MemoryObjectStore('memory:tail', clock);
  const store = changedStore(inner, {
    get: async key => {
      if (failing.part !== undefined && key.includes(failing.part)) throw failing.failure;
      return inner.get(key);
    },
  });
  const table = await fixtureTable(store, { clock, random }, settings);
  return { store, input: { table, schema: table.schema, store, producers: new Map() }, failing };
}

function taken({ batches }: TailResult): unknown {
  return batches.map(({ rows, kinds }) => rowsOf(rows).map((row, index) => [kinds[index], ...row]));
}

const letterOf = { shardId: 'a', position: 7n, arrivalMs: 12, data: expect.any(Uint8Array) };

test('rows come as they are, with their kinds, and their lane is known from then on', async () => {
  const { input } = await newWorld();
  const rows = [
    [1, 10, 'x'],
    [2, 20, 'y'],
  ];
  const records = [recordOf(input.schema, rows, { kinds: [updateAfter, remove], producerNamed: true })];
  const result = await rowsOfRecords({ ...input, records });
  expect(taken(result)).toEqual([
    [
      [updateAfter, 1, 10, 'x'],
      [remove, 2, 20, 'y'],
    ],
  ]);
  expect(result).toMatchObject({
    deadLetters: [],
    producers: new Map([['0/p', { lastNumber: 1, arrivalMs: 12, named: true }]]),
    ...{ rowsIn: 2, duplicates: 0, deadLettered: 0, gaps: 0, replayed: 0 },
  });
});

test('L1, I4: a number that a lane has had is a duplicate, and one that it skips is a gap', async () => {
  const { input } = await newWorld();
  const numbered = (producerNumber: number, bucket = 0): RoutedRecord =>
    recordOf(input.schema, [[producerNumber, 1, 'x']], { producerNumber, bucket });
  const producers = new Map([['0/p', { lastNumber: 4, arrivalMs: 1, named: false }]]);
  const records = [numbered(4), numbered(5), numbered(5), numbered(9), numbered(3, 1)];
  const result = await rowsOfRecords({ ...input, producers, records });
  expect(taken(result)).toEqual([[[0, 5, 1, 'x']], [[0, 9, 1, 'x']], [[0, 3, 1, 'x']]]);
  // Of a lane that nobody knows it is not known what it has sent before.
  expect(result).toMatchObject({ rowsIn: 5, duplicates: 2, gaps: 3, deadLettered: 0 });
  expect(result.producers.get('0/p')).toEqual({ lastNumber: 9, arrivalMs: 12, named: false });
  expect(result.producers.get('1/p')).toEqual({ lastNumber: 3, arrivalMs: 12, named: false });
  expect(producers.size).toBe(1);
});

test('RFC 0013: what numbers of requests skip is no gap, and what they repeat is a duplicate', async () => {
  const { input } = await newWorld();
  const numbered = (producerNumber: number): RoutedRecord =>
    recordOf(input.schema, [[producerNumber, 1, 'x']], {
      producerNumber,
      producerId: 'request/p',
      producerNamed: true,
    });
  const result = await rowsOfRecords({ ...input, records: [3, 9, 9, 3, 12].map(numbered) });
  expect(result).toMatchObject({ rowsIn: 5, duplicates: 2, gaps: 0 });
  expect(result.producers.get('0/request/p')).toEqual({ lastNumber: 12, arrivalMs: 12, named: true });
});

test('a null where none may be takes its row alone, by column; before and after the row is as it was', async () => {
  const { input } = await newWorld();
  const rows = [
    [1, 10, 'x'],
    [2, null, 'x'],
    [3, 30, null],
    [4, 40, 'x'],
    [5, null, 'x'],
  ];
  const records = [recordOf(input.schema, rows, { kinds: [insert, insert, updateAfter, remove, updateAfter] })];
  const result = await rowsOfRecords({ ...input, records });
  expect(taken(result)).toEqual([
    [
      [insert, 1, 10, 'x'],
      [remove, 4, 40, 'x'],
    ],
  ]);
  expect(result.deadLetters).toEqual([
    { ...letterOf, reason: 'null-value', detail: 'column `v` is NOT NULL', rows: [1, 4], rowCount: 2 },
    { ...letterOf, reason: 'null-value', detail: 'column `p` is NOT NULL', rows: [2], rowCount: 1 },
  ]);
  expect(result).toMatchObject({ rowsIn: 5, deadLettered: 3 });
});

test('of a row that goes only the key must be there', async () => {
  const { input } = await newWorld();
  const rows = [
    [1, null, 'x'],
    [null, 20, 'x'],
    [3, null, 'x'],
  ];
  const records = [recordOf(input.schema, rows, { kinds: [remove, remove, updateBefore] })];
  const result = await rowsOfRecords({ ...input, records });
  expect(taken(result)).toEqual([
    [
      [remove, 1, null, 'x'],
      [updateBefore, 3, null, 'x'],
    ],
  ]);
  expect(result.deadLetters).toMatchObject([{ detail: 'column `k` is NOT NULL', rows: [1], rowCount: 1 }]);
});

test('a table without a primary key takes additions alone; a record of nothing else leaves no rows', async () => {
  const { input } = await newWorld({ primaryKey: false });
  const rows = [
    [1, 10, 'x'],
    [2, 20, 'x'],
    [3, 30, 'x'],
  ];
  const mixed = recordOf(input.schema, rows, { kinds: [updateBefore, updateAfter, remove] });
  const gone = recordOf(input.schema, rows, { kinds: [remove, remove, remove], producerNumber: 2 });
  const result = await rowsOfRecords({ ...input, records: [mixed, gone] });
  expect(taken(result)).toEqual([[[updateAfter, 2, 20, 'x']]]);
  expect(result.deadLetters.map(({ data }) => data)).toEqual([mixed.data, gone.data]);
  const letter = {
    ...letterOf,
    reason: 'not-appendable',
    detail: 'the table has no primary key: it takes +I rows only',
  };
  expect(result.deadLetters).toEqual([
    { ...letter, rows: [0, 2], rowCount: 2 },
    { ...letter, rows: [0, 1, 2], rowCount: 3 },
  ]);
});

test('a record that was hashed into other buckets is a dead letter as a whole', async () => {
  const { input } = await newWorld();
  const records = [recordOf(input.schema, [[1, 10, 'x']], { bucketCount: 3 })];
  expect((await rowsOfRecords({ ...input, records })).deadLetters).toEqual([
    {
      ...letterOf,
      reason: 'bucket-count',
      detail: 'hashed into 3 buckets, the table has 2',
      rows: undefined,
      rowCount: 1,
    },
  ]);
  const { bucket: _, ...options } = input.schema.options;
  const unhashed = [recordOf(input.schema, [[1, 10, 'x']], { bucketCount: -1, laneCount: 16 })];
  const open = await rowsOfRecords({ ...input, schema: { ...input.schema, options }, records: unhashed });
  expect(taken(open)).toEqual([[[0, 1, 10, 'x']]]);
});

test('a record of a schema that is not there is a dead letter; of one that is, its rows come under the base', async () => {
  const { input, store, failing } = await newWorld();
  const [, second, third] = fixtureSchema({ schemaId: 5 }).fields;
  if (second === undefined || third === undefined) throw new Error('the fixture has three columns');
  const other = {
    ...fixtureSchema({ schemaId: 5, primaryKey: false }),
    fields: [third, { ...second, name: 'renamed' }],
  };
  await putSchema(store, other);
  const base = { ...input.schema, fields: input.schema.fields.slice(1), primaryKeys: [] };
  const records = [
    recordOf(other, [['x', 10]]),
    recordOf(input.schema, [[1, 20, 'y']], { producerNumber: 2 }),
    recordOf(other, [['z', 30]], { producerNumber: 3, schemaId: 6 }),
  ];
  const result = await rowsOfRecords({ ...input, schema: base, records });
  expect(taken(result)).toEqual([[[0, 10, 'x']], [[0, 20, 'y']]]);
  expect(result.deadLetters).toMatchObject([{ reason: 'unknown-schema', detail: 'schema 6 is not there' }]);
  failing.part = 'schema-7';
  const later = [recordOf(other, [['z', 30]], { schemaId: 7 })];
  await expect(rowsOfRecords({ ...input, records: later })).rejects.toBe(failing.failure);
});

test('a body that cannot be read is a dead letter that says where it was', async () => {
  const { input } = await newWorld();
  const good = recordOf(input.schema, [[1, 10, 'x']]);
  const broken = { ...good, record: { ...good.record, body: good.record.body.slice(0, -1) } };
  expect((await rowsOfRecords({ ...input, records: [broken] })).deadLetters).toMatchObject([
    { reason: 'unreadable', detail: expect.stringContaining('log record at a 7: its body'), rows: undefined },
  ]);
});

test('a claimed body is fetched; one that is gone is a dead letter, a store that does not answer is not', async () => {
  const { input, store, failing } = await newWorld();
  const inline = recordOf(input.schema, [[1, 10, 'x']]);
  const claim = await writeClaim({ store, random }, inline.record.body);
  const claimed = (changes: Partial<typeof claim> = {}): RoutedRecord => ({
    ...inline,
    record: {
      header: { ...inline.record.header, claim: { ...claim, ...changes } },
      encoding: 'claim',
      body: new Uint8Array(),
    },
  });
  expect(taken(await rowsOfRecords({ ...input, records: [claimed()] }))).toEqual([[[0, 1, 10, 'x']]]);
  const gone = await rowsOfRecords({ ...input, records: [claimed({ name: 'claim-gone' })] });
  expect(gone.deadLetters).toMatchObject([{ reason: 'unreadable', detail: expect.stringContaining('claim-gone') }]);
  failing.part = claim.name;
  const failures = [
    new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', 'injected'),
    storeDenied('claims', 'injected'),
    new TypeError('bug'),
  ];
  for (const failure of failures) {
    failing.failure = failure;
    await expect(rowsOfRecords({ ...input, records: [claimed()] })).rejects.toBe(failure);
  }
});
