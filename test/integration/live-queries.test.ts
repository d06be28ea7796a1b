/** Live queries on a real S3, with the log in a bucket: each complete batch is a state that the watched has had. */
import { afterAll, beforeAll, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLake } from '../../src/index.ts';
import { openObjectLog } from '../../src/storage/object-log/object-log-store.ts';
import { openObjectStore } from '../../src/storage/open-object-store.ts';
import { startMinio } from '../services/minio.ts';
import type { S3Service } from '../services/s3-service.ts';
import { followChanges, watchedKinds } from '../watched-turns.ts';

const components = { clock: systemClock, random: systemRandom };
const logSettings = { shardCount: 2, pollIntervalMs: 5, idlePollIntervalMs: 50 };
let service: S3Service;
beforeAll(async () => {
  service = await startMinio();
});
afterAll(async () => await service.stop());

for (const [name, watched] of Object.entries(watchedKinds)) {
  test(`${name}, on MinIO with its log in the bucket`, async () => {
    const { endpoint, region, credentials, bucket } = service;
    const s3 = { endpoint, region, credentials, conditionalPutProbe: 'never' } as const;
    const place = `s3://${bucket}/${systemRandom.uuid()}`;
    await using store = await openObjectStore(`${place}/warehouse`, { s3 }, components);
    await using log = await openObjectLog(
      await openObjectStore(`${place}/log`, { s3 }, components),
      logSettings,
      components,
    );
    await using lake = await openLake({ warehouse: place, log: `${place}/log` }, { store, log });
    await followChanges(lake, watched, { seed: 5, hasLog: true });
  });
}
