/** The log in an object store on real S3s, and by several processes' worth of handles at once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { mapBounded } from '../../src/base/concurrency.ts';
import { systemRandom } from '../../src/base/random.ts';
import { logStoreConformance } from '../../src/storage/log-store.conformance.ts';
import { openShards, readAll, text, texts } from '../../src/storage/log-store-testing.ts';
import { type ObjectLogStore, openObjectLog } from '../../src/storage/object-log/object-log-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';
import { startVersitygw } from '../services/versitygw.ts';

const components = { clock: systemClock, random: systemRandom };
const settings = { shardCount: 2, pollIntervalMs: 5, idlePollIntervalMs: 50 };

for (const [name, start] of [
  ['MinIO', startMinio],
  ['versitygw', startVersitygw],
] as const) {
  let service: S3Service;
  beforeAll(async () => {
    service = await start();
  });
  afterAll(async () => await service.stop());

  const storeOf = async (prefix: string): Promise<ObjectStore> => {
    const { endpoint, region, credentials, bucket } = service;
    const s3 = { endpoint, region, credentials, conditionalPutProbe: 'never' } as const;
    return await openObjectStore(`s3://${bucket}/${prefix}`, { s3 }, components);
  };
  const logOf = async (prefix: string): Promise<ObjectLogStore> =>
    await openObjectLog(await storeOf(prefix), settings, components);

  logStoreConformance(`object log on ${name}`, ['resharding', 'reopen', 'recreate'], async () => {
    const prefix = `log-${systemRandom.uuid()}`;
    const log = await logOf(prefix);
    return {
      log,
      split: async shardId => await log.split(shardId),
      merge: async (shardIdA, shardIdB) => await log.merge(shardIdA, shardIdB),
      reopen: async () => await logOf(prefix),
      recreate: async () => {
        await using store = await storeOf(prefix);
        await store.delete('tidelake-log.json');
        return await logOf(prefix);
      },
    };
  });

  test(`${name}: twelve appenders on one log lose nothing, double nothing and keep their order`, async () => {
    const prefix = `log-${systemRandom.uuid()}`;
    await using reader = await logOf(prefix);
    const [shard] = await openShards(reader);
    const appenders = Array.from({ length: 12 }, (_, index) => index);
    await mapBounded(appenders, appenders.length, async appender => {
      await using log = await logOf(prefix);
      for (let number = 0; number < 10; number += 1) {
        const [outcome] = await log.append([{ hashKey: 1n, data: text(`${appender} ${number}`) }]);
        expect(outcome?.status).toBe('appended');
      }
    });
    const seen = texts((await readAll(reader, shard?.shardId ?? '', { kind: 'earliest' })).records);
    expect(seen.length).toBe(120);
    for (const appender of appenders) {
      const own = seen.filter(record => record.startsWith(`${appender} `));
      expect(own).toEqual(Array.from({ length: 10 }, (_, number) => `${appender} ${number}`));
    }
  });
}
