/**
 * The composition of a cloud function: what its use case needs of the settings, opened once for a container and kept
 * between invocations. SQL comes in with the query function alone, so that the others stay small.
 */
import { type Clock, systemClock } from '../../base/clock.ts';
import { invalid } from '../../base/errors.ts';
import { markHeapLate } from '../../base/heap-marking.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import type { Purpose } from '../../metering/usage.ts';
import type { LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type WorkMemory, workMemoryOf } from '../../table/work-memory.ts';
import { type Metering, openMetering } from '../cost/metering.ts';
import { type LogParts, NamedLogs } from '../named-logs.ts';
import { openLog, openStore } from '../open-stores.ts';
import { functionMemoryMb, type LakeSettings, logAddress, settingsWithEnvironment } from '../settings.ts';

export type FunctionParts = {
  readonly settings: LakeSettings;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly metering: Metering;
  /** What the function is for. */
  readonly purpose: Purpose;
  /** undefined: nothing limits the process. */
  readonly workMemory?: WorkMemory | undefined;
};

/** Of parts that a function keeps beside its use case's own, and tests may leave out. */
export type Metered = Partial<Pick<FunctionParts, 'metering' | 'purpose'>>;

/** The warehouse that the environment names. @throws LakeError LAKE_NO_WAREHOUSE, LAKE_BAD_SETTINGS, and of the store */
export async function openFunctionParts(
  purpose: Purpose,
  settings: LakeSettings = settingsWithEnvironment({}),
): Promise<FunctionParts> {
  const components = { clock: systemClock, random: systemRandom };
  const store = await openStore(settings, components);
  const metering = openMetering({ settings, store, ...components }, { functionMemoryMb: functionMemoryMb() });
  const workMemory = workMemoryOf(settings.memoryBytes);
  return { settings, store: metering.store(store, purpose), ...components, workMemory, metering, purpose };
}

/** The log that the settings name. @throws LakeError LAKE_NO_LOG */
export async function openFunctionLog(parts: FunctionParts): Promise<LogStore> {
  const address = logAddress(parts.settings);
  if (address === undefined) throw invalid('LAKE_NO_LOG', 'say where the log is, with TIDELAKE_LOG');
  return openMeteredLog(parts, address);
}

/** @throws LakeError as `openLog` does */
export async function openMeteredLog(parts: FunctionParts, address: string): Promise<LogStore> {
  return parts.metering.log(await openLog(address, parts.settings, parts), parts.purpose);
}

/** With the lake's own log, and those that tables name. */
export function withNamedLogs<P extends FunctionParts>(parts: P, log: LogStore | undefined): P & LogParts {
  const address = log === undefined ? undefined : (logAddress(parts.settings) ?? log.uri);
  const logs = new NamedLogs(log, { address, openLog: of => openMeteredLog(parts, of) });
  return { ...parts, log, logName: undefined, logs };
}

/** Counts an invocation from now until it is disposed of, its time and the tables it worked on. */
export function meteredInvocation({ metering, purpose }: Metered): AsyncDisposable | undefined {
  return purpose === undefined ? undefined : metering?.invocation(purpose);
}

/**
 * Begins to open at once, while AWS still starts the container, so that the first event finds it done. What failed is tried
 * again at the first event, which tells why.
 */
export function openAhead<T>(open: () => Promise<T>): () => Promise<T> {
  const opened = openOnce(open);
  opened().catch(() => undefined);
  return opened;
}

/** Opens at the first call and keeps it; what failed is tried again at the next. */
export function openOnce<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().then(
      parts => {
        const memoryMb = functionMemoryMb();
        markHeapLate({ memoryBytes: memoryMb === undefined ? undefined : memoryMb * 1024 * 1024 });
        return parts;
      },
      (error: unknown) => {
        opened = undefined;
        throw error;
      },
    );
    return opened;
  };
}
