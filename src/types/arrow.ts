/**
 * The one door to apache-arrow, by its parts: its readers, builders and streams for Node, which nobody here uses, are a fifth
 * of what loading it takes. They are the same classes that `apache-arrow` gives. Elsewhere columns are `Column`, whose buffers are those of the Arrow format.
 */
import { Data, makeData } from 'apache-arrow/data';
import { Type as ArrowTypeId } from 'apache-arrow/enum';
import { RecordBatchStreamWriter } from 'apache-arrow/ipc/writer';
import { RecordBatch } from 'apache-arrow/recordbatch';
import { Field, Schema } from 'apache-arrow/schema';
import { Table } from 'apache-arrow/table';
import {
  DataType as ArrowDataType,
  Binary,
  Bool,
  DateDay,
  Decimal,
  FixedSizeBinary,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  Struct,
  TimeMillisecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  Utf8,
} from 'apache-arrow/type';
import { Vector } from 'apache-arrow/vector';
import { unsupported } from '../base/errors.ts';
import type { DataField, DataType } from './data-type.ts';

export {
  ArrowDataType,
  ArrowTypeId,
  Data,
  Field,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Table,
  Vector,
};

/**
 * The Arrow type a column of this type has in memory, in log records and towards users.
 *
 * | Paimon | Arrow | values |
 * |---|---|---|
 * | BOOLEAN | Bool | bits, least significant first |
 * | TINYINT SMALLINT INT BIGINT FLOAT DOUBLE | Int8 Int16 Int32 Int64 Float32 Float64 | |
 * | DECIMAL | Decimal128 | 16 bytes little-endian two's complement, as 4 uint32 |
 * | CHAR VARCHAR STRING | Utf8 | int32 offsets |
 * | BINARY VARBINARY BYTES | Binary | int32 offsets |
 * | DATE | Date32 | days |
 * | TIME | Time32(ms) | |
 * | TIMESTAMP, TIMESTAMP_LTZ 0–3, 4–6 | Timestamp(ms), Timestamp(µs), no time zone in the Arrow type | int64 |
 * | TIMESTAMP, TIMESTAMP_LTZ 7–9 | FixedSizeBinary(12) | int64 epoch millis, then int32 nanos of the milli, little-endian: the full range, which int64 nanoseconds lack |
 * | ARRAY | List | int32 offsets, a child `element` |
 * | MAP, MULTISET | Map | int32 offsets, a child `entries` of `key` and `value` |
 * | ROW | Struct | a child for each field |
 */
export function arrowType(type: DataType): ArrowDataType {
  switch (type.kind) {
    case 'boolean':
      return new Bool();
    case 'tinyint':
      return new Int8();
    case 'smallint':
      return new Int16();
    case 'int':
      return new Int32();
    case 'bigint':
      return new Int64();
    case 'float':
      return new Float32();
    case 'double':
      return new Float64();
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
    case 'char':
    case 'varchar':
      return new Utf8();
    case 'binary':
    case 'varbinary':
      return new Binary();
    case 'date':
      return new DateDay();
    case 'time':
      return new TimeMillisecond();
    case 'timestamp':
    case 'timestamp-ltz':
      if (type.precision <= 3) return new TimestampMillisecond();
      if (type.precision <= 6) return new TimestampMicrosecond();
      return new FixedSizeBinary(12);
    case 'array':
      return new List(new Field('element', arrowType(type.element), type.element.nullable));
    case 'multiset':
      return mapType(type.element, { kind: 'int', nullable: false });
    case 'map':
      return mapType(type.key, type.value);
    case 'row':
      return new Struct(type.fields.map(arrowField));
    case 'vector':
    case 'variant':
    case 'blob':
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'column');
  }
}

/** `metadata` carries the Parquet field id. */
export function arrowField({ id, name, type }: DataField): Field {
  return new Field(name, arrowType(type), type.nullable, new Map([['PARQUET:field_id', String(id)]]));
}

function mapType(key: DataType, value: DataType): ArrowDataType {
  const entries = new Struct<MapEntry>([
    new Field('key', arrowType(key), false),
    new Field('value', arrowType(value), value.nullable),
  ]);
  return new Map_(new Field('entries', entries, false));
}

type MapEntry = { key: ArrowDataType; value: ArrowDataType };
