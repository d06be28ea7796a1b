/**
 * What a hunt through the log of an object store goes by: a clock, turns of the loop, and stores that stall and fail by chance.
 *
 * Nothing here waits for real time and all chance is the seed's, so a seed repeats: time goes on with requests and sleeps,
 * and whoever waits lets the others have turns.
 */
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { isLakeError, type LakeErrorCode } from '../../src/base/errors.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { type FaultPlan, faultyObjectStore, randomFaults } from '../../src/storage/faulty-object-store.ts';
import { MemoryObjectStore } from '../../src/storage/memory/memory-object-store.ts';
import { type ObjectLogStore, openObjectLog } from '../../src/storage/object-log/object-log-store.ts';
import type { ListPage, ObjectStore } from '../../src/storage/object-store.ts';
import { storeDenied } from '../../src/storage/store-errors.ts';
import { changedStore } from '../changed-ports.ts';
import { below } from '../fuzz/mutate-bytes.ts';
import { WrittenLog } from './written-log.ts';

export type HuntSettings = { readonly seed: number; readonly retentionMs: number | undefined };

/** What has happened, so that a test can see that nothing it is about was left out. */
export type HuntCounts = {
  appended: number;
  failed: number;
  unanswered: number;
  aborted: number;
  closed: number;
  replaced: number;
  gaps: number;
};

const openTriesMax = 100;
const violationsMax = 10;
/** Half of what the clocks of two handles may be apart. */
const skewMsMax = 10_000;
const turnsOfRequestMax = 4;
const stallShare = 0.01;
const turnsOfStallMax = 1_200;
const turnsUntilLateMax = 60;
/** How often the PUTs of a handle stay without an answer for a while: longer than it tries again. */
const outageShare = 0.004;
const requestsOfOutage = 12;
const deniedShare = 0.02;
const batchesBetweenRemovals = 8;

/** A log, its store, and everything that was found to be wrong. */
export class HuntWorld {
  nowMs = 1_000_000;
  readonly retentionMs: number | undefined;
  readonly random: Random;
  readonly written: WrittenLog = new WrittenLog(this);
  readonly violations: string[] = [];
  readonly counts: HuntCounts = {
    appended: 0,
    failed: 0,
    unanswered: 0,
    aborted: 0,
    closed: 0,
    replaced: 0,
    gaps: 0,
  };
  /** The store's clock. */
  readonly clock: Clock = {
    ...systemClock,
    nowMs: () => this.nowMs,
    monotonicMs: () => this.nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      await turns(1);
      this.nowMs += Math.min(3, Math.floor(ms / 20));
    },
  };
  /** Without faults. */
  readonly store: ObjectStore = this.#recording(new MemoryObjectStore('memory:log', this.clock));
  readonly #opened: ObjectLogStore[] = [];
  readonly #closing = new Map<ObjectLogStore, Promise<void>>();

  constructor({ seed, retentionMs }: HuntSettings) {
    this.random = seededRandom(seed);
    this.retentionMs = retentionMs;
  }

  violate(text: string): void {
    if (this.violations.length < violationsMax) this.violations.push(text);
  }

  /** A process of its own: another clock, and faults of its own on its way to the store. */
  async open(): Promise<ObjectLogStore> {
    const skewMs = below(this.random, 2 * skewMsMax) - skewMsMax;
    const clock = { ...this.clock, nowMs: () => this.nowMs + skewMs };
    const settings = { shardCount: 2, retentionMs: this.retentionMs, batchesBetweenRemovals };
    for (let attempt = 0; ; attempt += 1) {
      const random = seededRandom(below(this.random, 2 ** 31));
      try {
        const log = await openObjectLog(this.#faulty(), settings, { clock, random });
        this.#opened.push(log);
        return log;
      } catch (error) {
        if (attempt === openTriesMax || !isInjected(error)) throw error;
        await turns(1);
      }
    }
  }

  close(log: ObjectLogStore): void {
    const closing = log[Symbol.asyncDispose]().catch((error: unknown) => this.violate(`closing: ${String(error)}`));
    this.#closing.set(log, closing);
  }

  isClosed(log: ObjectLogStore): boolean {
    return this.#closing.has(log);
  }

  /** Of all that was opened; late requests have happened by then. */
  async closeAll(): Promise<void> {
    for (const log of this.#opened) this.close(log);
    await Promise.all(this.#closing.values());
  }

  /** For one call of ten, a signal that aborts some turns later. */
  someSignal(): AbortSignal | undefined {
    if (this.random.next() > 0.1) return undefined;
    const controller = new AbortController();
    const abort = (): void => controller.abort(new Error('the hunt aborts'));
    void turns(below(this.random, 30)).then(abort);
    return controller.signal;
  }

  /** Whether a call of this log may end so; anything else is a violation. */
  expects(error: unknown, log: ObjectLogStore, signal?: AbortSignal): boolean {
    if (signal?.aborted === true && error === signal.reason) {
      this.counts.aborted += 1;
      return true;
    }
    if (isLakeError(error, 'LAKE_LOG_CLOSED') && this.isClosed(log)) {
      this.counts.closed += 1;
      return true;
    }
    return isInjected(error);
  }

  #recording(memory: MemoryObjectStore): ObjectStore {
    return changedStore(memory, {
      putIfAbsent: async (key, bytes, options) => {
        const outcome = await memory.putIfAbsent(key, bytes, options);
        if (outcome.status === 'created') this.written.note(key, bytes);
        return outcome;
      },
      putIfMatch: async (key, bytes, etag, options) => {
        const outcome = await memory.putIfMatch(key, bytes, etag, options);
        if (outcome.status === 'replaced') this.written.note(key, bytes);
        return outcome;
      },
      delete: async (key, options) => {
        const object = await memory.head(key);
        if (object !== undefined) this.written.noteRemoval(key, this.nowMs - object.lastModifiedMs);
        await memory.delete(key, options);
      },
    });
  }

  #faulty(): ObjectStore {
    const { random } = this;
    const reads = randomFaults(random, { refused: 0.02 });
    const puts = randomFaults(random, { refused: 0.03, answerLost: 0.04, late: 0.03, delayMsMax: turnsUntilLateMax });
    const putsOfOutage = randomFaults(random, {
      refused: 0.3,
      answerLost: 0.3,
      late: 0.3,
      delayMsMax: turnsUntilLateMax,
    });
    let outageLeft = 0;
    const plan: FaultPlan = request => {
      if (random.next() < outageShare) outageLeft = requestsOfOutage;
      outageLeft -= 1;
      if (!request.operation.startsWith('put')) return reads(request);
      return (outageLeft > 0 ? putsOfOutage : puts)(request);
    };
    // What comes late comes so many turns later.
    const clock: Clock = { ...this.clock, sleep: async count => await turns(count) };
    return faultyObjectStore(this.#stalling(), plan, { clock });
  }

  /** Each request takes turns both on its way and back, some of them many; some PUTs are refused for good. */
  #stalling(): ObjectStore {
    const { store } = this;
    const stall = async (): Promise<void> => {
      const isLong = this.random.next() < stallShare;
      await turns(below(this.random, isLong ? turnsOfStallMax : turnsOfRequestMax));
      this.nowMs += 1;
    };
    const through = async <T>(request: () => Promise<T>): Promise<T> => {
      await stall();
      const answer = await request();
      await stall();
      return answer;
    };
    return {
      uri: store.uri,
      get: (key, options) => through(() => store.get(key, options)),
      getRange: (key, range, options) => through(() => store.getRange(key, range, options)),
      head: (key, options) => through(() => store.head(key, options)),
      put: (key, bytes, options) => through(() => store.put(key, bytes, options)),
      putIfAbsent: async (key, bytes, options) => {
        if (this.random.next() < deniedShare) throw storeDenied(store.uri, new Error('injected'));
        return await through(() => store.putIfAbsent(key, bytes, options));
      },
      putIfMatch: (key, bytes, etag, options) => through(() => store.putIfMatch(key, bytes, etag, options)),
      delete: (key, options) => through(() => store.delete(key, options)),
      async *list(prefix, options): AsyncIterable<ListPage> {
        await stall();
        for await (const page of store.list(prefix, options)) {
          await stall();
          yield page;
        }
      },
      async [Symbol.asyncDispose]() {},
    };
  }
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>(resolve => setImmediate(resolve));
}

/** A PUT that was refused for good: it has surely not happened. */
export function isDenied(error: unknown): boolean {
  const codes: readonly LakeErrorCode[] = ['LAKE_STORE_DENIED', 'LAKE_LOG_DENIED'];
  return codes.some(code => isLakeError(error, code));
}

function isInjected(error: unknown): boolean {
  return isDenied(error) || (isLakeError(error) && error.kind === 'unavailable');
}
