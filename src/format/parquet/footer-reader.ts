/** Bytes of a Parquet footer into `Footer`, with everything checked that later steps rely on. */
import { assert } from '../../base/assert.ts';
import { corruptParquet } from './fault.ts';
import {
  type Annotation,
  type ChunkStatistics,
  type ColumnChunk,
  chunkStart,
  codecs,
  type FileRegion,
  type Footer,
  magic,
  physicalTypes,
  type RowGroup,
  repetitions,
  type SchemaElement,
  type TimeUnit,
} from './footer.ts';
import { readThrift, type ThriftStruct } from './thrift-reader.ts';

/**
 * Reads FileMetaData.
 *
 * Holds afterwards: the schema is a tree; each row group has one chunk for each leaf, of the leaf's physical type;
 * chunks lie inside the file; the row counts add up.
 *
 * @param fileBytes length of the file
 * @throws LakeError `corrupt`
 */
export function readFooter(bytes: Uint8Array, fileBytes: number, where: string): Footer {
  const { struct } = readThrift(bytes, 0, where);
  const schema = (struct.structs(2) ?? []).map(element => readElement(element, where));
  const leaves = checkTree(schema, where);
  const rowGroups = (struct.structs(4) ?? []).map((group, index) =>
    readRowGroup(group, leaves, { fileBytes, where: `${where} row group ${index}` }),
  );
  const rowCount = count(struct, 3, `${where} footer`);
  const groupRows = rowGroups.reduce((sum, group) => sum + group.rowCount, 0);
  if (groupRows !== rowCount) throw corruptParquet(where, `${rowCount} rows, but its row groups have ${groupRows}`);
  return { version: struct.int(1) ?? 1, schema, rowCount, rowGroups, createdBy: struct.text(6) };
}

function readElement(struct: ThriftStruct, where: string): SchemaElement {
  const name = struct.text(4);
  if (name === undefined) throw corruptParquet(where, 'a column without a name');
  const typeId = struct.int(1);
  const repetitionId = struct.int(3);
  const physical = typeId === undefined ? undefined : physicalTypes[typeId];
  if (typeId !== undefined && physical === undefined) {
    throw corruptParquet(where, `column ${name} has physical type ${typeId}`);
  }
  const typeLength = struct.int(2);
  if (physical === 'fixed-len-byte-array' && (typeLength === undefined || typeLength < 1)) {
    throw corruptParquet(where, `column ${name} has values of ${typeLength} bytes`);
  }
  const logical = struct.struct(10);
  return {
    name,
    physical,
    typeLength,
    repetition: repetitionId === undefined ? undefined : repetitions[repetitionId],
    childCount: struct.int(5) ?? 0,
    fieldId: struct.int(9),
    annotation: (logical === undefined ? undefined : readLogical(logical)) ?? readConverted(struct),
  };
}

function readLogical(logical: ThriftStruct): Annotation | undefined {
  if (logical.has(1)) return { kind: 'string' };
  if (logical.has(2)) return { kind: 'map' };
  if (logical.has(3)) return { kind: 'list' };
  if (logical.has(6)) return { kind: 'date' };
  const decimal = logical.struct(5);
  if (decimal !== undefined) {
    return { kind: 'decimal', scale: decimal.int(1) ?? 0, precision: decimal.int(2) ?? 0 };
  }
  for (const [id, kind] of [
    [7, 'time'],
    [8, 'timestamp'],
  ] as const) {
    const time = logical.struct(id);
    const unit = time === undefined ? undefined : readUnit(time.struct(2));
    if (time !== undefined && unit !== undefined) return { kind, unit, isUtc: time.bool(1) ?? false };
  }
  const integer = logical.struct(10);
  if (integer !== undefined) {
    return { kind: 'integer', bitWidth: integer.int(1) ?? 0, isSigned: integer.bool(2) ?? true };
  }
  return { kind: 'other' };
}

function readUnit(unit: ThriftStruct | undefined): TimeUnit | undefined {
  if (unit?.has(1)) return 'millis';
  if (unit?.has(2)) return 'micros';
  return unit?.has(3) ? 'nanos' : undefined;
}

/** The older form of annotations, which some writers give alone. */
function readConverted(struct: ThriftStruct): Annotation | undefined {
  const converted = struct.int(6);
  switch (converted) {
    case undefined:
      return undefined;
    case 0:
      return { kind: 'string' };
    case 1:
    case 2:
      return { kind: 'map' };
    case 3:
      return { kind: 'list' };
    case 5:
      return { kind: 'decimal', scale: struct.int(7) ?? 0, precision: struct.int(8) ?? 0 };
    case 6:
      return { kind: 'date' };
    case 7:
    case 8:
      return { kind: 'time', unit: converted === 7 ? 'millis' : 'micros', isUtc: true };
    case 9:
    case 10:
      return { kind: 'timestamp', unit: converted === 9 ? 'millis' : 'micros', isUtc: true };
    default:
      if (converted < 11 || converted > 18) return { kind: 'other' };
      return { kind: 'integer', bitWidth: 8 << ((converted - 11) % 4), isSigned: converted >= 15 };
  }
}

/** @returns the leaves of the tree, in the order of their chunks */
function checkTree(schema: readonly SchemaElement[], where: string): readonly SchemaElement[] {
  const [root] = schema;
  if (root === undefined) throw corruptParquet(where, 'it has no schema');
  const leaves: SchemaElement[] = [];
  let open = 1;
  for (const [index, element] of schema.entries()) {
    if (open === 0) throw corruptParquet(where, 'its schema is not one tree');
    const isGroup = element.physical === undefined;
    if (element.childCount < 0 || (!isGroup && element.childCount > 0)) {
      throw corruptParquet(where, `column ${element.name} has ${element.childCount} children`);
    }
    if (index > 0 && element.repetition === undefined) {
      throw corruptParquet(where, `column ${element.name} is neither required, optional nor repeated`);
    }
    open += element.childCount - 1;
    if (!isGroup) leaves.push(element);
  }
  if (open !== 0) throw corruptParquet(where, 'its schema ends early');
  if (root.physical !== undefined) throw corruptParquet(where, 'its root is not a group');
  return leaves;
}

type Surroundings = { readonly fileBytes: number; readonly where: string };

function readRowGroup(struct: ThriftStruct, leaves: readonly SchemaElement[], around: Surroundings): RowGroup {
  const { where } = around;
  const columns = struct.structs(1) ?? [];
  if (columns.length !== leaves.length) {
    throw corruptParquet(where, `${columns.length} column chunks for ${leaves.length} columns`);
  }
  const rowCount = count(struct, 3, where);
  const chunks = columns.map((column, index) => {
    const leaf = leaves[index];
    assert(leaf !== undefined, 'a leaf for each chunk');
    return readChunk(column, leaf, around);
  });
  return { chunks, rowCount, byteSize: count(struct, 2, where) };
}

function readChunk(column: ThriftStruct, leaf: SchemaElement, around: Surroundings): ColumnChunk {
  const where = `${around.where} column ${leaf.name}`;
  const meta = column.struct(3);
  if (meta === undefined) throw corruptParquet(where, 'its column chunk is encrypted or has no description');
  if ((column.text(1) ?? '') !== '') throw corruptParquet(where, 'its column chunk is in another file');
  const physical = physicalTypes[meta.int(1) ?? -1];
  if (physical === undefined || physical !== leaf.physical) {
    throw corruptParquet(where, `its column chunk is ${physical}, its schema says ${leaf.physical}`);
  }
  const codecId = meta.int(4);
  const codec = codecs[codecId ?? -1];
  if (codec === undefined) throw corruptParquet(where, `compression ${codecId}`);
  const statistics = meta.struct(12);
  const chunk: ColumnChunk = {
    physical,
    encodings: meta.ints(2) ?? [],
    path: meta.texts(3) ?? [],
    codec,
    valueCount: count(meta, 5, where),
    uncompressedBytes: count(meta, 6, where),
    compressedBytes: count(meta, 7, where),
    dataPageOffset: count(meta, 9, where),
    dictionaryPageOffset: meta.int(11),
    statistics: statistics === undefined ? undefined : readStatistics(statistics),
    offsetIndex: regionOf(column, { start: 4, bytes: 5 }, around.fileBytes),
    columnIndex: regionOf(column, { start: 6, bytes: 7 }, around.fileBytes),
  };
  // Some writers give a chunk without values no offset; whatever stands there, nothing is read of it.
  if (chunk.valueCount === 0) {
    const nowhere = { dictionaryPageOffset: undefined, offsetIndex: undefined, columnIndex: undefined };
    return { ...chunk, compressedBytes: 0, dataPageOffset: 0, ...nowhere };
  }
  const start = chunkStart(chunk);
  if (start < magic.length || start + chunk.compressedBytes > around.fileBytes) {
    throw corruptParquet(where, `${chunk.compressedBytes} bytes at ${start} lie outside the file`);
  }
  return chunk;
}

/** An index is a help that a file need not have: one that lies outside of it is none. */
function regionOf(column: ThriftStruct, ids: FileRegion, fileBytes: number): FileRegion | undefined {
  const start = column.int(ids.start);
  const bytes = column.int(ids.bytes);
  if (start === undefined || bytes === undefined) return undefined;
  return start >= magic.length && bytes > 0 && start + bytes <= fileBytes ? { start, bytes } : undefined;
}

/**
 * The bounds of `min_value` and `max_value`. The older `min` and `max` are not used: writers did not agree on the order
 * of strings, decimals and unsigned numbers in them.
 */
function readStatistics(struct: ThriftStruct): ChunkStatistics {
  const nullCount = struct.int(3);
  return {
    min: struct.bytes(6),
    max: struct.bytes(5),
    nullCount: nullCount !== undefined && nullCount >= 0 ? nullCount : undefined,
  };
}

function count(struct: ThriftStruct, id: number, where: string): number {
  const value = struct.int(id);
  if (value === undefined || value < 0) throw corruptParquet(where, `field ${id} of its header is ${value}`);
  return value;
}
