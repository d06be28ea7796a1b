/** What the log says of its shards, remembered for a little while: asking is dear, and shards seldom change. */
import type { Clock } from '../../base/clock.ts';
import type { LogDescription, LogStore } from '../../storage/log-store.ts';

/** A log that was deleted cannot be made again in less, so an incarnation is never believed beyond its end. */
const believedMs = 10_000;

export class KnownShards {
  readonly #log: LogStore;
  readonly #clock: Clock;
  #known: { readonly description: LogDescription; readonly atMs: number } | undefined;

  constructor(parts: { readonly log: LogStore; readonly clock: Clock }) {
    this.#log = parts.log;
    this.#clock = parts.clock;
  }

  async describe(signal?: AbortSignal): Promise<LogDescription> {
    if (this.#known !== undefined && this.#clock.monotonicMs() - this.#known.atMs < believedMs)
      return this.#known.description;
    return this.refresh(signal);
  }

  /** As the log is now. */
  async refresh(signal?: AbortSignal): Promise<LogDescription> {
    const atMs = this.#clock.monotonicMs();
    const description = await this.#log.describe({ signal });
    this.#known = { description, atMs };
    return description;
  }
}
