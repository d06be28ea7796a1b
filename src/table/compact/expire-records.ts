/**
 * What record-level expiry does to a compaction: rows whose time is over do not come through, and files that may hold some
 * are rewritten where they would else only change their level or stay.
 *
 * @see Paimon 1.4.2 RecordLevelExpire, MergeTreeCompactTask
 */
import { present } from '../../base/assert.ts';
import type { DataFileMeta } from '../../format/data-file.ts';
import { type RecordExpiry, recordExpiryOf, secondsOf } from '../../format/record-expiry.ts';
import { decodeStats } from '../../format/stats.ts';
import { statsFieldsOf } from '../../format/stats-fields.ts';
import { columnReader } from '../../types/column-reader.ts';
import { takeRows } from '../../types/gather.ts';
import { columnOf, type KeyValueBatch, positionOf } from '../../types/row-batch.ts';
import type { Table } from '../table.ts';

export class ExpiringRecords {
  readonly #expiry: RecordExpiry;
  readonly #nowSeconds: bigint;

  constructor(expiry: RecordExpiry, nowMs: number) {
    this.#expiry = expiry;
    this.#nowSeconds = BigInt(Math.floor(nowMs / 1000));
  }

  /** As of now; undefined: no row of the table expires. @throws LakeError `invalid` LAKE_BAD_OPTION */
  static of({ schema, clock }: Pick<Table, 'schema' | 'clock'>): ExpiringRecords | undefined {
    const expiry = recordExpiryOf(schema);
    return expiry === undefined ? undefined : new ExpiringRecords(expiry, clock.nowMs());
  }

  /** Names of the files whose earliest time, as far as statistics tell it, is over. */
  async expiredFiles(
    { schemas }: Pick<Table, 'schemas'>,
    files: readonly DataFileMeta[],
  ): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    for (const file of files) {
      const fields = statsFieldsOf(file, await schemas.get(file.schemaId));
      const index = fields?.findIndex(({ id }) => id === this.#expiry.field.id) ?? -1;
      const field = fields?.[index];
      if (fields === undefined || field === undefined) continue;
      const { min } = decodeStats(
        file.valueStats,
        fields.map(({ type }) => type),
      );
      const earliest = secondsOf(field.type, min[index] ?? null);
      if (earliest !== undefined && this.#nowSeconds - BigInt(this.#expiry.seconds) > earliest)
        names.add(file.fileName);
    }
    return names;
  }

  /** A run without the rows whose time is over. */
  async *living(run: AsyncIterable<KeyValueBatch>): AsyncGenerator<KeyValueBatch, void, undefined> {
    for await (const batch of run) {
      const kept = this.#kept(batch);
      if (kept.length === batch.rows.rowCount) yield batch;
      else if (kept.length > 0) yield takeKeyValues(batch, Uint32Array.from(kept));
    }
  }

  #kept({ rows }: KeyValueBatch): readonly number[] {
    const { field, seconds } = this.#expiry;
    const read = columnReader(columnOf(rows, field.name), field.type);
    const kept: number[] = [];
    for (let row = 0; row < rows.rowCount; row += 1) {
      const time = secondsOf(field.type, read(row));
      if (time === undefined || this.#nowSeconds <= time + BigInt(seconds)) kept.push(row);
    }
    return kept;
  }
}

function takeKeyValues(batch: KeyValueBatch, index: Uint32Array): KeyValueBatch {
  const { rows, sequenceNumbers, kinds, origin } = batch;
  return {
    ...batch,
    rows: takeRows(rows, index),
    sequenceNumbers: BigInt64Array.from(index, row => present(sequenceNumbers[row], 'a row has a sequence number')),
    kinds: Int8Array.from(index, row => present(kinds[row], 'a row has a kind')),
    origin:
      origin === undefined
        ? undefined
        : { ...origin, kept: index.map(row => positionOf(origin, row) - origin.firstPosition) },
  };
}
