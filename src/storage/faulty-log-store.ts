/** A log with faults, for tests of what is above it: everything the port allows, at the worst moment. */
import { unreachable } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { logUnavailable } from './log-errors.ts';
import type {
  LogAppend,
  LogAppendOutcome,
  LogReadOptions,
  LogReadResult,
  LogRequestOptions,
  LogStart,
  LogStore,
} from './log-store.ts';

/** What can go wrong with one request at the port, below which the driver has retried what it may. */
export type LogFault =
  /** Nothing happened: records are `failed` (throttled); a read or a look throws `unavailable`. */
  | { readonly kind: 'refused' }
  /** Some records are `failed`, each with this share of chance; and those behind one of their hash key. Reads go well. */
  | { readonly kind: 'partial'; readonly failedShare: number }
  /** The records were appended, and the answer was lost: `unanswered`. Reads throw `unavailable`. */
  | { readonly kind: 'answer-lost' }
  /** `unanswered`, and appended `lateMs` later. Reads throw `unavailable`. */
  | { readonly kind: 'late'; readonly lateMs: number }
  /** Each record is appended twice, as by a driver that tried again. Reads go well. */
  | { readonly kind: 'doubled' }
  /** It happens, `delayMs` later than it should. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** A read gives nothing, though there may be something, and does not say it is at the tip. Appends go well. */
  | { readonly kind: 'empty' };

export type LogFaultRequest = {
  readonly operation: 'describe' | 'append' | 'read';
  readonly shardId?: string | undefined;
};

/** Decides about each request as it is made. */
export type LogFaultPlan = (request: LogFaultRequest) => LogFault | undefined;

export type FaultyLogStore = LogStore & {
  /** Resolves when every late append so far has happened. */
  settle(): Promise<void>;
};

export type LogFaultComponents = { readonly clock: Clock; readonly random: Random };

/** Disposing settles it first. */
export function faultyLogStore(inner: LogStore, plan: LogFaultPlan, components: LogFaultComponents): FaultyLogStore {
  const appends = new FaultyAppends(inner, components);
  const { waitForMore, checkThere } = inner;
  return {
    uri: inner.uri,
    supports: inner.supports,
    settle: async () => await appends.settle(),
    async describe(options) {
      await readFault(inner.uri, plan({ operation: 'describe' }), options, components.clock);
      return await inner.describe(options);
    },
    append: async (records, options) => await appends.append(records, plan({ operation: 'append' }), options),
    async read(shardId, from, options) {
      const fault = plan({ operation: 'read', shardId });
      await readFault(inner.uri, fault, options, components.clock);
      return fault?.kind === 'empty'
        ? await emptyRead(inner, shardId, from, options)
        : await inner.read(shardId, from, options);
    },
    ...(waitForMore === undefined
      ? {}
      : { waitForMore: async (shardId, from, options) => await waitForMore.call(inner, shardId, from, options) }),
    ...(checkThere === undefined ? {} : { checkThere: async options => await checkThere.call(inner, options) }),
    async [Symbol.asyncDispose]() {
      await appends.settle();
      await inner[Symbol.asyncDispose]();
    },
  };
}

/** The faults of a script, each for the next request that it is meant for, in order; then none. */
export function scriptedLogFaults(script: readonly ScriptedLogFault[]): LogFaultPlan {
  const left = [...script];
  return request => {
    const next = left[0];
    if (next === undefined || (next.operation !== undefined && next.operation !== request.operation)) return undefined;
    left.shift();
    return next.fault;
  };
}

export type ScriptedLogFault = {
  /** Any operation, when left out. */
  readonly operation?: LogFaultRequest['operation'] | undefined;
  /** Left out, the request goes well, and the script goes on. */
  readonly fault?: LogFault | undefined;
};

/** Faults by chance. Shares are of all requests and add up to at most 1. */
export type LogFaultShares = {
  readonly refused?: number | undefined;
  readonly partial?: number | undefined;
  readonly answerLost?: number | undefined;
  readonly late?: number | undefined;
  readonly doubled?: number | undefined;
  readonly slow?: number | undefined;
  readonly empty?: number | undefined;
  /** Longest delay of slow and late requests. */
  readonly delayMsMax?: number | undefined;
};

const delayMsMaxDefault = 20;

export function randomLogFaults(random: Random, shares: LogFaultShares): LogFaultPlan {
  const delayMs = (): number => Math.floor(random.next() * (shares.delayMsMax ?? delayMsMaxDefault));
  const kinds: readonly (readonly [number, () => LogFault])[] = [
    [shares.refused ?? 0, () => ({ kind: 'refused' })],
    [shares.partial ?? 0, () => ({ kind: 'partial', failedShare: random.next() })],
    [shares.answerLost ?? 0, () => ({ kind: 'answer-lost' })],
    [shares.late ?? 0, () => ({ kind: 'late', lateMs: delayMs() })],
    [shares.doubled ?? 0, () => ({ kind: 'doubled' })],
    [shares.slow ?? 0, () => ({ kind: 'slow', delayMs: delayMs() })],
    [shares.empty ?? 0, () => ({ kind: 'empty' })],
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

class FaultyAppends {
  readonly #inner: LogStore;
  readonly #components: LogFaultComponents;
  readonly #late = new Set<Promise<unknown>>();

  constructor(inner: LogStore, components: LogFaultComponents) {
    this.#inner = inner;
    this.#components = components;
  }

  async append(
    records: readonly LogAppend[],
    fault: LogFault | undefined,
    options: LogRequestOptions | undefined,
  ): Promise<readonly LogAppendOutcome[]> {
    options?.signal?.throwIfAborted();
    if (fault === undefined || fault.kind === 'empty') return await this.#inner.append(records, options);
    const cause = logUnavailable(this.#inner.uri, new Error(`injected fault "${fault.kind}"`));
    switch (fault.kind) {
      case 'refused':
        return records.map(() => ({ status: 'failed', cause }));
      case 'partial':
        return await this.#appendSome(records, { failedShare: fault.failedShare, cause }, options);
      case 'answer-lost': {
        const outcomes = await this.#inner.append(records, options);
        return outcomes.map(outcome => (outcome.status === 'appended' ? { status: 'unanswered', cause } : outcome));
      }
      case 'late':
        this.#appendLate(records, fault.lateMs);
        return records.map(() => ({ status: 'unanswered', cause }));
      case 'doubled': {
        const outcomes = await this.#inner.append(
          records.flatMap(record => [record, record]),
          options,
        );
        return outcomes.filter((_, index) => index % 2 === 1);
      }
      case 'slow':
        await this.#components.clock.sleep(fault.delayMs, options?.signal);
        return await this.#inner.append(records, options);
      default:
        return unreachable(fault);
    }
  }

  async settle(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  async #appendSome(
    records: readonly LogAppend[],
    { failedShare, cause }: { readonly failedShare: number; readonly cause: unknown },
    options: LogRequestOptions | undefined,
  ): Promise<readonly LogAppendOutcome[]> {
    const failedKeys = new Set<bigint>();
    const taken = records.filter(({ hashKey }) => {
      if (this.#components.random.next() < failedShare) failedKeys.add(hashKey);
      return !failedKeys.has(hashKey);
    });
    const outcomes = new Map(
      (await this.#inner.append(taken, options)).map((outcome, index) => [taken[index], outcome]),
    );
    return records.map(record => outcomes.get(record) ?? { status: 'failed', cause });
  }

  #appendLate(records: readonly LogAppend[], lateMs: number): void {
    const copies = records.map(({ hashKey, data }) => ({ hashKey, data: data.slice() }));
    // Whatever comes of it, nobody listens any more.
    const happening = this.#components.clock
      .sleep(lateMs)
      .then(() => this.#inner.append(copies))
      .catch(() => undefined)
      .finally(() => this.#late.delete(happening));
    this.#late.add(happening);
  }
}

/** Throws or waits as a fault wants it of requests that change nothing. */
async function readFault(
  uri: string,
  fault: LogFault | undefined,
  options: LogRequestOptions | undefined,
  clock: Clock,
): Promise<void> {
  options?.signal?.throwIfAborted();
  switch (fault?.kind) {
    case 'refused':
    case 'answer-lost':
    case 'late':
      throw logUnavailable(uri, new Error(`injected fault "${fault.kind}"`));
    case 'slow':
      return await clock.sleep(fault.delayMs, options?.signal);
    case undefined:
    case 'partial':
    case 'doubled':
    case 'empty':
      return;
    default:
      return unreachable(fault);
  }
}

/** Nothing, and not the tip; a `latest` is pinned all the same, or the reader would lose what comes. */
async function emptyRead(
  inner: LogStore,
  shardId: string,
  from: LogStart,
  options: LogReadOptions | undefined,
): Promise<LogReadResult> {
  if (from.kind === 'latest') return { ...(await inner.read(shardId, from, options)), atTip: false };
  return { records: [], next: from, atTip: false, ended: false, gap: false, behindMs: undefined };
}
