/** Opens a log store by its address. */
import { fileURLToPath } from 'node:url';
import { unreachable } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { addressText } from './address-text.ts';
import type { KafkaLogSettings } from './kafka/kafka-log-store.ts';
import type { KinesisLogSettings } from './kinesis/kinesis-log-store.ts';
import { type LocalLogSettings, openLocalLog } from './local/local-log-store.ts';
import { badLogSettings } from './log-errors.ts';
import type { LogStore } from './log-store.ts';
import { type MemoryLogSettings, openMemoryLog } from './memory/memory-log-store.ts';
import { objectLogFailure } from './object-log/log-failures.ts';
import { type ObjectLogSettings, openObjectLog } from './object-log/object-log-store.ts';
import { type ObjectStoreSettings, openObjectStore, s3PlaceOf } from './open-object-store.ts';

export type LogStoreSettings = {
  readonly local?: Omit<LocalLogSettings, 'path'> | undefined;
  readonly memory?: Omit<MemoryLogSettings, 'name'> | undefined;
  readonly kinesis?: Omit<KinesisLogSettings, 'stream'> | undefined;
  readonly kafka?: Omit<KafkaLogSettings, 'brokers' | 'topic'> | undefined;
  readonly s3?: ObjectLogSettings | undefined;
  /** How the bucket of an `s3:` log is reached. */
  readonly stores?: ObjectStoreSettings | undefined;
};

type KafkaBroker = KafkaLogSettings['brokers'][number];

const kafkaPort = '9092';

export type LogStoreComponents = { readonly clock: Clock; readonly random: Random };

/**
 * - `file:./lake-log`, `file:/data/log`, `file:///data/log` (a URL, so percent-encoded), or a plain path: a folder;
 *   made when it is not there;
 * - `kinesis://STREAM`: a Kinesis data stream;
 * - `kafka://HOST:PORT,HOST:PORT/TOPIC`: a topic of Apache Kafka, by any of its brokers; 9092 is the port that is not named;
 * - `s3://bucket/prefix`: objects of a bucket, without a service beside it; made when there is none;
 * - `memory:NAME`: memory of this process; logs of one name are the same log.
 *
 * @throws LakeError `invalid`: LAKE_BAD_SETTINGS, LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED; `corrupt` LAKE_LOG_CORRUPT;
 *   `unavailable` when the log does not answer
 */
export async function openLogStore(
  uri: string,
  settings: LogStoreSettings,
  components: LogStoreComponents,
): Promise<LogStore> {
  const address = parseLogUri(uri);
  switch (address.kind) {
    case 'local':
      return await openLocalLog({ ...settings.local, path: address.path }, components);
    case 'memory':
      return openMemoryLog({ ...settings.memory, name: address.name }, components);
    case 'kinesis': {
      // Loaded when it is wanted, as the S3 store is.
      const { openKinesisLog } = await import('./kinesis/kinesis-log-store.ts');
      return await openKinesisLog({ ...settings.kinesis, stream: address.stream }, components);
    }
    case 'kafka': {
      const { openKafkaLog } = await import('./kafka/kafka-log-store.ts');
      const { brokers, topic } = address;
      return await openKafkaLog({ ...settings.kafka, brokers, topic }, components);
    }
    case 's3': {
      const store = await openObjectStore(uri, settings.stores ?? {}, components).catch((error: unknown) => {
        throw objectLogFailure(error);
      });
      try {
        return await openObjectLog(store, settings.s3 ?? {}, components);
      } catch (error) {
        await store[Symbol.asyncDispose]();
        throw error;
      }
    }
    default:
      return unreachable(address);
  }
}

export type LogAddress =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'memory'; readonly name: string }
  | { readonly kind: 'kinesis'; readonly stream: string }
  | { readonly kind: 'kafka'; readonly brokers: readonly KafkaBroker[]; readonly topic: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly folder: string };

/** @throws LakeError `invalid` LAKE_BAD_SETTINGS when it is no address of a log */
export function parseLogUri(uri: string): LogAddress {
  // A scheme has two letters at least, so that C:\log is a path.
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(uri)?.[1]?.toLowerCase();
  const rest = scheme === undefined ? uri : uri.slice(scheme.length + 1);
  switch (scheme) {
    case undefined:
    case 'file':
      return { kind: 'local', path: localPath(uri, rest) };
    case 'memory':
      return { kind: 'memory', name: rest };
    case 'kinesis': {
      const stream = /^\/\/([a-zA-Z0-9_.-]{1,128})\/?$/.exec(rest)?.[1];
      if (stream === undefined) throw badLogSettings(`log address ${addressText(uri)}: must be kinesis://STREAM`);
      return { kind: 'kinesis', stream };
    }
    case 'kafka': {
      const [, hosts = '', topic = ''] = /^\/\/([^/]*)\/([a-zA-Z0-9._-]{1,249})$/.exec(rest) ?? [];
      const brokers = hosts.split(',').map(brokerOf);
      if (topic === '' || !brokers.every(broker => broker !== undefined)) {
        throw badLogSettings(`log address ${addressText(uri)}: must be kafka://HOST:PORT,HOST:PORT/TOPIC`);
      }
      return { kind: 'kafka', brokers, topic };
    }
    case 's3': {
      const place = s3PlaceOf(rest);
      if (place === undefined || place.folder === '') {
        throw badLogSettings(`log address ${addressText(uri)}: must be s3://bucket/prefix, with a prefix of its own`);
      }
      return { kind: 's3', ...place };
    }
    default:
      throw badLogSettings(
        `log address ${addressText(uri)}: ${scheme}: is not known; use a folder, file:PATH, s3://bucket/prefix, kinesis://STREAM, kafka://HOST:PORT/TOPIC or memory:NAME`,
      );
  }
}

/** A name, an IPv4 address or an IPv6 one in brackets. */
function brokerOf(text: string): KafkaBroker | undefined {
  const [, host, , port = kafkaPort] = /^([a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(:(\d{1,5}))?$/.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function localPath(uri: string, path: string): string {
  if (path === '' || path.includes('\0')) throw badLogSettings(`log address ${addressText(uri)}: names no folder`);
  if (!path.startsWith('//')) return path;
  try {
    return fileURLToPath(`file:${path}`);
  } catch {
    throw badLogSettings(`log address ${addressText(uri)}: is not a file URL of this machine`);
  }
}
