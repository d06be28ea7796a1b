/**
 * A producer that comes back under its name: after a crash it learns where it stood, and what it sends again is there once
 * (RFC 0018). Its rows go in numbered requests, one under way at a time, as those of senders by HTTP do (RFC 0013).
 *
 * Of two that are open under one name the one opened last goes on. The other is told before a request is answered: an
 * answer is given only when, after the log had taken the rows, nobody had followed yet. So a producer that was followed has
 * one request under way at most whose number its follower may not know of. Numbers that a follower chooses by itself are
 * above that one: they begin as far behind the last known as the name was opened often.
 */
import { Semaphore } from '../base/concurrency.ts';
import { invalid, isLakeError } from '../base/errors.ts';
import type { Table } from '../table/table.ts';
import type { AcknowledgedRecord } from './acknowledged-record.ts';
import type { LogRows } from './log-record.ts';
import type { ProducerTable } from './producer.ts';
import { checkOwner, type ProducerOwner, takeOver } from './producer-owner.ts';
import { lastNumberOf, producerLanes } from './read/producer-standing.ts';
import type { RecordHeaders } from './record-headers.ts';
import { producerNamePattern, recordsOfRequest, refuseUnwritable, requestProducerId } from './request-producer.ts';
import { type SendRecordsParts, sendRecords } from './send-records.ts';

export type SendReceipt = {
  readonly number: number;
  /** `repeated`: the log has had all of it, and nothing was sent. */
  readonly status: 'acknowledged' | 'repeated';
  /** Where the rows are in the log. */
  readonly records: readonly AcknowledgedRecord[];
};

/** The rows of a request, and what goes with them. */
export type RequestRows = LogRows & { readonly headers?: RecordHeaders | undefined };

/** @throws LakeError `invalid` LAKE_BAD_PRODUCER */
export function checkProducerName(name: string): void {
  if (producerNamePattern.test(name)) return;
  throw invalid(
    'LAKE_BAD_PRODUCER',
    `a producer has a name of 1 to 64 letters, digits, and . _ -, not ${name.slice(0, 80)}`,
  );
}

/** @throws LakeError `invalid` LAKE_BAD_PRODUCER */
export function checkRequestNumber(number: number): void {
  if (Number.isSafeInteger(number) && number >= 1) return;
  throw invalid('LAKE_BAD_PRODUCER', `numbers of requests are whole, and count from 1 to 2^53 - 1: ${number} is none`);
}

/**
 * Takes the name over and looks where it stands, in this order: whatever its former owner has been given an answer for is seen.
 *
 * @throws LakeError `invalid` LAKE_BAD_PRODUCER; `unsupported` what the table asks of writers; `unavailable`
 */
export async function openNamedProducer(
  parts: SendRecordsParts,
  { table, ...target }: ProducerTable & { readonly table: Table },
  name: string,
  signal?: AbortSignal,
): Promise<NamedProducer> {
  checkProducerName(name);
  refuseUnwritable(target);
  const owner = await takeOver(parts, { tableId: target.tableId, name }, signal);
  const last = lastNumberOf(await producerLanes(parts, table, requestProducerId(name), signal));
  return new NamedProducer(parts, target, { name, owner, last });
}

export class NamedProducer {
  readonly name: string;
  /** Largest number that was known of when it was opened; undefined: none. Of that request rows may be missing. */
  readonly resumedNumber: number | undefined;
  readonly #parts: SendRecordsParts;
  readonly #table: ProducerTable;
  readonly #owner: ProducerOwner;
  readonly #turn = new Semaphore(1);
  /** Requests up to this number are in the log as a whole. */
  #settledNumber: number;
  /** The next that it chooses by itself. */
  #nextNumber: number;
  /** Of a request that may or may not be in the log. */
  #openNumber: number | undefined;
  #fenced: Error | undefined;

  /** By `openNamedProducer`. */
  constructor(
    parts: SendRecordsParts,
    table: ProducerTable,
    standing: { readonly name: string; readonly owner: ProducerOwner; readonly last: number | undefined },
  ) {
    this.name = standing.name;
    this.resumedNumber = standing.last;
    this.#parts = parts;
    this.#table = table;
    this.#owner = standing.owner;
    this.#settledNumber = (standing.last ?? 1) - 1;
    // The one before may have the number after the last under way, or, when that would have been its first, one that it chose so.
    this.#nextNumber = (standing.last ?? 0) + 1 + standing.owner.opened;
  }

  /**
   * Resolves when the log has every row and nobody has taken the name over before. Calls keep their order.
   *
   * @param rows all columns of the table's schema, in order
   * @param given without one it is the next. The same number is always of the same rows.
   * @throws LakeError `fenced` LAKE_PRODUCER_FENCED; `unavailable` LAKE_LOG_UNKNOWN and others: the rows may or may not be there;
   *   `invalid` LAKE_REQUEST_OPEN: that is so of another request, which is to be sent again first
   */
  send(rows: RequestRows, given: number | undefined, signal?: AbortSignal): Promise<SendReceipt> {
    return this.#turn.use(async () => {
      signal?.throwIfAborted();
      if (this.#fenced !== undefined) throw this.#fenced;
      const number = given ?? this.#nextNumber;
      checkRequestNumber(number);
      if (number <= this.#settledNumber) return { number, status: 'repeated', records: [] };
      if (this.#openNumber !== undefined && this.#openNumber !== given) throw this.#isOpen(this.#openNumber);
      const producer = { producerId: requestProducerId(this.name), isNamed: true };
      const records = recordsOfRequest(this.#table, { ...producer, number, ...rows });
      this.#openNumber = number;
      const acknowledged = await sendRecords(this.#parts, records, signal);
      await this.#checkOwner(signal);
      this.#openNumber = undefined;
      this.#settledNumber = number;
      this.#nextNumber = number + 1;
      return { number, status: 'acknowledged', records: acknowledged };
    });
  }

  async #checkOwner(signal: AbortSignal | undefined): Promise<void> {
    try {
      await checkOwner(this.#parts, this.#owner, `${this.#table.tableName}: producer ${this.name}`, signal);
    } catch (error) {
      if (isLakeError(error, 'LAKE_PRODUCER_FENCED')) this.#fenced = error;
      throw error;
    }
  }

  #isOpen(number: number): Error {
    return invalid(
      'LAKE_REQUEST_OPEN',
      `${this.#table.tableName}: request ${number} of producer ${this.name} may or may not be there; send its rows again ` +
        `with number: ${number} before others`,
    );
  }
}
