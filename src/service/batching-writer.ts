/**
 * Rows one by one in, batches out: what stands between a writer's calls and a sink. Rows that come together, or while a
 * batch is under way, share a batch; each batch has one acknowledgement for all its rows.
 */
import type { Clock } from '../base/clock.ts';
import { invalid, LakeError } from '../base/errors.ts';
import type { RowType } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';
import { type Acknowledgement, acknowledgement, untilAborted } from './acknowledgement.ts';
import { type GatheredRows, RowGatherer } from './row-gatherer.ts';
import type { RowSink } from './row-sinks.ts';

export type BatchingSettings = {
  readonly lingerMs: number;
  readonly batchRowsMax: number;
  readonly bufferRowsMax: number;
};

type Batch = { readonly gathered: GatheredRows; readonly done: Acknowledgement };

const batchBytesMax = 8 * 1024 * 1024;
/** So many times `bufferRowsMax` are taken from callers who do not wait for room; then they are refused. */
const overfullFactor = 10;

export class BatchingWriter implements AsyncDisposable {
  readonly #label: string;
  readonly #sink: RowSink;
  readonly #clock: Clock;
  readonly #settings: BatchingSettings;
  readonly #gatherer: RowGatherer;
  /** Of the rows in the gatherer. */
  #gathering: Acknowledgement | undefined;
  #queue: Batch[] = [];
  /** All that is not acknowledged. */
  readonly #open = new Set<Acknowledgement>();
  #rowsOpen = 0;
  #inFlight = 0;
  #isPumping = false;
  #failure: { readonly error: unknown; isHeard: boolean } | undefined;
  #closing: Promise<void> | undefined;
  #wakers: (() => void)[] = [];

  constructor(
    target: { readonly label: string; readonly rowType: RowType; readonly sink: RowSink; readonly clock: Clock },
    settings: BatchingSettings,
  ) {
    this.#label = target.label;
    this.#sink = target.sink;
    this.#clock = target.clock;
    this.#settings = settings;
    this.#gatherer = new RowGatherer(target.rowType);
  }

  /** Resolves when the sink has the row. @param row a checked scalar for each field */
  add(row: readonly Scalar[], kind: number): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#gatherer.add(row, kind);
    this.#rowsOpen += 1;
    this.#gathering ??= this.#acknowledgement();
    const { promise } = this.#gathering;
    if (this.#gatherer.rowCount >= this.#settings.batchRowsMax || this.#gatherer.bytes >= batchBytesMax) this.#seal();
    this.#pump();
    return promise;
  }

  /** Resolves when the sink has all rows of the batch, behind those given before. */
  addBatch(gathered: GatheredRows): Promise<void> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (gathered.rows.rowCount === 0) return Promise.resolve();
    this.#seal();
    const done = this.#acknowledgement();
    this.#rowsOpen += gathered.rows.rowCount;
    this.#queue.push({ gathered, done });
    this.#pump();
    return done.promise;
  }

  /** Resolves when fewer rows wait than the buffer's measure. @throws what made the writer stop */
  async room(signal?: AbortSignal): Promise<void> {
    while (this.#rowsOpen >= this.#settings.bufferRowsMax && this.#failure === undefined) await this.#change(signal);
    this.#throwFailure();
  }

  /** Resolves when the sink has everything given so far. @throws what made the writer stop */
  async flush(signal?: AbortSignal): Promise<void> {
    this.#seal();
    this.#pump();
    const waiting = [...this.#open];
    while (waiting.some(done => this.#open.has(done)) && this.#failure === undefined) await this.#change(signal);
    this.#throwFailure();
  }

  /** Flushes and closes. Throws a failure only if nobody has heard of it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      if (this.#failure === undefined) await this.flush();
      else if (!this.#failure.isHeard) throw this.#failure.error;
    } finally {
      await this.#sink[Symbol.asyncDispose]();
    }
  }

  #refusal(): unknown {
    if (this.#failure !== undefined) {
      this.#failure.isHeard = true;
      return this.#failure.error;
    }
    if (this.#closing !== undefined) return invalid('LAKE_CLOSED', `the writer of ${this.#label} is closed`);
    if (this.#rowsOpen < this.#settings.bufferRowsMax * overfullFactor) return undefined;
    return new LakeError(
      'unavailable',
      'LAKE_WRITER_FULL',
      `${this.#rowsOpen} rows of ${this.#label} wait to be written: await their promises, or \`room()\` now and then`,
    );
  }

  #acknowledgement(): Acknowledgement {
    const done = acknowledgement();
    this.#open.add(done);
    return done;
  }

  #seal(): void {
    if (this.#gathering === undefined) return;
    this.#queue.push({ gathered: this.#gatherer.take(), done: this.#gathering });
    this.#gathering = undefined;
  }

  #pump(): void {
    if (this.#isPumping || this.#failure !== undefined) return;
    this.#isPumping = true;
    this.#pumpAll()
      .catch(error => this.#fail(error))
      .finally(() => {
        this.#isPumping = false;
      });
  }

  async #pumpAll(): Promise<void> {
    while ((this.#queue.length > 0 || this.#gathering !== undefined) && this.#failure === undefined) {
      if (this.#queue.length === 0) await this.#linger();
      while (this.#inFlight >= this.#sink.inFlightMax && this.#failure === undefined) await this.#change();
      this.#seal();
      const batches = this.#queue;
      this.#queue = [];
      this.#inFlight += 1;
      void this.#send(batches);
    }
  }

  async #linger(): Promise<void> {
    if (this.#settings.lingerMs > 0) await this.#clock.sleep(this.#settings.lingerMs);
    else await Promise.resolve();
  }

  async #send(batches: readonly Batch[]): Promise<void> {
    try {
      await this.#sink.write(batches.map(({ gathered }) => gathered));
      for (const { gathered, done } of batches) {
        this.#rowsOpen -= gathered.rows.rowCount;
        this.#open.delete(done);
        done.resolve();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#inFlight -= 1;
      this.#wake();
    }
  }

  /** What may or may not be there can not be gone on from: the writer stops, and everything open fails. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    for (const done of this.#open) done.reject(error);
    this.#failure = { error, isHeard: this.#open.size > 0 && [...this.#open].every(done => done.wasSeen()) };
    this.#open.clear();
    this.#queue = [];
    this.#gathering = undefined;
    this.#wake();
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return;
    this.#failure.isHeard = true;
    throw this.#failure.error;
  }

  /** Resolves at the next acknowledgement or failure. */
  #change(signal?: AbortSignal): Promise<void> {
    return untilAborted(new Promise<void>(resolve => this.#wakers.push(resolve)), signal);
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }
}
