import type { SubscribeToShardEvent, SubscribeToShardEventStream } from '@aws-sdk/client-kinesis';
import { expect, test } from 'vitest';
import { present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { LogReadResult, LogStart } from '../log-store.ts';
import { text, texts } from '../log-store-testing.ts';
import { type PushStart, ShardSubscription } from './kinesis-subscription.ts';

const serverNowMs = 1_000_000_000;

/** Time that goes on when it is told to. */
class SetClock implements Clock {
  now = 0;
  readonly #sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();

  nowMs = (): number => this.now;
  monotonicMs = (): number => this.now;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { atMs: this.now + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    const onAbort = (): void => {
      this.#sleepers.delete(sleeper);
      reject(signal?.reason);
    };
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const sleeper of [...this.#sleepers].filter(({ atMs }) => atMs <= this.now)) {
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settled();
  }
}

/** Lets everything go on that waits for nothing. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise<void>(resolve => setImmediate(resolve));
}

/** One connection of a scripted service: gives what it is told to, and counts what was taken. */
class Connection implements AsyncIterable<SubscribeToShardEventStream> {
  readonly #waiting: ((result: IteratorResult<SubscribeToShardEventStream>) => void)[] = [];
  readonly #queue: IteratorResult<SubscribeToShardEventStream>[] = [];
  readonly start: PushStart;
  readonly signal: AbortSignal;
  asked = 0;
  failure: Error | undefined;

  constructor(start: PushStart, signal: AbortSignal) {
    this.start = start;
    this.signal = signal;
  }

  /** Records are their positions. */
  async push(
    positions: readonly number[],
    more: Partial<SubscribeToShardEvent> & { size?: number } = {},
  ): Promise<void> {
    const { size = 0, ...event } = more;
    const SubscribeToShardEvent = {
      Records: positions.map(position => ({
        SequenceNumber: `${position}`,
        ApproximateArrivalTimestamp: new Date(5),
        Data: size === 0 ? text(`${position}`) : new Uint8Array(size),
        PartitionKey: 'k',
      })),
      ContinuationSequenceNumber: `${positions.at(-1) ?? 0}`,
      MillisBehindLatest: 0,
      ...event,
    };
    this.#give({ done: false, value: { SubscribeToShardEvent } });
    await settled();
  }

  async end(): Promise<void> {
    this.#give({ done: true, value: undefined });
    await settled();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscribeToShardEventStream> {
    for (;;) {
      this.asked += 1;
      const given = this.#queue.shift();
      const result =
        given ??
        (await new Promise<IteratorResult<SubscribeToShardEventStream>>(resolve => this.#waiting.push(resolve)));
      if (this.failure !== undefined) throw this.failure;
      if (result.done === true) return;
      yield result.value;
    }
  }

  async fail(name: string): Promise<void> {
    this.failure = Object.assign(new Error(name), { name });
    await this.end();
  }

  #give(result: IteratorResult<SubscribeToShardEventStream>): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#queue.push(result);
    else waiting(result);
  }
}

type World = {
  readonly clock: SetClock;
  readonly connections: Connection[];
  readonly subscription: ShardSubscription;
  connection(index?: number): Connection;
  take(from: LogStart, recordsMax?: number): LogReadResult | undefined;
};

async function subscribed(
  start: PushStart = { type: 'AFTER_SEQUENCE_NUMBER', position: '10' },
  bytesMax = 1 << 20,
): Promise<World> {
  const clock = new SetClock();
  const connections: Connection[] = [];
  const subscription = new ShardSubscription(
    {
      uri: 'kinesis://s',
      clock,
      subscribe: async (at, signal) => {
        const connection = new Connection(at, signal);
        connections.push(connection);
        return connection;
      },
      serverNowMs: () => serverNowMs + clock.now,
      bytesMax: () => bytesMax,
    },
    start,
  );
  await settled();
  return {
    clock,
    connections,
    subscription,
    connection: (index = 0) => present(connections[index], 'connection'),
    take: (from, recordsMax) => subscription.take(from, { follows: true, recordsMax }),
  };
}

const after = (position: number): LogStart & { kind: 'after' } => ({ kind: 'after', position: BigInt(position) });
const waiting = { waitMs: 10_000, pollMs: 200, signal: undefined };

/** Whether a promise has settled by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.then(
    () => {
      done = true;
    },
    () => undefined,
  );
  await settled();
  return done;
}

test('nothing is said of a tip before the service has spoken; then a quiet shard is one', async () => {
  const w = await subscribed();
  expect(w.take(after(10))).toBeUndefined();
  await w.connection().push([]);
  expect(w.take(after(10))).toMatchObject({
    records: [],
    atTip: true,
    ended: false,
    gap: false,
    next: { position: 10n },
  });
  await w.connection().push([], { MillisBehindLatest: 7 });
  expect(w.take(after(10))).toBeUndefined();
});

test('the time of a tip is that of the making of its connection, however late it is read', async () => {
  const w = await subscribed();
  await w.clock.pass(30_000);
  await w.connection().push([11]);
  const next = w.take(after(10))?.next;
  expect(next).toMatchObject({ kind: 'after', position: 11n });
  expect(next?.kind === 'after' && next.tipMs).toBeLessThanOrEqual(serverNowMs);
});

test('a push wakes who waits, and is given in parts, once to each reader', async () => {
  const w = await subscribed();
  const woken = w.subscription.wait(after(10), waiting);
  expect(await isDone(woken)).toBe(false);
  await w.connection().push([11, 12, 13]);
  expect(await isDone(woken)).toBe(true);
  const first = w.take(after(10), 2);
  expect(texts(first?.records ?? [])).toEqual(['11', '12']);
  expect(first?.atTip).toBe(false);
  const rest = w.take(after(12));
  expect(texts(rest?.records ?? [])).toEqual(['13']);
  expect(rest?.atTip).toBe(true);
  expect(texts(w.take(after(11))?.records ?? [])).toEqual(['12', '13']);
});

test('a wait ends at its time without news, and with its reason when it is aborted', async () => {
  const w = await subscribed();
  const timed = w.subscription.wait(after(10), waiting);
  await w.clock.pass(10_000);
  expect(await isDone(timed)).toBe(true);
  const { signal, ...stop } = { signal: new AbortController().signal, controller: new AbortController() };
  expect(signal.aborted).toBe(false);
  const aborted = w.subscription.wait(after(10), { ...waiting, signal: stop.controller.signal });
  stop.controller.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
});

test('a place before the first push is read by the service, and quiet once that has found nothing there', async () => {
  const w = await subscribed({ type: 'AT_TIMESTAMP', arrivalMs: 5 });
  const pin: LogStart = { kind: 'timestamp', arrivalMs: 5, pin: 'p' };
  await w.connection().push([]);
  expect(w.take(pin)).toBeUndefined();
  w.subscription.noteTip(pin, present(w.subscription.mark(), 'mark'));
  expect(w.take(pin)).toMatchObject({ records: [], atTip: true, next: pin });
  const woken = w.subscription.wait(pin, waiting);
  await w.connection().push([20]);
  expect(await isDone(woken)).toBe(true);
  expect(w.take(pin)).toBeUndefined();
  // An answer that was asked for so soon after the push may be older than it: the reader polls.
  expect(w.subscription.mark()).toBeUndefined();
  const polling = w.subscription.wait(pin, waiting);
  expect(await isDone(polling)).toBe(false);
  await w.clock.pass(200);
  expect(await isDone(polling)).toBe(true);
  expect(texts(w.take(after(20))?.records ?? [])).toEqual([]);
  expect(w.take(after(19))).toBeUndefined();
});

test('a connection that ends in time is followed by another where it ended, and doubles are dropped', async () => {
  const w = await subscribed();
  await w.connection().push([11, 12], { ContinuationSequenceNumber: '15' });
  await w.clock.pass(20_000);
  await w.connection().end();
  expect(w.connections.map(({ start }) => start)).toEqual([
    { type: 'AFTER_SEQUENCE_NUMBER', position: '10' },
    { type: 'AFTER_SEQUENCE_NUMBER', position: '15' },
  ]);
  await w.connection(1).push([12, 16]);
  expect(texts(w.take(after(10))?.records ?? [])).toEqual(['11', '12', '16']);
});

test('a connection that ends at once, or after retention may have passed the place, has none behind it', async () => {
  const short = await subscribed();
  await short.connection().end();
  expect(await short.subscription.done).toMatchObject({ error: expect.any(Error), hadEvents: false });
  expect(short.subscription.isLive).toBe(false);
  expect(short.connections.length).toBe(1);
  const asleep = await subscribed();
  await asleep.connection().push([11]);
  asleep.clock.now += 3_600_000;
  await asleep.connection().end();
  expect(asleep.subscription.isLive).toBe(false);
  expect(asleep.connections.length).toBe(1);
});

test('children end the pushes, what was pushed before them is given, and the end itself is left to the service', async () => {
  const w = await subscribed();
  const woken = w.subscription.wait(after(10), waiting);
  await w.connection().push([11], {
    ChildShards: [{ ShardId: 'c', ParentShards: ['s'], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' } }],
  });
  expect(await isDone(woken)).toBe(true);
  expect((await w.subscription.done).error).toBeUndefined();
  const last = w.take(after(10));
  expect(texts(last?.records ?? [])).toEqual(['11']);
  expect(last).toMatchObject({ atTip: false, ended: false });
  expect(w.take(after(11))).toBeUndefined();
});

test('a shard that another process took wakes its readers and says so; what had come is still given', async () => {
  const w = await subscribed();
  await w.connection().push([11]);
  const woken = w.subscription.wait(after(11), waiting);
  await w.connection().fail('ResourceInUseException');
  expect(await isDone(woken)).toBe(true);
  expect(await w.subscription.done).toMatchObject({ error: { name: 'ResourceInUseException' }, hadEvents: true });
  expect(texts(w.take(after(10))?.records ?? [])).toEqual(['11']);
  expect(w.take(after(11))).toBeUndefined();
  const polling = w.subscription.wait(after(11), waiting);
  expect(await isDone(polling)).toBe(false);
  await w.clock.pass(200);
  expect(await isDone(polling)).toBe(true);
});

test('what readers leave holds up the connection, and what they took makes room; who is behind that reads by the service', async () => {
  const w = await subscribed(undefined, 1_000);
  await w.connection().push([11], { size: 600 });
  await w.connection().push([12], { size: 600 });
  const { asked } = w.connection();
  await w.connection().push([13], { size: 600 });
  expect(w.connection().asked).toBe(asked);
  expect(w.take(after(10))?.records.map(({ position }) => position)).toEqual([11n, 12n]);
  await settled();
  expect(w.take(after(12))?.records.map(({ position }) => position)).toEqual([13n]);
  expect(w.take(after(10))).toBeUndefined();
});

test('a subscription to which nobody comes is given up, and one whose connection is silent is dead', async () => {
  const left = await subscribed();
  await left.clock.pass(59_000);
  await left.connection().push([]);
  expect(left.subscription.isLive).toBe(true);
  await left.clock.pass(2_000);
  await left.connection().push([]);
  expect((await left.subscription.done).error).toBeUndefined();
  expect(left.connection().signal.aborted).toBe(true);
  const silent = await subscribed();
  await silent.connection().push([]);
  await silent.clock.pass(60_000);
  expect((await silent.subscription.done).error).toBeInstanceOf(Error);
});

test('being stopped closes the connection and is no failure', async () => {
  const w = await subscribed();
  await w.subscription.stop();
  expect(w.connection().signal.aborted).toBe(true);
  expect(await w.subscription.done).toEqual({ error: undefined, hadEvents: false });
});
