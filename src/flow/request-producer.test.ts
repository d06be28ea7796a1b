/** The records that rows of a request become. */
import { expect, test } from 'vitest';
import { createTable } from '../catalog/catalog.ts';
import { buildBatch } from '../types/column-builder.ts';
import type { Scalar } from '../types/scalar.ts';
import { decodeRecord } from './log-record.ts';
import type { ProducerTable } from './producer.ts';
import { appendRequest, type ProducerRequest, recordsOfRequest, requestProducerId } from './request-producer.ts';
import { openTestTable, type TestWorld, testDefinition, testIdentifier, testWorld } from './testing.ts';

async function tableOf(
  w: TestWorld,
  options: Record<string, string>,
  keys = testDefinition.primaryKeys,
): Promise<ProducerTable> {
  await createTable(w, testIdentifier, { ...testDefinition, primaryKeys: keys, options }, { ifNotExists: false });
  const { id: tableId = '', label: tableName, schema } = await openTestTable(w);
  return { tableId, tableName, schema };
}

function requestOf({ schema }: ProducerTable, count: number, text = 'x'): ProducerRequest {
  const rows = Array.from({ length: count }, (_, k): Scalar[] => [BigInt(k), text, k]);
  return {
    producerId: requestProducerId('meter'),
    isNamed: true,
    number: 17,
    rows: buildBatch({ fields: schema.fields }, rows),
    kinds: new Int8Array(count),
  };
}

test('each lane that has rows gets one record, with the number of the request', async () => {
  const table = await tableOf(testWorld(), { bucket: '8' });
  const headers = recordsOfRequest(table, requestOf(table, 100)).map(({ header }) => header);
  expect(new Set(headers.map(({ bucket }) => bucket)).size).toBe(headers.length);
  expect(headers.length).toBeGreaterThan(4);
  expect(headers.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(100);
  for (const header of headers) {
    expect(header).toMatchObject({
      producerId: 'request/meter',
      producerNamed: true,
      producerNumber: 17,
      bucketCount: 8,
    });
  }
  expect(recordsOfRequest(table, requestOf(table, 1))).toHaveLength(1);
});

test('where lanes are none of the table’s, a sender has one of its own and keeps it', async () => {
  const table = await tableOf(testWorld(), {}, []);
  const laneOf = (producerId: string): number | undefined =>
    recordsOfRequest(table, { ...requestOf(table, 5), producerId })[0]?.header.bucket;
  expect(laneOf('request/a')).toBe(laneOf('request/a'));
  expect(new Set(['a', 'b', 'c', 'd', 'e'].map(laneOf)).size).toBeGreaterThan(1);
});

test('rows of a lane that no record holds are a claim check, and still one record', async () => {
  const w = testWorld();
  const table = await tableOf(w, { bucket: '1' });
  const { recordBytesMax } = w.log.supports;
  // Hexadecimal digits are packed to half of their length.
  const noise = (): string => Array.from({ length: 1_000 }, () => w.random.uuid()).join('');
  const count = Math.ceil((3 * recordBytesMax) / noise().length);
  const rows = Array.from({ length: count }, (_, k): Scalar[] => [BigInt(k), noise(), k]);
  const request = { ...requestOf(table, count), rows: buildBatch({ fields: table.schema.fields }, rows) };
  await appendRequest(w, table, request, undefined);
  const found = await Promise.all(
    (await w.log.describe()).shards.map(
      async ({ shardId }) => (await w.log.read(shardId, { kind: 'earliest' })).records,
    ),
  );
  const headers = found.flat().map(({ data }) => decodeRecord(data, 'test').header);
  expect(headers).toMatchObject([
    { rowCount: count, producerNumber: 17, claim: { name: expect.stringMatching(/^claim-/) } },
  ]);
});
