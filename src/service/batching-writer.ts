/**
 * Rows one by one in, batches out: what stands between a writer's calls and a sink. Rows that come together, or while a
 * batch is under way, share a batch; each batch has one acknowledgement for all its rows.
 */
import { present } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { invalid, LakeError } from '../base/errors.ts';
import { type RecordHeaders, sameHeaders } from '../flow/record-headers.ts';
import type { RowType } from '../types/data-type.ts';
import { batchBytes } from '../types/row-batch.ts';
import type { Scalar } from '../types/scalar.ts';
import { type Acknowledgement, acknowledgement, untilAborted } from './acknowledgement.ts';
import { RowGatherer } from './row-gatherer.ts';
import type { RowSink, WriteReceipt, WrittenRows } from './row-sinks.ts';

export type BatchingSettings = {
  readonly lingerMs: number;
  readonly batchRowsMax: number;
  readonly batchBytesMax: number;
  readonly bufferRowsMax: number;
  readonly bufferBytesMax: number;
};

/** What is not acknowledged yet. */
export type PendingRows = { readonly rows: number; readonly bytes: number };

type Batch = { readonly gathered: WrittenRows; readonly bytes: number; readonly done: Acknowledgement<WriteReceipt> };

type Gathering = { readonly done: Acknowledgement<WriteReceipt>; readonly headers: RecordHeaders | undefined };

/** So many times the measure of the buffer are taken from callers who do not wait for room; then they are refused. */
const overfullFactor = 10;

export class BatchingWriter implements AsyncDisposable {
  readonly #label: string;
  readonly #sink: RowSink;
  readonly #clock: Clock;
  readonly #settings: BatchingSettings;
  readonly #gatherer: RowGatherer;
  /** Of the rows in the gatherer. */
  #gathering: Gathering | undefined;
  #queue: Batch[] = [];
  /** All that is not acknowledged. */
  readonly #open = new Set<Acknowledgement<WriteReceipt>>();
  #rowsOpen = 0;
  /** Of the batches that are sealed. */
  #bytesSealed = 0;
  /** Ends the wait for company. */
  #hurry: AbortController | undefined;
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

  get pending(): PendingRows {
    return { rows: this.#rowsOpen, bytes: this.#bytesSealed + this.#gatherer.bytes };
  }

  /**
   * Resolves when the sink has the row.
   *
   * @param row a checked scalar for each field
   * @param headers checked; rows with others go in another batch
   */
  add(row: readonly Scalar[], kind: number, headers?: RecordHeaders): Promise<WriteReceipt> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (!sameHeaders(this.#gathering?.headers, headers)) this.#seal();
    this.#gatherer.add(row, kind);
    this.#rowsOpen += 1;
    this.#gathering ??= { done: this.#acknowledgement(), headers };
    const { promise } = this.#gathering.done;
    const { batchRowsMax, batchBytesMax } = this.#settings;
    if (this.#gatherer.rowCount >= batchRowsMax || this.#gatherer.bytes >= batchBytesMax) this.#seal();
    this.#pump();
    return promise;
  }

  /** Resolves when the sink has all rows of the batch, behind those given before. */
  addBatch(gathered: WrittenRows): Promise<WriteReceipt> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (gathered.rows.rowCount === 0) return Promise.resolve({ records: [], snapshotId: undefined });
    this.#seal();
    const done = this.#acknowledgement();
    this.#rowsOpen += gathered.rows.rowCount;
    this.#enqueue({ gathered, bytes: batchBytes(gathered.rows), done });
    this.#pump();
    return done.promise;
  }

  /** Resolves when less waits than the buffer's measure. @throws what made the writer stop */
  async room(signal?: AbortSignal): Promise<void> {
    while (this.#isOver(1) && this.#failure === undefined) await this.#change(signal);
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
    if (!this.#isOver(overfullFactor)) return undefined;
    return new LakeError(
      'unavailable',
      'LAKE_WRITER_FULL',
      `${this.#rowsOpen} rows of ${this.#label}, ${this.pending.bytes} bytes, wait to be written: await their promises, or \`room()\` now and then`,
    );
  }

  #isOver(factor: number): boolean {
    const { rows, bytes } = this.pending;
    return rows >= this.#settings.bufferRowsMax * factor || bytes >= this.#settings.bufferBytesMax * factor;
  }

  #acknowledgement(): Acknowledgement<WriteReceipt> {
    const done = acknowledgement<WriteReceipt>();
    this.#open.add(done);
    return done;
  }

  #seal(): void {
    if (this.#gathering === undefined) return;
    const { bytes } = this.#gatherer;
    const { done, headers } = this.#gathering;
    this.#enqueue({ gathered: { ...this.#gatherer.take(), headers }, bytes, done });
    this.#gathering = undefined;
  }

  #enqueue(batch: Batch): void {
    this.#queue.push(batch);
    this.#bytesSealed += batch.bytes;
    // It is complete: nothing is left to wait for.
    this.#hurry?.abort();
  }

  #pump(): void {
    if (this.#isPumping || this.#failure !== undefined) return;
    void this.#pumpAll();
  }

  async #pumpAll(): Promise<void> {
    this.#isPumping = true;
    try {
      while ((this.#queue.length > 0 || this.#gathering !== undefined) && this.#failure === undefined) {
        if (this.#queue.length === 0) await this.#linger();
        while (this.#inFlight >= this.#sink.inFlightMax && this.#failure === undefined) await this.#change();
        this.#seal();
        const batches = this.#queue;
        this.#queue = [];
        this.#inFlight += 1;
        void this.#send(batches);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // At once with the last look at the queue: a row that comes after it begins anew.
      this.#isPumping = false;
    }
  }

  async #linger(): Promise<void> {
    if (this.#settings.lingerMs === 0) return await Promise.resolve();
    this.#hurry = new AbortController();
    await this.#clock.sleep(this.#settings.lingerMs, this.#hurry.signal).catch(() => undefined);
    this.#hurry = undefined;
  }

  async #send(batches: readonly Batch[]): Promise<void> {
    try {
      const receipts = await this.#sink.write(batches.map(({ gathered }) => gathered));
      for (const [index, { gathered, bytes, done }] of batches.entries()) {
        this.#rowsOpen -= gathered.rows.rowCount;
        this.#bytesSealed -= bytes;
        this.#open.delete(done);
        done.resolve(present(receipts[index], 'a receipt for each batch'));
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
