/** Origins of rows: their codec, and where they lie. */
import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { fixedRequest, fixtureTable, ManualClock } from '../../../test/table-fixture.ts';
import { present } from '../../base/assert.ts';
import { seededRandom } from '../../base/random.ts';
import type { Snapshot } from '../../format/snapshot.ts';
import { countingObjectStore } from '../../storage/counting-object-store.ts';
import { MemoryObjectStore } from '../../storage/memory/memory-object-store.ts';
import { Committer } from '../../table/commit/commit.ts';
import { latestSnapshot } from '../../table/snapshots.ts';
import { decodeRowOrigins, encodeRowOrigins, type RowOrigin, type RowOrigins } from './row-origins.ts';
import { readOrigins, storeOrigins } from './stored-origins.ts';

const kinesisPosition = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;

const origins: RowOrigins = new Map([
  ['b', [run('two', 7n, 3), run('two', kinesisPosition, 1)]],
  ['a', [run('one', 5n, 1), run('two', 7n, 2), run('two', 8n, 4)]],
  ['c', [run('one', 5n, 9)]],
]);

function run(shardId: string, position: bigint, rowCount: number): RowOrigin {
  return { shardId, position, rowCount };
}

/** A row each of so many records. */
function many(count: number, positionAt: (index: number) => bigint): RowOrigins {
  return new Map([['file', Array.from({ length: count }, (_, index) => run('one', positionAt(index), 1))]]);
}

/** Positions as far apart as those of Kinesis. */
function kinesisPositions(): () => bigint {
  const random = seededRandom(1);
  let position = kinesisPosition;
  return () => {
    position += BigInt(1 + Math.floor(random.next() * 1e15)) * BigInt(1 + Math.floor(random.next() * 1e15));
    return position;
  };
}

test('origins come back as they were written, and none are nothing', () => {
  expect(decodeRowOrigins(present(encodeRowOrigins(origins), 'bytes'), 'here')).toEqual(origins);
  expect(encodeRowOrigins(new Map())).toBeUndefined();
});

test('records of one row that follow one another take a byte, those of Kinesis some fifteen', () => {
  expect(encodeRowOrigins(many(1_000, BigInt))?.length).toBeLessThan(1_000);
  expect(encodeRowOrigins(many(1_000, kinesisPositions()))?.length).toBeLessThan(18_000);
});

test('what would be more than is read is not written', () => {
  const long = 'x'.repeat(2 ** 20);
  const files = Array.from({ length: 17 }, (_, index): [string, RowOrigin[]] => [`${index}${long}`, []]);
  expect(encodeRowOrigins(new Map(files.slice(0, 15)))).toBeDefined();
  expect(encodeRowOrigins(new Map(files))).toBeUndefined();
});

test('what is not deflated, not JSON, or does not hang together is corrupt', () => {
  const texts = [
    'x',
    '[]',
    '{"v":2,"shards":[],"files":{}}',
    '{"v":1,"shards":{},"files":{}}',
    '{"v":1,"shards":[1],"files":{}}',
    '{"v":1,"shards":[[1]],"files":{}}',
    '{"v":1,"shards":[["a","1"]],"files":{}}',
    '{"v":1,"shards":[["a",1]],"files":{"f":1}}',
    '{"v":1,"shards":[["a",1]],"files":{"f":[0]}}',
    '{"v":1,"shards":[["a",1]],"files":{"f":[1,1]}}',
    '{"v":1,"shards":[["a",1]],"files":{"f":[-1,1]}}',
    '{"v":1,"shards":[["a",1]],"files":{"f":[0,0]}}',
    '{"v":1,"shards":[["a",1]],"files":{"f":[0,0.5]}}',
  ];
  const corrupt = expect.objectContaining({ code: 'LAKE_CORRUPT_ORIGINS' });
  for (const text of texts) expect(() => decodeRowOrigins(deflateRawSync(text), 'here'), text).toThrow(corrupt);
  expect(() => decodeRowOrigins(Buffer.from('{"v":1,"shards":[],"files":{}}'), 'here')).toThrow(corrupt);
  const good = '{"v":1,"shards":[["a",1]],"files":{"f":[0,1]}}';
  expect(decodeRowOrigins(deflateRawSync(good), 'here')).toEqual(new Map([['f', [run('a', 1n, 1)]]]));
});

test('few origins lie in their snapshot, many in an object, and no later snapshot has either', async () => {
  const clock = new ManualClock();
  const store = countingObjectStore(new MemoryObjectStore('memory:origins', clock));
  const table = await fixtureTable(store, { clock, random: seededRandom(1) });
  const commit = async (of: RowOrigins): Promise<Snapshot> => {
    const stored = await storeOrigins(table, of);
    await new Committer(table).commit(fixedRequest(table, { ...stored }));
    return present(await latestSnapshot(table), 'a snapshot');
  };
  store.reset();
  await storeOrigins(table, origins);
  expect(store.counts().put).toBe(0);
  const few = await commit(origins);
  expect(Object.keys(few.properties)).toContain('tidelake.origins');
  expect(await readOrigins(table, few)).toEqual(origins);
  const ofKinesis = many(300, kinesisPositions());
  const some = await commit(ofKinesis);
  expect(Object.keys(some.properties).filter(key => key.startsWith('tidelake.origins'))).toEqual([
    'tidelake.origins-object',
  ]);
  expect(await readOrigins(table, some)).toEqual(ofKinesis);
  const after = await commit(new Map());
  expect(Object.keys(after.properties).filter(key => key.startsWith('tidelake.origins'))).toEqual([]);
  expect(await readOrigins(table, after)).toBeUndefined();
  await store.delete(`${table.path}/tidelake/${some.properties['tidelake.origins-object']}`);
  expect(await readOrigins(table, some)).toBeUndefined();
});
