/** Rows of a read in the forms that users take them: objects, all at once or one by one, or Arrow. */
import { Table as ArrowTable, type RecordBatch } from '../types/arrow.ts';
import type { RowType } from '../types/data-type.ts';
import { arrowSchema, type RowBatch, toRecordBatch } from '../types/row-batch.ts';
import { rowsAs } from './table-shape.ts';

/** What a read gives once it has begun. */
export type OpenedRows = { readonly rowType: RowType; readonly batches: AsyncIterable<RowBatch> };

/** One row after the other, in bounded memory. Reading begins with the first; what ends early is told to the read. */
export function eachRow<Row extends object>(open: () => Promise<OpenedRows>): RowIterator<Row> {
  return new RowIterator<Row>(open);
}

/**
 * The iterator of rows. By hand, since a generator waits three times for each row that it hands on: only a batch is waited for.
 * Calls may overlap, as those of a generator may: each waits for the one before while a batch is on its way.
 */
export class RowIterator<Row extends object> implements AsyncIterableIterator<Row, void, undefined> {
  readonly #open: () => Promise<OpenedRows>;
  #batches: AsyncIterator<RowBatch> | undefined;
  #rowOf: (row: number) => Row = noRow;
  #row = 0;
  #rowCount = 0;
  #isEnded = false;
  #loading: Promise<unknown> | undefined;

  constructor(open: () => Promise<OpenedRows>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Row, void>> {
    return this.#loading === undefined && this.#row < this.#rowCount
      ? Promise.resolve({ done: false, value: this.#take() })
      : this.#afterLoading(() => this.#nextLoaded());
  }

  return(): Promise<IteratorResult<Row, void>> {
    return this.#afterLoading(async () => {
      const isOpen = !this.#isEnded;
      this.#end();
      if (isOpen) await this.#batches?.return?.();
      return { done: true, value: undefined };
    });
  }

  #take(): Row {
    this.#row += 1;
    return this.#rowOf(this.#row - 1);
  }

  async #nextLoaded(): Promise<IteratorResult<Row, void>> {
    try {
      while (this.#row >= this.#rowCount && !this.#isEnded) await this.#load();
    } catch (error) {
      this.#end();
      throw error;
    }
    return this.#isEnded ? { done: true, value: undefined } : { done: false, value: this.#take() };
  }

  async #load(): Promise<void> {
    this.#batches ??= (await this.#open()).batches[Symbol.asyncIterator]();
    const next = await this.#batches.next();
    if (next.done === true) {
      this.#end();
      return;
    }
    this.#rowOf = rowsAs<Row>(next.value);
    this.#row = 0;
    this.#rowCount = next.value.rowCount;
  }

  #end(): void {
    this.#isEnded = true;
    this.#rowCount = 0;
    this.#rowOf = noRow;
  }

  #afterLoading<T>(act: () => Promise<T>): Promise<T> {
    const before = this.#loading;
    const outcome = before === undefined ? act() : before.then(act, act);
    const done: Promise<void> = outcome.then(
      () => this.#forget(done),
      () => this.#forget(done),
    );
    this.#loading = done;
    return outcome;
  }

  #forget(done: Promise<unknown>): void {
    if (this.#loading === done) this.#loading = undefined;
  }
}

function noRow(): never {
  throw new Error('no batch is loaded');
}

export async function allRows<Row extends object>(opened: OpenedRows): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of opened.batches) {
    const row = rowsAs<Row>(batch);
    for (let index = 0; index < batch.rowCount; index += 1) rows.push(row(index));
  }
  return rows;
}

/** So few rows at a time die young: the garbage collector copies what is alive, and need not copy them. */
const arrayRowsMax = 2_048;

/** Rows in arrays of at most 2,048: one wait for each array, and memory for one. */
export async function* rowArrays<Row extends object>(opened: OpenedRows): AsyncGenerator<Row[], void, undefined> {
  for await (const batch of opened.batches) {
    const row = rowsAs<Row>(batch);
    for (let start = 0; start < batch.rowCount; start += arrayRowsMax) {
      const end = Math.min(batch.rowCount, start + arrayRowsMax);
      const rows: Row[] = [];
      for (let index = start; index < end; index += 1) rows.push(row(index));
      yield rows;
    }
  }
}

export async function* arrowBatches(opened: OpenedRows): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const batch of opened.batches) yield toRecordBatch(batch);
}

export async function arrowTable(opened: OpenedRows): Promise<ArrowTable> {
  const batches: RecordBatch[] = [];
  for await (const batch of arrowBatches(opened)) batches.push(batch);
  return new ArrowTable(arrowSchema(opened.rowType), batches);
}
