/** The SDK's writers whose rows come in once, however often they are sent: under a name, in numbered requests (RFC 0018). */
import { invalid, isLakeError } from '../base/errors.ts';
import {
  checkProducerName,
  checkRequestNumber,
  type NamedProducer,
  openNamedProducer,
  type SendReceipt,
} from '../flow/named-producer.ts';
import { appendRequest, requestProducerId } from '../flow/request-producer.ts';
import type { SendRecordsParts } from '../flow/send-records.ts';
import type { Table } from '../table/table.ts';
import { inputRows } from '../table/write/input-rows.ts';
import { isAdd, type RowKind } from '../types/row-kind.ts';
import { inputReader, inTable, keyReader, kindsOf } from './input-readers.ts';
import { type LakeParts, partsAs } from './lake-parts.ts';
import { loggedTable } from './logged-table.ts';
import { type GatheredRows, RowGatherer } from './row-gatherer.ts';
import { logFor } from './row-sinks.ts';
import type { RowOptions, WaitOptions } from './row-writer.ts';
import { asUserRow, type TableShape } from './table-shape.ts';

export type { SendReceipt } from '../flow/named-producer.ts';

/** What rows do: one kind for all, or one for each. Default: `+U`, and `+I` where the table has no primary key. */
export type RowKindChoice = { readonly kind?: RowKind | readonly RowKind[] | undefined };

export type SendOptions = RowOptions & RowKindChoice & { readonly number?: number | undefined };

/** Of a request that names its sender itself. */
export type SendRequest = RowOptions & RowKindChoice & { readonly producer: string; readonly number: number };

/**
 * A writer that comes back under its name. It learns where it stood when it is opened; what it sends again is there once.
 *
 * A request is a batch of rows under a number, and is one record for each bucket it has rows for. Numbers come from what the
 * rows come from (an offset, a line, a sequence), so that after a crash the same rows have the same number; they grow, and need
 * not be neighbours. Of two writers that are open under one name, the one opened first fails with LAKE_PRODUCER_FENCED.
 */
export class NamedWriter<S extends TableShape> {
  readonly #table: Table;
  readonly #producer: NamedProducer;

  /** By `table.producer()`. */
  constructor(table: Table, producer: NamedProducer) {
    this.#table = table;
    this.#producer = producer;
  }

  get name(): string {
    return this.#producer.name;
  }

  /**
   * The largest number known of when this was opened; undefined: the log and the table know nothing of the name. All requests
   * before it are there as a whole; of this one rows may be missing: begin with its rows, under its number.
   */
  get resumedNumber(): number | undefined {
    return this.#producer.resumedNumber;
  }

  /**
   * Sends rows, one request after the other. Resolves when the log has all of them and says where.
   *
   * @param options.number of the request; without it the next one
   * @throws LakeError `invalid` LAKE_BAD_VALUE, LAKE_REQUEST_TOO_LARGE, LAKE_BAD_HEADERS: nothing was sent; LAKE_REQUEST_OPEN; `fenced`
   *   LAKE_PRODUCER_FENCED; `unavailable` LAKE_LOG_UNKNOWN and others: rows may or may not be there, send the same again
   */
  async send(rows: Iterable<S['input'] | S['key']>, options: SendOptions = {}): Promise<SendReceipt> {
    const { number, kind, headers, signal } = options;
    return this.#producer.send({ ...requestRows(this.#table, rows, kind), headers }, number, signal);
  }
}

/** @throws LakeError `invalid` LAKE_NO_LOG, LAKE_NOT_LOGGED, LAKE_BAD_PRODUCER; `unsupported`; `unavailable` */
export async function openNamedWriter<S extends TableShape>(
  parts: LakeParts,
  table: Table,
  name: string,
  { signal }: WaitOptions = {},
): Promise<NamedWriter<S>> {
  const target = { ...loggedTable(table), table };
  return new NamedWriter<S>(table, await openNamedProducer(sendParts(parts, table), target, name, signal));
}

/**
 * One request of a sender that knows its own numbers: an invocation of a function, which may be made twice, at the same time
 * even. Nothing is looked up and nobody is fenced.
 *
 * @throws LakeError as `NamedWriter.send` and `openNamedWriter` do
 */
export async function sendOnce<S extends TableShape>(
  parts: LakeParts,
  table: Table,
  rows: Iterable<S['input'] | S['key']>,
  { producer, number, kind, headers, signal }: SendRequest,
): Promise<SendReceipt> {
  checkProducerName(producer);
  checkRequestNumber(number);
  const sender = { producerId: requestProducerId(producer), isNamed: true, number };
  const request = { ...sender, ...requestRows(table, rows, kind), headers };
  const records = await appendRequest(sendParts(parts, table), loggedTable(table), request, signal);
  return { number, status: 'acknowledged', records };
}

/** @throws LakeError `invalid` LAKE_NO_LOG */
export function sendParts(parts: LakeParts, table: Table): SendRecordsParts {
  const own = partsAs(parts, 'produce');
  const log = logFor(own, table);
  if (log === undefined)
    throw invalid('LAKE_NO_LOG', `${table.label}: rows are sent once through a log, and there is none`);
  return { ...own, log };
}

/** @throws LakeError `invalid` LAKE_BAD_VALUE and what `inputRows` and `kindsOf` throw */
function requestRows(table: Table, rows: Iterable<object>, kind: RowKindChoice['kind']): GatheredRows {
  const { schema, label } = table;
  const given = [...rows];
  const kinds = kindsOf(table, kind ?? (schema.primaryKeys.length > 0 ? '+U' : '+I'), given.length);
  const [readRow, readKey] = [inputReader(schema), keyReader(schema)];
  const gatherer = new RowGatherer({ fields: schema.fields });
  try {
    for (const [index, row] of given.entries()) {
      const byte = kinds[index] ?? 0;
      gatherer.add((isAdd(byte) ? readRow : readKey)(asUserRow(row)), byte);
    }
  } catch (error) {
    throw isLakeError(error) ? inTable(table, error) : error;
  }
  return inputRows(schema, gatherer.take(), label);
}
