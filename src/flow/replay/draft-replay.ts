/**
 * What of a table's dead letters fits it by now, as records for the log; and what stays, because it does not or because
 * nobody asked for it. Looks only: nothing is changed.
 *
 * Rows are spread over the lanes that the table has now, in the order of the list, and go under its newest schema: what
 * made a record a dead letter may be how many buckets it was made for.
 */
import { isLakeError } from '../../base/errors.ts';
import { hasDynamicBuckets, parseTableOptions } from '../../format/table-options.ts';
import type { Table } from '../../table/table.ts';
import { type InputRows, takeIn } from '../../table/write/input-rows.ts';
import { takeRows } from '../../types/gather.ts';
import { sliceBatch } from '../../types/row-batch.ts';
import { indexByBucket } from '../bucket-rows.ts';
import type { DeadLetterFile } from '../ingest/dead-letter-list.ts';
import { type DeadLetter, type DeadLetterReason, readDeadLetterFile } from '../ingest/dead-letters.ts';
import { groupMisfits, mappedRows, type TailRows } from '../ingest/tail.ts';
import { keyLaneCount, lanesOfBatch } from '../lanes.ts';
import { decodeRecord, encodeBody, type LogRecord } from '../log-record.ts';
import { columnFit } from '../record-columns.ts';

export type ReplayDraft = {
  /** Numbered from 1 in each lane. */
  readonly records: readonly LogRecord[];
  /** By file of which letters go: those that stay, in their order. */
  readonly rests: ReadonlyMap<string, readonly DeadLetter[]>;
  /** By file of which letters go: those that go, with their rows that fit. */
  readonly gone: ReadonlyMap<string, readonly DeadLetter[]>;
  /** Files looked through to their end: what is in them still stays. */
  readonly examined: readonly string[];
  /** Of the files looked through, rows that do not fit. */
  readonly kept: readonly KeptRows[];
};

/** Rows that stay dead letters, and why. */
export type KeptRows = { readonly reason: DeadLetterReason; readonly detail: string; readonly rowCount: number };

export type DraftOptions = {
  /** Only letters of this reason. */
  readonly reason?: DeadLetterReason | undefined;
  /** Names of files that were looked through before. */
  readonly examined: ReadonlySet<string>;
  /** Looks through all of the files, for who only counts. */
  readonly isUnbounded?: boolean | undefined;
};

/** Of records of one replay, bytes of their bodies as packed: the last letter may be on top of that. */
export const replayBytesMax: number = 32 * 1024 * 1024;
/** Of one record; a row of the log is then found without unpacking much. */
const replayRecordRowsMax = 5_000;

export async function draftReplay(
  table: Table,
  files: readonly DeadLetterFile[],
  options: DraftOptions,
): Promise<ReplayDraft> {
  const drafted = new DraftedRecords(table, options.isUnbounded === true ? Number.POSITIVE_INFINITY : replayBytesMax);
  const rests = new Map<string, readonly DeadLetter[]>();
  const gone = new Map<string, readonly DeadLetter[]>();
  const examined: string[] = [];
  const kept: KeptRows[] = [];
  for (const { name } of files.filter(file => !options.examined.has(file.name))) {
    if (drafted.isFull) break;
    const rest: DeadLetter[] = [];
    const going: DeadLetter[] = [];
    let isWhole = true;
    for await (const letter of readDeadLetterFile(table, name)) {
      const isAsked = options.reason === undefined || letter.reason === options.reason;
      if (drafted.isFull && isAsked) isWhole = false;
      if (drafted.isFull || !isAsked) {
        rest.push(letter);
        continue;
      }
      const { fits, goes, stays } = await splitLetter(table, letter);
      if (fits !== undefined) drafted.add(fits);
      if (goes !== undefined) going.push(goes);
      rest.push(...stays);
      kept.push(...stays.map(({ reason, detail, rowCount }) => ({ reason, detail, rowCount })));
    }
    if (going.length > 0) {
      rests.set(name, rest);
      gone.set(name, going);
    }
    if (isWhole) examined.push(name);
  }
  return { records: drafted.records, rests, gone, examined, kept };
}

/** Records of rows as they are added, spread over lanes and cut. */
class DraftedRecords {
  readonly #table: Table;
  readonly #numbers = new Map<number, number>();
  readonly records: LogRecord[] = [];
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(table: Table, bytesMax: number) {
    this.#table = table;
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  add(input: TailRows): void {
    const spread = lanesOfBatch(this.#table.schema, input.rows);
    // Where there are no lanes, one is as good as another.
    if (spread === undefined) {
      this.#cut(0, input);
      return;
    }
    for (const [lane, index] of indexByBucket(spread.lanes, spread.laneCount).entries()) {
      if (index.length > 0) this.#cut(lane, { ...picked(input, index), headers: input.headers });
    }
  }

  #cut(lane: number, { rows, kinds, headers }: TailRows): void {
    for (let from = 0; from < rows.rowCount; from += replayRecordRowsMax) {
      const to = Math.min(from + replayRecordRowsMax, rows.rowCount);
      this.#push(lane, { rows: sliceBatch(rows, from, to), kinds: kinds.subarray(from, to), headers });
    }
  }

  #push(lane: number, input: TailRows): void {
    const { schema, id, label } = this.#table;
    const { encoding, body, bodyBytes } = encodeBody(input);
    const producerNumber = (this.#numbers.get(lane) ?? 0) + 1;
    this.#numbers.set(lane, producerNumber);
    this.#bytes += body.length;
    this.records.push({
      encoding,
      body,
      header: {
        tableId: id ?? '',
        tableName: label,
        schemaId: schema.id,
        bucket: lane,
        bucketCount: parseTableOptions(schema).bucket,
        laneCount: hasDynamicBuckets(schema) ? keyLaneCount : undefined,
        producerId: '-',
        producerNamed: true,
        producerNumber,
        rowCount: input.rows.rowCount,
        bodyBytes,
        claim: undefined,
        headers: input.headers,
      },
    });
  }
}

type SplitLetter = {
  readonly fits: TailRows | undefined;
  /** The letter of those rows. */
  readonly goes: DeadLetter | undefined;
  /** The letter itself when none of it fits and that for one reason; else one for each. */
  readonly stays: readonly DeadLetter[];
};

async function splitLetter(table: Table, letter: DeadLetter): Promise<SplitLetter> {
  const found = await rowsOfLetter(table, letter);
  if ('reason' in found) return { fits: undefined, goes: undefined, stays: [{ ...letter, ...found }] };
  const { misfits } = takeIn(table.schema, found);
  const stays = groupMisfits(misfits).map(({ reason, detail, rows }) => ({
    ...ofRows(letter, rows),
    reason,
    detail,
  }));
  const fitting = Uint32Array.from(found.kinds.keys().filter(row => !misfits.has(row)));
  if (fitting.length === 0) return { fits: undefined, goes: undefined, stays };
  const fits = { ...picked(found, fitting), headers: found.headers };
  return { fits, goes: misfits.size === 0 ? letter : ofRows(letter, [...fitting]), stays };
}

/** The letter of some of its rows, counted within them. */
function ofRows(letter: DeadLetter, rows: readonly number[]): DeadLetter {
  return { ...letter, rows: rows.map(row => letter.rows?.[row] ?? row), rowCount: rows.length };
}

/** The rows that a letter is about, as the table has them by now; or why they are not to be had. */
async function rowsOfLetter(
  table: Table,
  { data, rows: wanted, shardId, position }: DeadLetter,
): Promise<TailRows | { readonly reason: DeadLetterReason; readonly detail: string }> {
  const record = recordOf(data, `${shardId} ${position}`);
  if ('reason' in record) return record;
  const { schema, store } = table;
  const fit = columnFit(schema, record.header);
  if (fit.kind !== 'fits') return { reason: 'schema-change', detail: fit.detail };
  const found = await mappedRows({ table, schema, store }, { shardId, position, record });
  if ('reason' in found) return found;
  const { headers } = record.header;
  if (wanted === undefined) return { ...found, headers };
  if (wanted.some(row => row >= found.rows.rowCount)) {
    return { reason: 'unreadable', detail: `it names row ${Math.max(...wanted)} of ${found.rows.rowCount}` };
  }
  return { ...picked(found, Uint32Array.from(wanted)), headers };
}

function recordOf(data: Uint8Array, where: string): LogRecord | { reason: DeadLetterReason; detail: string } {
  try {
    return decodeRecord(data, where);
  } catch (error) {
    if (isLakeError(error)) return { reason: 'unreadable', detail: error.message };
    throw error;
  }
}

function picked({ rows, kinds }: InputRows, index: Uint32Array): InputRows {
  return { rows: takeRows(rows, index), kinds: Int8Array.from(index, row => kinds[row] ?? 0) };
}
