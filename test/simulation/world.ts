/**
 * A simulated world: one store, one scheduler, one source of faults, and processes that come and go. What is watched in it
 * (watchers) sees every object come and go at the moment it does.
 */
import type { Clock } from '../../src/base/clock.ts';
import { isLakeError } from '../../src/base/errors.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { ObjectMap } from '../../src/storage/memory/object-map.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { chance, seedOf } from './chance.ts';
import { EventLog } from './event-log.ts';
import { type FaultRates, Faults, noFaults } from './faults.ts';
import { SimProcess } from './process.ts';
import { type RunEnd, Scheduler } from './scheduler.ts';
import { type SimStoreOptions, simObjectStore } from './sim-object-store.ts';

/** A store or log that breaks its promise: what must be found. */
export type Sabotage =
  /** Both of two conditional puts are told that they won; the later stays. */
  | 'put-if-absent-overwrites'
  /** Some puts are acknowledged and not kept. */
  | 'put-forgotten'
  /** A listing shows what was there a while ago. */
  | 'list-lags'
  /** Some records are acknowledged and not kept. */
  | 'append-forgotten';

export type WorldSettings = {
  readonly seed: number;
  readonly rates?: FaultRates | undefined;
  /** Ordinals of the requests that may fail; undefined: any. */
  readonly onlyFaults?: ReadonlySet<number> | undefined;
  readonly isHashed?: boolean | undefined;
  /** A request takes up to this long. */
  readonly latencyMsMax?: number | undefined;
  /** How long a request takes of this kind (`put`, `get`, …), by chance; instead of `latencyMsMax`. */
  readonly latencyMsOf?: ((what: string, chance: number) => number) | undefined;
  /** S3 tells whole seconds, a folder milliseconds. */
  readonly storeTickMs?: number | undefined;
  readonly pageKeysMax?: number | undefined;
  readonly sabotage?: Sabotage | undefined;
};

/** What must always be true, was not. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export type Watcher = {
  readonly stored?: ((key: string, bytes: Uint8Array) => void) | undefined;
  /** Called before it goes. */
  readonly removed?: ((key: string) => void) | undefined;
};

const startMs = Date.UTC(2026, 0, 1);
const clockSkewMsMax = 3_600_000;
const restartMsMax = 5_000;

export class World {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly objects: ObjectMap = new ObjectMap();
  readonly events: EventLog;
  readonly faults: Faults;
  readonly random: Random;
  readonly pageKeysMax: number;
  readonly sabotage: Sabotage | undefined;
  /** What a hint's reader may still see. */
  readonly staleHints: Map<string, Uint8Array> = new Map();
  readonly #storeTickMs: number;
  readonly #latencyMsOf: (what: string, chance: number) => number;
  readonly #latencySeed: number;
  readonly #watchers: Watcher[] = [];
  #latencies = 0;
  #processes = 0;
  #failure: unknown;

  constructor(settings: WorldSettings) {
    const { seed, rates = noFaults, latencyMsMax = 40, storeTickMs = 1, pageKeysMax = 1_000 } = settings;
    this.seed = seed;
    this.random = seededRandom(seedOf(seed, 'world'));
    const ranks = seedOf(seed, 'ranks');
    let rank = 0;
    this.scheduler = new Scheduler(startMs, () => chance(ranks, rank++));
    this.events = new EventLog({ isHashed: settings.isHashed ?? false });
    this.faults = new Faults(seed, rates, settings.onlyFaults);
    this.#storeTickMs = storeTickMs;
    this.#latencyMsOf = settings.latencyMsOf ?? ((_, place) => 1 + Math.floor(place * latencyMsMax));
    this.#latencySeed = seedOf(seed, 'latencies');
    this.pageKeysMax = pageKeysMax;
    this.sabotage = settings.sabotage;
  }

  /** The store's clock. */
  get storeTimeMs(): number {
    return this.scheduler.nowMs - (this.scheduler.nowMs % this.#storeTickMs);
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** @param what the kind of request */
  latencyMs(what: string): number {
    this.#latencies += 1;
    return this.#latencyMsOf(what, chance(this.#latencySeed, this.#latencies));
  }

  coin(): boolean {
    this.#latencies += 1;
    return chance(this.#latencySeed, this.#latencies) < 0.5;
  }

  watch(watcher: Watcher): void {
    this.#watchers.push(watcher);
  }

  stored(key: string, bytes: Uint8Array): void {
    for (const { stored } of this.#watchers) this.#guarded(() => stored?.(key, bytes));
  }

  removed(key: string): void {
    for (const { removed } of this.#watchers) this.#guarded(() => removed?.(key));
  }

  /** The world ends with its first failure. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  check(holds: boolean, what: string | (() => string)): void {
    if (!holds) throw new Violation(typeof what === 'string' ? what : what());
  }

  /** A process with nothing running in it yet. */
  process(name: string): SimProcess {
    this.#processes += 1;
    const place = chance(seedOf(this.seed, 'skew'), this.#processes);
    // Most clocks are right, or nearly.
    const skewMs = place < 0.7 ? 0 : Math.floor((place - 0.85) * (clockSkewMsMax / 0.15));
    return new SimProcess(this, `${name}.${this.#processes}`, skewMs);
  }

  store(process: SimProcess, options?: SimStoreOptions): ObjectStore {
    return simObjectStore(this, process, options);
  }

  /** The store as nobody in the world sees it: no faults, no time. For setting up, and for looking at the end. */
  rawStore(): ObjectStore {
    const clock = { nowMs: () => this.storeTimeMs, monotonicMs: () => this.scheduler.nowMs, sleep: neverSleeps };
    return new MemoryObjectStore('sim:', clock, this.objects);
  }

  /** What most of the product's parts are made of. */
  parts(process: SimProcess): { readonly store: ObjectStore; readonly clock: Clock; readonly random: Random } {
    return { store: this.store(process), clock: process.clock, random: process.random };
  }

  /**
   * Runs something in a process of its own, and again in a new one whenever it dies or the world fails it, until it ends by
   * itself.
   */
  supervise(name: string, body: (process: SimProcess) => Promise<void>): Promise<void> {
    return new Promise(resolve => {
      const start = (): void => {
        const process = this.process(name);
        process.onKill(() => this.scheduler.after(1 + this.random.next() * restartMsMax, start));
        body(process).then(resolve, (error: unknown) => {
          if (!isPassing(error)) this.fail(error);
          process.kill();
        });
      };
      start();
    });
  }

  /** @throws what a process or a watcher found wrong */
  async run(isDone: () => boolean, forMs: number): Promise<RunEnd> {
    const end = await this.scheduler.run(() => this.#failure !== undefined || isDone(), this.scheduler.nowMs + forMs);
    if (this.#failure !== undefined) throw this.#failure;
    return end;
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }
}

function neverSleeps(): Promise<void> {
  throw new Violation('the raw store has no time to sleep');
}

/** What a world with faults is allowed to answer: a serious program tries again. */
export function isPassing(error: unknown): boolean {
  return isLakeError(error) && (error.kind === 'unavailable' || error.kind === 'conflict');
}
