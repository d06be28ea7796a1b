/** Puts the rows of a bulk load aside as claims, and makes the records that name them: none of them is in the log yet. */
import { invalid } from '../../base/errors.ts';
import { concatBatches, takeRows } from '../../types/gather.ts';
import { batchBytes, sliceBatch } from '../../types/row-batch.ts';
import { indexByBucket, joinKinds } from '../bucket-rows.ts';
import { writeClaim } from '../claim.ts';
import { lanesOfBatch } from '../lanes.ts';
import { encodeBody, type LogRecord, type LogRows, madeBodyBytesMax } from '../log-record.ts';
import type { ProducerTable } from '../producer.ts';
import type { RecordHeaders } from '../record-headers.ts';
import { ownLaneOf, recordHeader } from '../request-producer.ts';
import { checkRowSizes } from '../row-sizes.ts';
import type { SendRecordsParts } from '../send-records.ts';

export type LoadProducer = { readonly producerId: string; readonly headers: RecordHeaders | undefined };

export type StageSettings = {
  /** Bytes of a lane's columns that become a claim. */
  readonly claimBytes: number;
  /** Bytes of columns of all lanes that wait for more; beyond them the largest lane becomes a claim. */
  readonly heldBytesMax: number;
};

/** Records of a load; they are named in one object. */
export const loadRecordsMax: number = 10_000;
/** Fewer bytes than a body may have: what is around the columns comes on top. */
const stageDefaults: StageSettings = { claimBytes: 12 * 1024 * 1024, heldBytesMax: 64 * 1024 * 1024 };
const claimRowsMax = 500_000;

/**
 * @param batches all columns of the table's schema, in order
 * @returns numbered from 1 in each lane
 * @throws LakeError `invalid` LAKE_ROW_TOO_LARGE, LAKE_LOAD_TOO_LARGE; of the store
 */
export async function stageLoad(
  parts: Pick<SendRecordsParts, 'store' | 'random'>,
  table: ProducerTable,
  producer: LoadProducer,
  batches: AsyncIterable<LogRows>,
  settings: Partial<StageSettings> = {},
): Promise<readonly LogRecord[]> {
  const staging = new Staging(parts, table, producer, { ...stageDefaults, ...settings });
  for await (const rows of batches) await staging.add(rows);
  return staging.finish();
}

type Lane = { readonly id: number; pieces: LogRows[]; bytes: number; rowCount: number; lastNumber: number };

class Staging {
  readonly #parts: Pick<SendRecordsParts, 'store' | 'random'>;
  readonly #table: ProducerTable;
  readonly #producer: LoadProducer;
  readonly #settings: StageSettings;
  readonly #lanes = new Map<number, Lane>();
  readonly #records: LogRecord[] = [];
  #heldBytes = 0;

  constructor(
    parts: Pick<SendRecordsParts, 'store' | 'random'>,
    table: ProducerTable,
    producer: LoadProducer,
    settings: StageSettings,
  ) {
    this.#parts = parts;
    this.#table = table;
    this.#producer = producer;
    this.#settings = settings;
  }

  async add({ rows, kinds }: LogRows): Promise<void> {
    if (rows.rowCount === 0) return;
    checkRowSizes(rows, this.#table.tableName, madeBodyBytesMax);
    const told = lanesOfBatch(this.#table.schema, rows);
    if (told === undefined || told.laneCount === 1) {
      this.#hold(told === undefined ? ownLaneOf(this.#producer.producerId) : 0, { rows, kinds });
    } else {
      for (const [lane, index] of indexByBucket(told.lanes, told.laneCount).entries()) {
        if (index.length === 0) continue;
        this.#hold(lane, { rows: takeRows(rows, index), kinds: Int8Array.from(index, row => kinds[row] ?? 0) });
      }
    }
    for (let lane = this.#fullLane(); lane !== undefined; lane = this.#fullLane()) await this.#claim(lane);
  }

  async finish(): Promise<readonly LogRecord[]> {
    for (const lane of this.#lanes.values()) if (lane.rowCount > 0) await this.#claim(lane);
    return this.#records;
  }

  #hold(id: number, piece: LogRows): void {
    const lane = this.#lanes.get(id) ?? { id, pieces: [], bytes: 0, rowCount: 0, lastNumber: 0 };
    this.#lanes.set(id, lane);
    const bytes = batchBytes(piece.rows);
    lane.pieces.push(piece);
    lane.bytes += bytes;
    lane.rowCount += piece.rows.rowCount;
    this.#heldBytes += bytes;
  }

  #fullLane(): Lane | undefined {
    const { claimBytes, heldBytesMax } = this.#settings;
    const largest = [...this.#lanes.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
    const isFull = largest.bytes >= claimBytes || this.#heldBytes > heldBytesMax;
    if (isFull) return largest;
    return [...this.#lanes.values()].find(({ rowCount }) => rowCount >= claimRowsMax);
  }

  async #claim(lane: Lane): Promise<void> {
    const rows = concatBatches(lane.pieces.map(piece => piece.rows));
    const kinds = joinKinds(lane.pieces.map(piece => piece.kinds));
    this.#heldBytes -= lane.bytes;
    Object.assign(lane, { pieces: [], bytes: 0, rowCount: 0 });
    await this.#write(lane, { rows, kinds });
  }

  /** In halves where it is more than ingest takes at once; single rows have been looked at before. */
  async #write(lane: Lane, part: LogRows): Promise<void> {
    const { rows, kinds } = part;
    const { body, bodyBytes } = encodeBody(part);
    if (rows.rowCount > claimRowsMax || bodyBytes > madeBodyBytesMax) {
      const middle = rows.rowCount >> 1;
      await this.#write(lane, { rows: sliceBatch(rows, 0, middle), kinds: kinds.subarray(0, middle) });
      await this.#write(lane, { rows: sliceBatch(rows, middle, rows.rowCount), kinds: kinds.subarray(middle) });
      return;
    }
    if (this.#records.length === loadRecordsMax) {
      const why = `a load has at most ${loadRecordsMax} records; nothing of it was loaded, load its rows in parts under several names`;
      throw invalid('LAKE_LOAD_TOO_LARGE', `${this.#table.tableName}: ${why}`);
    }
    const claim = await writeClaim(this.#parts, body);
    lane.lastNumber += 1;
    const producer = { ...this.#producer, isNamed: true, number: lane.lastNumber };
    const header = { ...recordHeader(this.#table, producer, lane.id, { rowCount: rows.rowCount, bodyBytes }), claim };
    this.#records.push({ header, encoding: 'claim', body: new Uint8Array() });
  }
}
