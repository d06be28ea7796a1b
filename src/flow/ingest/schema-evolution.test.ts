/** Records with columns that the table does not have: adopted, put aside, or waited with, whoever ingests and dies meanwhile. */
import { expect, test } from 'vitest';
import { alterTable, createTable, loadSchema } from '../../catalog/catalog.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import { MemoryLogStore } from '../../storage/memory/memory-log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { buildBatch } from '../../types/column-builder.ts';
import { type DataType, lengthMax } from '../../types/data-type.ts';
import type { Scalar } from '../../types/scalar.ts';
import { CommitLoop, contentOf, EventSource, eventWorld, handOver } from '../event-testing.ts';
import type { LogColumn } from '../log-record.ts';
import { readDeadLetterRows } from '../read/dead-letter-rows.ts';
import { unionRead } from '../read/union-read.ts';
import { recordFields } from '../record-columns.ts';
import { replayDeadLetters } from '../replay/replay-dead-letters.ts';
import { appendRequest, requestProducerId } from '../request-producer.ts';
import {
  append,
  collect,
  openTestTable,
  type TestWorld,
  testDefinition,
  testIdentifier,
  testProducer,
} from '../testing.ts';
import { openEventIngest } from './ingest-event.ts';
import { IngestWorker } from './ingest-worker.ts';

type Evolution = 'adopt' | 'quarantine' | 'fail' | undefined;

const bigint: DataType = { kind: 'bigint', nullable: true };
const text: DataType = { kind: 'varchar', length: lengthMax, nullable: true };
const city: LogColumn = { name: 'city', type: text };
const wideN: LogColumn = { name: 'n', type: bigint };

async function newWorld(evolution: Evolution, options: Readonly<Record<string, string>> = {}) {
  const w = eventWorld({ shardCount: 2 });
  const evolving: Record<string, string> = evolution === undefined ? {} : { 'schema.evolution': evolution };
  const definition = { ...testDefinition, options: { bucket: '3', ...options, ...evolving } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  return { w, schema };
}

let sent = 0;

/** As a producer sends them that knows of `schema` only: rows of its columns, then of what is besides. */
async function send(w: TestWorld, schema: TableSchema, columns: readonly LogColumn[], rows: Scalar[][]): Promise<void> {
  sent += 1;
  const fields = recordFields(schema, schema, { columns });
  const table = { tableId: schema.extra['tidelake.table'] ?? '', tableName: 'db.t', schema };
  const batch = buildBatch({ fields }, rows);
  const request = { producerId: requestProducerId(`p${sent}`), isNamed: true, number: 1 };
  await appendRequest(w, table, { ...request, rows: batch, kinds: new Int8Array(rows.length), columns }, undefined);
}

async function drain(w: TestWorld): Promise<void> {
  await using worker = new IngestWorker(w);
  await worker.drain();
}

const columnsOf = async (w: TestWorld): Promise<readonly string[]> =>
  (await loadSchema(w, testIdentifier)).fields.map(({ name, type }) => `${name} ${type.kind}`);

async function lettersOf(w: TestWorld): Promise<readonly Scalar[][]> {
  const table = await openTestTable(w);
  return collect(
    readDeadLetterRows(table, await latestSnapshot(table), { columns: ['reason', 'detail', 'row_count'] }),
  );
}

const wide = 5_000_000_000n;

test('adopt: the table gets new columns and wider types, once, and rows of before and after come together', async () => {
  const { w, schema } = await newWorld('adopt');
  await append(testProducer(w, schema), schema, [[1n, 'a', 1]]);
  await send(w, schema, [city], [[2n, 'b', 2, 'Bonn']]);
  await send(w, schema, [wideN, city], [[3n, 'c', wide, 'Ulm']]);
  await send(w, schema, [city], [[4n, 'd', 4, null]]);
  // A producer of the old schema goes on.
  await append(testProducer(w, schema), schema, [[5n, 'e', 5]]);
  await drain(w);
  expect(await columnsOf(w)).toEqual(['k bigint', 'v varchar', 'n bigint', 'city varchar']);
  expect((await loadSchema(w, testIdentifier)).id).toBe(1);
  const { rows, unaccounted, state } = await contentOf(w);
  expect(rows).toEqual([
    [1n, 'a', 1n, null],
    [2n, 'b', 2n, 'Bonn'],
    [3n, 'c', wide, 'Ulm'],
    [4n, 'd', 4n, null],
    [5n, 'e', 5n, null],
  ]);
  expect(unaccounted).toBe(0n);
  expect(state?.counters).toMatchObject({ rowsIn: 5n, deadLettered: 0n });
});

test('adopt: workers, functions and a commit function at once adopt once', async () => {
  const { w, schema } = await newWorld('adopt');
  await append(testProducer(w, schema), schema, [[0n, 'a', 0]]);
  await drain(w);
  for (let k = 1n; k <= 30n; k += 1n)
    await send(w, schema, k % 2n === 0n ? [city] : [wideN], [
      [k, 'b', k % 2n === 0n ? 1 : wide, ...(k % 2n === 0n ? ['Bonn'] : [])],
    ]);
  const commitLog = new MemoryLogStore({ name: 'commits', shardCount: 1 }, w);
  await using _loop = new CommitLoop(w, commitLog, { mistakes: false });
  const drainEvents = async (parts: Parameters<typeof openEventIngest>[0]): Promise<void> => {
    await using ingest = openEventIngest(parts);
    await new EventSource(w.log).drain(ingest, 4);
  };
  await Promise.all([drain(w), drain(w), drain(w), drainEvents(w), drainEvents({ ...w, commitLog })]);
  expect((await columnsOf(w)).toSorted()).toEqual(['city varchar', 'k bigint', 'n bigint', 'v varchar']);
  const { rows, unaccounted, state } = await contentOf(w);
  expect(rows.map(([k]) => Number(k))).toEqual([...Array(31).keys()]);
  expect(rows.filter(([, , n]) => n === wide)).toHaveLength(15);
  expect(rows.filter(row => row.at(-1) === 'Bonn')).toHaveLength(15);
  expect(unaccounted).toBe(0n);
  expect(state?.counters).toMatchObject({ rowsIn: 31n, written: 31n, deadLettered: 0n });
});

test('adopt: who dies after the schema was written and before the rows leaves them to the next, who changes nothing more', async () => {
  const { w, schema } = await newWorld('adopt');
  await send(w, schema, [city], [[1n, 'a', 1, 'Bonn']]);
  let isDead = false;
  const putIfAbsent: ObjectStore['putIfAbsent'] = async (key, ...rest) => {
    if (isDead) throw new Error('the process has died');
    const outcome = await w.store.putIfAbsent(key, ...rest);
    if (key.endsWith('/schema/schema-1')) isDead = true;
    return outcome;
  };
  const put: ObjectStore['put'] = async (...args) => {
    if (isDead) throw new Error('the process has died');
    return w.store.put(...args);
  };
  const store = new Proxy(w.store, {
    get(of, name) {
      if (name === 'putIfAbsent') return putIfAbsent;
      if (name === 'put') return put;
      const value: unknown = Reflect.get(of, name);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
  await expect(drain({ ...w, store })).rejects.toThrow('died');
  expect(isDead).toBe(true);
  expect((await contentOf(w)).rows).toEqual([]);
  expect(await collect(unionRead(w, await openTestTable(w)))).toEqual([[1n, 'a', 1, 'Bonn']]);
  await drain(w);
  expect((await contentOf(w)).rows).toEqual([[1n, 'a', 1, 'Bonn']]);
  expect((await loadSchema(w, testIdentifier)).id).toBe(1);
});

test('adopt: what no table lets in by itself is put aside, and the rest goes on', async () => {
  const { w, schema } = await newWorld('adopt', { bucket: '1' });
  const decimal: DataType = { kind: 'decimal', precision: 20, scale: 0, nullable: true };
  await send(w, schema, [{ name: 'v', type: bigint }], [[1n, 7n, 1]]);
  await send(w, schema, [city], [[2n, 'b', 2, 'Ulm']]);
  await send(w, schema, [{ name: 'CITY', type: text }], [[3n, 'c', 3, 'Bonn']]);
  await send(w, schema, [{ name: 'city', type: bigint }], [[4n, 'd', 4, 7n]]);
  await send(w, schema, [{ name: 'k', type: decimal }], [[5n, 'e', 5]]);
  const twins = ['Size', 'size'].map(name => ({ name, type: bigint }));
  await send(w, schema, twins, [[7n, 'g', 7, 1n, 2n]]);
  await send(w, schema, [city], [[6n, 'f', 6, 'Bonn']]);
  await drain(w);
  const { rows, unaccounted } = await contentOf(w);
  expect(rows).toEqual([
    [2n, 'b', 2, 'Ulm'],
    [6n, 'f', 6, 'Bonn'],
  ]);
  const letters = await lettersOf(w);
  expect(letters.map(([reason]) => reason)).toEqual(Array(5).fill('schema-change'));
  const details = [
    '`v` as BIGINT',
    '`CITY` STRING, which the table does not have: but for case it is `city`',
    '`city` as BIGINT',
    '`k` as',
    '`Size` BIGINT, which the table does not have: but for case it is `size`',
  ];
  for (const detail of details) expect(letters.map(row => row[1])).toContainEqual(expect.stringContaining(detail));
  expect(unaccounted).toBe(0n);
});

test.for([undefined, 'quarantine'] as const)(
  '%s: such rows are dead letters, until the table has the columns',
  async evolution => {
    const { w, schema } = await newWorld(evolution, {
      'merge-engine': 'aggregation',
      'fields.n.aggregate-function': 'sum',
    });
    await send(w, schema, [city, wideN], [[1n, 'a', wide, 'Bonn']]);
    await append(testProducer(w, schema), schema, [[1n, 'b', 2]]);
    await drain(w);
    expect((await contentOf(w)).rows).toEqual([[1n, 'b', 2]]);
    const [letter] = await lettersOf(w);
    expect(letter).toEqual(['schema-change', expect.stringContaining('`city` STRING'), 1n]);
    const replay = async () => replayDeadLetters(w, await openTestTable(w), { waitMs: 0 });
    const add = { kind: 'add-column', name: 'city', type: text } as const;
    await alterTable(w, testIdentifier, [add]);
    expect(await replay()).toMatchObject({
      kept: [{ reason: 'schema-change', detail: expect.stringContaining('`n` as') }],
    });
    await alterTable(w, testIdentifier, [{ kind: 'change-type', name: 'n', type: bigint }]);
    for (let again = 0; again < 3; again += 1) {
      await replay();
      await drain(w);
    }
    expect((await contentOf(w)).rows).toEqual([[1n, 'a', wide + 2n, 'Bonn']]);
    expect(await lettersOf(w)).toEqual([]);
  },
);

test('fail: nothing of the table is ingested, by worker or function, and the error names record and column', async () => {
  const { w, schema } = await newWorld('fail');
  const other = await createTable(w, { ...testIdentifier, table: 'u' }, testDefinition, { ifNotExists: false });
  await append(testProducer(w, other, 'db.u'), other, [[9n, 'z', 9]]);
  await append(testProducer(w, schema), schema, [[1n, 'a', 1]]);
  await send(w, schema, [city], [[2n, 'b', 2, 'Bonn']]);
  const changed = {
    kind: 'invalid',
    code: 'LAKE_SCHEMA_CHANGED',
    message: expect.stringMatching(/record at \d+ of shard \S+ .*`city` STRING/),
  };
  await expect(drain(w)).rejects.toMatchObject(changed);
  await using ingest = openEventIngest(w);
  for (const { shardId } of (await w.log.describe()).shards) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    const { tables, heldAt } = await handOver(ingest, shardId, records, { forMs: 50 });
    const failed = tables.filter(({ status }) => status === 'failed');
    for (const { error } of failed) expect(error).toMatchObject(changed);
    expect(heldAt === undefined).toBe(failed.length === 0);
  }
  await expect(collect(unionRead(w, await openTestTable(w)))).rejects.toMatchObject(changed);
  expect((await contentOf(w)).rows).toEqual([]);
  await alterTable(w, testIdentifier, [{ kind: 'add-column', name: 'city', type: text }]);
  await drain(w);
  expect((await contentOf(w)).rows).toEqual([
    [1n, 'a', 1, null],
    [2n, 'b', 2, 'Bonn'],
  ]);
});

test('a union read shows the columns that there are before ingest adopts others, and waits where a type gets wider', async () => {
  const { w, schema } = await newWorld('adopt');
  await send(w, schema, [city], [[1n, 'a', 1, 'Bonn']]);
  expect(await collect(unionRead(w, await openTestTable(w)))).toEqual([[1n, 'a', 1]]);
  await send(w, schema, [wideN], [[2n, 'b', wide]]);
  await expect(collect(unionRead(w, await openTestTable(w)))).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'LAKE_SCHEMA_AHEAD',
  });
  await drain(w);
  expect(await collect(unionRead(w, await openTestTable(w)))).toEqual([
    [1n, 'a', 1n, 'Bonn'],
    [2n, 'b', wide, null],
  ]);
});

test("a column that has another name by now, or whose name is another's, is not taken for it", async () => {
  const { w, schema } = await newWorld('adopt', { bucket: '1' });
  await alterTable(w, testIdentifier, [{ kind: 'rename-column', name: 'n', newName: 'm' }]);
  await alterTable(w, testIdentifier, [{ kind: 'rename-column', name: 'v', newName: 'city' }]);
  await send(w, schema, [wideN], [[1n, 'a', wide]]);
  await send(w, schema, [city], [[2n, 'b', 2, 'Bonn']]);
  await append(testProducer(w, schema), schema, [[3n, 'c', 3]]);
  await drain(w);
  expect((await contentOf(w)).rows.map(row => row.slice(0, 3))).toEqual([[3n, 'c', 3]]);
  expect((await lettersOf(w)).map(([, detail]) => detail).toSorted()).toEqual([
    'it brings column `city` STRING, which by now is `city` STRING',
    'it brings column `n` BIGINT, which by now is `m` INT NOT NULL',
  ]);
});

test('an option that is none of the three is refused', async () => {
  await expect(newWorld('sometimes' as 'adopt')).rejects.toMatchObject({ code: 'LAKE_BAD_OPTION' });
});
