/**
 * The plain model of a lake: what the log holds, record by record, is the truth. From it follows what each table must hold at
 * each snapshot (by the positions that the snapshot records), and what a reader of the tail may see.
 *
 * It reads the log's memory as it is, drops what a producer's lane has sent before, and keeps each key's history.
 */

import { decodeBody, decodeRecord, type LogRecordHeader } from '../../../../src/flow/log-record.ts';
import { decodeSchema, type TableSchema } from '../../../../src/format/table-schema.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import { type DataField, withNullable } from '../../../../src/types/data-type.ts';
import { Violation } from '../../world.ts';
import type { LakeLog, TrueRecord } from './true-log.ts';

/** Where a record is in the log, and since when. */
export type RecordPlace = { readonly shardId: string; readonly position: bigint; readonly arrivalMs: number };

/** One change of a key as the log has it; `value` undefined: the key was deleted. */
export type Change = RecordPlace & {
  /** Of the record, over all shards. */
  readonly ordinal: number;
  readonly value: number | undefined;
  /** Of columns that tables adopt (RFC 0019); those whose record has no such column are absent. */
  readonly adopted: ReadonlyMap<string, number>;
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
/** Of columns that come with records only. */
export const adoptedName: RegExp = /^c\d$/;

export class LogModel {
  readonly #log: Pick<LakeLog, 'fresh' | 'parentsOf'>;
  readonly #objects: ModelObjects;
  readonly #tables = new Map<string, TableModel>();
  readonly #schemas = new Map<string, TableSchema>();
  readonly #lastNumbers = new Map<string, number>();
  readonly #firstPositions = new Map<string, bigint>();
  readonly #records: RecordPlace[] = [];
  #tip = 0;
  #doubles = 0;

  constructor(log: Pick<LakeLog, 'fresh' | 'parentsOf'>, objects: ModelObjects) {
    this.#log = log;
    this.#objects = objects;
  }

  /** The ordinal of the last record read so far. */
  get tip(): number {
    return this.#tip;
  }

  /** Those read so far, of all tables, whoever can read them. */
  get records(): readonly RecordPlace[] {
    return this.#records;
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
  catchUp(): number {
    for (const record of this.#log.fresh()) this.#take(record);
    return this.#tip;
  }

  /** Whether a shard has had a record at or below a position. */
  hasBegun(shardId: string, position: bigint): boolean {
    const first = this.#firstPositions.get(shardId);
    return first !== undefined && first <= position;
  }

  parentsOf(shardId: string): readonly string[] {
    return this.#log.parentsOf(shardId);
  }

  /** A change was acknowledged: it must be in the log. */
  acknowledged(tableName: string, key: number, value: number | undefined): void {
    this.catchUp();
    const history = this.table(tableName).histories.get(key);
    if (history?.some(change => change.value === value) !== true) {
      throw new Violation(`${tableName}: key ${key} = ${value} was acknowledged and is not in the log`);
    }
  }

  #take({ shardId, envelope: { position, arrivalMs, data } }: TrueRecord): void {
    this.#tip += 1;
    this.#records.push({ shardId, position, arrivalMs });
    if (!this.#firstPositions.has(shardId)) this.#firstPositions.set(shardId, position);
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
    const fields = fieldsOf(schema, header);
    const { rows, kinds } = decodeBody(record, body, { fields }, 'model');
    const table = this.table(header.tableName);
    if (header.bucketCount !== Number(schema.options['bucket'] ?? -1)) {
      table.rowCount += header.rowCount;
      table.deadRows += header.rowCount;
      return;
    }
    const [keyAt, valueAt] = ['k', 'n'].map(name => schema.fields.findIndex(field => field.name === name));
    const adoptedAt = [...fields.entries()].flatMap(([index, { name }]) =>
      adoptedName.test(name) ? [[name, index] as const] : [],
    );
    for (const [at, row] of rowsOf(rows).entries()) {
      table.rowCount += 1;
      const key = Number(row[keyAt ?? 0]);
      if (row[valueAt ?? 0] === null) {
        table.deadRows += 1;
        continue;
      }
      const value = kinds[at] === deleteKind ? undefined : Number(row[valueAt ?? 0]);
      const history = table.histories.get(key) ?? [];
      const adopted = new Map(
        adoptedAt.flatMap(([name, index]) => (row[index] === null ? [] : [[name, Number(row[index])]])),
      );
      history.push({ ordinal: this.#tip, position, shardId, arrivalMs, value, adopted });
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

/** Those of the schema, any of which may be null here, and what the record brings besides. */
function fieldsOf(schema: TableSchema, { columns = [] }: LogRecordHeader): readonly DataField[] {
  const own = schema.fields.map(field => ({ ...field, type: withNullable(field.type, true) }));
  const besides = columns.map(({ name, type }, index): DataField => {
    return { id: -1 - index, name, type, description: undefined, defaultValue: undefined };
  });
  const types = new Map(besides.map(({ name, type }) => [name, type]));
  const names = new Set(own.map(({ name }) => name));
  const asSent = own.map(field => ({ ...field, type: types.get(field.name) ?? field.type }));
  return [...asSent, ...besides.filter(({ name }) => !names.has(name))];
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
export function mayBeSeen(history: readonly Change[], from: number, to: number): ReadonlySet<number | undefined> {
  const before = valueAt(history, change => change.ordinal <= from);
  const later = history.filter(({ ordinal }) => ordinal > from && ordinal <= to);
  return new Set([before, ...later.map(({ value }) => value)]);
}
