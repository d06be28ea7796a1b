/**
 * The composition of a cloud function: what its use case needs of the settings, opened once for a container and kept
 * between invocations. SQL comes in with the query function alone, so that the others stay small.
 */
import { type Clock, systemClock } from '../../base/clock.ts';
import { invalid } from '../../base/errors.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import type { LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { openLog, openStore } from '../open-stores.ts';
import { type LakeSettings, logAddress, settingsWithEnvironment } from '../settings.ts';

export type FunctionParts = {
  readonly settings: LakeSettings;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
};

/** The warehouse that the environment names. @throws LakeError LAKE_NO_WAREHOUSE, LAKE_BAD_SETTINGS, and of the store */
export async function openFunctionParts(settings: LakeSettings = settingsWithEnvironment({})): Promise<FunctionParts> {
  const components = { clock: systemClock, random: systemRandom };
  return { settings, store: await openStore(settings, components), ...components };
}

/** The log that the settings name. @throws LakeError LAKE_NO_LOG */
export async function openFunctionLog(parts: FunctionParts): Promise<LogStore> {
  const address = logAddress(parts.settings);
  if (address === undefined) throw invalid('LAKE_NO_LOG', 'say where the log is, with TIDELAKE_LOG');
  return openLog(address, parts.settings, parts);
}

/** Opens at the first call and keeps it; what failed is tried again at the next. */
export function openOnce<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}
