/**
 * Many processes on one store, one request at a time, in an order that a seed decides: each request waits for its turn, and
 * time goes on a little at each.
 */
import type { Random } from '../src/base/random.ts';
import type { ListPage, ObjectStore } from '../src/storage/object-store.ts';
import type { ManualClock } from './table-fixture.ts';

export type TurnSettings = {
  readonly random: Random;
  readonly clock: ManualClock;
  /** Longest time between two turns. */
  readonly stepMsMax: number;
};

export class Turns {
  readonly #settings: TurnSettings;
  readonly #waiting: (() => void)[] = [];

  constructor(settings: TurnSettings) {
    this.#settings = settings;
  }

  /** Runs the actors until all have ended; throws the first failure once they have. */
  async run(actors: readonly (() => Promise<void>)[]): Promise<void> {
    const { random, clock, stepMsMax } = this.#settings;
    let active = actors.length;
    const ended = Promise.allSettled(
      actors.map(actor =>
        actor().finally(() => {
          active -= 1;
        }),
      ),
    );
    while (active > 0) {
      await new Promise(resolve => setImmediate(resolve));
      const [next] = this.#waiting.splice(Math.floor(random.next() * this.#waiting.length), 1);
      clock.advance(Math.floor(random.next() * stepMsMax));
      next?.();
    }
    for (const outcome of await ended) if (outcome.status === 'rejected') throw outcome.reason;
  }

  store(inner: ObjectStore): ObjectStore {
    const turn = (): Promise<void> => new Promise(resolve => this.#waiting.push(resolve));
    const taking = async <T>(action: () => Promise<T>): Promise<T> => {
      await turn();
      return action();
    };
    return {
      uri: inner.uri,
      get: (key, options) => taking(() => inner.get(key, options)),
      getRange: (key, range, options) => taking(() => inner.getRange(key, range, options)),
      head: (key, options) => taking(() => inner.head(key, options)),
      put: (key, bytes, options) => taking(() => inner.put(key, bytes, options)),
      putIfAbsent: (key, bytes, options) => taking(() => inner.putIfAbsent(key, bytes, options)),
      putIfMatch: (key, bytes, etag, options) => taking(() => inner.putIfMatch(key, bytes, etag, options)),
      delete: (key, options) => taking(() => inner.delete(key, options)),
      async *list(prefix, options): AsyncIterable<ListPage> {
        await turn();
        yield* inner.list(prefix, options);
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}
