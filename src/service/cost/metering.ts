/** What a process uses, counted by purpose and kept in the warehouse's ledger; or not counted at all. */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { tableOfRecord } from '../../flow/log-record.ts';
import { LedgerWriter } from '../../metering/ledger-writer.ts';
import { Meter } from '../../metering/meter.ts';
import { meteredLogStore } from '../../metering/metered-log-store.ts';
import { meteredObjectStore } from '../../metering/metered-object-store.ts';
import type { Purpose } from '../../metering/usage.ts';
import type { LogStore } from '../../storage/log-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { LakeSettings } from '../settings.ts';

/** Disposing of it writes what has not been written, before the store is closed. */
export type Metering = AsyncDisposable & {
  /** The store, counted for this purpose and, if it was for another before, for that no more. */
  readonly store: (store: ObjectStore, purpose: Purpose) => ObjectStore;
  readonly log: <T extends LogStore | undefined>(log: T, purpose: Purpose) => T | LogStore;
  /** Begins an invocation of a function; disposing of what it gives ends it. */
  readonly invocation: (purpose: Purpose) => AsyncDisposable;
};

export type MeteringParts = {
  readonly settings: LakeSettings;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
};

/** AWS bills a function's start too, which is never longer; more than that since the process began was no start. */
const startMsMax = 10_000;
const mbPerGb = 1_024;

/**
 * @param options.functionMemoryMb of a cloud function, which writes the ledger at the end of its invocations; a process
 *   that lives by itself does so meanwhile
 */
export function openMetering(
  parts: MeteringParts,
  options: { readonly functionMemoryMb?: number | undefined } = {},
): Metering {
  const { settings, store, clock, random } = parts;
  if (!isLedgerKept(settings)) return notMetered;
  const { functionMemoryMb } = options;
  const meter = new Meter(clock, () => {
    if (functionMemoryMb === undefined) ledger.noticed();
  });
  const ledger = new LedgerWriter({ store, meter, clock, writer: random.uuid() });
  let invocations = 0;
  const stores = new WeakMap<ObjectStore, ObjectStore>();
  const logs = new WeakMap<LogStore, LogStore>();
  return {
    store(given, purpose) {
      const inner = stores.get(given) ?? given;
      const metered = meteredObjectStore(inner, meter, purpose);
      stores.set(metered, inner);
      return metered;
    },
    log(given, purpose) {
      if (given === undefined) return given;
      const inner = logs.get(given) ?? given;
      const metered = meteredLogStore(inner, { meter, purpose, tableOf: tableOfRecord });
      logs.set(metered, inner);
      return metered;
    },
    invocation(purpose) {
      const nowMs = clock.monotonicMs();
      const isCold = invocations === 0 && nowMs <= startMsMax;
      invocations += 1;
      meter.begin();
      let isOver = false;
      return {
        async [Symbol.asyncDispose]() {
          if (isOver) return;
          isOver = true;
          const billedMs = Math.ceil(clock.monotonicMs() - (isCold ? 0 : nowMs));
          meter.invoked(purpose, ((billedMs / 1_000) * (functionMemoryMb ?? 0)) / mbPerGb);
          await ledger.invocationEnded();
        },
      };
    },
    [Symbol.asyncDispose]: () => ledger.write(),
  };
}

function isLedgerKept({ cost, warehouse, access }: LakeSettings): boolean {
  const choice = cost?.ledger ?? 'auto';
  if (choice !== 'auto') return choice === 'on';
  return access !== 'read' && isPaidFor({ warehouse });
}

/** Whether requests to the warehouse cost money. */
export function isPaidFor({ warehouse }: Pick<LakeSettings, 'warehouse'>): boolean {
  return warehouse.toLowerCase().startsWith('s3:');
}

const notMetered: Metering = {
  store: store => store,
  log: log => log,
  invocation: () => ({ async [Symbol.asyncDispose]() {} }),
  async [Symbol.asyncDispose]() {},
};
