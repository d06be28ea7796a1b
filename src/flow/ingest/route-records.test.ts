/** Records of a shard by table, and those that nobody can read. */
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/table-fixture.ts';
import type { LogRecordEnvelope } from '../../storage/log-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { encodeRecord } from '../log-record.ts';
import { keepUnreadable, routeRecords, wantedSchema } from './route-records.ts';

function envelope(position: number, tableId: string, schemaId = 0): LogRecordEnvelope {
  const header = {
    tableId,
    tableName: 'd.t',
    schemaId,
    bucket: 0,
    bucketCount: 4,
    laneCount: undefined,
    producerId: 'p',
    producerNamed: false,
    producerNumber: position,
    rowCount: 1,
    bodyBytes: 1,
    claim: undefined,
  };
  const data = encodeRecord({ header, encoding: 'plain', body: Uint8Array.of(0) });
  return { position: BigInt(position), arrivalMs: position + 100, data };
}

test('records go to their tables in the order of the shard; what nobody can read is told with its place', () => {
  const garbage = { position: 3n, arrivalMs: 103, data: Buffer.from('no record') };
  const envelopes = [envelope(1, 'x'), envelope(2, 'y'), garbage, envelope(4, 'x')];
  const { byTable, unreadable } = routeRecords('a', envelopes);
  expect([...byTable].map(([tableId, records]) => [tableId, records.map(({ position }) => position)])).toEqual([
    ['x', [1n, 4n]],
    ['y', [2n]],
  ]);
  expect(byTable.get('y')).toMatchObject([
    { shardId: 'a', arrivalMs: 102, data: envelopes[1]?.data, record: { header: { producerNumber: 2 } } },
  ]);
  expect(unreadable).toEqual([{ envelope: garbage, error: expect.objectContaining({ code: 'LAKE_RECORD_CORRUPT' }) }]);
  expect(unreadable[0]?.error.message).toContain('shard a, position 3');
});

test('a failure that is not the fault of the record is thrown', () => {
  const data = new Uint8Array(64);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  expect(() => routeRecords('a', [{ position: 1n, arrivalMs: 1, data }])).toThrow(TypeError);
});

test('the newest schema is the largest that a record names', () => {
  const schemaOf = (ids: readonly number[]): number =>
    wantedSchema(
      routeRecords(
        'a',
        ids.map((id, at) => envelope(at + 1, 'x', id)),
      ).byTable.get('x') ?? [],
    ).schemaId;
  expect(schemaOf([3, 7, 5])).toBe(7);
  expect(schemaOf([0])).toBe(0);
  expect(schemaOf([])).toBe(0);
});

test('what nobody can read is kept under its place in the log, by a name that any store takes', async () => {
  const store = new MemoryObjectStore('memory:unreadable', new ManualClock());
  await keepUnreadable(store, 'arn:aws/x', 'shard 1', envelope(7, 'x'));
  const kept = await store.get('tidelake/unreadable/arn_aws_x-shard_1-7');
  expect(kept?.bytes).toEqual(envelope(7, 'x').data);
});
