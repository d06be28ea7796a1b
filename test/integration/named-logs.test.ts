/** Tables with logs of their own, on each driver that is a service: found by name alone, written, read and ingested. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { type LakeSettings, openLake, t } from '../../src/index.ts';
import { type KafkaService, startKafka } from '../services/kafka-broker.ts';
import { startKinesalite } from '../services/kinesalite.ts';
import type { KinesisService } from '../services/kinesis-service.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';

let minio: S3Service;
let kinesis: KinesisService;
let kafka: KafkaService;

beforeAll(async () => {
  [minio, kinesis, kafka] = await Promise.all([startMinio(), startKinesalite(), startKafka()]);
});

afterAll(async () => {
  await Promise.all([minio?.stop(), kinesis?.stop(), kafka?.stop()]);
});

const logs = ['s3', 'kinesis', 'kafka'] as const;

/** Keys are given as they are, not by what the SDK's clients have added to them. */
function settingsOf(driver: (typeof logs)[number], name: string, makes: boolean): LakeSettings {
  const { accessKeyId, secretAccessKey } = minio.credentials;
  const keys = { accessKeyId, secretAccessKey };
  const warehouse = `s3://${minio.bucket}/${name}/warehouse`;
  const addresses = {
    s3: `s3://${minio.bucket}/${name}/log`,
    kinesis: `kinesis://${name}`,
    kafka: `kafka://127.0.0.1:${kafka.port}/${name}`,
  };
  return {
    warehouse,
    log: addresses[driver],
    s3: { endpoint: minio.endpoint, region: minio.region, ...keys, conditionalPutProbe: 'never' },
    kinesis: { endpoint: kinesis.endpoint, region: kinesis.region, ...keys, createWithShards: makes ? 1 : undefined },
    kafka: { createWithPartitions: makes ? 1 : undefined },
  };
}

test.each(logs)('a table finds its own log by its name alone: %s', async driver => {
  const name = `named-${systemRandom.uuid()}`;
  const hot = {
    columns: { k: t.int(), v: t.string() },
    primaryKey: ['k'],
    options: { bucket: 1, 'log.name': 'hot' },
  } as const;
  await using maker = await openLake(settingsOf(driver, name, true));
  await maker.createTable('db.hot', hot);
  await maker.createTable('db.cold', { ...hot, options: { bucket: 1 } });
  // As other processes have it: nothing is made any more.
  const settings = settingsOf(driver, name, false);
  await using lake = await openLake(settings);
  for (const [table, k] of [
    ['db.hot', 1],
    ['db.cold', 2],
  ] as const) {
    await using writer = (await lake.table(table)).writer();
    await writer.upsert({ k, v: table });
  }
  // What reads the named log as the lake's own sees what went to it.
  await using other = await openLake({ ...settings, log: `${settings.log}-hot` });
  const cold = await (await other.table('db.cold')).scan({ union: true }).rows();
  expect(cold).toEqual([]);
  const rows = await (await lake.sql('SELECT k, v FROM db.hot')).rows();
  expect(rows).toEqual([{ k: 1, v: 'db.hot' }]);
  expect(await lake.ingest()).toMatchObject({ rowCount: 2, commitCount: 2, droppedTableRows: 0 });
  expect(await (await lake.table('db.hot')).scan().rows()).toEqual([{ k: 1, v: 'db.hot' }]);
});

test.each(['kinesis', 'kafka'] as const)('where the log is not there, no table is made: %s', async driver => {
  const name = `named-${systemRandom.uuid()}`;
  await (await openLake(settingsOf(driver, name, true)))[Symbol.asyncDispose]();
  await using lake = await openLake(settingsOf(driver, name, false));
  const made = lake.createTable('db.hot', { columns: { k: t.int() }, options: { 'log.name': 'hot' } });
  await expect(made).rejects.toMatchObject({ code: 'LAKE_LOG_NOT_FOUND' });
  expect(await lake.tables()).toEqual([]);
});
