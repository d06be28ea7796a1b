/**
 * The log of a lake: as its processes reach it, and as it really is, whoever may be told what of it. It lies in a service like
 * Kinesis, or in the bucket (RFC 0015), where who appends are rivals for the next number.
 */
import { seededRandom } from '../../../../src/base/random.ts';
import type { LogRecordEnvelope, LogShard, LogStore } from '../../../../src/storage/log-store.ts';
import type { MemoryLog } from '../../../../src/storage/memory/memory-log.ts';
import { decodeBatch } from '../../../../src/storage/object-log/batch-codec.ts';
import {
  decodeLogObject,
  logKey,
  numberOfBatchKey,
  positionOf,
} from '../../../../src/storage/object-log/log-objects.ts';
import { type ObjectLogStore, openObjectLog } from '../../../../src/storage/object-log/object-log-store.ts';
import { prefixedObjectStore } from '../../../../src/storage/prefixed-object-store.ts';
import type { SimProcess } from '../../process.ts';
import { simLogStore } from '../../sim-log-store.ts';
import type { World } from '../../world.ts';

export type TrueRecord = { readonly shardId: string; readonly envelope: LogRecordEnvelope };

export type LakeLog = {
  /** As a process reaches it. */
  readonly store: (process: SimProcess, pollMs: number) => LogStore;
  /** What came since the last call, in an order in which each key's records are as they were appended. */
  readonly fresh: () => readonly TrueRecord[];
  /** Shards there are, and those that were, by name. */
  readonly parentsOf: (shardId: string) => readonly string[];
  /** Splits or merges some shards. */
  readonly reshard: (process: SimProcess) => Promise<boolean>;
};

const shardsMax = 6;

type Resharding = { readonly kind: 'split' | 'merge'; readonly shardIds: readonly string[] };

function reshardingOf(process: SimProcess, shards: readonly LogShard[]): Resharding | undefined {
  const open = shards.filter(shard => !shard.closed);
  const [a, b] = open.slice(Math.floor(process.random.next() * open.length));
  if (a === undefined) return undefined;
  const isMerge = b !== undefined && (open.length >= shardsMax || process.random.next() < 0.5);
  if (isMerge && a.hashKeyEnd + 1n === b.hashKeyStart) return { kind: 'merge', shardIds: [a.shardId, b.shardId] };
  return open.length < shardsMax ? { kind: 'split', shardIds: [a.shardId] } : undefined;
}

/** A log that is a service of its own. */
export class ServiceLog implements LakeLog {
  readonly #world: World;
  readonly #log: MemoryLog;
  readonly #seen = new Map<string, bigint>();
  readonly #parents = new Map<string, readonly string[]>();

  constructor(world: World, log: MemoryLog) {
    this.#world = world;
    this.#log = log;
  }

  store(process: SimProcess, pollMs: number): LogStore {
    return simLogStore(this.#world, process, this.#log, pollMs);
  }

  fresh(): readonly TrueRecord[] {
    const fresh: TrueRecord[] = [];
    for (const { shardId, parentIds } of this.#log.describe().shards) {
      this.#parents.set(shardId, parentIds);
      for (;;) {
        const position = this.#seen.get(shardId) ?? 0n;
        const { records } = this.#log.read(shardId, { kind: 'after', position });
        for (const envelope of records) fresh.push({ shardId, envelope });
        const last = records.at(-1);
        if (last === undefined) break;
        this.#seen.set(shardId, last.position);
      }
    }
    // Positions grow over all shards of a log in memory.
    return fresh.sort((a, b) => (a.envelope.position < b.envelope.position ? -1 : 1));
  }

  parentsOf(shardId: string): readonly string[] {
    return this.#parents.get(shardId) ?? [];
  }

  async reshard(process: SimProcess): Promise<boolean> {
    const chosen = reshardingOf(process, this.#log.describe().shards);
    const [a = '', b = ''] = chosen?.shardIds ?? [];
    if (chosen?.kind === 'merge') this.#log.merge(a, b);
    if (chosen?.kind === 'split') this.#log.split(a);
    return chosen !== undefined;
  }
}

export type BucketLogSettings = { readonly shardCount: number; readonly retentionMs: number | undefined };

const folder = 'the-log';
/** So few that retention has its turn in a short life. */
const batchesBetweenRemovals = 4;
/** Looks of who waits get twice as seldom each time, up to so many times. */
const idleFactor = 8;

/** A log of objects in the store of the lake. */
export class BucketLog implements LakeLog {
  readonly #world: World;
  readonly #settings: BucketLogSettings;
  readonly #parents = new Map<string, readonly string[]>();
  readonly #lastNumbers = new Map<string, number>();
  #fresh: TrueRecord[] = [];

  constructor(world: World, settings: BucketLogSettings) {
    this.#world = world;
    this.#settings = settings;
    world.watch({ stored: (key, bytes) => this.#note(key, bytes) });
  }

  /** Before anything goes wrong. */
  async make(): Promise<void> {
    const { scheduler } = this.#world;
    const clock = { nowMs: () => scheduler.nowMs, monotonicMs: () => scheduler.nowMs, sleep: async () => {} };
    const store = prefixedObjectStore(this.#world.rawStore(), folder);
    const log = await openObjectLog(store, this.#settings, { clock, random: seededRandom(this.#world.seed) });
    for (const { shardId, parentIds } of (await log.describe()).shards) this.#parents.set(shardId, parentIds);
  }

  store(process: SimProcess, pollMs: number): LogStore {
    const opening = new Opening(() => this.#open(process, pollMs));
    return {
      uri: `sim:/${folder}`,
      supports: {
        recordBytesMax: 4 << 20,
        appendRecordsMax: 10_000,
        appendBytesMax: 16 << 20,
        resharding: true,
        pollIntervalMs: pollMs,
      },
      describe: async options => (await opening.log()).describe(options),
      append: async (records, options) => (await opening.log()).append(records, options),
      read: async (shardId, from, options) => (await opening.log()).read(shardId, from, options),
      waitForMore: async (shardId, from, options) => (await opening.log()).waitForMore(shardId, from, options),
      checkThere: async options => (await opening.log()).checkThere(options),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  fresh(): readonly TrueRecord[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  parentsOf(shardId: string): readonly string[] {
    return this.#parents.get(shardId) ?? [];
  }

  async reshard(process: SimProcess): Promise<boolean> {
    const log = await this.#open(process, 1_000);
    const chosen = reshardingOf(process, (await log.describe()).shards);
    const [a = '', b = ''] = chosen?.shardIds ?? [];
    if (chosen?.kind === 'merge') await log.merge(a, b);
    if (chosen?.kind === 'split') await log.split(a);
    return chosen !== undefined;
  }

  #open(process: SimProcess, pollMs: number): Promise<ObjectLogStore> {
    // A look at the log is as many requests as it has shards, more than a hundred at times: each must not fail all of it.
    const store = prefixedObjectStore(this.#world.store(process, { retriesReads: true }), folder);
    const settings = {
      ...this.#settings,
      pollIntervalMs: pollMs,
      idlePollIntervalMs: idleFactor * pollMs,
      batchesBetweenRemovals,
    };
    return openObjectLog(store, settings, process);
  }

  /** An object of the log, at the moment it is there. */
  #note(key: string, bytes: Uint8Array): void {
    if (key === `${folder}/${logKey}`) {
      const { shards } = decodeLogObject(bytes, key);
      for (const { shardId, parentIds } of shards) this.#parents.set(shardId, parentIds);
    }
    const number = key.startsWith(`${folder}/`) ? numberOfBatchKey(key) : undefined;
    if (number === undefined) return;
    const shardId = key.split('/').at(-2) ?? '';
    const last = this.#lastNumbers.get(shardId) ?? 0;
    // One that was put again after retention had been there is nobody's.
    if (number <= last) return;
    this.#world.check(number === last + 1, () => `${shardId}: batch ${number} was put behind batch ${last}`);
    this.#lastNumbers.set(shardId, number);
    const { head, records } = decodeBatch(bytes, { shardId, number, where: key });
    for (const [place, data] of records.entries()) {
      const envelope = { position: positionOf(number, place), arrivalMs: head.arrivalMs, data };
      this.#fresh.push({ shardId, envelope });
    }
  }
}

/** Opens the log when it is first asked for; whoever comes after a failure opens it anew. */
class Opening {
  readonly #open: () => Promise<ObjectLogStore>;
  #opened: Promise<ObjectLogStore> | undefined;

  constructor(open: () => Promise<ObjectLogStore>) {
    this.#open = open;
  }

  log(): Promise<ObjectLogStore> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}
