/** Rows of requests on their way into the log: each request is acknowledged, or may be sent again. */
import { Semaphore } from '../../base/concurrency.ts';
import { invalid } from '../../base/errors.ts';
import { appendRequest, type ProducerRequest, requestProducerId } from '../../flow/request-producer.ts';
import type { ManifestCaches } from '../../table/manifests.ts';
import type { Table } from '../../table/table.ts';
import type { FunctionParts } from '../functions/function-parts.ts';
import { loggedTable } from '../logged-table.ts';
import { type LogParts, withLogOf } from '../named-logs.ts';
import type { GatheredRows } from '../row-gatherer.ts';
import { openLakeTable } from '../tables.ts';

export type RequestNumber = { readonly producer: string; readonly number: number };

type WriterParts = FunctionParts & LogParts & { readonly caches: ManifestCaches };

/** A table is looked up again after this long; until then rows go by the schema it had. */
const tableKeptMs = 10_000;
const tablesKeptMax = 256;
/** DESIGN L2: a producer without a name takes a new id after this much silence. */
const silenceMsMax = 30 * 60_000;

export class RequestWriter {
  readonly #parts: WriterParts;
  readonly #tables = new Map<string, { readonly table: Table; readonly openedMs: number }>();
  /** DESIGN L1: one request under way at a time, as in a function, so that no number overtakes another. */
  readonly #turn = new Semaphore(1);
  /** Of requests that bring no number. */
  #own: { readonly id: string; lastNumber: number; lastMs: number } | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** The table for a request's rows. @throws LakeError LAKE_NO_LOG, LAKE_TABLE_NOT_FOUND, LAKE_NOT_LOGGED */
  async table(name: string): Promise<Table> {
    if (this.#parts.log === undefined)
      throw invalid('LAKE_NO_LOG', 'this lake has no log to take rows; set TIDELAKE_LOG');
    const nowMs = this.#parts.clock.nowMs();
    const kept = this.#tables.get(name);
    if (kept !== undefined && nowMs - kept.openedMs < tableKeptMs) return kept.table;
    this.#tables.delete(name);
    const table = await openLakeTable(this.#parts, name);
    loggedTable(table);
    for (const oldest of [...this.#tables.keys()].slice(tablesKeptMax - 1)) this.#tables.delete(oldest);
    this.#tables.set(name, { table, openedMs: nowMs });
    return table;
  }

  /**
   * Resolves when the log has the rows.
   *
   * @param request undefined: rows of a request that comes twice are there twice
   * @throws LakeError as `appendRequest` does
   */
  async write(
    table: Table,
    rows: GatheredRows & Pick<ProducerRequest, 'columns' | 'headers'>,
    request: RequestNumber | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, log, clock, random, metering } = await withLogOf(this.#parts, table);
    if (log === undefined) throw invalid('LAKE_NO_LOG', 'this lake has no log to take rows');
    const parts = { store: metering.store(store, 'produce'), log: metering.log(log, 'produce'), clock, random };
    await this.#turn.use(async () => {
      const numbered =
        request === undefined
          ? { ...this.#nextOwn(), isNamed: false }
          : { producerId: requestProducerId(request.producer), number: request.number, isNamed: true };
      await appendRequest(parts, loggedTable(table), { ...numbered, ...rows }, signal);
    });
  }

  #nextOwn(): { readonly producerId: string; readonly number: number } {
    // The clock of the wall goes on while a function is frozen.
    const nowMs = this.#parts.clock.nowMs();
    if (this.#own === undefined || nowMs - this.#own.lastMs > silenceMsMax) {
      this.#own = { id: requestProducerId(this.#parts.random.uuid()), lastNumber: 0, lastMs: nowMs };
    }
    this.#own.lastNumber += 1;
    this.#own.lastMs = nowMs;
    return { producerId: this.#own.id, number: this.#own.lastNumber };
  }
}
