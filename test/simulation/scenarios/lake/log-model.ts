/**
 * The plain model of a lake: what the log holds, record by record, is the truth. From it follows what each table must hold at
 * each snapshot (by the positions that the snapshot records), and what a reader of the tail may see.
 *
 * It reads the log's memory as it is, drops what a producer's lane has sent before, and keeps each key's history.
 */

import { decodeBody, decodeRecord, type LogRecordHeader } from '../../../../src/flow/log-record.ts';
import { decodeSchema, type TableSchema } from '../../../../src/format/table-schema.ts';
import type { LogRecordEnvelope } from '../../../../src/storage/log-store.ts';
import type { MemoryLog } from '../../../../src/storage/memory/memory-log.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import { withNullable } from '../../../../src/types/data-type.ts';
import { Violation } from '../../world.ts';

/** One change of a key as the log has it; `value` undefined: the key was deleted. */
export type Change = {
  readonly position: bigint;
  readonly shardId: string;
  readonly arrivalMs: number;
  readonly value: number | undefined;
};

export type TableModel = {
  readonly histories: Map<number, Change[]>;
  /** Rows in, without doubles. */
  rowCount: number;
  /** Of those, rows that the table cannot take. */
  deadRows: number;
};

/** The tables that are modelled, and what lies in the object store. */
export type ModelObjects = {
  readonly tables: readonly string[];
  readonly schema: (tableName: string, schemaId: number) => Uint8Array | undefined;
  readonly claim: (name: string) => Uint8Array | undefined;
};

const deleteKind = 3;

export class LogModel {
  readonly #log: MemoryLog;
  readonly #objects: ModelObjects;
  readonly #tables = new Map<string, TableModel>();
  readonly #schemas = new Map<string, TableSchema>();
  readonly #lastNumbers = new Map<string, number>();
  readonly #seen = new Map<string, bigint>();
  #tip = 0n;
  #doubles = 0;

  constructor(log: MemoryLog, objects: ModelObjects) {
    this.#log = log;
    this.#objects = objects;
  }

  /** The largest position read so far. Positions grow over all shards of a log in memory. */
  get tip(): bigint {
    return this.#tip;
  }

  /** Records that a producer sent again. */
  get doubles(): number {
    return this.#doubles;
  }

  table(name: string): TableModel {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = { histories: new Map(), rowCount: 0, deadRows: 0 };
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Reads on to the end of the log. @returns its tip */
  catchUp(): bigint {
    const fresh: { readonly shardId: string; readonly envelope: LogRecordEnvelope }[] = [];
    for (const { shardId } of this.#log.describe().shards) {
      for (;;) {
        const position = this.#seen.get(shardId) ?? 0n;
        const { records } = this.#log.read(shardId, { kind: 'after', position });
        for (const envelope of records) fresh.push({ shardId, envelope });
        const last = records.at(-1);
        if (last === undefined) break;
        this.#seen.set(shardId, last.position);
      }
    }
    fresh.sort((a, b) => (a.envelope.position < b.envelope.position ? -1 : 1));
    for (const { shardId, envelope } of fresh) this.#take(shardId, envelope);
    return this.#tip;
  }

  /** A change was acknowledged: it must be in the log. */
  acknowledged(tableName: string, key: number, value: number | undefined): void {
    this.catchUp();
    const history = this.table(tableName).histories.get(key);
    if (history?.some(change => change.value === value) !== true) {
      throw new Violation(`${tableName}: key ${key} = ${value} was acknowledged and is not in the log`);
    }
  }

  #take(shardId: string, { position, arrivalMs, data }: LogRecordEnvelope): void {
    this.#tip = position;
    const record = readable(data);
    // What nobody can read is nobody's row.
    if (record === undefined) return;
    const { header } = record;
    if (!this.#objects.tables.includes(header.tableName)) return;
    const lane = `${header.tableId}/${header.bucket}/${header.producerId}`;
    if (header.producerNumber <= (this.#lastNumbers.get(lane) ?? 0)) {
      this.#doubles += 1;
      return;
    }
    this.#lastNumbers.set(lane, header.producerNumber);
    const schema = this.#schema(header);
    const body = header.claim === undefined ? record.body : this.#claimed(header.claim.name);
    const fields = schema.fields.map(field => ({ ...field, type: withNullable(field.type, true) }));
    const { rows, kinds } = decodeBody(record, body, { fields }, 'model');
    const table = this.table(header.tableName);
    if (header.bucketCount !== Number(schema.options['bucket'] ?? -1)) {
      table.rowCount += header.rowCount;
      table.deadRows += header.rowCount;
      return;
    }
    const [keyAt, valueAt] = ['k', 'n'].map(name => schema.fields.findIndex(field => field.name === name));
    for (const [at, row] of rowsOf(rows).entries()) {
      table.rowCount += 1;
      const key = Number(row[keyAt ?? 0]);
      if (row[valueAt ?? 0] === null) {
        table.deadRows += 1;
        continue;
      }
      const value = kinds[at] === deleteKind ? undefined : Number(row[valueAt ?? 0]);
      const history = table.histories.get(key) ?? [];
      history.push({ position, shardId, arrivalMs, value });
      table.histories.set(key, history);
    }
  }

  #claimed(name: string): Uint8Array {
    const body = this.#objects.claim(name);
    if (body === undefined) throw new Violation(`a record that the log keeps names claim ${name}, which is not there`);
    return body;
  }

  #schema({ tableName, schemaId }: LogRecordHeader): TableSchema {
    const name = `${tableName}/${schemaId}`;
    let schema = this.#schemas.get(name);
    if (schema === undefined) {
      const bytes = this.#objects.schema(tableName, schemaId);
      if (bytes === undefined)
        throw new Violation(`a record names schema ${schemaId} of ${tableName}, which is not there`);
      schema = decodeSchema(bytes, name);
      this.#schemas.set(name, schema);
    }
    return schema;
  }
}

function readable(data: Uint8Array): ReturnType<typeof decodeRecord> | undefined {
  try {
    return decodeRecord(data, 'model');
  } catch {
    return undefined;
  }
}

/** The last change of those that count; undefined: there is none, or it is a delete. */
export function valueAt(history: readonly Change[], counts: (change: Change) => boolean): number | undefined {
  return history.findLast(counts)?.value;
}

/** What a reader may see that began when the log was at `from` and ended when it was at `to`. */
export function mayBeSeen(history: readonly Change[], from: bigint, to: bigint): ReadonlySet<number | undefined> {
  const before = valueAt(history, change => change.position <= from);
  const later = history.filter(({ position }) => position > from && position <= to);
  return new Set([before, ...later.map(({ value }) => value)]);
}
