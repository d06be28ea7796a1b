/** What a producer sends is what readers take. */
import { expect, test } from 'vitest';
import { newTableSchema } from '../catalog/table-definition.ts';
import type { Scalar } from '../types/scalar.ts';
import { decodeRecord, recordBodyBytesMax } from './log-record.ts';
import { append, testDefinition, testProducer, testWorld } from './testing.ts';

const mib = 1024 * 1024;
const schema = newTableSchema(
  { ...testDefinition, options: { bucket: '1' } },
  { id: 0, timeMillis: 0, extra: { 'tidelake.table': 'id' } },
);

async function recordsOf(
  world: ReturnType<typeof testWorld>,
): Promise<readonly { rowCount: number; bodyBytes: number }[]> {
  const found: { rowCount: number; bodyBytes: number }[] = [];
  for (const { shardId } of (await world.log.describe()).shards) {
    for (const { data } of (await world.log.read(shardId, { kind: 'earliest' })).records) {
      const { rowCount, bodyBytes } = decodeRecord(data, 'test').header;
      found.push({ rowCount, bodyBytes });
    }
  }
  return found;
}

test('rows that pack to little go in as many records as can be unpacked again', async () => {
  const world = testWorld();
  const text = 'x'.repeat(30 * mib);
  const rows = Array.from({ length: 3 }, (_, n): Scalar[] => [BigInt(n), text, n]);
  await append(testProducer(world, schema), schema, rows);
  const records = await recordsOf(world);
  expect(records.map(({ rowCount }) => rowCount)).toEqual([1, 2]);
  expect(records.every(({ bodyBytes }) => bodyBytes <= recordBodyBytesMax)).toBe(true);
});

test('a row that no record holds is refused, not taken and lost', async () => {
  const world = testWorld();
  const row: Scalar[] = [1n, 'x'.repeat(recordBodyBytesMax), 1];
  await expect(append(testProducer(world, schema), schema, [row])).rejects.toMatchObject({
    kind: 'invalid',
    code: 'LAKE_ROW_TOO_LARGE',
  });
  expect(await recordsOf(world)).toEqual([]);
});
