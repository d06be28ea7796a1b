/** What every use case works with: the opened stores of a lake and what belongs to a process. */
import { type Clock, systemClock } from '../base/clock.ts';
import { invalid } from '../base/errors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { Purpose } from '../metering/usage.ts';
import type { LogStore } from '../storage/log-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type ManifestCaches, manifestCaches } from '../table/manifests.ts';
import { ObservedStore } from '../table/observed-store.ts';
import type { Table } from '../table/table.ts';
import { type WorkMemory, workMemoryOf } from '../table/work-memory.ts';
import { CommitNotices } from './commit-notices.ts';
import { type Metering, openMetering } from './cost/metering.ts';
import { LazySqlEngine } from './lazy-sql-engine.ts';
import { type LogParts, NamedLogs } from './named-logs.ts';
import { openLog, openStore } from './open-stores.ts';
import { checkSettings, functionMemoryMb, type LakeSettings, logAddress } from './settings.ts';

export type LakeParts = AsyncDisposable &
  LogParts & {
    readonly settings: LakeSettings;
    readonly store: ObjectStore;
    readonly clock: Clock;
    readonly random: Random;
    /** Shared by all tables of the lake, so that their memory has one bound. */
    readonly caches: ManifestCaches;
    readonly workMemory: WorkMemory;
    readonly notices: CommitNotices;
    readonly sqlEngine: LazySqlEngine;
    readonly metering: Metering;
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
    const store = components.store ?? (await openStore(settings, { clock, random }));
    if (components.store === undefined) opened.push(store);
    const address = logAddress(settings);
    let log = components.log;
    if (log === undefined && address !== undefined) {
      log = await openLog(address, settings, { clock, random });
      opened.push(log);
    }
    const metering = openMetering({ settings, store, clock, random }, { functionMemoryMb: functionMemoryMb() });
    opened.push(metering);
    const named = new NamedLogs(log, {
      address: address ?? log?.uri,
      openLog: async of => metering.log(await openLog(of, settings, { clock, random }), 'read'),
    });
    opened.push(named);
    const workMemory = workMemoryOf(settings.memoryBytes);
    const sqlEngine = new LazySqlEngine(store, workMemory);
    opened.push(sqlEngine);
    return {
      settings,
      store: metering.store(store, 'read'),
      log: metering.log(log, 'read'),
      logName: undefined,
      logs: named,
      clock,
      random,
      caches: manifestCaches(workMemory),
      workMemory,
      notices: new CommitNotices(),
      sqlEngine,
      metering,
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
  throw invalid(
    'LAKE_NO_LOG',
    `${what} needs a log: give --log file:PATH, s3://BUCKET/PREFIX, kinesis://STREAM or kafka://HOST:PORT/TOPIC (setting \`log\`)`,
  );
}

/** The same parts for another purpose: what is asked of the stores counts for it. Parts are opened for `read`. */
export function partsAs(parts: LakeParts, purpose: Purpose): LakeParts {
  const { metering, store, log } = parts;
  return { ...parts, store: metering.store(store, purpose), log: metering.log(log, purpose) };
}

/** A table that was opened for one purpose, used for another. */
export function tableAs(parts: LakeParts, table: Table, purpose: Purpose): Table {
  const { store } = partsAs(parts, purpose);
  if (store === parts.store) return table;
  const observed = new ObservedStore(store);
  return { ...table, store: observed, storeTimeMs: () => observed.lastStoreTimeMs ?? table.storeTimeMs() };
}
