/** Limits of records, of a log in an object store, and of what a table says of records, just under and just over. */
import { equal } from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { claimFolder } from '../../src/flow/claim.ts';
import { decodeRowOrigins, originsBytesMax, originsValuesMax } from '../../src/flow/ingest/row-origins.ts';
import { stageLoad } from '../../src/flow/load/stage-load.ts';
import type { LogRows } from '../../src/flow/log-record.ts';
import { checkHeaders } from '../../src/flow/record-headers.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { decodeBatchHead, encodeBatch } from '../../src/storage/object-log/batch-codec.ts';
import { firstKey, logKey } from '../../src/storage/object-log/log-objects.ts';
import { type ObjectLogStore, openObjectLog } from '../../src/storage/object-log/object-log-store.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { fixtureSchema } from '../table-fixture.ts';
import { constant, expectEdge, outcomeOf, type Trials } from './limit-tools.ts';

const shardId = 'shard-000000';

async function openIn(store: MemoryObjectStore): Promise<ObjectLogStore> {
  return await openObjectLog(
    store,
    { shardCount: 1, retentionMs: 1_000 },
    { clock: systemClock, random: systemRandom },
  );
}

/** An object of a log, longer by blanks; then the log is opened and read. */
async function padded(keyOf: (incarnation: string) => string, json: string, length: number): Promise<void> {
  const store = new MemoryObjectStore('memory:limits', systemClock);
  await using log = await openIn(store);
  const { incarnation } = await log.describe();
  const key = keyOf(incarnation);
  const there = (await store.get(key, { bytesMax: length }))?.bytes ?? new TextEncoder().encode(json);
  const bytes = new Uint8Array(length).fill(' '.charCodeAt(0));
  bytes.set(there);
  await store.put(key, bytes);
  await using again = await openIn(store);
  await again.read(shardId, { kind: 'earliest' });
}

/** The header of a batch that tells of so many bytes. */
function headTellingOf(recordBytes: number): void {
  const head = { number: 1, arrivalMs: 0, token: '0'.repeat(16), kind: 'records' } as const;
  const bytes = encodeBatch(shardId, head, []);
  new DataView(bytes.buffer).setBigUint64(48, BigInt(recordBytes), true);
  decodeBatchHead(bytes, { shardId, number: 1, where: 'limits' });
}

/** As many claims as rows. */
async function stageInto(store: MemoryObjectStore, rowCount: number): Promise<unknown> {
  const schema = fixtureSchema({ options: { bucket: '1' } });
  const table = { tableId: 'x', tableName: 'd.t', schema };
  const one = { rows: buildBatch({ fields: schema.fields }, [[1, 1, 'x']]), kinds: new Int8Array(1) };
  async function* rows(): AsyncGenerator<LogRows, void, undefined> {
    for (let row = 0; row < rowCount; row += 1) yield one;
  }
  const producer = { producerId: 'p', headers: undefined };
  return await stageLoad({ store, random: systemRandom }, table, producer, rows(), { claimBytes: 1 });
}

export const objectLogTrials: Trials = {
  loadRecordsMax: async () => {
    const most = constant('loadRecordsMax');
    const store = new MemoryObjectStore('memory:load', systemClock);
    equal(await outcomeOf(() => stageInto(store, most + 1)), 'LAKE_LOAD_TOO_LARGE');
    let claims = 0;
    for await (const { objects } of store.list(`${claimFolder}/`)) claims += objects.length;
    equal(claims, most);
  },
  recordHeadersMax: () => {
    const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${at}`, '']));
    const most = constant('recordHeadersMax');
    return expectEdge(
      'LAKE_BAD_HEADERS',
      () => checkHeaders(names(most)),
      () => checkHeaders(names(most + 1)),
    );
  },
  recordHeadersBytesMax: () => {
    const most = constant('recordHeadersBytesMax');
    return expectEdge(
      'LAKE_BAD_HEADERS',
      () => checkHeaders({ a: 'x'.repeat(most - 1) }),
      () => checkHeaders({ a: 'x'.repeat(most) }),
    );
  },
  originsBytesMax: () => {
    const ofText = async (bytes: number): Promise<unknown> =>
      decodeRowOrigins(deflateRawSync('{"v":1,"shards":[],"files":{}}'.padEnd(bytes)), 'a trial');
    return expectEdge(
      'LAKE_CORRUPT_ORIGINS',
      () => ofText(originsBytesMax),
      () => ofText(originsBytesMax + 1),
    );
  },
  originsValuesMax: () => {
    // Seven beside the steps.
    const ofValues = async (count: number): Promise<unknown> =>
      decodeRowOrigins(deflateRawSync(`{"v":1,"shards":[["s"${',0'.repeat(count - 7)}]],"files":{}}`), 'a trial');
    return expectEdge(
      'LAKE_CORRUPT_ORIGINS',
      () => ofValues(originsValuesMax),
      () => ofValues(originsValuesMax + 1),
    );
  },
  batchRecordBytesMax: async () => {
    await using log = await openIn(new MemoryObjectStore('memory:limits', systemClock));
    const append = (bytes: number) => log.append([{ hashKey: 0n, data: new Uint8Array(bytes) }]);
    await expectEdge(
      'LAKE_LOG_RECORD_TOO_BIG',
      () => append(constant('batchRecordBytesMax')),
      () => append(constant('batchRecordBytesMax') + 1),
    );
  },
  storedBatchBytesMax: () =>
    expectEdge(
      'LAKE_LOG_CORRUPT',
      () => headTellingOf(constant('storedBatchBytesMax')),
      () => headTellingOf(constant('storedBatchBytesMax') + 1),
    ),
  logObjectBytesMax: () =>
    expectEdge(
      'LAKE_LOG_CORRUPT',
      () => padded(() => logKey, '', constant('logObjectBytesMax')),
      () => padded(() => logKey, '', constant('logObjectBytesMax') + 1),
    ),
  firstObjectBytesMax: () => {
    const first = '{"number":1,"previousArrivalMs":0}';
    const keyOf = (incarnation: string): string => firstKey(incarnation, shardId);
    return expectEdge(
      'LAKE_LOG_CORRUPT',
      () => padded(keyOf, first, constant('firstObjectBytesMax')),
      () => padded(keyOf, first, constant('firstObjectBytesMax') + 1),
    );
  },
};
