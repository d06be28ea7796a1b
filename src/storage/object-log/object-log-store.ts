/**
 * A log in an object store: no service beside the store itself, and nothing to pay while nobody appends or reads.
 *
 * Each shard is a sequence of batches, an object each, whose numbers have no gaps; a batch is appended by a conditional PUT
 * of the next number (shard-appender), and read by a GET of it (shard-reader). Any number of processes may append and read
 * (log-objects, batch-codec: the layout; RFC 0015: why).
 */
import { present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { LakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { throwIfHopeless } from '../append-outcomes.ts';
import { partsWithin } from '../append-parts.ts';
import { AppendSignal } from '../append-signal.ts';
import { badLogSettings, logClosed, logCorrupt, logNotFound, logUnavailable } from '../log-errors.ts';
import type {
  LogAppend,
  LogAppendOutcome,
  LogDescription,
  LogReadOptions,
  LogReadResult,
  LogRequestOptions,
  LogStart,
  LogStore,
  LogStoreSupport,
  LogWaitOptions,
} from '../log-store.ts';
import type { ObjectStore } from '../object-store.ts';
import { checkAppend, contains } from '../shard-ranges.ts';
import { batchRecordsMax } from './batch-codec.ts';
import { LogClock } from './log-clock.ts';
import { storeOfLog } from './log-failures.ts';
import {
  changeLogObject,
  ensureLogObject,
  type MetaParts,
  readLogObject,
  sameLog,
  withChildren,
  withClosed,
} from './log-object.ts';
import { type ObjectLogMeta, positionOf } from './log-objects.ts';
import { ShardAppender, type ShardAppendOutcome } from './shard-appender.ts';
import { ShardObjects } from './shard-objects.ts';
import { ShardReader } from './shard-reader.ts';
import { QuietShards, removeExpired } from './shard-retention.ts';
import { sealShard } from './shard-seal.ts';

export type ObjectLogSettings = {
  /** What a log is made with; one that exists keeps its own. */
  readonly shardCount?: number | undefined;
  /** Batches older than this are removed by appenders, now and then; undefined keeps all. */
  readonly retentionMs?: number | undefined;
  /** How long a reader at the tip waits first; each look that finds nothing doubles it, up to `idlePollIntervalMs`. */
  readonly pollIntervalMs?: number | undefined;
  readonly idlePollIntervalMs?: number | undefined;
  /** For tests, which append few batches: of one shard, how many there are between two looks for what has expired. */
  readonly batchesBetweenRemovals?: number | undefined;
};

export type ObjectLogComponents = { readonly clock: Clock; readonly random: Random };

const shardCountDefault = 4;
const shardCountMax = 1_000;
const pollIntervalMsDefault = 250;
const idlePollIntervalMsDefault = 10_000;
const batchRecordBytesMax = 4 << 20;
const appendBytesMax = 16 << 20;
const partLimits = { bytesMax: appendBytesMax, countMax: batchRecordsMax };
const batchesBetweenRemovalsDefault = 256;
/** Splits that one call may run into, one after the other. */
const reroutesMax = 20;

type Handles = { readonly objects: ShardObjects; readonly appender: ShardAppender; readonly reader: ShardReader };

export class ObjectLogStore implements LogStore {
  readonly uri: string;
  readonly supports: LogStoreSupport;
  readonly #parts: MetaParts;
  readonly #logClock: LogClock;
  readonly #appended = new AppendSignal();
  readonly #handles = new Map<string, Handles>();
  readonly #idlePollIntervalMs: number;
  readonly #batchesBetweenRemovals: number;
  /** Of each shard: the last position that this handle was given. */
  readonly #newestAppended = new Map<string, bigint>();
  /** Looks of each shard that found nothing, one after the other. */
  readonly #idleLooks = new Map<string, number>();
  #meta: ObjectLogMeta;
  readonly #quiet = new QuietShards();
  #removing: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

  /** Owns the store: disposing of the log disposes of it. */
  constructor(meta: ObjectLogMeta, parts: MetaParts, settings: ObjectLogSettings) {
    this.uri = parts.store.uri;
    this.#meta = meta;
    this.#parts = parts;
    this.#logClock = new LogClock(parts.clock);
    this.#idlePollIntervalMs = settings.idlePollIntervalMs ?? idlePollIntervalMsDefault;
    this.#batchesBetweenRemovals = settings.batchesBetweenRemovals ?? batchesBetweenRemovalsDefault;
    this.supports = {
      recordBytesMax: batchRecordBytesMax,
      appendRecordsMax: 10_000,
      appendBytesMax,
      resharding: true,
      pollIntervalMs: settings.pollIntervalMs ?? pollIntervalMsDefault,
    };
  }

  async describe(options?: LogRequestOptions): Promise<LogDescription> {
    this.#check(options?.signal);
    const { incarnation, retentionMs, shards } = await this.#refresh(options?.signal);
    return {
      incarnation,
      retentionMs,
      shards: shards.map(({ state, ...shard }) => ({ ...shard, closed: state === 'closed' })),
    };
  }

  async append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]> {
    this.#check(options?.signal);
    checkAppend(this.uri, batchRecordBytesMax, records);
    const outcomes: LogAppendOutcome[] = new Array(records.length);
    let indexes = records.map((_, index) => index);
    for (let round = 0; indexes.length > 0; round += 1) {
      const cause = round === 0 ? undefined : await this.#reroute(round, options?.signal);
      if (cause !== undefined) {
        // Others of the call may be there; these are surely not.
        for (const index of indexes) outcomes[index] = { status: 'failed', cause };
        break;
      }
      const byShard = Map.groupBy(indexes, index => this.#openShardOf(present(records[index], 'record').hashKey));
      const sealed: number[][] = await Promise.all(
        [...byShard].map(([shardId, own]) => this.#appendTo(shardId, own, { records, outcomes }, options?.signal)),
      );
      indexes = sealed.flat().toSorted((a, b) => a - b);
    }
    this.#appended.notify();
    throwIfHopeless(outcomes);
    return outcomes;
  }

  async read(shardId: string, from: LogStart, options?: LogReadOptions): Promise<LogReadResult> {
    this.#check(options?.signal);
    if (!this.#meta.shards.some(shard => shard.shardId === shardId)) await this.#refresh(options?.signal);
    if (!this.#meta.shards.some(shard => shard.shardId === shardId)) {
      throw logNotFound(this.uri, `there is no shard ${shardId}`);
    }
    const result = await this.#handlesOf(shardId).reader.read(from, options);
    const isIdle = result.atTip && result.records.length === 0;
    this.#idleLooks.set(shardId, isIdle ? (this.#idleLooks.get(shardId) ?? 0) + 1 : 0);
    return result;
  }

  /** Batches of a log that was deleted are read on as if nobody had appended: only what the log is tells. */
  async checkThere(options?: LogRequestOptions): Promise<void> {
    this.#check(options?.signal);
    const { store } = this.#parts;
    sameLog(store, this.#meta.incarnation, await readLogObject(store, options?.signal));
  }

  /** Sooner than polling only for what this handle appends; the rest is looked for, the less often the longer it was quiet. */
  async waitForMore(shardId: string, from: LogStart, options: LogWaitOptions): Promise<void> {
    this.#check(options.signal);
    // Appended since the look that found nothing.
    if (from.kind === 'after' && (this.#newestAppended.get(shardId) ?? from.position) > from.position) return;
    const looks = Math.max(0, (this.#idleLooks.get(shardId) ?? 0) - 1);
    const ms = Math.min(this.#idlePollIntervalMs, this.supports.pollIntervalMs * 2 ** Math.min(looks, 20));
    await this.#appended.wait(this.#parts.clock, Math.min(options.waitMsMax, ms), options.signal);
  }

  /** Closes a shard and opens two for the halves of its range; fine when that was done already. */
  async split(shardId: string): Promise<void> {
    await this.#replace([shardId]);
  }

  /** Closes two neighbours and opens one for both ranges; fine when that was done already. */
  async merge(shardIdA: string, shardIdB: string): Promise<void> {
    await this.#replace([shardIdA, shardIdB]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#handles.values()].map(({ appender }) => appender.close()));
    await this.#removing;
    await this.#parts.store[Symbol.asyncDispose]();
  }

  #check(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw logClosed(this.uri);
  }

  async #replace(parentIds: readonly string[]): Promise<void> {
    this.#check(undefined);
    const begun = await changeLogObject(this.#parts, this.#meta.incarnation, meta => {
      for (const parentId of parentIds) {
        if (meta.shards.every(shard => shard.shardId !== parentId))
          throw logNotFound(this.uri, `there is no shard ${parentId}`);
      }
      return withChildren(meta, parentIds);
    });
    await this.#finish(begun);
  }

  /** @returns why it cannot be told now where records go whose shard was closed */
  async #reroute(round: number, signal: AbortSignal | undefined): Promise<unknown> {
    if (round > reroutesMax) return splitTooFast(this.uri);
    try {
      await this.#refresh(signal);
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof LakeError && error.kind === 'unavailable') return error;
      throw error;
    }
  }

  /** What the log is now; what somebody began of a split is finished before its children are told of. */
  async #refresh(signal: AbortSignal | undefined): Promise<ObjectLogMeta> {
    const { store } = this.#parts;
    return await this.#finish(sameLog(store, this.#meta.incarnation, await readLogObject(store, signal)).meta, signal);
  }

  /** Nobody is routed by what a log is before its parents have their seals: this handle neither, whatever calls it has. */
  async #finish(begun: ObjectLogMeta, signal?: AbortSignal): Promise<ObjectLogMeta> {
    const parts = { ...this.#parts, logClock: this.#logClock, retentionMs: begun.retentionMs };
    let meta = begun;
    for (let round = 0; round <= reroutesMax; round += 1) {
      const closingIds = meta.shards.filter(shard => shard.state === 'closing').map(shard => shard.shardId);
      if (closingIds.length === 0) {
        this.#meta = meta;
        return meta;
      }
      await Promise.all(closingIds.map(shardId => sealShard(this.#handlesOf(shardId).objects, parts, signal)));
      meta = await changeLogObject(this.#parts, meta.incarnation, found => withClosed(found, closingIds), signal);
    }
    throw splitTooFast(this.uri);
  }

  #openShardOf(hashKey: bigint): string {
    const shard = this.#meta.shards.find(candidate => candidate.state === 'open' && contains(candidate, hashKey));
    if (shard === undefined) throw logCorrupt(this.uri, `no open shard of it takes hash key ${hashKey}`);
    return shard.shardId;
  }

  /** Appends some records of a call, in parts that a batch has room for; gives those whose shard was closed meanwhile. */
  async #appendTo(
    shardId: string,
    indexes: readonly number[],
    call: { readonly records: readonly LogAppend[]; readonly outcomes: LogAppendOutcome[] },
    signal: AbortSignal | undefined,
  ): Promise<number[]> {
    const { appender } = this.#handlesOf(shardId);
    let at = 0;
    const dataOf = (index: number): Uint8Array => present(call.records[index], 'record').data;
    for (const part of partsWithin(indexes, index => dataOf(index).byteLength, partLimits)) {
      const data = part.map(dataOf);
      const outcome = await appender.append(data, signal);
      if (outcome.status === 'sealed') return indexes.slice(at);
      at += part.length;
      for (const [order, index] of part.entries()) call.outcomes[index] = recordOutcome(shardId, outcome, order);
      if (outcome.status === 'appended') {
        this.#newestAppended.set(shardId, positionOf(outcome.number, outcome.firstPlace + part.length - 1));
        continue;
      }
      // What comes behind a record that failed may not be before it.
      for (const index of indexes.slice(at)) call.outcomes[index] = { status: 'failed', cause: outcome.cause };
      break;
    }
    return [];
  }

  #handlesOf(shardId: string): Handles {
    const known = this.#handles.get(shardId);
    if (known !== undefined) return known;
    const { incarnation, retentionMs } = this.#meta;
    const { store, clock, random } = this.#parts;
    const logClock = this.#logClock;
    const objects = new ShardObjects({ store, incarnation, shardId, clock: logClock });
    const onAppended = (number: number): void => {
      if (retentionMs === undefined || number % this.#batchesBetweenRemovals !== 0) return;
      const nowMs = logClock.nowMs();
      const others = this.#meta.shards.filter(shard => shard.shardId !== shardId);
      // It only tidies up: what failed is tried again some batches later.
      this.#removing = this.#removing
        .then(() => removeExpired(objects, nowMs - retentionMs, number))
        .then(() => this.#quiet.removeExpired(others, id => this.#handlesOf(id).objects, { nowMs, retentionMs }))
        .catch(() => undefined);
    };
    const handles = {
      objects,
      appender: new ShardAppender(objects, { clock, random, logClock, retentionMs, onAppended }),
      reader: new ShardReader(objects, { logClock, retentionMs }),
    };
    this.#handles.set(shardId, handles);
    return handles;
  }
}

/**
 * Opens the log in a store; makes it when the store has none. The log owns the store from then on.
 *
 * @throws LakeError `invalid` LAKE_BAD_SETTINGS, LAKE_LOG_DENIED; `corrupt` LAKE_LOG_CORRUPT; `unavailable`
 */
export async function openObjectLog(
  store: ObjectStore,
  settings: ObjectLogSettings,
  { clock, random }: ObjectLogComponents,
): Promise<ObjectLogStore> {
  const { shardCount = shardCountDefault, retentionMs } = settings;
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > shardCountMax) {
    throw badLogSettings(`${store.uri}: a log has 1 to ${shardCountMax} shards, not ${shardCount}`);
  }
  const parts = { store: storeOfLog(store), clock, random };
  const meta = await ensureLogObject(parts, { shardCount, retentionMs });
  const log = new ObjectLogStore(meta, parts, settings);
  // Somebody began a split: describing finishes it.
  if (meta.shards.some(shard => shard.state === 'closing')) await log.describe();
  return log;
}

function splitTooFast(uri: string): LakeError {
  return logUnavailable(uri, new Error('its shards are split as fast as they are made'));
}

function recordOutcome(
  shardId: string,
  outcome: Exclude<ShardAppendOutcome, { status: 'sealed' }>,
  order: number,
): LogAppendOutcome {
  if (outcome.status !== 'appended') return outcome;
  return { status: 'appended', shardId, position: positionOf(outcome.number, outcome.firstPlace + order) };
}
