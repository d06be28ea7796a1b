/**
 * How soon a row that is written through a log is seen by a union read: of a log on the local disk, of one in a bucket of MinIO, and
 * of a Kinesis stream of the emulator that tests use, with a warehouse in MinIO as a lake in a cloud has it. Of us alone.
 */
import { rmSync } from 'node:fs';
import type { ObjectStoreSettings } from '../../src/storage/open-object-store.ts';
import { startKinesalite } from '../../test/services/kinesalite.ts';
import { startMinio } from '../../test/services/minio.ts';
import type { S3Service } from '../../test/services/s3-service.ts';
import type { Comparison, OpenedComparison } from '../run/comparison.ts';
import type { FreshnessJob } from '../turns/job.ts';
import { farService } from '../workload/far-service.ts';
import { createWorkTable } from '../workload/table.ts';
import type { WorkTables } from '../workload/tables.ts';

const rowCount = 400;
const roundsInAll = 2;

type Scene = Pick<FreshnessJob, 'warehouse' | 'log' | 'bareLog' | 'services'> & {
  readonly stores?: ObjectStoreSettings;
};

/** A table and two logs for each turn, all empty. @param close after the last turn */
function opened(sceneOf: () => Promise<Scene>, close?: () => Promise<void>): OpenedComparison {
  return {
    async job() {
      const { stores, ...scene } = await sceneOf();
      const place = { warehouse: scene.warehouse, table: 't' };
      const table = await createWorkTable(place, {}, stores);
      await table[Symbol.asyncDispose]();
      return { job: 'freshness', ...place, ...scene, count: rowCount };
    },
    async check({ report }, job) {
      if (report.passes[0]?.rowCount !== rowCount) throw new Error('freshness: not every row was seen');
      if (job.job !== 'freshness') return;
      for (const place of [job.warehouse, job.log, job.bareLog]) {
        const folder = place.replace(/^file:/, '');
        if (folder.startsWith('/')) rmSync(folder, { recursive: true, force: true });
      }
    },
    ...(close === undefined ? {} : { close }),
  };
}

async function openLocal(tables: WorkTables): Promise<OpenedComparison> {
  return opened(async () => ({
    ...{ warehouse: tables.newFolder(), services: {} },
    ...{ log: `file:${tables.newFolder()}`, bareLog: `file:${tables.newFolder()}` },
  }));
}

type Service = Pick<S3Service, 'endpoint' | 'region' | 'credentials'>;

/** Two by name: clients of AWS add to the credentials they are given. */
function reachedBy({
  endpoint,
  region,
  credentials: { accessKeyId, secretAccessKey },
}: Service): Service['credentials'] & Pick<Service, 'endpoint' | 'region'> {
  return { endpoint, region, accessKeyId, secretAccessKey };
}

/** A warehouse of its own in the bucket, and how it is reached. */
function warehouseIn(
  { bucket, endpoint, region, credentials }: S3Service,
  name: string,
): Omit<Scene, 'log' | 'bareLog'> {
  return {
    warehouse: `s3://${bucket}/${name}`,
    stores: { s3: { endpoint, region, credentials, conditionalPutProbe: 'never' } },
    services: { s3: { ...reachedBy({ endpoint, region, credentials }), conditionalPutProbe: 'never' } },
  };
}

async function openS3(tables: WorkTables): Promise<OpenedComparison> {
  const minio = await startMinio();
  const sceneOf = async (): Promise<Scene> => {
    const name = tables.freshName();
    const place = `s3://${minio.bucket}/${name}`;
    return { ...warehouseIn(minio, `${name}-warehouse`), log: `${place}-log`, bareLog: `${place}-bare` };
  };
  return opened(sceneOf, () => minio.stop());
}

/** @param delayMs what every request takes more, as if both services were so far away */
function openKinesis(delayMs: number): Comparison['open'] {
  return async tables => {
    const [minio, kinesis] = await Promise.all([startMinio(), startKinesalite()]);
    const far = delayMs > 0 ? [minio, kinesis] : [];
    const ways = await Promise.all(far.map(({ endpoint }) => farService(endpoint, delayMs)));
    const [minioEndpoint = minio.endpoint, kinesisEndpoint = kinesis.endpoint] = ways.map(({ endpoint }) => endpoint);
    const sceneOf = async (): Promise<Scene> => {
      const name = tables.freshName();
      for (const stream of [name, `${name}-bare`]) await kinesis.createStream(stream, 1);
      const warehouse = warehouseIn({ ...minio, endpoint: minioEndpoint }, name);
      const services = { ...warehouse.services, kinesis: reachedBy({ ...kinesis, endpoint: kinesisEndpoint }) };
      return { ...warehouse, services, log: `kinesis://${name}`, bareLog: `kinesis://${name}-bare` };
    };
    return opened(sceneOf, async () => {
      await Promise.all(ways.map(way => way[Symbol.asyncDispose]()));
      await Promise.all([minio.stop(), kinesis.stop()]);
    });
  };
}

function freshnessOf(name: string, log: string, open: Comparison['open']): Comparison {
  const what =
    `${rowCount} times a row is written through ${log}, and, when that is acknowledged, looked up by a union read; against an append ` +
    'and a read of a bare log beside it. Ingest runs after every 20 rows, outside the clock.';
  const goals = [{ kind: 'most', figure: 'freshnessRoundTrips', atMost: 1.2 }] as const;
  return { name, what, peers: [], usualPeers: [], goals, roundsInAll, open };
}

export const freshnessComparisons: readonly Comparison[] = [
  freshnessOf('freshness', 'the local log (fsync)', openLocal),
  freshnessOf('freshness/s3', 'a log in a bucket of MinIO, with the warehouse beside it', openS3),
  freshnessOf('freshness/kinesis', 'a stream of one shard of kinesalite, with the warehouse in MinIO', openKinesis(0)),
  freshnessOf(
    'freshness/kinesis-10ms',
    'such a stream where each request to it and to MinIO takes 10 ms more, as in a cloud,',
    openKinesis(10),
  ),
];
