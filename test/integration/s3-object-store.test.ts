import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { mapBounded } from '../../src/base/concurrency.ts';
import { isLakeError } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import { objectStoreConformance } from '../../src/storage/object-store.conformance.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { failureOf, utf8 } from '../../src/storage/object-store-read.conformance.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import type { S3StoreSettings } from '../../src/storage/s3/s3-settings.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';
import { startS3rver } from '../services/s3rver.ts';
import { startVersitygw } from '../services/versitygw.ts';

const components = { clock: systemClock, random: systemRandom };

async function open(service: S3Service, settings?: Partial<S3StoreSettings>, prefix = ''): Promise<ObjectStore> {
  const { endpoint, region, credentials, bucket } = service;
  const s3 = { endpoint, region, credentials, ...settings };
  return await openObjectStore(`s3://${settings?.bucket ?? bucket}${prefix}`, { s3 }, components);
}

for (const [name, start] of [
  ['MinIO', startMinio],
  ['versitygw', startVersitygw],
] as const) {
  let service: S3Service;
  beforeAll(async () => {
    service = await start();
  });
  afterAll(async () => await service.stop());

  objectStoreConformance(name, async () => await open(service));
  objectStoreConformance(`${name} under a prefix`, async () => await open(service, {}, '/ware house/of=x'));

  test(`${name}: forty rounds of fifty rivals have one winner each`, async () => {
    await using store = await open(service);
    for (let round = 0; round < 40; round += 1) {
      const key = `rounds/${name}/${round}`;
      const rivals = Array.from({ length: 50 }, (_, n) => utf8(`rival ${n}`));
      const outcomes = await Promise.all(rivals.map(rival => store.putIfAbsent(key, rival)));
      const winners = rivals.filter((_, n) => outcomes[n]?.status === 'created');
      expect(winners.length).toBe(1);
      expect((await store.get(key))?.bytes).toEqual(winners[0]);
    }
  });

  test(`${name}: a listing of more than one page of the store is complete and in order`, async () => {
    await using store = await open(service, {}, '/pages');
    const keys = Array.from({ length: 1_200 }, (_, n) => `k/${String(n).padStart(5, '0')}`);
    await mapBounded(keys, 32, async key => await store.put(key, utf8(key)));
    const listed: string[] = [];
    for await (const page of store.list('k/')) listed.push(...page.objects.map(object => object.key));
    expect(listed).toEqual(keys);
  });

  test(`${name}: a missing bucket is named as such by every call`, async () => {
    const refused = await failureOf(open(service, { bucket: 'no-such-bucket' }));
    expect(isLakeError(refused, 'LAKE_STORE_NOT_FOUND')).toBe(true);
    const { endpoint, region, credentials } = service;
    const s3 = { endpoint, region, credentials, conditionalPutProbe: 'never' as const };
    await using store = await openObjectStore('s3://no-such-bucket', { s3 }, components);
    const listing = async (): Promise<void> => {
      for await (const _ of store.list(''));
    };
    for (const call of [
      () => store.get('k'),
      () => store.getRange('k', { start: 0, end: 1 }),
      () => store.head('k'),
      () => store.put('k', utf8('x')),
      () => store.putIfAbsent('k', utf8('x')),
      () => store.putIfMatch('k', utf8('x'), '"etag"'),
      listing,
    ]) {
      const failure = await failureOf(call());
      expect(isLakeError(failure, 'LAKE_STORE_NOT_FOUND'), `${call}: ${failure}`).toBe(true);
      expect(isLakeError(failure) && failure.kind).toBe('invalid');
    }
  });

  test(`${name}: wrong credentials are refused, and the message does not repeat them`, async () => {
    for (const credentials of [
      { accessKeyId: service.credentials.accessKeyId, secretAccessKey: 'wrong-secret' },
      { accessKeyId: 'nobody', secretAccessKey: 'wrong-secret' },
    ]) {
      const refused = await failureOf(open(service, { credentials }));
      expect(isLakeError(refused, 'LAKE_STORE_DENIED'), String(refused)).toBe(true);
      expect(String(refused)).not.toContain('wrong-secret');
    }
  });
}

test('s3rver is refused, since its PUT is not conditional', async () => {
  await using service = await startS3rver();
  for (let round = 0; round < 3; round += 1) {
    expect(isLakeError(await failureOf(open(service)), 'LAKE_STORE_NO_CONDITIONAL_PUT')).toBe(true);
  }
});

test('a store that is stopped is unavailable, and a conditional put is unanswered', async () => {
  await using service = await startVersitygw();
  await using store = await open(service, { attemptsMax: 2, retryDelayMsMax: 20 });
  await store.put('k', utf8('x'));
  await service.stop();
  for (const call of [
    () => store.get('k'),
    () => store.head('k'),
    () => store.put('k', utf8('y')),
    () => store.delete('k'),
  ]) {
    expect(isLakeError(await failureOf(call()), 'LAKE_STORE_UNAVAILABLE')).toBe(true);
  }
  expect((await store.putIfAbsent('l', utf8('y'))).status).toBe('unanswered');
  expect((await store.putIfMatch('k', utf8('y'), '"etag"')).status).toBe('unanswered');
});
