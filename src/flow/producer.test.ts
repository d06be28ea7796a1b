/** What a producer may put into one record, so that whoever reads it takes it. */
import { expect, test } from 'vitest';
import { changedLog } from '../../test/changed-ports.ts';
import { createTable } from '../catalog/catalog.ts';
import { buildBatch } from '../types/column-builder.ts';
import { rowsOf } from '../types/column-reader.ts';
import type { Scalar } from '../types/scalar.ts';
import { IngestWorker } from './ingest/ingest-worker.ts';
import { decodeBody, decodeRecord } from './log-record.ts';
import { Producer } from './producer.ts';
import { unionRead } from './read/union-read.ts';
import { collect, openTestTable, type TestWorld, testDefinition, testIdentifier, testWorld } from './testing.ts';

const recordBodyBytesMax = 4_096;

async function producerOf(w: TestWorld, bucket = '1'): Promise<Producer> {
  await createTable(w, testIdentifier, { ...testDefinition, options: { bucket } }, { ifNotExists: false });
  const { id: tableId = '', label: tableName, schema } = await openTestTable(w);
  return new Producer(w, { tableId, tableName, schema }, { recordBodyBytesMax });
}

async function send(w: TestWorld, producer: Producer, rows: Scalar[][]): Promise<void> {
  const { schema } = await openTestTable(w);
  await producer.append(buildBatch({ fields: schema.fields }, rows), new Int8Array(rows.length));
}

async function bodiesOf(w: TestWorld): Promise<readonly number[]> {
  const bodies: number[] = [];
  for (const { shardId } of (await w.log.describe()).shards) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    bodies.push(...records.map(({ data }) => decodeRecord(data, 'test').header.bodyBytes));
  }
  return bodies;
}

test('rows that pack well go in as many records as readers take them in, however small those are in the log', async () => {
  const w = testWorld();
  const producer = await producerOf(w);
  const rows = Array.from({ length: 40 }, (_, k): Scalar[] => [BigInt(k), 'x'.repeat(500), k]);
  await send(w, producer, rows);
  const bodies = await bodiesOf(w);
  expect(bodies.length).toBeGreaterThan(5);
  for (const bytes of bodies) expect(bytes).toBeLessThanOrEqual(recordBodyBytesMax);
  await using worker = new IngestWorker(w);
  await worker.drain();
  expect(await collect(unionRead(w, await openTestTable(w)))).toEqual(rows);
});

test('a row that no record holds is refused before anything of its batch is sent, and the producer goes on', async () => {
  const w = testWorld();
  const producer = await producerOf(w);
  const large: Scalar[] = [2n, 'x'.repeat(recordBodyBytesMax), 2];
  await expect(send(w, producer, [[1n, 'small', 1], large])).rejects.toMatchObject({
    code: 'LAKE_ROW_TOO_LARGE',
    kind: 'invalid',
    message: expect.stringMatching(/row 1 of a batch for db\.t has \d+ bytes, and a record of the log holds 4096/),
  });
  expect(await bodiesOf(w)).toEqual([]);
  await send(w, producer, [[1n, 'small', 1]]);
  expect(await bodiesOf(w)).toHaveLength(1);
});

test('a table with postponed buckets is not written through a log: ingest has no bucket to put its rows in', async () => {
  await expect(producerOf(testWorld(), '-2')).rejects.toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('postponed bucket (bucket=-2)'),
  });
});

test('keys of a table with dynamic buckets have their lanes, and each record says among how many', async () => {
  const w = testWorld();
  const producer = await producerOf(w, '-1');
  const rows = Array.from({ length: 200 }, (_, k): Scalar[] => [BigInt(k % 50), 'x', k]);
  await send(w, producer, rows.slice(0, 100));
  await send(w, producer, rows.slice(100));
  const lanes = new Map<Scalar, Set<number>>();
  const rowType = { fields: (await openTestTable(w)).schema.fields };
  for (const { shardId } of (await w.log.describe()).shards) {
    const { records } = await w.log.read(shardId, { kind: 'earliest' });
    for (const { data } of records) {
      const record = decodeRecord(data, 'test');
      expect(record.header).toMatchObject({ bucketCount: -1, laneCount: 16 });
      for (const [k = null] of rowsOf(decodeBody(record, record.body, rowType, 'test').rows)) {
        lanes.set(k, (lanes.get(k) ?? new Set()).add(record.header.bucket));
      }
    }
  }
  expect(lanes.size).toBe(50);
  for (const ofKey of lanes.values()) expect(ofKey.size).toBe(1);
  expect(new Set([...lanes.values()].flatMap(ofKey => [...ofKey])).size).toBeGreaterThan(8);
});

test('keys that cross partitions are not written through a log: what they leave behind would be in another place', async () => {
  const w = testWorld();
  const partitionKeys = ['n'];
  const definition = { ...testDefinition, partitionKeys, options: { bucket: '-1' } };
  const schema = await createTable(w, testIdentifier, definition, { ifNotExists: false });
  const open = () => new Producer(w, { tableId: 'id', tableName: 'db.t', schema });
  expect(open).toThrow(/through a log: cross-partition upsert/);
});

test('a table that ingest could not write is refused before its rows are in the log', async () => {
  const w = testWorld();
  const schema = await createTable(w, testIdentifier, testDefinition, { ifNotExists: false });
  const refused = { ...schema, options: { ...schema.options, 'row-tracking.enabled': 'true' } };
  expect(() => new Producer(w, { tableId: 'id', tableName: 'db.t', schema: refused })).toThrow(/row-tracking\.enabled/);
});

test('records of many lanes share calls, however large a record the log would take', async () => {
  const w = testWorld();
  const calls: number[] = [];
  const log = changedLog(w.log, {
    supports: { ...w.log.supports, recordBytesMax: 10 << 20, appendBytesMax: 10 << 20, appendRecordsMax: 500 },
    async append(records, options) {
      calls.push(records.length);
      return await w.log.append(records, options);
    },
  });
  const producer = await producerOf({ ...w, log }, '8');
  await send(
    w,
    producer,
    Array.from({ length: 200 }, (_, k): Scalar[] => [BigInt(k), 'v', k]),
  );
  expect(calls).toEqual([8]);
});
