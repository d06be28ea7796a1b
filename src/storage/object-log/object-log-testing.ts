/** What tests of the log in an object store have in common: a store whose clock and requests they decide about. */
import { type Clock, systemClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { appendAll, readAll, readToEnd, texts } from '../log-store-testing.ts';
import { MemoryObjectStore } from '../memory/memory-object-store.ts';
import type { ObjectStore } from '../object-store.ts';
import { type ObjectLogSettings, type ObjectLogStore, openObjectLog } from './object-log-store.ts';

export const shardId = 'shard-000000';
/** Sleeps are short, so that back-off takes hardly any time. */
const hasty: Clock = { ...systemClock, sleep: async () => await systemClock.sleep(0) };

/** A clock that stands until it is set, a store that goes by it, and handles of one log in it. */
export class World {
  nowMs = 1_000_000;
  readonly clock: Clock = { ...hasty, nowMs: () => this.nowMs };
  readonly store: MemoryObjectStore = new MemoryObjectStore('memory:log', this.clock);
  readonly #settings: ObjectLogSettings;
  #seed = 0;

  constructor(settings: ObjectLogSettings = { shardCount: 1, retentionMs: 1000 }) {
    this.#settings = settings;
  }

  async open(store: ObjectStore = this.store): Promise<ObjectLogStore> {
    this.#seed += 1;
    return await openObjectLog(store, this.#settings, { clock: this.clock, random: seededRandom(this.#seed) });
  }

  /** The store with some requests done otherwise. */
  watched(requests: Partial<ObjectStore>): ObjectStore {
    return new Proxy<ObjectStore>(this.store, {
      get(target, name) {
        const found = Reflect.get(requests, name) ?? Reflect.get(target, name);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
  }

  /** Goes on from the first batch to the 256th, at which older ones have expired; back when so many are left at the most. */
  async outliveRetention(log: ObjectLogStore, leftMax: number): Promise<void> {
    await appendTo(log, 2, 255);
    this.nowMs += 5_000;
    await appendTo(log, 256, 256);
    await until(async () => (await this.batchKeys()).length <= leftMax);
  }

  async batchKeys(): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const page of this.store.list('')) keys.push(...page.objects.map(object => object.key));
    return keys.filter(key => key.endsWith('.batch'));
  }
}

/** Appends batches of one record, which is the number of the batch; after the 256th it is looked for what has expired. */
export async function appendTo(log: ObjectLogStore, from: number, to: number): Promise<void> {
  for (let number = from; number <= to; number += 1) await appendAll(log, 0n, [`${number}`]);
}

export async function allTexts(log: ObjectLogStore): Promise<readonly string[]> {
  const seen: string[] = [];
  for (const shard of (await log.describe()).shards) {
    const all = await (shard.closed ? readToEnd : readAll)(log, shard.shardId, { kind: 'earliest' });
    seen.push(...texts(all.records));
  }
  return seen;
}

export async function until(check: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200 && !(await check()); attempt += 1) await systemClock.sleep(5);
}
