/**
 * A process that is struck at one of its requests to a store, of objects or of records: it dies there, or it lives and is
 * told that the request failed. The requests of all its stores are counted together, in the order in which they are made.
 */
import { unreachable } from '../src/base/assert.ts';
import { logUnavailable } from '../src/storage/log-errors.ts';
import type { LogStore } from '../src/storage/log-store.ts';
import type { ListOptions, ListPage, ObjectStore } from '../src/storage/object-store.ts';
import { storeUnavailable } from '../src/storage/store-errors.ts';

/** Not a failure of the world: nothing may catch it and go on. */
export class Died extends Error {
  override readonly name = 'Died';
}

export type StrikeMode =
  /** The process dies and the request is not made. */
  | 'before'
  /** The request happens, and the process dies before it has the answer. */
  | 'after'
  /** The request happens, the answer is lost, and the process lives: it sees a failure, or `unanswered`. */
  | 'answer-lost'
  /** Nothing happens, and the process lives: it sees a failure; a conditional put is `unanswered`, an append `failed`. */
  | 'refused';

export type Strike = {
  /** Counted from 1; each page of a list is one. */
  readonly step: number;
  readonly mode: StrikeMode;
};

export type Step = { readonly kind: 'read' | 'write'; readonly request: string };

type Request<T> = Step & {
  readonly action: () => Promise<T>;
  /** What a living process gets when there is no answer. */
  readonly unanswered: (cause: Error, mode: 'answer-lost' | 'refused') => T;
};

/** The requests of one process, counted, and what becomes of them. */
export class Steps {
  readonly #strike: Strike | undefined;
  readonly #made: Step[] = [];
  #isDead = false;

  /** @param strike undefined: it lives, and its steps are counted */
  constructor(strike?: Strike) {
    this.#strike = strike;
  }

  get made(): readonly Step[] {
    return this.#made;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** The steps that change something, counted from 1. */
  get writes(): readonly number[] {
    return this.#made.flatMap(({ kind }, index) => (kind === 'write' ? [index + 1] : []));
  }

  async take<T>({ kind, request, action, unanswered }: Request<T>): Promise<T> {
    if (this.#isDead) throw new Died(`dead already at ${request}`);
    this.#made.push({ kind, request });
    const strike = this.#strike;
    if (strike === undefined || strike.step !== this.#made.length) return action();
    const cause = new Error(`struck at step ${strike.step}`);
    switch (strike.mode) {
      case 'before':
        this.#isDead = true;
        throw new Died(`died before step ${strike.step}`);
      case 'after':
        this.#isDead = true;
        await action();
        throw new Died(`died after step ${strike.step}`);
      case 'answer-lost':
        await action();
        return unanswered(cause, strike.mode);
      case 'refused':
        return unanswered(cause, strike.mode);
      default:
        return unreachable(strike.mode);
    }
  }
}

export function dyingStore(inner: ObjectStore, steps: Steps): ObjectStore {
  const fails = (cause: Error): never => {
    throw storeUnavailable(inner.uri, cause);
  };
  const read = <T>(request: string, action: () => Promise<T>): Promise<T> =>
    steps.take({ kind: 'read', request, action, unanswered: fails });
  const write = <T>(request: string, action: () => Promise<T>): Promise<T> =>
    steps.take({ kind: 'write', request, action, unanswered: fails });
  const swap = <T extends { readonly status: string }>(request: string, action: () => Promise<T>) =>
    steps.take<T | { readonly status: 'unanswered'; readonly cause: unknown }>({
      kind: 'write',
      request,
      action,
      unanswered: cause => ({ status: 'unanswered', cause }),
    });
  return {
    uri: inner.uri,
    get: (key, options) => read(`get ${key}`, () => inner.get(key, options)),
    getRange: (key, range, options) => read(`getRange ${key}`, () => inner.getRange(key, range, options)),
    head: (key, options) => read(`head ${key}`, () => inner.head(key, options)),
    put: (key, bytes, options) => write(`put ${key}`, () => inner.put(key, bytes, options)),
    putIfAbsent: (key, bytes, options) => swap(`putIfAbsent ${key}`, () => inner.putIfAbsent(key, bytes, options)),
    putIfMatch: (key, bytes, etag, options) =>
      swap(`putIfMatch ${key}`, () => inner.putIfMatch(key, bytes, etag, options)),
    delete: (key, options) => write(`delete ${key}`, () => inner.delete(key, options)),
    async *list(prefix: string, options?: ListOptions): AsyncIterable<ListPage> {
      const pages = inner.list(prefix, options)[Symbol.asyncIterator]();
      for (;;) {
        const next = await read(`list ${prefix}`, () => pages.next());
        if (next.done === true) return;
        yield next.value;
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

export function dyingLogStore(inner: LogStore, steps: Steps): LogStore {
  const fails = (cause: Error): never => {
    throw logUnavailable(inner.uri, cause);
  };
  const { waitForMore } = inner;
  return {
    uri: inner.uri,
    supports: inner.supports,
    describe: options =>
      steps.take({
        kind: 'read',
        request: 'describe',
        action: () => inner.describe(options),
        unanswered: fails,
      }),
    append: (records, options) =>
      steps.take({
        kind: 'write',
        request: `append ${records.length}`,
        action: () => inner.append(records, options),
        unanswered: (cause, mode) =>
          records.map(() => ({ status: mode === 'refused' ? 'failed' : 'unanswered', cause }) as const),
      }),
    read: (shardId, from, options) =>
      steps.take({
        kind: 'read',
        request: `read ${shardId}`,
        action: () => inner.read(shardId, from, options),
        unanswered: fails,
      }),
    // Waiting is not a request of its own: it ends sooner or later, whatever the log does.
    ...(waitForMore === undefined
      ? {}
      : { waitForMore: (shardId, from, options) => waitForMore.call(inner, shardId, from, options) }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
