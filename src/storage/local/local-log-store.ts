/**
 * A log in a folder: the embedded default. Several processes of one machine may append and read at once.
 *
 * Each shard is a sequence of segment files with a small head that says where it ends (log-layout). Appends are
 * serialised by a lock of the kernel, gathered into groups and made durable before they are acknowledged
 * (log-shard-writer); readers need no lock (log-shard-reader). The shards are fixed when the log is made. The folder
 * must be on a file system of this machine: locks and link(2) of network file systems are not to be relied upon.
 */
import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, present } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { isLakeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { AppendSignal } from '../append-signal.ts';
import { badLogSettings, logClosed, logCorrupt, logNotFound } from '../log-errors.ts';
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
import { checkAppend, contains, evenRanges, type HashKeyRange, shardIdAt } from '../shard-ranges.ts';
import { type Durability, makeDirectoryDurably, syncDirectory } from './local-directories.ts';
import { codeOf } from './local-files.ts';
import { localLogFailure } from './log-failure.ts';
import { recordBytesMax } from './log-frame.ts';
import { decodeMeta, encodeMeta, type LogMeta, metaFileName } from './log-layout.ts';
import { ShardLock } from './log-lock.ts';
import { openShardFiles, putFileIfAbsent, type ShardFiles } from './log-shard-files.ts';
import { hasMore, readShard } from './log-shard-reader.ts';
import { type ShardAppendOutcome, ShardWriter } from './log-shard-writer.ts';

export type LocalLogSettings = {
  /** The folder; made when it is not there. */
  readonly path: string;
  /** `none`: an acknowledged record survives the process, not the machine. */
  readonly durability?: Durability | undefined;
  /** What a log is made with; one that exists keeps its own. */
  readonly shardCount?: number | undefined;
  readonly segmentBytesMax?: number | undefined;
  /** Older segments are removed whole, when another is begun or the log is opened; undefined keeps all. */
  readonly retentionMs?: number | undefined;
};

const shardCountDefault = 4;
const segmentBytesMaxDefault = 64 << 20;
/** Looking at a head costs a few microseconds. */
const pollIntervalMs = 5;
const support: LogStoreSupport = {
  recordBytesMax,
  appendRecordsMax: 10_000,
  appendBytesMax: 16 << 20,
  resharding: false,
  pollIntervalMs,
};

type Shard = {
  readonly shardId: string;
  readonly range: HashKeyRange;
  readonly files: ShardFiles;
  readonly writer: ShardWriter;
  readonly appended: AppendSignal;
};

export class LocalLogStore implements LogStore {
  readonly uri: string;
  readonly supports: LogStoreSupport = support;
  readonly #root: string;
  readonly #meta: LogMeta;
  readonly #clock: Clock;
  readonly #shards: readonly Shard[];
  #closed: Promise<void> | undefined;

  constructor(opened: {
    readonly root: string;
    readonly meta: LogMeta;
    readonly clock: Clock;
    readonly shards: readonly Shard[];
  }) {
    this.uri = `file:${opened.root}`;
    this.#root = opened.root;
    this.#meta = opened.meta;
    this.#clock = opened.clock;
    this.#shards = opened.shards;
  }

  async describe(options?: LogRequestOptions): Promise<LogDescription> {
    this.#check(options?.signal);
    const meta = await readMeta(this.#root);
    if (meta?.incarnation !== this.#meta.incarnation) throw logNotFound(this.uri, 'the log was deleted; open it again');
    return {
      incarnation: meta.incarnation,
      shards: this.#shards.map(({ shardId, range }) => ({ shardId, parentIds: [], ...range, closed: false })),
      retentionMs: meta.retentionMs,
    };
  }

  async append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]> {
    this.#check(options?.signal);
    checkAppend(this.uri, recordBytesMax, records);
    const indexesByShard = new Map<Shard, number[]>();
    for (const [index, { hashKey }] of records.entries()) {
      const shard = this.#shards.find(({ range }) => contains(range, hashKey));
      assert(shard !== undefined, 'the shards cover every hash key');
      const indexes = indexesByShard.get(shard);
      if (indexes === undefined) indexesByShard.set(shard, [index]);
      else indexes.push(index);
    }
    const outcomes: LogAppendOutcome[] = new Array(records.length);
    // As many at a time as the log has shards.
    await Promise.all(
      [...indexesByShard].map(async ([shard, indexes]) => {
        const data = indexes.map(index => present(records[index], 'record').data);
        const outcome = await shard.writer.append(data, options?.signal);
        for (const [order, index] of indexes.entries()) outcomes[index] = recordOutcome(shard, outcome, order);
      }),
    );
    throwWhatConcernsAll(outcomes);
    return outcomes;
  }

  async read(shardId: string, from: LogStart, options?: LogReadOptions): Promise<LogReadResult> {
    this.#check(options?.signal);
    const { files } = this.#shardById(shardId);
    try {
      return await readShard(files, from, options);
    } catch (error) {
      throw localLogFailure(files.settings.where, error);
    }
  }

  async waitForMore(shardId: string, from: LogStart, options: LogWaitOptions): Promise<void> {
    this.#check(options.signal);
    const { files, appended } = this.#shardById(shardId);
    const startMs = this.#clock.monotonicMs();
    while (this.#closed === undefined && !(await hasMore(files, from))) {
      const leftMs = options.waitMsMax - (this.#clock.monotonicMs() - startMs);
      if (leftMs <= 0) return;
      await appended.wait(this.#clock, Math.min(leftMs, pollIntervalMs), options.signal);
      if (from.kind === 'latest') return;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= closeShards(this.#shards);
    return this.#closed;
  }

  #check(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw logClosed(this.uri);
  }

  #shardById(shardId: string): Shard {
    const shard = this.#shards.find(each => each.shardId === shardId);
    if (shard === undefined) throw logNotFound(this.uri, `there is no shard ${shardId}`);
    return shard;
  }
}

/**
 * Opens the log in a folder; makes it when the folder has none.
 *
 * @throws LakeError `invalid` LAKE_BAD_SETTINGS, LAKE_LOG_DENIED; `corrupt` LAKE_LOG_CORRUPT
 */
export async function openLocalLog(
  settings: LocalLogSettings,
  components: { readonly clock: Clock; readonly random: Random },
): Promise<LocalLogStore> {
  try {
    const durability = settings.durability ?? 'fsync';
    if (durability === 'fsync') await makeDirectoryDurably(settings.path);
    else await mkdir(settings.path, { recursive: true });
    const root = await realpath(settings.path);
    const meta = (await readMeta(root)) ?? (await makeMeta(root, settings, components.random));
    const shards: Shard[] = [];
    try {
      for (const [index, range] of evenRanges(meta.shardCount).entries()) {
        const place = { root, meta, durability, shardId: shardIdAt(index), range };
        shards.push(await openShard(place, components));
      }
      for (const shard of shards) await recoverShard(shard, meta);
    } catch (error) {
      await closeShards(shards);
      throw error;
    }
    return new LocalLogStore({ root, meta, clock: components.clock, shards });
  } catch (error) {
    throw localLogFailure(`file:${settings.path}`, error);
  }
}

/** It has a handful of numbers. */
const metaBytesMax = 64 * 1024;

async function readMeta(root: string): Promise<LogMeta | undefined> {
  const path = join(root, metaFileName);
  let bytes: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > metaBytesMax) throw logCorrupt(`file:${path}`, `it has ${size} bytes, at most ${metaBytesMax}`);
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return decodeMeta(bytes, `file:${path}`);
}

/** Of several processes that make the log at once, one writes the file; all go by what it wrote. */
async function makeMeta(root: string, settings: LocalLogSettings, random: Random): Promise<LogMeta> {
  const meta: LogMeta = {
    incarnation: random.uuid(),
    shardCount: atLeastOne('shardCount', settings.shardCount ?? shardCountDefault),
    segmentBytesMax: atLeastOne('segmentBytesMax', settings.segmentBytesMax ?? segmentBytesMaxDefault),
    retentionMs: settings.retentionMs === undefined ? undefined : atLeastOne('retentionMs', settings.retentionMs),
  };
  const durability = settings.durability ?? 'fsync';
  await putFileIfAbsent(join(root, metaFileName), encodeMeta(meta), { durability, random });
  if (durability === 'fsync') await syncDirectory(root);
  return present(await readMeta(root), `${metaFileName} that was just written`);
}

type ShardPlace = {
  readonly root: string;
  readonly meta: LogMeta;
  readonly durability: Durability;
  readonly shardId: string;
  readonly range: HashKeyRange;
};

async function openShard(
  { root, meta, durability, shardId, range }: ShardPlace,
  components: { readonly clock: Clock; readonly random: Random },
): Promise<Shard> {
  const directory = join(root, shardId);
  const where = `file:${directory}`;
  const { incarnation, segmentBytesMax, retentionMs } = meta;
  const files = await openShardFiles({ directory, where, incarnation, durability, ...components });
  const lock = new ShardLock({ directory, where, clock: components.clock });
  const appended = signalOf(directory);
  const writer = new ShardWriter({ files, lock, clock: components.clock, appended, segmentBytesMax, retentionMs });
  return { shardId, range, files, writer, appended };
}

/** Puts right what a crash left. A log that can only be read, or that another process holds, is left as it is. */
async function recoverShard({ files, writer }: Shard, meta: LogMeta): Promise<void> {
  if (meta.retentionMs === undefined && !(await files.hasTail())) return;
  try {
    await writer.recover();
  } catch (error) {
    const failure = localLogFailure(files.settings.where, error);
    if (!isLakeError(failure, 'LAKE_LOG_DENIED') && !isLakeError(failure, 'LAKE_LOG_BUSY')) throw failure;
  }
}

async function closeShards(shards: readonly Shard[]): Promise<void> {
  for (const { writer, files, appended } of shards) {
    await writer.close();
    await files.close();
    appended.notify();
  }
}

function recordOutcome(shard: Shard, outcome: ShardAppendOutcome, order: number): LogAppendOutcome {
  if (outcome.status !== 'appended') return outcome;
  const position = BigInt(present(outcome.positions[order], 'position'));
  return { status: 'appended', shardId: shard.shardId, position };
}

/** A deleted log, missing rights or broken files are no matter of single records: unless some were taken, throw. */
function throwWhatConcernsAll(outcomes: readonly LogAppendOutcome[]): void {
  const [first] = outcomes;
  if (first?.status !== 'failed' || outcomes.some(({ status }) => status !== 'failed')) return;
  if (isLakeError(first.cause) && (first.cause.kind === 'invalid' || first.cause.kind === 'corrupt')) throw first.cause;
}

function atLeastOne(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw badLogSettings(`log setting ${name} is ${value}; it must be a whole number above zero`);
  }
  return value;
}

/** Handles on one folder in one process wake each other's readers. */
const signalsByDirectory = new Map<string, WeakRef<AppendSignal>>();

function signalOf(directory: string): AppendSignal {
  const known = signalsByDirectory.get(directory)?.deref();
  if (known !== undefined) return known;
  for (const [key, signal] of signalsByDirectory) if (signal.deref() === undefined) signalsByDirectory.delete(key);
  const signal = new AppendSignal();
  signalsByDirectory.set(directory, new WeakRef(signal));
  return signal;
}
