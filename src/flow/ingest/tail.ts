/**
 * From records to rows: what ingest writes and what a union read adds come out of this one function (DESIGN D3).
 *
 * Records at or below the recorded position, and producer numbers already seen, are dropped; records and rows that do not
 * fit the table become dead letters (I7); the rest is put under the schema of the base, by field id (A3).
 */
import { present } from '../../base/assert.ts';
import { invalid, isLakeError, LakeError } from '../../base/errors.ts';
import { schemaEvolution, schemaEvolutionKey } from '../../format/schema-evolution.ts';
import { hasDynamicBuckets } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { isStoreFailure } from '../../storage/store-errors.ts';
import { mapColumns } from '../../table/read/column-mapping.ts';
import type { Table } from '../../table/table.ts';
import { type InputRows, takeIn } from '../../table/write/input-rows.ts';
import type { Misfit } from '../../table/write/row-misfits.ts';
import { withNullable } from '../../types/data-type.ts';
import { projectBatch } from '../../types/row-batch.ts';
import { readClaim } from '../claim.ts';
import { keyLaneCount } from '../lanes.ts';
import { decodeBody, type LogRecord, type LogRecordHeader } from '../log-record.ts';
import { columnFit, recordFields, renamedColumn } from '../record-columns.ts';
import type { RecordHeaders } from '../record-headers.ts';
import { countsRequests } from '../request-producer.ts';
import type { DeadLetter, DeadLetterReason } from './dead-letters.ts';
import { isRepeated } from './decide-take.ts';
import { isReplayProducer, type ProducerState, producerKey } from './state.ts';

/** A record of one table, header read. */
export type RoutedRecord = {
  readonly shardId: string;
  readonly position: bigint;
  readonly arrivalMs: number;
  readonly record: LogRecord;
  /** The record as the log has it, for dead letters. */
  readonly data: Uint8Array;
};

export type TailInput = {
  readonly table: Table;
  /** The schema rows come out in: that of the base. */
  readonly schema: TableSchema;
  /** For claim checks. */
  readonly store: ObjectStore;
  readonly producers: ReadonlyMap<string, ProducerState>;
  /** Above the recorded positions, in each shard's order. */
  readonly records: readonly RoutedRecord[];
  /**
   * Producers of the replays that the base names: a record of another replay is of one that has ended, and a repeat,
   * however late (RFC 0010). undefined: numbers alone tell, for who reads and takes nothing in.
   */
  readonly replays?: ReadonlySet<string> | undefined;
};

/** Of one record. */
export type TailRows = InputRows & { readonly headers?: RecordHeaders | undefined };

/** What records come to, besides their rows. */
export type TailSums = {
  readonly deadLetters: readonly DeadLetter[];
  /** With what the records add. */
  readonly producers: ReadonlyMap<string, ProducerState>;
  readonly rowsIn: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly gaps: number;
  readonly replayed: number;
};

export type TailResult = TailSums & { readonly batches: readonly TailRows[] };

/** All rows at once. */
export async function rowsOfRecords(input: TailInput): Promise<TailResult> {
  const batches: TailRows[] = [];
  const sums = await takeRowsOfRecords(input, async rows => {
    batches.push(rows);
  });
  return { ...sums, batches };
}

/**
 * The rows of a record at a time, in order: a batch of records may unpack to far more than memory holds.
 *
 * @param take what it does not keep may go before the next record is unpacked
 */
export async function takeRowsOfRecords(
  input: TailInput,
  take: (rows: TailRows, of: RoutedRecord, recordIndex: number) => Promise<void>,
): Promise<TailSums> {
  const producers = new Map(input.producers);
  const deadLetters: DeadLetter[] = [];
  const counts = { rowsIn: 0, duplicates: 0, deadLettered: 0, gaps: 0, replayed: 0 };
  for (const [index, routed] of input.records.entries()) {
    const { header } = routed.record;
    counts.rowsIn += header.rowCount;
    const key = producerKey(header.producerId, header.bucket);
    const known = producers.get(key);
    const isReplay = isReplayProducer(header.producerId);
    const isOver = isReplay && input.replays?.has(header.producerId) === false;
    if (isOver || isRepeated(known, header.producerNumber)) {
      counts.duplicates += header.rowCount;
      continue;
    }
    if (isReplay) counts.replayed += header.rowCount;
    if (known !== undefined && !countsRequests(header.producerId))
      counts.gaps += header.producerNumber - known.lastNumber - 1;
    producers.set(key, {
      lastNumber: header.producerNumber,
      arrivalMs: routed.arrivalMs,
      named: header.producerNamed,
    });
    const outcome = await rowsOfRecord(input, routed);
    for (const rows of outcome.batches) await take({ ...rows, headers: header.headers }, routed, index);
    deadLetters.push(...outcome.deadLetters);
    for (const { rowCount } of outcome.deadLetters) counts.deadLettered += rowCount;
  }
  return { deadLetters, producers, ...counts };
}

type RecordOutcome = { readonly batches: readonly InputRows[]; readonly deadLetters: readonly DeadLetter[] };

async function rowsOfRecord(input: TailInput, routed: RoutedRecord): Promise<RecordOutcome> {
  const { header } = routed.record;
  const wholeRecord = (reason: DeadLetterReason, detail: string): RecordOutcome => ({
    batches: [],
    deadLetters: [deadLetter(routed, reason, detail, undefined, header.rowCount)],
  });
  const spread = spreadOtherwise(input.schema, header);
  if (spread !== undefined) return wholeRecord('bucket-count', spread);
  const misfit = columnMisfit(input, routed);
  if (misfit !== undefined) return wholeRecord('schema-change', misfit);
  const found = await mappedRows(input, routed);
  if ('reason' in found) return wholeRecord(found.reason, found.detail);
  const { misfits, rows, kinds } = takeIn(input.schema, found);
  const deadLetters = groupMisfits(misfits).map(({ reason, detail, rows: of }) =>
    deadLetter(routed, reason, detail, of, of.length),
  );
  return { batches: rows.rowCount === 0 ? [] : [{ rows, kinds }], deadLetters };
}

export type UndecodedRecord = { readonly reason: DeadLetterReason; readonly detail: string };

/**
 * The rows of a record under a schema of the table, whether they fit it or not; any column may be null.
 *
 * @returns why there are none to be had
 * @throws LakeError `unavailable`, and whatever keeps the store from being read: LAKE_STORE_DENIED
 */
export async function mappedRows(
  { table, schema: wanted, store }: Pick<TailInput, 'table' | 'schema' | 'store'>,
  { shardId, position, record }: Pick<RoutedRecord, 'shardId' | 'position' | 'record'>,
): Promise<InputRows | UndecodedRecord> {
  const { claim, schemaId } = record.header;
  try {
    const schema = await schemaOf(table, schemaId);
    if (schema === undefined) return { reason: 'unknown-schema', detail: `schema ${schemaId} is not there` };
    const body = claim === undefined ? record.body : await readClaim(store, claim);
    // Nulls are looked for row by row later: one must not take the whole record with it.
    const renamed = renamedColumn(schema, wanted, record.header);
    if (renamed !== undefined) return { reason: 'schema-change', detail: renamed };
    const ofRecord = recordFields(schema, wanted, record.header);
    const fields = ofRecord.map(field => ({ ...field, type: withNullable(field.type, true) }));
    const { rows, kinds } = decodeBody(record, body, { fields }, `${shardId} ${position}`);
    const mapping = mapColumns({
      wanted: { fields: wanted.fields },
      fileSchema: { ...schema, fields: ofRecord },
      partitionKeys: [],
      partitionValues: [],
    });
    const names = mapping.fileFields.map(field => field.name);
    return { rows: mapping.apply(projectBatch(rows, names)), kinds };
  } catch (error) {
    // A store that denies or refuses says nothing about the record, which may be as good as any.
    if (!isLakeError(error) || error.kind === 'unavailable' || isStoreFailure(error)) throw error;
    return { reason: 'unreadable', detail: error.message };
  }
}

/** Rows that do not fit, those of one fault together. */
export function groupMisfits(
  misfits: ReadonlyMap<number, Misfit>,
): readonly (Misfit & { readonly rows: readonly number[] })[] {
  const byDetail = Map.groupBy(misfits.keys(), row => misfits.get(row)?.detail);
  return [...byDetail.values()].map(rows => ({ ...present(misfits.get(rows[0] ?? 0), 'what is wrong'), rows }));
}

/**
 * What keeps a record's columns out of the table, where that is for ever; as its option `schema.evolution` has it.
 *
 * @throws LakeError `invalid` LAKE_SCHEMA_CHANGED: the table wants to be asked; `unavailable` LAKE_SCHEMA_AHEAD: ingest is about
 * to widen a column, and as it is the table can not hold the values
 */
function columnMisfit({ table, schema }: TailInput, { shardId, position, record }: RoutedRecord): string | undefined {
  const fit = columnFit(schema, record.header);
  if (fit.kind === 'fits') return undefined;
  const evolution = schemaEvolution(schema.options);
  const where = `${table.label}: the record at ${position} of shard ${shardId}`;
  if (evolution === 'fail') {
    const how = `change the table, or set ${schemaEvolutionKey} to adopt or quarantine`;
    throw invalid('LAKE_SCHEMA_CHANGED', `${where} does not fit: ${fit.detail}. Nothing is ingested: ${how}`);
  }
  if (evolution !== 'adopt' || fit.kind === 'cannot') return fit.detail;
  // Who only reads shows the columns that there are; ingest does not come here before the table has them.
  if (!fit.widens) return undefined;
  throw new LakeError('unavailable', 'LAKE_SCHEMA_AHEAD', `${where}: ${fit.detail}. Ingest widens it; read again then`);
}

/** How a record's rows were spread, when that is not as the table's are: among them a key would lose its order. */
function spreadOtherwise(schema: TableSchema, { bucketCount, laneCount }: LogRecordHeader): string | undefined {
  const own = Number(schema.options['bucket'] ?? -1);
  if (bucketCount !== own) return `hashed into ${bucketCount} buckets, the table has ${own}`;
  const ownLanes = hasDynamicBuckets(schema) ? keyLaneCount : undefined;
  if (laneCount === ownLanes) return undefined;
  return `spread over ${laneCount ?? 'no'} lanes of keys, those of the table go over ${ownLanes ?? 'none'}`;
}

async function schemaOf(table: Table, id: number): Promise<TableSchema | undefined> {
  try {
    return await table.schemas.get(id);
  } catch (error) {
    if (isLakeError(error, 'LAKE_SCHEMA_MISSING')) return undefined;
    throw error;
  }
}

function deadLetter(
  { shardId, position, arrivalMs, data }: RoutedRecord,
  reason: DeadLetterReason,
  detail: string,
  rows: readonly number[] | undefined,
  rowCount: number,
): DeadLetter {
  return { shardId, position, arrivalMs, reason, detail, rows, rowCount, data };
}
