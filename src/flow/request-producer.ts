/**
 * Rows that come in requests, each with a number of its sender's, in processes that keep nothing between them (RFC 0013).
 *
 * All rows of a request that belong to one lane are one record, and all its records have the request's number. A request
 * that comes again finds its number taken in each lane it had reached, and adds what is missing in the others. Numbers
 * grow, and skip in lanes that a request has no rows for: a number that skips says nothing.
 */
import { invalid, unsupported } from '../base/errors.ts';
import { hasDynamicBuckets, parseTableOptions } from '../format/table-options.ts';
import type { TableSchema } from '../format/table-schema.ts';
import { takeRows } from '../types/gather.ts';
import type { RowBatch } from '../types/row-batch.ts';
import type { AcknowledgedRecord } from './acknowledged-record.ts';
import { indexByBucket } from './bucket-rows.ts';
import { bucketHashKey } from './hash-key.ts';
import { keyLaneCount, lanesOfBatch, refusedThroughLog } from './lanes.ts';
import {
  encodeBody,
  type LogColumn,
  type LogRecord,
  type LogRecordHeader,
  type LogRows,
  madeBodyBytesMax,
} from './log-record.ts';
import type { ProducerTable } from './producer.ts';
import { checkHeaders, type RecordHeaders } from './record-headers.ts';
import { type SendRecordsParts, sendRecords } from './send-records.ts';

export type ProducerRequest = {
  /** Of `requestProducerId`. */
  readonly producerId: string;
  /** It may come back under this id as long as the log keeps its records (DESIGN L2). */
  readonly isNamed: boolean;
  /** Above those of all requests of this producer that were acknowledged, except for one that is sent again. */
  readonly number: number;
  /** All columns of the table's schema, in order. */
  readonly rows: RowBatch;
  readonly kinds: Int8Array;
  /** What the rows have besides, behind the table's columns, or of a wider type. */
  readonly columns?: readonly LogColumn[] | undefined;
  /** Of each of its records. */
  readonly headers?: RecordHeaders | undefined;
};

const prefix = 'request/';
/** Lanes over which producers of tables without fixed buckets spread. */
const ownLaneCount = 1_024n;

/** What a sender may call itself. */
export const producerNamePattern: RegExp = /^[\w.-]{1,64}$/;

/** Apart from the ids of all other producers. */
export function requestProducerId(name: string): string {
  return `${prefix}${name}`;
}

/** The lane of all rows of a producer where the table has no fixed buckets. */
export function ownLaneOf(producerId: string): number {
  return Number(bucketHashKey(producerId, 0) % ownLaneCount);
}

/** The lanes that a producer's rows can go to. */
export function lanesOfProducer(schema: TableSchema, producerId: string): ReadonlySet<number> {
  const { bucket } = parseTableOptions(schema);
  const laneCount = hasDynamicBuckets(schema) ? keyLaneCount : bucket;
  return new Set(laneCount > 0 ? Array.from({ length: laneCount }, (_, lane) => lane) : [ownLaneOf(producerId)]);
}

/** Whether a producer's numbers are those of its requests, which skip. */
export function countsRequests(producerId: string): boolean {
  return producerId.startsWith(prefix);
}

/**
 * Resolves when the log has every row, with where they are. One at a time for a producer; after a failure the same request is to be sent again
 * before the next.
 *
 * @throws LakeError `unavailable` LAKE_LOG_UNKNOWN: rows may or may not be there; LAKE_LOG_FULL; `unsupported` what the
 *   table asks of writers; `invalid` LAKE_REQUEST_TOO_LARGE, LAKE_BAD_HEADERS
 */
export async function appendRequest(
  parts: SendRecordsParts,
  table: ProducerTable,
  request: ProducerRequest,
  signal: AbortSignal | undefined,
): Promise<readonly AcknowledgedRecord[]> {
  refuseUnwritable(table);
  return sendRecords(parts, recordsOfRequest(table, request), signal);
}

/** @throws LakeError `unsupported` naming what the table asks of writers that is not done */
export function refuseUnwritable({ schema, tableName }: ProducerTable): void {
  const refused = refusedThroughLog(schema);
  if (refused.length > 0) throw unsupported(refused.join(', '), `writing ${tableName} through a log`);
}

/**
 * A record for each lane that has rows, the same ones whenever it is asked.
 *
 * @throws LakeError `invalid` LAKE_REQUEST_TOO_LARGE, LAKE_BAD_HEADERS
 */
export function recordsOfRequest(table: ProducerTable, request: ProducerRequest): readonly LogRecord[] {
  if (request.rows.rowCount === 0) return [];
  const checked = { ...request, headers: checkHeaders(request.headers) };
  return byLane(table.schema, checked).map(([lane, part]) => recordOf(table, checked, lane, part));
}

function recordOf(table: ProducerTable, request: ProducerRequest, lane: number, part: LogRows): LogRecord {
  const { encoding, body, bodyBytes } = encodeBody(part);
  if (bodyBytes > madeBodyBytesMax) {
    throw invalid(
      'LAKE_REQUEST_TOO_LARGE',
      `rows of a request for one bucket have at most ${madeBodyBytesMax} bytes as columns, not ${bodyBytes}; send fewer at a time`,
    );
  }
  const size = { rowCount: part.rows.rowCount, bodyBytes };
  return { header: recordHeader(table, request, lane, size), encoding, body };
}

export function recordHeader(
  { tableId, tableName, schema }: ProducerTable,
  producer: Pick<ProducerRequest, 'producerId' | 'isNamed' | 'number' | 'columns' | 'headers'>,
  lane: number,
  size: Pick<LogRecordHeader, 'rowCount' | 'bodyBytes'>,
): LogRecordHeader {
  const { producerId, isNamed, number, columns, headers } = producer;
  return {
    ...{ tableId, tableName, schemaId: schema.id, bucket: lane, bucketCount: parseTableOptions(schema).bucket },
    laneCount: hasDynamicBuckets(schema) ? keyLaneCount : undefined,
    ...{ producerId, producerNamed: isNamed, producerNumber: number, ...size },
    claim: undefined,
    ...{ columns, headers },
  };
}

function byLane(
  schema: TableSchema,
  { producerId, rows, kinds }: ProducerRequest,
): readonly (readonly [number, LogRows])[] {
  const told = lanesOfBatch(schema, rows);
  if (told === undefined) return [[ownLaneOf(producerId), { rows, kinds }]];
  return indexByBucket(told.lanes, told.laneCount).flatMap((index, lane) => {
    if (index.length === 0) return [];
    return [[lane, { rows: takeRows(rows, index), kinds: Int8Array.from(index, row => kinds[row] ?? 0) }]] as const;
  });
}
