/** Puts a process's meter into the warehouse's ledger: now and then, only when there is something new, and at the end. */
import type { Clock } from '../base/clock.ts';
import { isLakeError } from '../base/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { encodeLedger, ledgerKey } from './ledger.ts';
import { dayOf, type Meter } from './meter.ts';

/** Between two writings of one process: the most work of a killed process that goes uncounted. */
export const ledgerIntervalMs = 300_000;

export type LedgerWriterParts = {
  /** Not metered: the writer counts its own requests. */
  readonly store: ObjectStore;
  readonly meter: Meter;
  readonly clock: Clock;
  /** Names this process among all that write. */
  readonly writer: string;
};

/**
 * Never throws and never holds work up for long: what cannot be written now is written another time, and a store that
 * refuses it to this process is not asked again.
 */
export class LedgerWriter {
  readonly #parts: LedgerWriterParts;
  #writtenAtMs: number;
  /** The meter's `changes` when it was last written; below 0: never. */
  #written = -1;
  #isRefused = false;
  #running: Promise<void> | undefined;

  constructor(parts: LedgerWriterParts) {
    this.#parts = parts;
    this.#writtenAtMs = parts.clock.monotonicMs();
  }

  /** Begins to write if the last time is long enough ago, and returns. */
  noticed(): void {
    if (this.#running === undefined && this.#isDue) this.#begin();
  }

  /** An invocation has ended: writes if the last time is long enough ago, or there was none, since a container may end now. */
  async invocationEnded(): Promise<void> {
    if (this.#written < 0 || this.#isDue) await this.write();
  }

  /** Writes what has not been written, if there is any. */
  async write(): Promise<void> {
    await this.#running;
    this.#begin();
    await this.#running;
  }

  get #isDue(): boolean {
    return this.#parts.clock.monotonicMs() - this.#writtenAtMs >= ledgerIntervalMs;
  }

  #begin(): void {
    const { meter, clock } = this.#parts;
    if (this.#isRefused || meter.changes === Math.max(0, this.#written)) return;
    this.#writtenAtMs = clock.monotonicMs();
    this.#running = this.#write().finally(() => {
      this.#running = undefined;
    });
  }

  async #write(): Promise<void> {
    const { store, meter, clock, writer } = this.#parts;
    const today = dayOf(clock.nowMs());
    meter.count(undefined, 'maintenance', { put: new Set([...meter.days, today]).size });
    const { changes, days } = meter;
    try {
      for (const day of days) {
        await store.put(ledgerKey(day, writer), encodeLedger({ writers: [writer], entries: meter.entries(day) }));
        if (day < today) meter.forget(day);
      }
      this.#written = changes;
    } catch (error) {
      this.#isRefused = !isLakeError(error) || error.kind !== 'unavailable';
    }
  }
}
