/** Opens what settings name: the warehouse's store, and logs. Kept apart from the lake, which brings SQL with it. */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type LogStoreSettings, openLogStore } from '../storage/open-log-store.ts';
import { type ObjectStoreSettings, openObjectStore, parseStoreUri } from '../storage/open-object-store.ts';
import type { KinesisSettings, LakeSettings, S3Settings } from './settings.ts';

type Components = { readonly clock: Clock; readonly random: Random };

/** @throws LakeError as `openObjectStore` does */
export function openStore(settings: LakeSettings, components: Components): Promise<ObjectStore> {
  return openObjectStore(settings.warehouse, storeSettings(settings), components);
}

/** To be opened after the warehouse. @throws LakeError as `openLogStore` does */
export function openLog(address: string, settings: LakeSettings, components: Components): Promise<LogStore> {
  return openLogStore(address, logSettings(address, settings), components);
}

function storeSettings({ durability, access, s3 }: LakeSettings): ObjectStoreSettings {
  return {
    local: { durability, access },
    s3: {
      endpoint: s3?.endpoint,
      region: s3?.region,
      forcePathStyle: s3?.forcePathStyle,
      credentials: credentialsOf(s3),
      conditionalPutProbe: access === 'read' ? 'never' : s3?.conditionalPutProbe,
    },
  };
}

/** Of a log in the warehouse's bucket it is not proved again that conditional PUT works there. */
export function logSettings(address: string, settings: LakeSettings): LogStoreSettings {
  const bucket = bucketOf(address);
  const isProved = bucket !== undefined && bucket === bucketOf(settings.warehouse);
  const stores = storeSettings(settings);
  const { durability, fileLog, kinesis, kafka = {}, s3Log } = settings;
  const { createWithPartitions, ...access } = kafka;
  return {
    local: { durability, ...fileLog },
    memory: { ...fileLog },
    kafka: { access, createWithPartitions },
    s3: s3Log,
    stores: isProved ? { ...stores, s3: { ...stores.s3, conditionalPutProbe: 'never' } } : stores,
    kinesis: {
      endpoint: kinesis?.endpoint,
      region: kinesis?.region,
      credentials: credentialsOf(kinesis),
      createWithShards: kinesis?.createWithShards,
      pollIntervalMs: kinesis?.pollIntervalMs,
      fanOut: kinesis?.fanOut,
    },
  };
}

function bucketOf(address: string): string | undefined {
  if (!/^s3:/i.test(address)) return undefined;
  const place = parseStoreUri(address);
  return place.kind === 's3' ? place.bucket : undefined;
}

type Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
};

function credentialsOf(settings: S3Settings | KinesisSettings | undefined): Credentials | undefined {
  if (settings?.accessKeyId === undefined || settings.secretAccessKey === undefined) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = settings;
  return { accessKeyId, secretAccessKey, sessionToken };
}
