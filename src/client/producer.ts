/**
 * The door `tidelake/producer`: rows to a table by HTTP, from browsers and wherever there is `fetch`. It imports nothing of Node.
 *
 * Rows gather in requests with numbers (RFC 0013), one under way at a time, and a request that got no answer is sent again under
 * its number: its rows are there once. With a journal that holds for the next life of the page, too.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import { invalid, LakeError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { hexOf, webRandom } from '../base/web-random.ts';
import { journalEntry, type ProducerJournal } from './journal.ts';
import { type FetchLike, type Refusal, type SendParts, sendRequest } from './send-request.ts';

export { LakeError, type LakeErrorCode, type LakeErrorKind } from '../base/errors.ts';
export { type KeyedStorage, type ProducerJournal, storageJournal } from './journal.ts';
export type { AnswerLike, FetchLike } from './send-request.ts';

export type HttpProducerOptions = {
  /** Of the catalog function, or of what stands before it. */
  readonly url: string;
  /** `db.t` */
  readonly table: string;
  /** For those who follow the log, with all rows of this producer: short texts by name, at most 32, 4 KiB together. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Keeps the producer's name and its last request. Without it a producer is a new one each time. */
  readonly journal?: ProducerJournal | undefined;
  /** Default: the page's own. */
  readonly fetch?: FetchLike | undefined;
  /** How long the first row of a request waits for company. Default 100. */
  readonly lingerMs?: number | undefined;
  /** Rows of a request, at most. Default 5,000; the catalog takes 50,000. */
  readonly requestRowsMax?: number | undefined;
  /** Bytes of a request, at most. Default 1 MiB; the catalog takes 5 MiB. */
  readonly requestBytesMax?: number | undefined;
  /** Bytes that wait or are under way before `room()` waits; twice as many are refused. Default 8 MiB. */
  readonly bufferBytesMax?: number | undefined;
  /** How long a request is tried before the producer stops. Default 120,000. */
  readonly giveUpMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
};

/** Values as in the lines of the command line, where `bigint` and bytes may stand for their texts. */
export type HttpRow = Readonly<Record<string, unknown>>;
/** What a row does: `+I` adds, `+U` puts in place of the row with its key, `-D` takes that away. */
export type HttpRowKind = '+I' | '-U' | '+U' | '-D';

type Entry = {
  readonly text: string;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

const utf8 = new TextEncoder();
/** Left to who had the journal before: more than it sends while another reads and writes that. */
const numbersLeft = 1_000;
const defaults = {
  lingerMs: 100,
  requestRowsMax: 5_000,
  requestBytesMax: 1024 * 1024,
  bufferBytesMax: 8 * 1024 * 1024,
  giveUpMs: 120_000,
};

export class HttpProducer implements AsyncDisposable {
  readonly #parts: SendParts;
  readonly #settings: typeof defaults;
  readonly #journal: ProducerJournal | undefined;
  readonly #headers: string | undefined;
  /** Tells what it puts into the journal from what others do. */
  readonly #owner: string;
  /** What it has put there last. */
  #kept: string | undefined;
  #producer = '';
  #number = 0;
  #isOpened = false;
  #waiting: Entry[] = [];
  /** Before those that wait: parts of a request that was refused, to tell which of its rows it was. */
  #parted: (readonly Entry[])[] = [];
  #bytes = 0;
  #pumping: Promise<void> | undefined;
  #hurry: AbortController | undefined;
  #failure: unknown;
  #isClosed = false;
  #wakers: (() => void)[] = [];

  constructor(options: HttpProducerOptions) {
    const { url, table, headers, journal, fetch, clock = systemClock, random = webRandom } = options;
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    this.#settings = { ...defaults, ...Object.fromEntries(given) };
    this.#journal = journal;
    this.#headers = headers === undefined ? undefined : asciiJson(headers);
    this.#owner = random.uuid();
    this.#parts = {
      // Not as a method: a page's own wants to be called by the page.
      fetch: fetch ?? ((address, init) => globalThis.fetch(address, init)),
      url: `${url.replace(/\/+$/, '')}/v1/tables/${encodeURIComponent(table)}/rows`,
      giveUpMs: this.#settings.giveUpMs,
      clock,
      random,
    };
  }

  /** Bytes of rows that are not acknowledged. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  insert(row: HttpRow): Promise<void> {
    return this.write('+I', row);
  }

  upsert(row: HttpRow): Promise<void> {
    return this.write('+U', row);
  }

  /** @param key the columns of the primary key */
  delete(key: HttpRow): Promise<void> {
    return this.write('-D', key);
  }

  /**
   * Resolves when the log has the row. A row that does not fit its table is refused by itself.
   *
   * @throws LakeError `invalid` what the catalog says of the row; LAKE_WRITER_FULL; `unavailable` LAKE_LOG_UNKNOWN: the row may or
   *   may not be there, and the producer stops
   */
  write(op: HttpRowKind, row: HttpRow): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosed) return Promise.reject(invalid('LAKE_CLOSED', 'the producer is closed'));
    const { bufferBytesMax, requestBytesMax, requestRowsMax } = this.#settings;
    if (this.#bytes >= 2 * bufferBytesMax) {
      const why = `${this.#bytes} bytes wait to be sent: await their promises, or \`room()\` now and then`;
      return Promise.reject(new LakeError('unavailable', 'LAKE_WRITER_FULL', why));
    }
    let text: string;
    try {
      text = JSON.stringify({ op, row }, jsonValue);
    } catch (cause) {
      return Promise.reject(invalid('LAKE_BAD_VALUE', 'a row can not be said in JSON', { cause }));
    }
    const bytes = utf8.encode(text).length + 1;
    if (bytes > requestBytesMax) {
      return Promise.reject(invalid('LAKE_ROW_TOO_LARGE', `a row of ${bytes} bytes; a request has ${requestBytesMax}`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever gives rows without waiting hears of failures by `flush`.
    promise.catch(() => undefined);
    this.#waiting.push({ text, bytes, resolve, reject });
    this.#bytes += bytes;
    if (this.#waiting.length >= requestRowsMax || this.#bytes >= requestBytesMax) this.#hurry?.abort();
    this.#pump();
    return promise;
  }

  /** Resolves when there is room for more rows. @throws what made the producer stop */
  async room(): Promise<void> {
    while (this.#bytes >= this.#settings.bufferBytesMax && this.#failure === undefined) await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when no row waits any more; what became of each, its own promise says. @throws what made the producer stop */
  async flush(): Promise<void> {
    this.#hurry?.abort();
    while (this.#bytes > 0 && this.#failure === undefined) await this.#change();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Sends what an earlier life of the producer has left open, if there is a journal. Rows that are written do so, too. */
  async open(): Promise<void> {
    this.#pump();
    await this.#pumping;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Sends what waits, and takes no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#failure === undefined) await this.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #pump(): void {
    this.#pumping ??= this.#pumpAll()
      .catch(error => this.#fail(error))
      .finally(() => {
        this.#pumping = undefined;
        if (this.#bytes > 0 && this.#failure === undefined) this.#pump();
      });
  }

  async #pumpAll(): Promise<void> {
    if (!this.#isOpened) await this.#goOn();
    while (this.#bytes > 0) {
      if (this.#parted.length === 0) await this.#linger();
      await this.#send(this.#parted.shift() ?? this.#take());
    }
  }

  /** What the journal says of an earlier life; its open request goes first. */
  async #goOn(): Promise<void> {
    const kept = journalEntry((await this.#journal?.read()) ?? null);
    this.#producer = kept?.producer ?? `web-${this.#parts.random.uuid()}`;
    this.#number = kept?.number ?? 0;
    const body = kept?.body ?? null;
    await this.#keep(body, kept?.headers);
    if (body !== null) {
      const request = { producer: this.#producer, number: this.#number, body, headers: kept?.headers };
      const refusal = await sendRequest(this.#parts, request, true);
      await this.#checkJournal();
      await this.#keep(null);
      // Nobody waits for it any more: it is said once, and the next life begins behind it.
      if (refusal !== undefined) throw refusal.error;
    }
    // Another may have sent some between the look at the journal and the mark that stops it; numbers need not be neighbours.
    if (kept !== undefined) this.#number += numbersLeft;
    this.#isOpened = true;
  }

  async #linger(): Promise<void> {
    const { lingerMs, requestBytesMax, requestRowsMax } = this.#settings;
    if (this.#bytes >= requestBytesMax || this.#waiting.length >= requestRowsMax || this.#isClosed) return;
    this.#hurry = new AbortController();
    await this.#parts.clock.sleep(lingerMs, this.#hurry.signal).catch(() => undefined);
    this.#hurry = undefined;
  }

  /** As many rows as one request holds. */
  #take(): readonly Entry[] {
    const { requestBytesMax, requestRowsMax } = this.#settings;
    let bytes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      bytes += entry.bytes;
      if (count >= requestRowsMax || (count > 0 && bytes > requestBytesMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    this.#number += 1;
    const headers = this.#headers;
    const body = `[${entries.map(({ text }) => text).join(',')}]`;
    try {
      await this.#checkJournal();
      await this.#keep(body, headers);
      const refusal = await sendRequest(this.#parts, { producer: this.#producer, number: this.#number, body, headers });
      await this.#checkJournal();
      this.#conclude(entries, refusal);
      await this.#keep(null);
    } catch (error) {
      for (const { reject } of entries) reject(error);
      throw error;
    }
  }

  #conclude(entries: readonly Entry[], refusal: Refusal | undefined): void {
    if (refusal?.isOfRows && entries.length > 1) {
      // It is all or nothing, and it was nothing: others than the row at fault need not go with it.
      const middle = entries.length >> 1;
      this.#parted.unshift(entries.slice(0, middle), entries.slice(middle));
      return;
    }
    for (const { bytes, resolve, reject } of entries) {
      this.#bytes -= bytes;
      if (refusal === undefined) resolve();
      else reject(refusal.error);
    }
    this.#wake();
  }

  async #keep(body: string | null, headers?: string): Promise<void> {
    const entry = { producer: this.#producer, number: this.#number, body, headers };
    this.#kept = JSON.stringify({ owner: this.#owner, ...entry });
    await this.#journal?.write(this.#kept);
  }

  /**
   * Two under one journal would give the same numbers to rows of their own, which the table would drop. So whoever finds what it
   * has not put there itself stops, before it sends and before it answers: of two one is told.
   */
  async #checkJournal(): Promise<void> {
    const text = (await this.#journal?.read()) ?? null;
    if (text === null || text === this.#kept) return;
    const why = `the journal of producer ${this.#producer} was opened by another since, which needs one of its own`;
    throw new LakeError(
      'fenced',
      'LAKE_PRODUCER_FENCED',
      `${why}: this one stops, its last rows may or may not be there`,
    );
  }

  #fail(error: unknown): void {
    this.#failure = error;
    for (const { reject } of [...this.#parted.flat(), ...this.#waiting]) reject(error);
    this.#parted = [];
    this.#waiting = [];
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise(resolve => this.#wakers.push(resolve));
  }

  #wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }
}

/** As headers of requests have it: other characters would arrive as one or the other client has put them. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Canonical JSON: BIGINT and DECIMAL are texts, so that no digit is lost; bytes are lower hex, maps are pairs. */
function jsonValue(this: HttpRow, key: string, value: unknown): unknown {
  // Before its `toJSON`, which some bytes have, too.
  const given = this[key];
  if (given instanceof Uint8Array) return hexOf(given);
  if (given instanceof Map) return [...given];
  // What JSON makes null of: NaN and its like, and dates that are none, which the catalog refuses.
  const isNull = value === null || (typeof value === 'number' && !Number.isFinite(value));
  return (isNull && given !== null) || typeof value === 'bigint' ? String(given) : value;
}
