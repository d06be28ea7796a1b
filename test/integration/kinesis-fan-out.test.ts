/** Enhanced fan-out of a Kinesis stream, on an emulator that has it, by HTTP/1 and through a gateway that speaks HTTP/2. */
import {
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake, t } from '../../src/index.ts';
import { type KinesisLogSettings, openKinesisLog } from '../../src/storage/kinesis/kinesis-log-store.ts';
import { logStoreConformance } from '../../src/storage/log-store.conformance.ts';
import type { LogReadResult, LogStart, LogStore } from '../../src/storage/log-store.ts';
import { appendAll, openShards, readAll, texts } from '../../src/storage/log-store-testing.ts';
import { KinesisGateway } from '../services/kinesis-gateway.ts';
import { startKinesisLocal } from '../services/kinesis-local.ts';
import { type KinesisService, untilActive } from '../services/kinesis-service.ts';
import { kinesisLogFixture } from './kinesis-log-fixture.ts';

const components = { clock: systemClock, random: systemRandom };
const consumer = 'lake';
let service: KinesisService;

beforeAll(async () => {
  service = await startKinesisLocal();
});

afterAll(async () => {
  await service.stop();
});

logStoreConformance('kinesis-local with fan-out', ['resharding', 'reopen', 'recreate'], () =>
  kinesisLogFixture(service, { fanOut: { consumer } }),
);

type World = AsyncDisposable & {
  readonly stream: string;
  readonly gateway: KinesisGateway;
  readonly log: LogStore;
  readonly shardId: string;
  open(more?: Partial<KinesisLogSettings>): Promise<LogStore>;
};

async function newWorld(more: Partial<KinesisLogSettings> = {}): Promise<World> {
  const stream = `f-${systemRandom.uuid()}`;
  await service.createStream(stream, 1);
  const gateway = await KinesisGateway.start(service.endpoint);
  const { region, credentials } = service;
  const open: World['open'] = async others => {
    const settings = { stream, region, credentials, endpoint: gateway.endpoint, pollIntervalMs: 20 };
    return await openKinesisLog({ ...settings, fanOut: { consumer }, ...more, ...others }, components);
  };
  const log = await open();
  const shardId = present((await openShards(log))[0], 'shard').shardId;
  return {
    stream,
    gateway,
    log,
    shardId,
    open,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** One turn of a reader who follows a shard. */
async function turn(log: LogStore, shardId: string, from: LogStart, waitMsMax = 50): Promise<LogReadResult> {
  const result = await log.read(shardId, from, { follows: true });
  if (result.atTip && result.records.length === 0) {
    await present(log.waitForMore, 'a log that pushes').call(log, shardId, result.next, { waitMsMax });
  }
  return result;
}

/** Follows until the condition holds of what was seen. */
async function followUntil(
  log: LogStore,
  shardId: string,
  start: LogStart,
  done: (seen: readonly string[], last: LogReadResult) => boolean,
): Promise<{ readonly seen: readonly string[]; readonly next: LogStart }> {
  const seen: string[] = [];
  let from = start;
  for (let count = 0; count < 2_000; count += 1) {
    const result = await turn(log, shardId, from);
    seen.push(...texts(result.records));
    from = result.next;
    if (done(seen, result)) return { seen, next: from };
  }
  throw new Error(`not seen after 2000 turns: ${seen.join(' ')}`);
}

for (const pushProtocol of ['http1', 'http2'] as const) {
  test(`a reader who follows is pushed to by ${pushProtocol}: quiet or not, GetRecords is not called`, async () => {
    await using world = await newWorld({ pushProtocol });
    const { log, shardId, gateway } = world;
    await appendAll(log, 0n, ['a', 'b']);
    // Until its turns come without a request: the consumer is registered, the subscription there and its first event come.
    let { next } = await followUntil(log, shardId, { kind: 'earliest' }, seen => seen.length === 2);
    for (let quiet = 0, before = -1; quiet < 3; ) {
      const asked = gateway.count('GetRecords');
      quiet = asked === before ? quiet + 1 : 0;
      before = asked;
      next = (await turn(log, shardId, next)).next;
    }
    const asked = gateway.count('GetRecords');
    for (let round = 0; round < 20; round += 1) next = (await turn(log, shardId, next)).next;
    const written = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const following = followUntil(log, shardId, next, seen => seen.length === written.length);
    for (let index = 0; index < written.length; index += 3) await appendAll(log, 0n, written.slice(index, index + 3));
    expect((await following).seen).toEqual(written);
    expect(gateway.count('GetRecords')).toBe(asked);
    expect(gateway.count('SubscribeToShard')).toBe(1);
    expect(gateway.http2Count).toBe(pushProtocol === 'http2' ? 1 : 0);
  });
}

test('without fan-out there is no consumer and no wait of its own, and readers who do not follow register none', async () => {
  await using world = await newWorld();
  await using plain = await world.open({ fanOut: undefined });
  expect(plain.waitForMore).toBeUndefined();
  await appendAll(world.log, 0n, ['a']);
  expect(texts((await readAll(world.log, world.shardId, { kind: 'earliest' })).records)).toEqual(['a']);
  expect(world.gateway.count('RegisterStreamConsumer')).toBe(0);
});

test('the tip of a reader who does not follow is exact, also of a shard that is pushed', async () => {
  await using world = await newWorld();
  const { log, shardId } = world;
  let { last } = await readAll(log, shardId, { kind: 'earliest' });
  for (let round = 0; round < 8; round += 1) {
    const following = turn(log, shardId, last.next, 300);
    await appendAll(log, 0n, [`${round}`]);
    const all = await readAll(log, shardId, last.next);
    expect(texts(all.records)).toEqual([`${round}`]);
    last = all.last;
    await following;
  }
});

test('another process of the consumer goes on by shared reads, and both see every record once', async () => {
  await using world = await newWorld();
  const { log, shardId, gateway } = world;
  await using other = await world.open({ fanOut: { consumer, pauseMsMin: 60_000 } });
  await appendAll(log, 0n, ['a']);
  const { next } = await followUntil(log, shardId, { kind: 'earliest' }, () => gateway.count('SubscribeToShard') === 1);
  const written = Array.from({ length: 12 }, (_, index) => `n${index}`);
  const both = [log, other].map(each =>
    followUntil(each, shardId, each === log ? next : { kind: 'earliest' }, seen => seen.at(-1) === 'n11'),
  );
  for (const value of written) {
    await systemClock.sleep(20);
    await appendAll(log, 0n, [value]);
  }
  const [first, second] = await Promise.all(both);
  expect(['a', ...written].join(' ').endsWith(present(first, 'reader').seen.join(' '))).toBe(true);
  expect(present(second, 'reader').seen).toEqual(['a', ...written]);
});

test('a shard that is split while it is followed ends, with every record before it', async () => {
  await using world = await newWorld();
  const { log, shardId, stream } = world;
  const following = followUntil(log, shardId, { kind: 'earliest' }, (_, last) => last.ended);
  await appendAll(log, 0n, ['a', 'b']);
  await systemClock.sleep(500);
  await appendAll(log, 0n, ['c']);
  const middle = (1n << 127n).toString();
  const split = new SplitShardCommand({ StreamName: stream, ShardToSplit: shardId, NewStartingHashKey: middle });
  await service.client.send(split);
  await untilActive(service.client, stream);
  expect((await following).seen).toEqual(['a', 'b', 'c']);
});

test('a consumer that is deregistered under its readers is registered again, and nothing is lost', async () => {
  await using world = await newWorld({ fanOut: { consumer, pauseMsMin: 20 } });
  const { log, shardId, gateway, stream } = world;
  await appendAll(log, 0n, ['a']);
  const began = await followUntil(log, shardId, { kind: 'earliest' }, () => gateway.count('SubscribeToShard') === 1);
  const summary = await service.client.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
  const input = { StreamARN: summary.StreamDescriptionSummary?.StreamARN ?? '', ConsumerName: consumer };
  const { ConsumerDescription } = await service.client.send(new DescribeStreamConsumerCommand(input));
  expect(ConsumerDescription?.ConsumerStatus).toBe('ACTIVE');
  await service.client.send(new DeregisterStreamConsumerCommand(input));
  await appendAll(log, 0n, ['b']);
  const { seen } = await followUntil(log, shardId, began.next, all => all.at(-1) === 'b');
  expect([...began.seen, ...seen]).toEqual(['a', 'b']);
});

test('a stream on demand is made, described, written and followed', async () => {
  const stream = `d-${systemRandom.uuid()}`;
  const { endpoint, region, credentials } = service;
  const settings = {
    stream,
    endpoint,
    region,
    credentials,
    createWithShards: 'on-demand',
    fanOut: { consumer },
  } as const;
  await using log = await openKinesisLog(settings, components);
  const summary = await service.client.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
  expect(summary.StreamDescriptionSummary?.StreamModeDetails?.StreamMode).toBe('ON_DEMAND');
  const shards = await openShards(log);
  expect(shards.length).toBe(4);
  const { shardId, hashKeyStart } = present(shards[2], 'shard');
  await appendAll(log, hashKeyStart, ['a', 'b']);
  expect((await followUntil(log, shardId, { kind: 'earliest' }, seen => seen.length === 2)).seen).toEqual(['a', 'b']);
});

test('a subscription to a table is pushed its rows, and a quiet one asks the stream for nothing', async () => {
  await using world = await newWorld();
  const { gateway, stream } = world;
  const { accessKeyId, secretAccessKey } = service.credentials;
  await using lake = await openLake({
    warehouse: `memory:${stream}`,
    log: `kinesis://${stream}`,
    kinesis: { endpoint: gateway.endpoint, region: service.region, accessKeyId, secretAccessKey, fanOut: { consumer } },
  });
  const table = await lake.createTable('db.t', { columns: { k: t.bigint() }, primaryKey: ['k'] });
  await using writer = table.writer();
  const stop = new AbortController();
  const seen: bigint[] = [];
  const following = (async (): Promise<void> => {
    for await (const { row } of table.subscribe({ from: 'latest', signal: stop.signal }))
      seen.push(BigInt(Object(row).k));
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  // Rows that come without a GetRecords after they were written: as soon as the subscription has begun.
  let pushed = 0;
  let k = 0n;
  for (; k < 200n && pushed < 3; k += 1n) {
    const asked = gateway.count('GetRecords');
    await writer.upsert({ k });
    await writer.flush();
    for (let look = 0; look < 200 && seen.at(-1) !== k; look += 1) await systemClock.sleep(20);
    if (gateway.count('GetRecords') === asked && seen.at(-1) === k) pushed += 1;
  }
  expect(pushed).toBe(3);
  const asked = gateway.count('GetRecords');
  await systemClock.sleep(2_500);
  expect(gateway.count('GetRecords')).toBe(asked);
  stop.abort();
  await following;
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, index) => k - BigInt(seen.length - index)));
});
