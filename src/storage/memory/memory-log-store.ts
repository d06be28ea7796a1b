/**
 * A log in this process's memory: the reference for the port. Made for tests (its clock comes in), and for `memory:name`,
 * which lasts as long as the process.
 */
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { AppendSignal } from '../append-signal.ts';
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
import { MemoryLog, type MemoryLogSettings } from './memory-log.ts';

export type { MemoryLogSettings } from './memory-log.ts';

export class MemoryLogStore implements LogStore {
  readonly uri: string;
  readonly supports: LogStoreSupport;
  readonly #log: MemoryLog;
  readonly #clock: Clock;
  readonly #appended = new AppendSignal();

  constructor(settings: MemoryLogSettings, components: { readonly clock: Clock; readonly random: Random }) {
    this.#log = new MemoryLog(settings, components);
    this.#clock = components.clock;
    this.uri = this.#log.uri;
    this.supports = this.#log.supports;
  }

  async describe(options?: LogRequestOptions): Promise<LogDescription> {
    options?.signal?.throwIfAborted();
    return this.#log.describe();
  }

  async append(records: readonly LogAppend[], options?: LogRequestOptions): Promise<readonly LogAppendOutcome[]> {
    options?.signal?.throwIfAborted();
    const outcomes = this.#log.append(records);
    this.#appended.notify();
    return outcomes;
  }

  async read(shardId: string, from: LogStart, options?: LogReadOptions): Promise<LogReadResult> {
    options?.signal?.throwIfAborted();
    return this.#log.read(shardId, from, options);
  }

  async waitForMore(shardId: string, from: LogStart, options: LogWaitOptions): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#log.hasMore(shardId, from)) return;
    await this.#appended.wait(this.#clock, options.waitMsMax, options.signal);
  }

  /** Closes a shard and opens two for the halves of its range. */
  split(shardId: string): void {
    this.#log.split(shardId);
    this.#appended.notify();
  }

  /** Closes two neighbours and opens one for both ranges. */
  merge(shardIdA: string, shardIdB: string): void {
    this.#log.merge(shardIdA, shardIdB);
    this.#appended.notify();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const logsByName = new Map<string, MemoryLogStore>();

/** The log of this name in this process; made at the first call, whose settings count. */
export function openMemoryLog(
  settings: MemoryLogSettings,
  components: { readonly clock: Clock; readonly random: Random },
): MemoryLogStore {
  let log = logsByName.get(settings.name);
  if (log === undefined) {
    log = new MemoryLogStore(settings, components);
    logsByName.set(settings.name, log);
  }
  return log;
}

/** Deletes the log of this name: the next `openMemoryLog` makes another, with an incarnation of its own. */
export function deleteMemoryLog(name: string): void {
  logsByName.delete(name);
}
