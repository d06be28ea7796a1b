/**
 * An event source mapping as Lambda has it: for each shard it hands batches to a function, one after the other, parents to
 * their end before their children. It promises at least once, and makes use of it: batches come again, are cut in two after
 * a failure, overlap with an invocation that was given up, come from an environment that was asleep for an hour. A function
 * runs in an environment that is used again while it lives.
 */
import type { LogRecordEnvelope, LogStart } from '../../../../src/storage/log-store.ts';
import type { MemoryLog } from '../../../../src/storage/memory/memory-log.ts';
import type { SimProcess } from '../../process.ts';
import { isPassing } from '../../world.ts';
import type { LakeBench } from './bench.ts';

export type Invocation = {
  readonly shardId: string;
  readonly envelopes: readonly LogRecordEnvelope[];
  readonly deadlineMs: number;
};
/** An environment's function. @returns the first position that must come again; undefined: all is done */
export type EventFunction = (invocation: Invocation) => Promise<bigint | undefined>;
/** A cold start. */
export type ColdStart = (process: SimProcess) => EventFunction;

type Environment = { readonly process: SimProcess; readonly run: EventFunction };
type Ended = { readonly status: 'returned'; readonly heldAt: bigint | undefined } | { readonly status: 'failed' };

const batchRecordsMax = 12;
const timeoutMs = 60_000;
const coldShare = 0.1;
const repeatShare = 0.05;
const staleMs = 3_600_000;
const attemptsBeforeBisect = 2;

export class EventSource {
  readonly #bench: LakeBench;
  readonly #log: MemoryLog;
  readonly #start: ColdStart;
  readonly #invoker: SimProcess;
  readonly #name: string;
  readonly #idle: Environment[] = [];
  readonly #acknowledged = new Map<string, bigint>();
  readonly #ended = new Set<string>();
  readonly #polled = new Set<string>();

  constructor(bench: LakeBench, name: string, log: MemoryLog, start: ColdStart) {
    this.#bench = bench;
    this.#name = name;
    this.#log = log;
    this.#start = start;
    this.#invoker = bench.world.process(`${name}-source`);
  }

  /** Follows the log until the bench stops. */
  async run(): Promise<void> {
    const polls: Promise<void>[] = [];
    while (!this.#bench.isStopped) {
      for (const { shardId, parentIds } of this.#log.describe().shards) {
        if (this.#polled.has(shardId) || !parentIds.every(id => this.#ended.has(id))) continue;
        this.#polled.add(shardId);
        polls.push(this.#poll(shardId));
      }
      await this.#invoker.clock.sleep(this.#bench.pollMs);
    }
    await Promise.all(polls);
  }

  async #poll(shardId: string): Promise<void> {
    const { random, clock } = this.#invoker;
    let recordsMax = batchRecordsMax;
    let failures = 0;
    while (!this.#bench.isStopped) {
      const count = 1 + Math.floor(random.next() * recordsMax);
      const { records, ended } = this.#log.read(shardId, this.#next(shardId), { recordsMax: count });
      if (records.length === 0 && ended) break;
      if (records.length === 0) {
        await clock.sleep(this.#bench.pollMs);
        continue;
      }
      const end = await this.#invoke(shardId, records);
      const before = this.#acknowledged.get(shardId);
      if (end.status === 'returned') this.#acknowledge(shardId, records, end.heldAt);
      if (random.next() < repeatShare) this.#repeat(shardId, records);
      if (this.#acknowledged.get(shardId) !== before) {
        failures = 0;
        recordsMax = batchRecordsMax;
        continue;
      }
      failures += 1;
      if (failures >= attemptsBeforeBisect) recordsMax = Math.max(1, records.length >> 1);
      await clock.sleep(Math.min(60_000, 500 * 2 ** failures));
    }
    this.#ended.add(shardId);
  }

  #next(shardId: string): LogStart {
    const position = this.#acknowledged.get(shardId);
    return position === undefined ? { kind: 'earliest' } : { kind: 'after', position };
  }

  #acknowledge(shardId: string, records: readonly LogRecordEnvelope[], heldAt: bigint | undefined): void {
    const done = records.findLast(({ position }) => heldAt === undefined || position < heldAt);
    if (done !== undefined) this.#acknowledged.set(shardId, done.position);
  }

  /** Nobody listens to what comes of it: now, beside the next batch, or an hour late. */
  #repeat(shardId: string, records: readonly LogRecordEnvelope[]): void {
    const { world } = this.#bench;
    this.#bench.count(`${this.#name} repeats`);
    world.scheduler.after(this.#invoker.random.next() < 0.5 ? 1 : staleMs, () => {
      void this.#invoke(shardId, records);
    });
  }

  /** One invocation: it returns, fails, dies, or is given up. One that was given up is killed, or goes on unheard. */
  #invoke(shardId: string, envelopes: readonly LogRecordEnvelope[]): Promise<Ended> {
    const environment = this.#environment();
    const { process, run } = environment;
    this.#bench.count(`${this.#name} invocations`);
    return new Promise(resolve => {
      const failed = (): void => resolve({ status: 'failed' });
      process.onKill(failed);
      void this.#invoker.clock.sleep(timeoutMs * 1.5).then(() => {
        failed();
        if (this.#isBusy(environment) && this.#invoker.random.next() < 0.5) process.kill();
      });
      const deadlineMs = process.clock.monotonicMs() + timeoutMs;
      run({ shardId, envelopes, deadlineMs }).then(
        heldAt => {
          this.#idle.push(environment);
          resolve({ status: 'returned', heldAt });
        },
        (error: unknown) => {
          // The runtime ends an environment whose function throws.
          process.kill();
          if (!isPassing(error)) this.#bench.world.fail(error);
        },
      );
    });
  }

  #isBusy(environment: Environment): boolean {
    return environment.process.isAlive && !this.#idle.includes(environment);
  }

  #environment(): Environment {
    const { random } = this.#invoker;
    const warm = random.next() < coldShare ? undefined : this.#idle.shift();
    if (warm?.process.isAlive === true) return warm;
    const process = this.#bench.world.process(this.#name);
    return { process, run: this.#start(process) };
  }
}
