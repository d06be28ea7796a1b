/** `Footer` into bytes. */
import { assert, unreachable } from '../../base/assert.ts';
import {
  type Annotation,
  type ColumnChunk,
  chunkStart,
  codecs,
  type Footer,
  magic,
  physicalTypes,
  type RowGroup,
  repetitions,
  type SchemaElement,
  type TimeUnit,
  tailBytes,
} from './footer.ts';
import { ThriftWriter } from './thrift-writer.ts';

/** The end of a file: FileMetaData, its length, and the magic. */
export function writeFooter(footer: Footer): Uint8Array {
  const thrift = new ThriftWriter()
    .i32(1, footer.version)
    .structs(2, footer.schema, writeElement)
    .i64(3, footer.rowCount)
    .structs(4, footer.rowGroups, writeRowGroup)
    .binary(6, footer.createdBy)
    // All columns are in the order their types define; without this, readers may not use min and max.
    .structs(7, leafElements(footer.schema), writer => writer.struct(1, () => undefined))
    .finish();
  const bytes = new Uint8Array(thrift.length + tailBytes);
  bytes.set(thrift);
  new DataView(bytes.buffer).setUint32(thrift.length, thrift.length, true);
  bytes.set(magic, thrift.length + 4);
  return bytes;
}

function leafElements(schema: readonly SchemaElement[]): readonly SchemaElement[] {
  return schema.filter(element => element.physical !== undefined);
}

function writeElement(writer: ThriftWriter, element: SchemaElement): void {
  const { annotation, physical, repetition } = element;
  const decimal = annotation?.kind === 'decimal' ? annotation : undefined;
  writer
    .i32(1, physical === undefined ? undefined : physicalTypes.indexOf(physical))
    .i32(2, element.typeLength)
    .i32(3, repetition === undefined ? undefined : repetitions.indexOf(repetition))
    .binary(4, element.name)
    .i32(5, physical === undefined ? element.childCount : undefined)
    .i32(6, annotation === undefined ? undefined : convertedType(annotation))
    .i32(7, decimal?.scale)
    .i32(8, decimal?.precision)
    .i32(9, element.fieldId)
    // Of a map's entries the newer form says nothing.
    .struct(
      10,
      annotation === undefined || annotation.kind === 'map-key-value'
        ? undefined
        : logical => writeLogical(logical, annotation),
    );
}

/** The older form of an annotation, for readers that know no other. Wall-clock timestamps get it too, as in Paimon's files. */
function convertedType(annotation: Annotation): number | undefined {
  switch (annotation.kind) {
    case 'string':
      return 0;
    case 'decimal':
      return 5;
    case 'date':
      return 6;
    case 'time':
      return annotation.unit === 'millis' ? 7 : annotation.unit === 'micros' ? 8 : undefined;
    case 'timestamp':
      return annotation.unit === 'millis' ? 9 : annotation.unit === 'micros' ? 10 : undefined;
    case 'integer':
      return Math.log2(annotation.bitWidth) - 3 + (annotation.isSigned ? 15 : 11);
    case 'list':
      return 3;
    case 'map':
      return 1;
    case 'map-key-value':
      return 2;
    case 'other':
      assert(false, () => `annotation ${annotation.kind} is not written`);
      return undefined;
    default:
      return unreachable(annotation);
  }
}

function writeLogical(writer: ThriftWriter, annotation: Annotation): void {
  switch (annotation.kind) {
    case 'string':
      writer.struct(1, () => undefined);
      break;
    case 'decimal':
      writer.struct(5, decimal => decimal.i32(1, annotation.scale).i32(2, annotation.precision));
      break;
    case 'date':
      writer.struct(6, () => undefined);
      break;
    case 'time':
    case 'timestamp':
      writer.struct(annotation.kind === 'time' ? 7 : 8, time =>
        time.bool(1, annotation.isUtc).struct(2, unit => unit.struct(unitId(annotation.unit), () => undefined)),
      );
      break;
    case 'integer':
      writer.struct(10, integer => integer.i8(1, annotation.bitWidth).bool(2, annotation.isSigned));
      break;
    case 'map':
      writer.struct(2, () => undefined);
      break;
    case 'list':
      writer.struct(3, () => undefined);
      break;
    case 'map-key-value':
    case 'other':
      assert(false, () => `annotation ${annotation.kind} is not written`);
      break;
    default:
      unreachable(annotation);
  }
}

function unitId(unit: TimeUnit): number {
  return unit === 'millis' ? 1 : unit === 'micros' ? 2 : 3;
}

function writeRowGroup(writer: ThriftWriter, group: RowGroup): void {
  const [first] = group.chunks;
  writer
    .structs(1, group.chunks, writeChunk)
    .i64(2, group.byteSize)
    .i64(3, group.rowCount)
    .i64(5, first === undefined ? undefined : chunkStart(first))
    .i64(
      6,
      group.chunks.reduce((sum, chunk) => sum + chunk.compressedBytes, 0),
    );
}

function writeChunk(writer: ThriftWriter, chunk: ColumnChunk): void {
  const { statistics, offsetIndex, columnIndex } = chunk;
  writer.i64(2, chunkStart(chunk)).struct(3, meta =>
    meta
      .i32(1, physicalTypes.indexOf(chunk.physical))
      .i32s(2, chunk.encodings)
      .binaries(3, chunk.path)
      .i32(4, codecs.indexOf(chunk.codec))
      .i64(5, chunk.valueCount)
      .i64(6, chunk.uncompressedBytes)
      .i64(7, chunk.compressedBytes)
      .i64(9, chunk.dataPageOffset)
      .i64(11, chunk.dictionaryPageOffset)
      .struct(
        12,
        statistics === undefined
          ? undefined
          : bounds => bounds.i64(3, statistics.nullCount).binary(5, statistics.max).binary(6, statistics.min),
      ),
  );
  writer.i64(4, offsetIndex?.start).i32(5, offsetIndex?.bytes).i64(6, columnIndex?.start).i32(7, columnIndex?.bytes);
}
