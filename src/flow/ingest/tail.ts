/**
 * From records to rows: what ingest writes and what a union read adds come out of this one function (DESIGN D3).
 *
 * Records at or below the recorded position, and producer numbers already seen, are dropped; records and rows that do not
 * fit the table become dead letters (I7); the rest is put under the schema of the base, by field id (A3).
 */
import { present } from '../../base/assert.ts';
import { isLakeError } from '../../base/errors.ts';
import { hasDynamicBuckets } from '../../format/table-options.ts';
import type { TableSchema } from '../../format/table-schema.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { mapColumns } from '../../table/read/column-mapping.ts';
import type { Table } from '../../table/table.ts';
import { type InputRows, takeIn } from '../../table/write/input-rows.ts';
import { withNullable } from '../../types/data-type.ts';
import { projectBatch } from '../../types/row-batch.ts';
import { readClaim } from '../claim.ts';
import { keyLaneCount } from '../lanes.ts';
import { decodeBody, type LogRecord, type LogRecordHeader } from '../log-record.ts';
import type { DeadLetter, DeadLetterReason } from './dead-letters.ts';
import { isRepeated } from './decide-take.ts';
import { type ProducerState, producerKey } from './state.ts';

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
};

export type TailRows = InputRows;

export type TailResult = {
  readonly batches: readonly TailRows[];
  readonly deadLetters: readonly DeadLetter[];
  /** With what the records add. */
  readonly producers: ReadonlyMap<string, ProducerState>;
  readonly rowsIn: number;
  readonly duplicates: number;
  readonly deadLettered: number;
  readonly gaps: number;
};

export async function rowsOfRecords(input: TailInput): Promise<TailResult> {
  const producers = new Map(input.producers);
  const batches: TailRows[] = [];
  const deadLetters: DeadLetter[] = [];
  const counts = { rowsIn: 0, duplicates: 0, deadLettered: 0, gaps: 0 };
  for (const routed of input.records) {
    const { header } = routed.record;
    counts.rowsIn += header.rowCount;
    const key = producerKey(header.producerId, header.bucket);
    const known = producers.get(key);
    if (isRepeated(known, header.producerNumber)) {
      counts.duplicates += header.rowCount;
      continue;
    }
    if (known !== undefined) counts.gaps += header.producerNumber - known.lastNumber - 1;
    producers.set(key, {
      lastNumber: header.producerNumber,
      arrivalMs: routed.arrivalMs,
      named: header.producerNamed,
    });
    const outcome = await rowsOfRecord(input, routed);
    batches.push(...outcome.batches);
    deadLetters.push(...outcome.deadLetters);
    for (const { rowCount } of outcome.deadLetters) counts.deadLettered += rowCount;
  }
  return { batches, deadLetters, producers, ...counts };
}

type RecordOutcome = { readonly batches: readonly TailRows[]; readonly deadLetters: readonly DeadLetter[] };

async function rowsOfRecord(input: TailInput, routed: RoutedRecord): Promise<RecordOutcome> {
  const { header } = routed.record;
  const wholeRecord = (reason: DeadLetterReason, detail: string): RecordOutcome => ({
    batches: [],
    deadLetters: [deadLetter(routed, reason, detail, undefined, header.rowCount)],
  });
  const spread = spreadOtherwise(input.schema, header);
  if (spread !== undefined) return wholeRecord('bucket-count', spread);
  const schema = await schemaOf(input.table, header.schemaId);
  if (schema === undefined) return wholeRecord('unknown-schema', `schema ${header.schemaId} is not there`);
  try {
    const where = `${routed.shardId} ${routed.position}`;
    const body = header.claim === undefined ? routed.record.body : await readClaim(input.store, header.claim);
    // Nulls are looked for row by row below: one must not take the whole record with it.
    const fields = schema.fields.map(field => ({ ...field, type: withNullable(field.type, true) }));
    const { rows, kinds } = decodeBody(routed.record, body, { fields }, where);
    const mapping = mapColumns({
      wanted: { fields: input.schema.fields },
      fileSchema: schema,
      partitionKeys: [],
      partitionValues: [],
    });
    const names = mapping.fileFields.map(field => field.name);
    return withoutMisfits(input.schema, routed, { rows: mapping.apply(projectBatch(rows, names)), kinds });
  } catch (error) {
    if (isLakeError(error) && error.kind !== 'unavailable') return wholeRecord('unreadable', error.message);
    throw error;
  }
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

/** The rows of a record that the table takes; those it does not, by themselves. */
function withoutMisfits(schema: TableSchema, routed: RoutedRecord, input: InputRows): RecordOutcome {
  const { misfits, rows, kinds } = takeIn(schema, input);
  const byMisfit = Map.groupBy(misfits.keys(), row => misfits.get(row)?.detail);
  const deadLetters = [...byMisfit.values()].map(of => {
    const { reason, detail } = present(misfits.get(of[0] ?? 0), 'what is wrong with a row');
    return deadLetter(routed, reason, detail, of, of.length);
  });
  return { batches: rows.rowCount === 0 ? [] : [{ rows, kinds }], deadLetters };
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
