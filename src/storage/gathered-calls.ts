/**
 * Calls to append that gather while an earlier group is under way and go together in the next one: what an appender of one
 * shard keeps, whatever it appends to.
 */
import { logClosed } from './log-errors.ts';

export type GatheredCall<Outcome> = {
  readonly records: readonly Uint8Array[];
  readonly bytes: number;
  readonly settle: (outcome: Outcome) => void;
};

export type GatheringSettings = {
  /** For messages. */
  readonly where: string;
  /** A group takes no further call above these; one call is never divided. */
  readonly bytesMax: number;
  readonly recordsMax: number;
  /** Takes a group (`take`) and settles each call of it. What it throws is a bug, and all calls hear of it. */
  readonly appendNext: () => Promise<void>;
};

type Waiting<Outcome> = GatheredCall<Outcome> & { readonly reject: (reason: unknown) => void };

export class GatheredCalls<Outcome> {
  readonly #settings: GatheringSettings;
  #waiting: Waiting<Outcome>[] = [];
  #taken: readonly Waiting<Outcome>[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(settings: GatheringSettings) {
    this.#settings = settings;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Resolves with what `appendNext` says of it. Rejects when the signal aborts; a call that is being written by then may be
   * appended all the same.
   */
  async append(records: readonly Uint8Array[], bytes: number, signal: AbortSignal | undefined): Promise<Outcome> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw logClosed(this.#settings.where);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const call: Waiting<Outcome> = { records, bytes, settle: resolve, reject };
    const onAbort = (): void => {
      this.#waiting = this.#waiting.filter(each => each !== call);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(call);
    this.#running ??= this.#run();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** The next group, in the order of the calls; none when all that waited were aborted. */
  take(): readonly GatheredCall<Outcome>[] {
    const { bytesMax, recordsMax } = this.#settings;
    let bytes = 0;
    let records = 0;
    let count = 0;
    for (const call of this.#waiting) {
      bytes += call.bytes;
      records += call.records.length;
      if (count > 0 && (bytes > bytesMax || records > recordsMax)) break;
      count += 1;
    }
    this.#taken = this.#waiting.splice(0, count);
    return this.#taken;
  }

  /** All that wait, whatever their size: for an appender who cannot serve anybody. */
  takeAll(): readonly GatheredCall<Outcome>[] {
    this.#taken = this.#waiting.splice(0);
    return this.#taken;
  }

  /** Takes no more calls, and waits for those that it has. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      // A turn, so that calls made at one time are in one group.
      await Promise.resolve();
      while (this.#waiting.length > 0) await this.#settings.appendNext();
    } catch (error) {
      for (const call of [...this.#taken, ...this.#waiting.splice(0)]) call.reject(error);
    } finally {
      this.#running = undefined;
    }
  }
}
