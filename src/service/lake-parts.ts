/** What every use case works with: the opened stores of a lake and what belongs to a process. */
import { type Clock, systemClock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { localFolderOf } from '../sql/relations/local-files.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type LogStoreSettings, openLogStore } from '../storage/open-log-store.ts';
import { type ObjectStoreSettings, openObjectStore } from '../storage/open-object-store.ts';
import { type ManifestCaches, manifestCaches } from '../table/manifests.ts';
import { CommitNotices } from './commit-notices.ts';
import { LazySqlEngine } from './lazy-sql-engine.ts';
import { checkSettings, type KinesisSettings, type LakeSettings, logAddress, type S3Settings } from './settings.ts';

export type LakeParts = AsyncDisposable & {
  readonly settings: LakeSettings;
  readonly store: ObjectStore;
  /** undefined: the lake has no log, rows are committed straight to the table. */
  readonly log: LogStore | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Shared by all tables of the lake, so that their memory has one bound. */
  readonly caches: ManifestCaches;
  readonly notices: CommitNotices;
  readonly sqlEngine: LazySqlEngine;
};

/** What a caller may bring instead of what the settings would open. It stays the caller's to close. */
export type LakeComponents = {
  readonly store?: ObjectStore | undefined;
  readonly log?: LogStore | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
};

/**
 * Opens the stores.
 *
 * @throws LakeError `invalid`: LAKE_BAD_SETTINGS, LAKE_STORE_NOT_FOUND, LAKE_STORE_DENIED, LAKE_STORE_NO_CONDITIONAL_PUT,
 * LAKE_LOG_NOT_FOUND, LAKE_LOG_DENIED; `unavailable` when a store does not answer
 */
export async function openLakeParts(given: LakeSettings, components: LakeComponents = {}): Promise<LakeParts> {
  const settings = checkSettings(given);
  const clock = components.clock ?? systemClock;
  const random = components.random ?? systemRandom;
  const opened: AsyncDisposable[] = [];
  try {
    const store =
      components.store ?? (await openObjectStore(settings.warehouse, storeSettings(settings), { clock, random }));
    if (components.store === undefined) opened.push(store);
    const address = logAddress(settings);
    let log = components.log;
    if (log === undefined && address !== undefined) {
      log = await openLogStore(address, logSettings(settings), { clock, random });
      opened.push(log);
    }
    const folder = localFolderOf(store);
    const sqlEngine = new LazySqlEngine(folder === undefined ? [] : [folder]);
    opened.push(sqlEngine);
    return {
      settings,
      store,
      log,
      clock,
      random,
      caches: manifestCaches(),
      notices: new CommitNotices(),
      sqlEngine,
      [Symbol.asyncDispose]: () => close(opened),
    };
  } catch (error) {
    await close(opened);
    throw error;
  }
}

/** Closes the newest first; each once. */
async function close(opened: AsyncDisposable[]): Promise<void> {
  for (let last = opened.pop(); last !== undefined; last = opened.pop()) await last[Symbol.asyncDispose]();
}

/** @throws LakeError `invalid` LAKE_NO_LOG */
export function logOf(parts: LakeParts, what: string): LogStore {
  if (parts.log !== undefined) return parts.log;
  throw invalid('LAKE_NO_LOG', `${what} needs a log: give --log file:PATH or kinesis://STREAM (setting \`log\`)`);
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

function logSettings({ durability, fileLog, kinesis }: LakeSettings): LogStoreSettings {
  return {
    local: { durability, ...fileLog },
    memory: { ...fileLog },
    kinesis: {
      endpoint: kinesis?.endpoint,
      region: kinesis?.region,
      credentials: credentialsOf(kinesis),
      createWithShards: kinesis?.createWithShards,
      pollIntervalMs: kinesis?.pollIntervalMs,
    },
  };
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
