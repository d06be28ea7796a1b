/**
 * Brings rows into the log: splits them by lane, gathers them into records, and acknowledges.
 *
 * A **lane** is the queue of one bucket, or of keys of some hashes where buckets are dynamic (lanes.ts). It has at most one record
 * under way (DESIGN L1): with two, a partial failure would put the second before the first, which would be dropped as seen. Rows
 * that come meanwhile gather in the next: a slow log makes larger records, not more of them. Ready lanes share append calls.
 */
import { assert, present } from '../base/assert.ts';
import { isLakeError, LakeError, unsupported } from '../base/errors.ts';
import { backoffMs } from '../base/retry.ts';
import { hasDynamicBuckets, parseTableOptions } from '../format/table-options.ts';
import type { TableSchema } from '../format/table-schema.ts';
import type { LogAppendOutcome } from '../storage/log-store.ts';
import { concatBatches, takeRows } from '../types/gather.ts';
import { type RowBatch, sliceBatch } from '../types/row-batch.ts';
import type { AcknowledgedRecord } from './acknowledged-record.ts';
import { indexByBucket, joinKinds } from './bucket-rows.ts';
import { writeClaim } from './claim.ts';
import { bucketHashKey } from './hash-key.ts';
import { keyLaneCount, lanesOfBatch, refusedThroughLog } from './lanes.ts';
import {
  encodeBody,
  encodeRecord,
  type LogRecordHeader,
  madeBodyBytesMax,
  recordBodyBytesMax,
  recordRowsMax,
} from './log-record.ts';
import { halvePieces, type Piece, takePieces, type Waiter } from './producer-pieces.ts';
import { checkHeaders, type RecordHeaders } from './record-headers.ts';
import { checkRowSizes } from './row-sizes.ts';
import { lanesOfCallMax, type SendRecordsParts } from './send-records.ts';

export type ProducerParts = SendRecordsParts & {
  /** Told of each record when the log has it. What it throws is an uncaught exception, and no concern of the producer. */
  readonly onAcknowledged?: ((record: AcknowledgedRecord) => void) | undefined;
};

export type ProducerTable = {
  readonly tableId: string;
  /** `db.t` */
  readonly tableName: string;
  readonly schema: TableSchema;
};

export type ProducerSettings = {
  /** Rows of one record, at most. */
  readonly recordRowsMax: number;
  /** Bytes of one record's body before it is compressed, at most; what is above what readers take is lost to them. */
  readonly recordBodyBytesMax: number;
  /** Rows waiting or under way before `append` makes its caller wait. */
  readonly bufferRowsMax: number;
  /** Append calls under way at a time. */
  readonly appendsInFlightMax: number;
  /** How long a record is tried before the producer stops. */
  readonly giveUpMs: number;
};

export const producerDefaults: ProducerSettings = {
  recordRowsMax: 5_000,
  recordBodyBytesMax: madeBodyBytesMax,
  bufferRowsMax: 200_000,
  appendsInFlightMax: 4,
  giveUpMs: 120_000,
};

export type ProducerCounters = {
  readonly rows: number;
  readonly records: number;
  readonly bytes: number;
  readonly retries: number;
};

/** DESIGN L2: an anonymous lane takes a new id after this much silence. */
const silenceMsMax = 30 * 60_000;
/** Lanes over which producers of tables without fixed buckets spread. */
const ownLaneCount = 1_024;
const backoff = { delayMsMin: 20, delayMsMax: 2_000 };

type Lane = {
  readonly id: number;
  producerId: string;
  lastNumber: number;
  lastSentMs: number;
  inFlight: boolean;
  queue: Piece[];
};
type Outgoing = {
  readonly lane: Lane;
  readonly pieces: readonly Piece[];
  readonly hashKey: bigint;
  readonly data: Uint8Array;
  readonly rowCount: number;
  readonly producerId: string;
  readonly producerNumber: number;
};

export class Producer implements AsyncDisposable {
  readonly #parts: ProducerParts;
  readonly #table: ProducerTable;
  readonly #settings: ProducerSettings;
  readonly #bucketCount: number;
  readonly #lanes = new Map<number, Lane>();
  readonly #ready = new Set<Lane>();
  readonly #waiters = new Set<Waiter>();
  readonly #ownLane: number;
  #bufferedRows = 0;
  #appendsInFlight = 0;
  #pumping = false;
  #failure: LakeError | undefined;
  #roomWaiters: (() => void)[] = [];
  #counters: ProducerCounters = { rows: 0, records: 0, bytes: 0, retries: 0 };

  /** @throws LakeError `unsupported` naming what the table asks of writers that is not done: ingest could not take its rows */
  constructor(parts: ProducerParts, table: ProducerTable, settings: Partial<ProducerSettings> = {}) {
    this.#parts = parts;
    this.#table = table;
    this.#settings = { ...producerDefaults, ...settings };
    assert(this.#settings.recordRowsMax <= recordRowsMax, 'recordRowsMax is within what a record holds');
    assert(this.#settings.recordBodyBytesMax <= recordBodyBytesMax, 'recordBodyBytesMax is what a record holds');
    const refused = refusedThroughLog(table.schema);
    if (refused.length > 0) throw unsupported(refused.join(', '), `writing ${table.tableName} through a log`);
    this.#bucketCount = parseTableOptions(table.schema).bucket;
    // Tables without fixed buckets: all rows of a producer in one lane of its own, so that their order is kept.
    this.#ownLane = Math.floor(parts.random.next() * ownLaneCount);
  }

  get counters(): ProducerCounters {
    return this.#counters;
  }

  /**
   * Resolves when the log has every row of the batch durably, in the batch's order within each lane, with the records that have
   * them. Calls made one after the other without awaiting keep their order.
   *
   * @param rows all columns of the table's schema, in order
   * @param headers of the records; rows with others go in other records
   * @throws LakeError `unavailable` LAKE_LOG_UNKNOWN: the log gave no answer in time, the rows may or may not be there;
   *   LAKE_LOG_FULL; `invalid` LAKE_ROW_TOO_LARGE, LAKE_BAD_HEADERS, and nothing of the batch goes to the log
   */
  async append(rows: RowBatch, kinds: Int8Array, headers?: RecordHeaders): Promise<readonly AcknowledgedRecord[]> {
    assert(rows.rowCount === kinds.length, 'one kind a row');
    if (this.#failure !== undefined) throw this.#failure;
    if (rows.rowCount === 0) return [];
    checkRowSizes(rows, this.#table.tableName, this.#settings.recordBodyBytesMax);
    const checked = checkHeaders(headers);
    const pieces = this.#split(rows, kinds);
    const done = new Promise<readonly AcknowledgedRecord[]>((resolve, reject) => {
      const waiter: Waiter = { left: 0, records: [], resolve, reject };
      this.#waiters.add(waiter);
      for (const [lane, piece] of pieces) this.#enqueue(lane, { ...piece, headers: checked, waiter });
    });
    this.#bufferedRows += rows.rowCount;
    this.#pump();
    return done;
  }

  /** Resolves when there is room for more rows; producers of many rows await it between batches. */
  async room(): Promise<void> {
    while (this.#bufferedRows >= this.#settings.bufferRowsMax && this.#failure === undefined) {
      await new Promise<void>(resolve => this.#roomWaiters.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when everything appended so far is acknowledged. */
  async flush(): Promise<void> {
    while (this.#bufferedRows > 0 && this.#failure === undefined) {
      await new Promise<void>(resolve => this.#roomWaiters.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#failure === undefined) await this.flush();
  }

  #split(rows: RowBatch, kinds: Int8Array): readonly (readonly [number, { rows: RowBatch; kinds: Int8Array }])[] {
    const told = lanesOfBatch(this.#table.schema, rows);
    if (told === undefined) return [[this.#ownLane, { rows, kinds }]];
    if (told.laneCount === 1) return [[0, { rows, kinds }]];
    return indexByBucket(told.lanes, told.laneCount).flatMap((index, lane) => {
      if (index.length === 0) return [];
      return [[lane, { rows: takeRows(rows, index), kinds: Int8Array.from(index, row => kinds[row] ?? 0) }]] as const;
    });
  }

  #enqueue(id: number, piece: Piece): void {
    let lane = this.#lanes.get(id);
    if (lane === undefined) {
      const producerId = this.#parts.random.uuid();
      lane = {
        id,
        producerId,
        lastNumber: 0,
        lastSentMs: this.#parts.clock.monotonicMs(),
        inFlight: false,
        queue: [],
      };
      this.#lanes.set(id, lane);
    }
    // A piece larger than a record is cut; its waiter resolves when the last part is there.
    for (let start = 0; start < piece.rows.rowCount; start += this.#settings.recordRowsMax) {
      const end = Math.min(start + this.#settings.recordRowsMax, piece.rows.rowCount);
      piece.waiter.left += 1;
      lane.queue.push({ ...piece, rows: sliceBatch(piece.rows, start, end), kinds: piece.kinds.subarray(start, end) });
    }
    if (!lane.inFlight) this.#ready.add(lane);
  }

  /** Begins append calls while lanes are ready. Runs in a microtask, so that appends made in a row share a call. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      while (
        this.#ready.size > 0 &&
        this.#appendsInFlight < this.#settings.appendsInFlightMax &&
        this.#failure === undefined
      ) {
        this.#appendsInFlight += 1;
        const lanes = this.#takeReady();
        void this.#send(lanes).then(() => {
          this.#appendsInFlight -= 1;
          this.#pump();
        });
      }
    });
  }

  #takeReady(): readonly Lane[] {
    const lanes = [...this.#ready].slice(0, lanesOfCallMax(this.#parts.log.supports));
    for (const lane of lanes) {
      this.#ready.delete(lane);
      lane.inFlight = true;
    }
    return lanes;
  }

  async #send(lanes: readonly Lane[]): Promise<void> {
    try {
      let waiting = await Promise.all(lanes.map(lane => this.#nextRecord(lane)));
      const deadlineMs = this.#parts.clock.monotonicMs() + this.#settings.giveUpMs;
      for (let attempt = 0; waiting.length > 0; attempt += 1) {
        const outcomes = await this.#parts.log.append(waiting.map(({ hashKey, data }) => ({ hashKey, data })));
        const again = waiting.filter((outgoing, index) => !this.#settle(outgoing, present(outcomes[index], 'outcome')));
        const full = outcomes.find(
          outcome => outcome.status === 'failed' && isLakeError(outcome.cause, 'LAKE_LOG_FULL'),
        );
        // Somebody has to free space first, and must hear of it now, not after all tries.
        if (full?.status === 'failed') throw full.cause;
        if (again.length > 0) {
          if (this.#parts.clock.monotonicMs() >= deadlineMs) throw this.#noAnswer();
          this.#counters = { ...this.#counters, retries: this.#counters.retries + again.length };
          await this.#parts.clock.sleep(backoffMs(attempt, this.#parts.random, backoff));
        }
        waiting = again;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Takes as many rows of the lane's queue as one record holds. */
  async #nextRecord(lane: Lane): Promise<Outgoing> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - lane.lastSentMs > silenceMsMax) {
      lane.producerId = this.#parts.random.uuid();
      lane.lastNumber = 0;
    }
    lane.lastSentMs = nowMs;
    return this.#encode(lane, takePieces(lane.queue, this.#settings.recordRowsMax));
  }

  async #encode(lane: Lane, pieces: readonly Piece[]): Promise<Outgoing> {
    const rows = concatBatches(pieces.map(piece => piece.rows));
    const kinds = joinKinds(pieces.map(piece => piece.kinds));
    const { encoding, body, bodyBytes } = encodeBody({ rows, kinds });
    // However little it packs to: readers take no record that unpacks to more. Single rows have been looked at before.
    if (bodyBytes > this.#settings.recordBodyBytesMax) return this.#encodeFewer(lane, pieces);
    const header: LogRecordHeader = {
      tableId: this.#table.tableId,
      tableName: this.#table.tableName,
      schemaId: this.#table.schema.id,
      bucket: lane.id,
      bucketCount: this.#bucketCount,
      laneCount: hasDynamicBuckets(this.#table.schema) ? keyLaneCount : undefined,
      producerId: lane.producerId,
      producerNamed: false,
      producerNumber: lane.lastNumber + 1,
      rowCount: rows.rowCount,
      bodyBytes,
      claim: undefined,
      headers: pieces[0]?.headers,
    };
    let data = encodeRecord({ header, encoding, body });
    if (data.length > this.#parts.log.supports.recordBytesMax) {
      if (rows.rowCount > 1) return this.#encodeFewer(lane, pieces);
      const claim = await writeClaim(this.#parts, body);
      data = encodeRecord({ header: { ...header, claim }, encoding: 'claim', body: new Uint8Array() });
    }
    lane.lastNumber += 1;
    const { producerId, producerNumber, rowCount } = header;
    const hashKey = bucketHashKey(this.#table.tableId, lane.id);
    return { lane, pieces, hashKey, data, rowCount, producerId, producerNumber };
  }

  /** The first half of the pieces; the rest goes back into the queue. */
  #encodeFewer(lane: Lane, pieces: readonly Piece[]): Promise<Outgoing> {
    assert(pieces.length > 1 || (pieces[0]?.rows.rowCount ?? 0) > 1, 'there is more than a row to be cut');
    const halved = halvePieces(pieces);
    lane.queue.unshift(...halved.rest);
    return this.#encode(lane, halved.first);
  }

  /** True when the record is done; a failed or unanswered one goes again, under its number. */
  #settle(outgoing: Outgoing, outcome: LogAppendOutcome): boolean {
    if (outcome.status !== 'appended') return false;
    const { lane, pieces, rowCount, data, producerId, producerNumber: number } = outgoing;
    const { status: _, ...place } = outcome;
    const record: AcknowledgedRecord = { producerId, lane: lane.id, number, ...place, rowCount };
    queueMicrotask(() => this.#parts.onAcknowledged?.(record));
    this.#bufferedRows -= rowCount;
    const { rows, records, bytes, retries } = this.#counters;
    this.#counters = { rows: rows + rowCount, records: records + 1, bytes: bytes + data.length, retries };
    lane.inFlight = false;
    lane.lastSentMs = this.#parts.clock.monotonicMs();
    if (lane.queue.length > 0) this.#ready.add(lane);
    for (const { waiter } of pieces) {
      waiter.left -= 1;
      if (waiter.records.at(-1) !== record) waiter.records.push(record);
      if (waiter.left > 0) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(waiter.records);
    }
    this.#wake();
    // Other lanes of this call may still be waiting for their retry; this one goes on by itself.
    this.#pump();
    return true;
  }

  #noAnswer(): LakeError {
    return new LakeError(
      'unavailable',
      'LAKE_LOG_UNKNOWN',
      `${this.#parts.log.uri}: a record of ${this.#table.tableName} was not acknowledged in ${this.#settings.giveUpMs} ms; ` +
        'it may or may not be in the log. Open another writer to go on',
    );
  }

  /** A lane that lost a number must never send the next one, so the whole producer stops. */
  #fail(error: unknown): void {
    this.#failure ??=
      error instanceof LakeError
        ? error
        : new LakeError('unavailable', 'LAKE_LOG_UNAVAILABLE', `${this.#parts.log.uri}: append failed`, {
            cause: error,
          });
    for (const waiter of this.#waiters) waiter.reject(this.#failure);
    this.#waiters.clear();
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}
