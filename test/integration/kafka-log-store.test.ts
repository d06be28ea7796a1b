/** The log store on a real Kafka broker. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import {
  ConfigResourceTypes,
  type Connection,
  ConnectionPool,
  createPartitionsV3,
  deleteTopicsV6,
  IncrementalAlterConfigOperationTypes,
  incrementalAlterConfigsV1,
} from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { KafkaAccess } from '../../src/storage/kafka/kafka-connection.ts';
import { type KafkaLogStore, openKafkaLog } from '../../src/storage/kafka/kafka-log-store.ts';
import { logStoreConformance } from '../../src/storage/log-store.conformance.ts';
import { appendAll, openShards, readAll, text, texts } from '../../src/storage/log-store-testing.ts';
import { type KafkaService, kafkaUsers, startKafka } from '../services/kafka-broker.ts';

const components = { clock: systemClock, random: systemRandom };
let service: KafkaService;
let admin: ConnectionPool;

beforeAll(async () => {
  service = await startKafka();
  admin = new ConnectionPool('test');
});

afterAll(async () => {
  await admin.close();
  await service.stop();
});

const newTopic = (): string => `t-${systemRandom.uuid()}`;
const broker = (): { host: string; port: number } => ({ host: '127.0.0.1', port: service.port });

async function openTopic(topic: string, createWithPartitions: number | undefined = 2): Promise<KafkaLogStore> {
  return await openKafkaLog({ brokers: [broker()], topic, createWithPartitions }, components);
}

async function asAdmin<T>(action: (connection: Connection) => Promise<T>): Promise<T> {
  return await action(await admin.get(broker()));
}

async function deleteTopic(name: string): Promise<void> {
  await asAdmin(each => deleteTopicsV6.api.async(each, [{ name }], 10_000));
}

async function configure(topic: string, configs: Readonly<Record<string, string>>): Promise<void> {
  const resource = {
    resourceType: ConfigResourceTypes.TOPIC,
    resourceName: topic,
    configs: Object.entries(configs).map(([name, value]) => ({
      name,
      configOperation: IncrementalAlterConfigOperationTypes.SET,
      value,
    })),
  };
  await asAdmin(each => incrementalAlterConfigsV1.api.async(each, [resource], false));
}

async function failure(action: Promise<unknown>): Promise<{ code: LakeErrorCode; message: string } | undefined> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined && !isLakeError(error)) throw error;
  return error;
}

logStoreConformance('kafka', ['reopen', 'recreate'], async () => {
  const topic = newTopic();
  const log = await openTopic(topic);
  return {
    log,
    reopen: () => openTopic(topic),
    async recreate() {
      await deleteTopic(topic);
      return await openTopic(topic);
    },
    close: () => deleteTopic(topic),
  };
});

test('a topic that is not there is LAKE_LOG_NOT_FOUND, at opening and later', async () => {
  const opening = await failure(openKafkaLog({ brokers: [broker()], topic: 'no-such-topic' }, components));
  expect(opening?.code).toBe('LAKE_LOG_NOT_FOUND');
  expect(opening?.message).toContain('kafka-topics.sh --create');
  const topic = newTopic();
  await using log = await openTopic(topic);
  const [shard] = await openShards(log);
  await deleteTopic(topic);
  expect((await failure(log.describe()))?.code).toBe('LAKE_LOG_NOT_FOUND');
  const shardId = present(shard, 'shard').shardId;
  expect((await failure(log.read(shardId, { kind: 'earliest' })))?.code).toBe('LAKE_LOG_NOT_FOUND');
  expect((await failure(log.append([{ hashKey: 1n, data: text('a') }])))?.code).toBe('LAKE_LOG_NOT_FOUND');
});

test('a topic that was made anew is another log to a handle of before, also to one that only reads', async () => {
  const topic = newTopic();
  await using log = await openTopic(topic, 1);
  const [outcome] = await appendAll(log, 1n, ['a']);
  const { shardId, position } = present(outcome, 'outcome');
  await deleteTopic(topic);
  await using again = await openTopic(topic, 1);
  await appendAll(again, 1n, ['b', 'c']);
  expect((await failure(log.read(shardId, { kind: 'after', position })))?.code).toBe('LAKE_LOG_NOT_FOUND');
  expect((await failure(log.describe()))?.code).toBe('LAKE_LOG_NOT_FOUND');
});

test.for([
  ['message.timestamp.type', 'CreateTime'],
  ['cleanup.policy', 'compact'],
] as const)('a topic whose %s is %s is refused, with what to set', async ([name, value]) => {
  const topic = newTopic();
  await (await openTopic(topic))[Symbol.asyncDispose]();
  await configure(topic, { [name]: value });
  const error = await failure(openTopic(topic));
  expect(error?.code).toBe('LAKE_BAD_SETTINGS');
  expect(error?.message).toContain(`set ${name}=`);
});

test('another number of partitions is another log, also to a handle that is open', async () => {
  const topic = newTopic();
  await using log = await openTopic(topic);
  const before = await log.describe();
  await asAdmin(each =>
    createPartitionsV3.api.async(
      each,
      [{ name: topic, count: 4, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
      10_000,
      false,
    ),
  );
  await expect.poll(async () => (await failure(log.describe()))?.code).toBe('LAKE_LOG_NOT_FOUND');
  await using again = await openTopic(topic);
  const after = await again.describe();
  expect(after.shards.length).toBe(4);
  expect(after.incarnation).not.toBe(before.incarnation);
});

test('what retention took is a gap to who had a place before it, and none from the earliest', async () => {
  const topic = newTopic();
  await using log = await openTopic(topic, 1);
  const [first] = await appendAll(log, 1n, ['a']);
  const { shardId, position } = present(first, 'outcome');
  await appendAll(log, 1n, ['b', 'c']);
  await configure(topic, { 'retention.ms': '1', 'segment.ms': '1' });
  await expect
    .poll(async () => (await readAll(log, shardId, { kind: 'earliest' })).records.length, { timeout: 60_000 })
    .toBe(0);
  await configure(topic, { 'retention.ms': '600000' });
  await appendAll(log, 1n, ['d']);
  const behind = await log.read(shardId, { kind: 'after', position });
  expect(behind.gap).toBe(true);
  expect(texts(behind.records)).toEqual(['d']);
  const all = await log.read(shardId, { kind: 'earliest' });
  expect(all.gap).toBe(false);
  expect(texts(all.records)).toEqual(['d']);
  expect((await log.describe()).retentionMs).toBe(600_000);
});

test('a broker that cannot be reached, or says nothing, is passed over for the next', async () => {
  const topic = newTopic();
  await (await openTopic(topic))[Symbol.asyncDispose]();
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('a server that listens has a port');
  const nobody = { host: '127.0.0.1', port: 1 };
  try {
    const brokers = [nobody, { host: '127.0.0.1', port: address.port }, broker()];
    await using log = await openKafkaLog({ brokers, topic, requestTimeoutMs: 300 }, components);
    expect((await openShards(log)).length).toBe(2);
  } finally {
    silent.close();
  }
});

test('a position behind the end is LAKE_LOG_POSITION', async () => {
  await using log = await openTopic(newTopic(), 1);
  const [outcome] = await appendAll(log, 1n, ['a']);
  const { shardId, position } = present(outcome, 'outcome');
  const error = await failure(log.read(shardId, { kind: 'after', position: position + 5n }));
  expect(error?.code).toBe('LAKE_LOG_POSITION');
});

test('a record arrives at a waiting reader without polling', async () => {
  await using log = await openTopic(newTopic(), 1);
  const [outcome] = await appendAll(log, 1n, ['a']);
  const { shardId, position } = present(outcome, 'outcome');
  const from = { kind: 'after', position } as const;
  const waiting = log.waitForMore(shardId, from, { waitMsMax: 60_000 });
  await appendAll(log, 1n, ['b']);
  await waiting;
  expect(texts((await log.read(shardId, from)).records)).toEqual(['b']);
});

test('a broker that dies and comes back has what it acknowledged; appends meanwhile are told truly', async () => {
  const topic = newTopic();
  await using log = await openTopic(topic, 1);
  const acknowledged: string[] = [];
  const open: string[] = [];
  const restarting = (async (): Promise<void> => {
    await systemClock.sleep(300);
    await service.crash();
    await service.restart();
  })();
  let isBack = false;
  restarting.then(
    () => (isBack = true),
    () => (isBack = true),
  );
  let failed = 0;
  for (let number = 0, after = 0; after < 20; number += 1, after += isBack ? 1 : 0) {
    const value = `${number}`;
    const [outcome] = await log.append([{ hashKey: 1n, data: text(value) }]);
    if (outcome?.status === 'appended') acknowledged.push(value);
    else if (outcome?.status === 'unanswered') open.push(value);
    else failed += 1;
  }
  await restarting;
  const shardId = present((await openShards(log))[0], 'shard').shardId;
  const seen = texts((await readAll(log, shardId, { kind: 'earliest' })).records);
  expect(seen.filter(value => !open.includes(value))).toEqual(acknowledged);
  // Before it died, and when it was back; what was under way meanwhile was told to be open, or failed.
  expect(acknowledged.length).toBeGreaterThan(20);
  expect(open.length + failed).toBeGreaterThan(0);
});

test('a secured broker: who is known, by whom it is trusted, and what a user may do', async () => {
  const secured = await startKafka({ secured: true });
  try {
    const { caFile } = secured;
    const topic = newTopic();
    const opened = async (access: KafkaAccess): Promise<KafkaLogStore> => {
      const brokers = [{ host: '127.0.0.1', port: secured.port }];
      return await openKafkaLog({ brokers, topic, access, createWithPartitions: 1 }, components);
    };
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-512'] as const) {
      // Who names authorities wants encryption.
      await using log = await opened({ caFile, mechanism, ...kafkaUsers.allowed });
      const [outcome] = await appendAll(log, 1n, [mechanism]);
      const { records } = await readAll(log, present(outcome, 'outcome').shardId, { kind: 'earliest' });
      expect(texts(records).at(-1)).toBe(mechanism);
    }
    const wrong = { username: 'allowed', password: 'not-the-secret' };
    const refused = await failure(opened({ tls: true, caFile, ...wrong }));
    expect(refused?.code).toBe('LAKE_LOG_DENIED');
    expect(refused?.message).not.toContain(wrong.password);
    expect((await failure(opened({ tls: true, caFile, ...kafkaUsers.powerless })))?.code).toBe('LAKE_LOG_DENIED');
    // Node does not trust who signed it.
    expect((await failure(opened({ tls: true, ...kafkaUsers.allowed })))?.code).toBe('LAKE_LOG_UNAVAILABLE');
    expect((await failure(opened({ tls: true, caFile: '/no/such/file' })))?.code).toBe('LAKE_BAD_SETTINGS');
  } finally {
    await secured.stop();
  }
});
