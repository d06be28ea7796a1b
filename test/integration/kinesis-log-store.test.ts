import { DeleteStreamCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openKinesisLog } from '../../src/storage/kinesis/kinesis-log-store.ts';
import { logStoreConformance } from '../../src/storage/log-store.conformance.ts';
import { appendAll, openShards, readAll, readToEnd, texts } from '../../src/storage/log-store-testing.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import { startKinesisLocal } from '../services/kinesis-local.ts';
import type { KinesisService } from '../services/kinesis-service.ts';
import { kinesisLogFixture, openKinesisStream } from './kinesis-log-fixture.ts';

const emulators = [
  { name: 'kinesis-local', start: startKinesisLocal },
  { name: 'kinesalite', start: startKinesalite },
];
const services = new Map<string, KinesisService>();

beforeAll(async () => {
  for (const { name, start } of emulators) services.set(name, await start());
});

afterAll(async () => {
  for (const service of services.values()) await service.stop();
});

async function codeOf(action: Promise<unknown>): Promise<LakeErrorCode | undefined> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isLakeError(error) ? error.code : undefined;
}

for (const { name } of emulators) {
  const service = (): KinesisService => present(services.get(name), name);

  logStoreConformance(name, ['resharding', 'reopen', 'recreate'], () => kinesisLogFixture(service()));

  test(`${name}: a stream that is not there is LAKE_LOG_NOT_FOUND, at opening and later`, async () => {
    expect(await codeOf(openKinesisStream(service(), 'no-such-stream'))).toBe('LAKE_LOG_NOT_FOUND');
    const stream = `s-${systemRandom.uuid()}`;
    await service().createStream(stream, 1);
    await using log = await openKinesisStream(service(), stream);
    await service().client.send(new DeleteStreamCommand({ StreamName: stream }));
    await systemClock.sleep(200);
    expect(await codeOf(log.append([{ hashKey: 0n, data: new Uint8Array(1) }]))).toBe('LAKE_LOG_NOT_FOUND');
    expect(await codeOf(log.read('shardId-000000000000', { kind: 'earliest' }))).toBe('LAKE_LOG_NOT_FOUND');
    expect(await codeOf(log.describe())).toBe('LAKE_LOG_NOT_FOUND');
  });

  test(`${name}: of several processes that make a stream at once all get the same`, async () => {
    const stream = `s-${systemRandom.uuid()}`;
    const logs = await Promise.all([1, 2, 3].map(() => openKinesisStream(service(), stream, { createWithShards: 3 })));
    const descriptions = await Promise.all(logs.map(log => log.describe()));
    expect(new Set(descriptions.map(({ incarnation }) => incarnation)).size).toBe(1);
    expect(descriptions[0]?.shards.length).toBe(3);
    for (const log of logs) await log[Symbol.asyncDispose]();
  });

  test(`${name}: many records of few hash keys and few of many go in order through calls of limited size`, async () => {
    const stream = `s-${systemRandom.uuid()}`;
    await service().createStream(stream, 2);
    await using log = await openKinesisStream(service(), stream);
    const [first, second] = await openShards(log);
    const records = Array.from({ length: 620 }, (_, index) => ({
      hashKey: index < 20 ? present(second, 'shard').hashKeyStart : BigInt(index),
      data: new Uint8Array(index % 100 === 0 ? 900_000 : 100).fill(index & 0xff),
    }));
    const outcomes = await log.append(records);
    expect(outcomes.filter(({ status }) => status !== 'appended')).toEqual([]);
    const inOrder = await readAll(log, present(second, 'shard').shardId, { kind: 'earliest' });
    expect(inOrder.records.map(record => record.data[0])).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect((await readAll(log, present(first, 'shard').shardId, { kind: 'earliest' })).records.length).toBe(600);
  });

  test(`${name}: a position of another shard is refused or told as a gap, never silently taken`, async () => {
    const stream = `s-${systemRandom.uuid()}`;
    await service().createStream(stream, 2);
    await using log = await openKinesisStream(service(), stream);
    const [first, second] = await openShards(log);
    const [own] = await appendAll(log, present(first, 'shard').hashKeyStart, ['a']);
    await appendAll(log, present(second, 'shard').hashKeyStart, ['b']);
    const from = { kind: 'after', position: present(own, 'outcome').position } as const;
    const result = await log.read(present(second, 'shard').shardId, from).catch((error: unknown) => error);
    if (result instanceof Error) expect(isLakeError(result, 'LAKE_LOG_POSITION')).toBe(true);
    else expect(Object(result).gap).toBe(true);
  });

  test(`${name}: readers of a stream that is split while it is written to see every hash key in order`, async () => {
    const { log, split, close } = await kinesisLogFixture(service());
    const writing = (async (): Promise<void> => {
      for (let number = 0; number < 60; number += 1) {
        await Promise.all(
          [0n, 1n << 125n, 1n << 126n].map(hashKey => appendAll(log, hashKey, [`${hashKey} ${number}`])),
        );
      }
    })();
    await present(split, 'split')(present((await openShards(log))[0], 'shard').shardId);
    await writing;
    const seen: string[] = [];
    for (const { shardId, closed } of (await log.describe()).shards) {
      const all = closed
        ? await readToEnd(log, shardId, { kind: 'earliest' })
        : await readAll(log, shardId, { kind: 'earliest' });
      seen.push(...texts(all.records));
    }
    for (const hashKey of [0n, 1n << 125n, 1n << 126n]) {
      const own = seen.filter(record => record.startsWith(`${hashKey} `)).map(record => Number(record.split(' ')[1]));
      expect(own).toEqual(Array.from({ length: 60 }, (_, number) => number));
    }
    await log[Symbol.asyncDispose]();
    await present(close, 'close')();
  });
}

test('an emulator that is gone is LAKE_LOG_UNAVAILABLE, and what was sent stays unanswered', async () => {
  const service = await startKinesalite();
  await service.createStream('going', 1);
  // Waiting is cut short, so that all tries are used up at once.
  const clock = { ...systemClock, sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(0, signal) };
  const { endpoint, region, credentials } = service;
  await using log = await openKinesisLog(
    { stream: 'going', endpoint, region, credentials },
    { clock, random: systemRandom },
  );
  await service.stop();
  const outcomes = await log.append([1, 2].map(byte => ({ hashKey: 0n, data: Uint8Array.of(byte) })));
  expect(outcomes.map(({ status }) => status)).toEqual(['unanswered', 'failed']);
  expect(await codeOf(log.describe())).toBe('LAKE_LOG_UNAVAILABLE');
  expect(await codeOf(log.read('shardId-000000000000', { kind: 'earliest' }))).toBe('LAKE_LOG_UNAVAILABLE');
});
