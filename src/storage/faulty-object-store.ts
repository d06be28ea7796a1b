import { unreachable } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { LakeError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { ListPage, ObjectStore, RequestOptions } from './object-store.ts';
import type { ObjectStoreOperation } from './watched-object-store.ts';

/**
 * What can go wrong with one request at the port, below which the driver has retried what it may. A precondition that
 * fails without cause is not among them: no store answers so, and the protocols build on that.
 */
export type StoreFault =
  /** Nothing happened. Conditional puts are `unanswered` (409, 500, 503, no connection), the rest throws `unavailable`. */
  | { readonly kind: 'refused' }
  /** It happened, and its answer was lost on the way: as above for the caller. Reads only throw. */
  | { readonly kind: 'answer-lost' }
  /** A write on its way when the caller gave up: as above, and it happens `lateMs` later. Reads only throw. */
  | { readonly kind: 'late'; readonly lateMs: number }
  /** It happens, `delayMs` later than it should. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** A get or getRange gives only the first `keptShare` of its bytes, as a driver that does not check would. */
  | { readonly kind: 'cut'; readonly keptShare: number };

export type FaultRequest = { readonly operation: ObjectStoreOperation; readonly key: string };

/** Decides about each request as it is made; a list is asked about at each page. */
export type FaultPlan = (request: FaultRequest) => StoreFault | undefined;

export type FaultyObjectStore = ObjectStore & {
  /** Resolves when every late write so far has happened. */
  settle(): Promise<void>;
};

/** A store with faults, for tests of what is above it. Disposing settles it first. */
export function faultyObjectStore(
  inner: ObjectStore,
  plan: FaultPlan,
  components: { readonly clock: Clock },
): FaultyObjectStore {
  const faults = new Faults(plan, components.clock);
  return {
    uri: inner.uri,
    settle: async () => await faults.settle(),
    async get(key, options) {
      return await faults.read({ operation: 'get', key }, options, async keptShare => {
        const object = await inner.get(key, options);
        if (object === undefined || keptShare === 1) return object;
        const bytes = cut(object.bytes, keptShare);
        return { ...object, bytes, sizeBytes: bytes.byteLength };
      });
    },
    async getRange(key, range, options) {
      return await faults.read({ operation: 'getRange', key }, options, async keptShare => {
        const bytes = await inner.getRange(key, range, options);
        return bytes === undefined ? undefined : cut(bytes, keptShare);
      });
    },
    async head(key, options) {
      return await faults.read({ operation: 'head', key }, options, async () => await inner.head(key, options));
    },
    async put(key, bytes, options) {
      const copy = bytes.slice();
      return await faults.write({ operation: 'put', key }, options, async () => await inner.put(key, copy, options));
    },
    async putIfAbsent(key, bytes, options) {
      const copy = bytes.slice();
      const request = { operation: 'putIfAbsent', key } as const;
      return await faults.conditional(request, options, async () => await inner.putIfAbsent(key, copy, options));
    },
    async putIfMatch(key, bytes, etag, options) {
      const copy = bytes.slice();
      const request = { operation: 'putIfMatch', key } as const;
      return await faults.conditional(request, options, async () => await inner.putIfMatch(key, copy, etag, options));
    },
    async delete(key, options) {
      await faults.write({ operation: 'delete', key }, options, async () => await inner.delete(key, options));
    },
    async *list(prefix, options): AsyncIterable<ListPage> {
      for await (const page of inner.list(prefix, options)) {
        yield await faults.read({ operation: 'list', key: prefix }, options, async () => page);
      }
    },
    async [Symbol.asyncDispose]() {
      await faults.settle();
      await inner[Symbol.asyncDispose]();
    },
  };
}

/** The faults of a script, each for the next request that it is meant for, in order; then none. */
export function scriptedFaults(script: readonly ScriptedFault[]): FaultPlan {
  const left = [...script];
  return request => {
    const next = left[0];
    if (next === undefined) return undefined;
    if (next.operation !== undefined && next.operation !== request.operation) return undefined;
    if (next.keyPart !== undefined && !request.key.includes(next.keyPart)) return undefined;
    left.shift();
    return next.fault;
  };
}

export type ScriptedFault = {
  /** Any operation, when left out. */
  readonly operation?: ObjectStoreOperation | undefined;
  /** A part of the key or prefix; any, when left out. */
  readonly keyPart?: string | undefined;
  /** Left out, the request goes well, and the script goes on. */
  readonly fault?: StoreFault | undefined;
};

/** Faults by chance. Shares are of all requests and add up to at most 1; those of reads' cuts apply to reads only. */
export type FaultShares = {
  readonly refused?: number | undefined;
  readonly answerLost?: number | undefined;
  readonly late?: number | undefined;
  readonly slow?: number | undefined;
  readonly cut?: number | undefined;
  /** Longest delay of slow and late requests. */
  readonly delayMsMax?: number | undefined;
};

export function randomFaults(random: Random, shares: FaultShares): FaultPlan {
  const delayMs = (): number => Math.floor(random.next() * (shares.delayMsMax ?? 20));
  const kinds: readonly (readonly [number, () => StoreFault])[] = [
    [shares.refused ?? 0, () => ({ kind: 'refused' })],
    [shares.answerLost ?? 0, () => ({ kind: 'answer-lost' })],
    [shares.late ?? 0, () => ({ kind: 'late', lateMs: delayMs() })],
    [shares.slow ?? 0, () => ({ kind: 'slow', delayMs: delayMs() })],
    [shares.cut ?? 0, () => ({ kind: 'cut', keptShare: random.next() })],
  ];
  return () => {
    let place = random.next();
    for (const [share, fault] of kinds) {
      if (place < share) return fault();
      place -= share;
    }
    return undefined;
  };
}

class Faults {
  readonly #plan: FaultPlan;
  readonly #clock: Clock;
  readonly #late = new Set<Promise<unknown>>();

  constructor(plan: FaultPlan, clock: Clock) {
    this.#plan = plan;
    this.#clock = clock;
  }

  async read<T>(
    request: FaultRequest,
    options: RequestOptions | undefined,
    action: (keptShare: number) => Promise<T>,
  ): Promise<T> {
    const fault = this.#plan(request);
    if (fault === undefined) return await action(1);
    switch (fault.kind) {
      case 'slow':
        await this.#clock.sleep(fault.delayMs, options?.signal);
        return await action(1);
      case 'cut':
        return await action(fault.keptShare);
      case 'refused':
      case 'answer-lost':
      case 'late':
        throw unavailable(request, fault);
      default:
        return unreachable(fault);
    }
  }

  async write<T>(request: FaultRequest, options: RequestOptions | undefined, action: () => Promise<T>): Promise<T> {
    const outcome = await this.#attempt(request, options, action);
    if (outcome.status === 'done') return outcome.answer;
    throw outcome.cause;
  }

  async conditional<T>(
    request: FaultRequest,
    options: RequestOptions | undefined,
    action: () => Promise<T>,
  ): Promise<T | Unanswered> {
    const outcome = await this.#attempt(request, options, action);
    return outcome.status === 'done' ? outcome.answer : outcome;
  }

  async settle(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  async #attempt<T>(
    request: FaultRequest,
    options: RequestOptions | undefined,
    action: () => Promise<T>,
  ): Promise<{ readonly status: 'done'; readonly answer: T } | Unanswered> {
    const fault = this.#plan(request);
    options?.signal?.throwIfAborted();
    if (fault === undefined || fault.kind === 'cut') return { status: 'done', answer: await action() };
    switch (fault.kind) {
      case 'slow':
        await this.#clock.sleep(fault.delayMs, options?.signal);
        return { status: 'done', answer: await action() };
      case 'answer-lost':
        await action();
        break;
      case 'late':
        this.#happenLate(fault.lateMs, action);
        break;
      case 'refused':
        break;
      default:
        return unreachable(fault);
    }
    return { status: 'unanswered', cause: unavailable(request, fault) };
  }

  #happenLate(lateMs: number, action: () => Promise<unknown>): void {
    // Whatever comes of it, nobody listens any more.
    const happening = this.#clock
      .sleep(lateMs)
      .then(action)
      .catch(() => undefined)
      .finally(() => this.#late.delete(happening));
    this.#late.add(happening);
  }
}

type Unanswered = { readonly status: 'unanswered'; readonly cause: unknown };

function unavailable(request: FaultRequest, fault: StoreFault): LakeError {
  const what = `${request.operation} ${request.key}: injected fault "${fault.kind}"`;
  return new LakeError('unavailable', 'LAKE_STORE_UNAVAILABLE', what);
}

function cut(bytes: Uint8Array, keptShare: number): Uint8Array {
  return bytes.slice(0, Math.floor(bytes.byteLength * keptShare));
}
