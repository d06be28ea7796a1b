/**
 * How a leaf column of a file becomes a column of a Paimon type: as what it is to be decoded, and what is left to do
 * afterwards. Files are taken at their own word: units of times come from their annotations, and integers of any width
 * are taken where the values fit.
 */
import { unreachable } from '../../base/assert.ts';
import { type allocateValues, makeColumn, physicalOf } from '../../types/column-buffers.ts';
import type { DataField, DataType } from '../../types/data-type.ts';
import type { Column } from '../../types/row-batch.ts';
import { corruptParquet } from './fault.ts';
import type { Annotation, SchemaElement } from './footer.ts';
import { integerStep } from './leaf-integer.ts';
import { timeStep, timestampStep, type ValueStep } from './leaf-time.ts';
import type { DecodedColumn, ValueLayout } from './wasm-door.ts';

export type LeafPlan = {
  /** The leaf as decoders are told of it: without annotation, but for decimals; INT96 as 12 bytes. */
  readonly element: SchemaElement;
  readonly layout: ValueLayout;
  readonly toColumn: (decoded: DecodedColumn) => Column;
};

/** @throws LakeError `corrupt` when the leaf's values cannot be of the field's type */
export function planLeaf(leaf: SchemaElement, field: DataField, where: string): LeafPlan {
  const { type } = field;
  if (leaf.repetition === 'repeated') throw mismatch(leaf, field, where);
  const plain: SchemaElement = { ...leaf, annotation: undefined };
  switch (type.kind) {
    case 'boolean':
      if (leaf.physical !== 'boolean') break;
      return { element: plain, layout: 'bits', toColumn: decoded => columnOf(type, decoded, decoded.values) };
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return planInteger(plain, field, where);
    case 'date':
      if (leaf.physical !== 'int32') break;
      return fixedPlan(plain, 4, type, decoded => decoded.values);
    case 'float':
      if (leaf.physical !== 'float') break;
      return fixedPlan(plain, 4, type, decoded => decoded.values);
    case 'double':
      if (leaf.physical === 'float') return fixedPlan(plain, 4, type, widenFloats);
      if (leaf.physical !== 'double') break;
      return fixedPlan(plain, 8, type, decoded => decoded.values);
    case 'decimal':
      return planDecimal(leaf, field, where);
    case 'char':
    case 'varchar':
    case 'binary':
    case 'varbinary':
      return planBytes(plain, field, where);
    case 'time': {
      const step = timeStep(leaf);
      if (step === undefined) break;
      return fixedPlan(plain, widthOf(leaf), type, step);
    }
    case 'timestamp':
    case 'timestamp-ltz': {
      const step = timestampStep(leaf, type.precision);
      if (step === undefined) break;
      const isInt96 = leaf.physical === 'int96';
      const element: SchemaElement = isInt96 ? { ...plain, physical: 'fixed-len-byte-array', typeLength: 12 } : plain;
      return fixedPlan(element, widthOf(leaf), type, step);
    }
    default:
      break;
  }
  throw mismatch(leaf, field, where);
}

function mismatch(leaf: SchemaElement, { name, type }: DataField, where: string): Error {
  const annotation = leaf.annotation === undefined ? '' : ` (${leaf.annotation.kind})`;
  const found = `${leaf.repetition === 'repeated' ? 'repeated ' : ''}${leaf.physical}${annotation}`;
  return corruptParquet(where, `column ${name} holds ${found}, its schema says ${type.kind.toUpperCase()}`);
}

function widthOf(leaf: SchemaElement): number {
  return leaf.physical === 'int32' || leaf.physical === 'float' ? 4 : leaf.physical === 'int96' ? 12 : 8;
}

function fixedPlan(element: SchemaElement, layout: number, type: DataType, step: ValueStep): LeafPlan {
  return { element, layout, toColumn: decoded => columnOf(type, decoded, step(decoded)) };
}

/** The column over these bytes; arrays made by a step have buffers of their own, decoded ones begin at 0. */
function columnOf(type: DataType, decoded: DecodedColumn, values: ReturnType<ValueStep>): Column {
  const { buffer, byteOffset, byteLength } = values;
  const physical = physicalOf(type);
  const typed = typedView(physical, buffer, byteOffset, byteLength);
  return makeColumn(type, decoded.length, {
    values: typed,
    valueOffsets: decoded.valueOffsets,
    nullBitmap: decoded.nullBitmap,
    nullCount: decoded.nullCount,
  });
}

function typedView(
  physical: ReturnType<typeof physicalOf>,
  buffer: ArrayBufferLike,
  at: number,
  byteLength: number,
): ReturnType<typeof allocateValues> {
  switch (physical) {
    case 'bool':
    case 'utf8':
    case 'bytes':
    case 'fixed12':
      return new Uint8Array(buffer, at, byteLength);
    case 'int8':
      return new Int8Array(buffer, at, byteLength);
    case 'int16':
      return new Int16Array(buffer, at, byteLength / 2);
    case 'int32':
      return new Int32Array(buffer, at, byteLength / 4);
    case 'int64':
      return new BigInt64Array(buffer, at, byteLength / 8);
    case 'float32':
      return new Float32Array(buffer, at, byteLength / 4);
    case 'float64':
      return new Float64Array(buffer, at, byteLength / 8);
    case 'decimal128':
      return new Uint32Array(buffer, at, byteLength / 4);
    default:
      return unreachable(physical);
  }
}

function widenFloats({ values, length }: DecodedColumn): Uint8Array {
  const floats = new Float32Array(values.buffer, values.byteOffset, length);
  return new Uint8Array(new Float64Array(floats).buffer);
}

function planInteger(leaf: SchemaElement, field: DataField, where: string): LeafPlan {
  const step = integerStep(leaf, field, where);
  if (step === undefined) throw mismatch(leaf, field, where);
  return fixedPlan(leaf, widthOf(leaf), field.type, step);
}

/** Digits that fit into a whole number of so many bytes. */
function digitsOf(byteLength: number): number {
  return Math.floor(Math.log10(2 ** (byteLength * 8 - 1)));
}

function planDecimal(leaf: SchemaElement, field: DataField, where: string): LeafPlan {
  const { type } = field;
  if (type.kind !== 'decimal') throw mismatch(leaf, field, where);
  const { annotation } = leaf;
  if (annotation?.kind === 'decimal' && annotation.scale !== type.scale) {
    const asked = `DECIMAL(${type.precision}, ${type.scale})`;
    throw corruptParquet(where, `column ${field.name} has ${annotation.scale} decimals, its schema says ${asked}`);
  }
  const bytes = decimalBytes(leaf);
  if (bytes === undefined || bytes > 16) throw mismatch(leaf, field, where);
  // Decoders give 128-bit values when they are told of a decimal; the digits must fit the physical type, not our type.
  const precision = Math.max(1, Math.min(38, digitsOf(bytes)));
  const told: Annotation = { kind: 'decimal', precision, scale: 0 };
  return fixedPlan({ ...leaf, annotation: told }, 16, type, decoded => decoded.values);
}

function decimalBytes(leaf: SchemaElement): number | undefined {
  switch (leaf.physical) {
    case 'int32':
      return 4;
    case 'int64':
      return 8;
    case 'byte-array':
      return 16;
    case 'fixed-len-byte-array':
      return leaf.typeLength;
    default:
      return undefined;
  }
}

function planBytes(leaf: SchemaElement, field: DataField, where: string): LeafPlan {
  const { type } = field;
  if (leaf.physical === 'byte-array') {
    return { element: leaf, layout: 'offsets', toColumn: decoded => columnOf(type, decoded, decoded.values) };
  }
  const width = leaf.typeLength;
  if (leaf.physical !== 'fixed-len-byte-array' || width === undefined) throw mismatch(leaf, field, where);
  return {
    element: leaf,
    layout: width,
    toColumn: decoded => {
      const valueOffsets = new Int32Array(decoded.length + 1);
      for (let row = 0; row <= decoded.length; row += 1) valueOffsets[row] = row * width;
      return columnOf(type, { ...decoded, valueOffsets }, decoded.values);
    },
  };
}
