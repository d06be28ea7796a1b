/** A lake, a group of readers of one table, and time that passes when they wait. */

import type { Clock } from '../src/base/clock.ts';
import { isLakeError } from '../src/base/errors.ts';
import { type Random, seededRandom } from '../src/base/random.ts';
import { createTable } from '../src/catalog/catalog.ts';
import { IngestWorker } from '../src/flow/ingest/ingest-worker.ts';
import { decodeGroup, type GroupState } from '../src/flow/read/groups/group-state.ts';
import { type GroupRequest, readAsGroup } from '../src/flow/read/groups/read-as-group.ts';
import type { SubscribedBatch } from '../src/flow/read/subscribed-batch.ts';
import { append, openTestTable, testDefinition, testIdentifier, testProducer } from '../src/flow/testing.ts';
import type { TableSchema } from '../src/format/table-schema.ts';
import { type FaultPlan, faultyObjectStore } from '../src/storage/faulty-object-store.ts';
import type { LogStore } from '../src/storage/log-store.ts';
import { MemoryLogStore } from '../src/storage/memory/memory-log-store.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { watchedObjectStore } from '../src/storage/watched-object-store.ts';
import { rowsOf } from '../src/types/column-reader.ts';
import { changedLog, changedStore } from './changed-ports.ts';
import { Scheduler } from './simulation/scheduler.ts';
import { runUntil, virtualClock } from './virtual-clock.ts';

export const groupKey = 'db.db/t/consumer/consumer-g';

export type WorldOptions = {
  readonly seed: number;
  readonly shardCount?: number;
  readonly retentionMs?: number;
  readonly primaryKeys?: readonly string[];
  readonly options?: Readonly<Record<string, string>>;
  /** Of the requests of members. */
  readonly faults?: FaultPlan;
  /** ms for each request of a member. */
  readonly requestMsMax?: number;
};

export type MemberOfWorld = {
  readonly name: string;
  /** Ends it as it should end. */
  readonly leave: () => void;
  /** It does nothing any more, and nobody is told. */
  readonly crash: () => void;
  /** Nothing that it asks for is answered for so long, and it gives nothing. */
  readonly pause: (ms: number) => void;
  readonly ended: Promise<void>;
  readonly given: Given[];
  /** How often a member under this name had to begin anew, by code. */
  readonly failures: string[];
  readonly requests: Map<string, number>;
};

export type Given = {
  readonly k: number;
  readonly n: number;
  readonly lease: SubscribedBatch['lease'];
  readonly mayRepeat: boolean;
};

export class GroupWorld {
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: MemoryObjectStore;
  readonly log: MemoryLogStore;
  readonly options: WorldOptions;
  readonly members: MemberOfWorld[] = [];
  /** All that was given, in order. */
  readonly given: Given[] = [];
  /** Each version of the group's file. */
  readonly versions: GroupState[] = [];
  readonly written: Map<number, number> = new Map();
  /** What members failed with and should not have. */
  readonly broken: unknown[] = [];
  #schema: TableSchema | undefined;
  #hasFaults = true;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    this.scheduler = new Scheduler(Date.parse('2026-11-28T00:00:00Z'), () => this.random.next());
    this.clock = virtualClock(this.scheduler);
    this.store = new MemoryObjectStore('memory:group', this.clock);
    const { shardCount = 4, retentionMs } = options;
    this.log = new MemoryLogStore({ name: 'group', shardCount, retentionMs }, this);
  }

  play<T>(playing: (world: this) => Promise<T>): Promise<T> {
    return runUntil(this.scheduler, playing(this));
  }

  async begin(): Promise<IngestWorker> {
    const { primaryKeys = [], options = { bucket: '8', 'bucket-key': 'k' } } = this.options;
    this.#schema = await createTable(
      this,
      testIdentifier,
      { ...testDefinition, primaryKeys, options },
      { ifNotExists: false },
    );
    return new IngestWorker(this);
  }

  /** The next rows of these keys, each with a number larger than the one before it. */
  async write(keys: readonly number[]): Promise<void> {
    if (this.#schema === undefined) throw new Error('begin first');
    const rows = keys.map(k => {
      const n = (this.written.get(k) ?? 0) + 1;
      this.written.set(k, n);
      return [BigInt(k), 'v', n];
    });
    await append(testProducer(this, this.#schema), this.#schema, rows);
  }

  endFaults(): void {
    this.#hasFaults = false;
  }

  /** A member; when it fails another begins in its place, as whoever runs it would do. */
  join(name: string, request: Partial<GroupRequest> = {}, thinkMsMax = 0): MemberOfWorld {
    const stop = new AbortController();
    const dead = new Promise<never>(() => undefined);
    let isDead = false;
    let pausedUntilMs = 0;
    const requests = new Map<string, number>();
    const wait = async (): Promise<void> => {
      if (isDead) await dead;
      const ms = Math.floor(this.random.next() * (this.options.requestMsMax ?? 0));
      if (ms > 0) await this.clock.sleep(ms);
      while (this.clock.nowMs() < pausedUntilMs) await this.clock.sleep(pausedUntilMs - this.clock.nowMs());
      if (isDead) await dead;
    };
    const plan: FaultPlan = asked => (this.#hasFaults ? this.options.faults?.(asked) : undefined);
    const faulty = faultyObjectStore(this.#watched(), plan, this);
    const store = watchedObjectStore(slow(faulty, wait), {
      asked: (operation, key) => {
        const name = key === groupKey ? `group ${operation}` : operation;
        requests.set(name, (requests.get(name) ?? 0) + 1);
      },
      received: () => undefined,
    });
    const log = changedLog<LogStore>(this.log, {
      read: async (...args) => {
        await wait();
        return this.log.read(...args);
      },
    });
    const given: Given[] = [];
    const failures: string[] = [];
    const read = async (): Promise<void> => {
      const w = { store, log, clock: this.clock, random: this.random };
      const asked: GroupRequest = { from: { kind: 'full' }, group: { groupId: 'g' }, ...request };
      for await (const { rows, lease, mayRepeat = false } of readAsGroup(
        w,
        await openTestTable(w),
        asked,
        stop.signal,
      )) {
        await wait();
        for (const [k, , n] of rowsOf(rows)) {
          const change = { k: Number(k), n: Number(n), lease, mayRepeat };
          given.push(change);
          this.given.push(change);
        }
        if (thinkMsMax > 0)
          await this.clock.sleep(Math.floor(this.random.next() * thinkMsMax), stop.signal).catch(() => undefined);
      }
    };
    const ended = (async () => {
      while (!stop.signal.aborted) {
        try {
          await read();
        } catch (error) {
          if (!isLakeError(error) || !['fenced', 'unavailable'].includes(error.kind)) throw error;
          failures.push(error.code);
        }
      }
    })();
    ended.catch((error: unknown) => this.broken.push(error));
    const member: MemberOfWorld = {
      ...{ name, ended, given, failures, requests },
      leave: () => stop.abort(),
      crash: () => {
        isDead = true;
      },
      pause: ms => {
        pausedUntilMs = this.clock.nowMs() + ms;
      },
    };
    this.members.push(member);
    return member;
  }

  /** How many shards each member has, as the newest version says. */
  held(): readonly number[] {
    const state = this.versions.at(-1);
    const counts = new Map([...(state?.members.keys() ?? [])].map(id => [id, 0]));
    for (const { lease } of state?.units.values() ?? []) {
      if (lease !== undefined) counts.set(lease.memberId, (counts.get(lease.memberId) ?? 0) + 1);
    }
    return [...counts.values()].toSorted((a, b) => a - b);
  }

  /** Rows that were written and have not been given. */
  missing(): readonly string[] {
    const given = new Set(this.given.map(({ k, n }) => `${k}/${n}`));
    return [...this.written].flatMap(([k, last]) =>
      Array.from({ length: last }, (_, index) => `${k}/${index + 1}`).filter(name => !given.has(name)),
    );
  }

  #watched(): ObjectStore {
    const keep = (key: string, bytes: Uint8Array): void => {
      const state = key === groupKey ? decodeGroup(bytes, key) : undefined;
      if (state !== undefined) this.versions.push(state);
    };
    return changedStore<ObjectStore>(this.store, {
      putIfAbsent: async (key, bytes, options) => {
        const outcome = await this.store.putIfAbsent(key, bytes, options);
        if (outcome.status === 'created') keep(key, bytes);
        return outcome;
      },
      putIfMatch: async (key, bytes, etag, options) => {
        const outcome = await this.store.putIfMatch(key, bytes, etag, options);
        if (outcome.status === 'replaced') keep(key, bytes);
        return outcome;
      },
    });
  }
}

/** Each request waits before it is made and before it is answered. */
function slow(inner: ObjectStore, wait: () => Promise<void>): ObjectStore {
  const around = async <T>(action: () => Promise<T>): Promise<T> => {
    await wait();
    const result = await action();
    await wait();
    return result;
  };
  return changedStore<ObjectStore>(inner, {
    get: (...args) => around(() => inner.get(...args)),
    putIfAbsent: (...args) => around(() => inner.putIfAbsent(...args)),
    putIfMatch: (...args) => around(() => inner.putIfMatch(...args)),
  });
}
