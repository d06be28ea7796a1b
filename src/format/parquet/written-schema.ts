/** The Parquet column that a field is written as, exactly as Paimon 1.4.2 writes it. */
import { unreachable } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import type { Annotation, PhysicalType, SchemaElement, TimeUnit } from './footer.ts';

/** Name of the schema's root in Paimon's files. */
const rootName = 'paimon_schema';

export function writtenSchema(rowType: RowType): readonly SchemaElement[] {
  const root: SchemaElement = { ...group(rootName, rowType.fields.length), repetition: undefined };
  return [root, ...rowType.fields.flatMap(writtenField)];
}

function writtenField({ id, name, type }: DataField): readonly SchemaElement[] {
  return writtenElements({ name, type, fieldId: id, base: id, depth: 0 });
}

type Written = {
  readonly name: string;
  readonly type: DataType;
  readonly fieldId: number;
  /** Id of the nearest field of the schema, and how many lists and maps are between. */
  readonly base: number;
  readonly depth: number;
};

function writtenElements({ name, type, fieldId, base, depth }: Written): readonly SchemaElement[] {
  const around = { ...group(name, 1), fieldId, repetition: repetitionOf(type) };
  const below = depth + 1;
  switch (type.kind) {
    case 'array':
      return [
        { ...around, annotation: { kind: 'list' } },
        { ...group('list', 1), repetition: 'repeated' },
        ...writtenElements({
          name: 'element',
          type: type.element,
          fieldId: elementId(base, below),
          base,
          depth: below,
        }),
      ];
    case 'map':
    case 'multiset': {
      const key = { ...(type.kind === 'map' ? type.key : type.element), nullable: false };
      const value: DataType = type.kind === 'map' ? type.value : { kind: 'int', nullable: false };
      return [
        { ...around, annotation: { kind: 'map' } },
        { ...group('key_value', 2), repetition: 'repeated', annotation: { kind: 'map-key-value' } },
        ...writtenElements({ name: 'key', type: key, fieldId: keyId(base, below), base, depth: below }),
        ...writtenElements({ name: 'value', type: value, fieldId: elementId(base, below), base, depth: below }),
      ];
    }
    case 'row':
      return [{ ...around, childCount: type.fields.length }, ...type.fields.flatMap(writtenField)];
    default:
      return [writtenLeaf(name, type, fieldId)];
  }
}

/** Ids of what has none in the schema (Paimon's SpecialFields); a map's values have those of elements. */
const derivedIdStart = 536_870_911;
const depthsMax = 1024;

function elementId(base: number, depth: number): number {
  return derivedIdStart + base * depthsMax + depth;
}

function keyId(base: number, depth: number): number {
  return derivedIdStart - base * depthsMax - depth;
}

function group(name: string, childCount: number): SchemaElement {
  return {
    name,
    physical: undefined,
    typeLength: undefined,
    repetition: 'optional',
    childCount,
    fieldId: undefined,
    annotation: undefined,
  };
}

function repetitionOf(type: DataType): 'optional' | 'required' {
  return type.nullable ? 'optional' : 'required';
}

function writtenLeaf(name: string, type: DataType, fieldId: number): SchemaElement {
  const { physical, annotation } = writtenType(type);
  return {
    name,
    physical,
    typeLength:
      physical === 'fixed-len-byte-array' && type.kind === 'decimal' ? decimalBytes(type.precision) : undefined,
    repetition: repetitionOf(type),
    childCount: 0,
    fieldId,
    annotation,
  };
}

type WrittenType = { readonly physical: PhysicalType; readonly annotation: Annotation | undefined };

function writtenType(type: DataType): WrittenType {
  switch (type.kind) {
    case 'boolean':
    case 'float':
    case 'double':
      return { physical: type.kind, annotation: undefined };
    case 'tinyint':
    case 'smallint': {
      const bitWidth = type.kind === 'tinyint' ? 8 : 16;
      return { physical: 'int32', annotation: { kind: 'integer', bitWidth, isSigned: true } };
    }
    case 'int':
      return { physical: 'int32', annotation: undefined };
    case 'bigint':
      return { physical: 'int64', annotation: undefined };
    case 'decimal': {
      const { precision, scale } = type;
      const physical = precision <= 9 ? 'int32' : precision <= 18 ? 'int64' : 'fixed-len-byte-array';
      return { physical, annotation: { kind: 'decimal', precision, scale } };
    }
    case 'char':
    case 'varchar':
      return { physical: 'byte-array', annotation: { kind: 'string' } };
    case 'binary':
    case 'varbinary':
      return { physical: 'byte-array', annotation: undefined };
    case 'date':
      return { physical: 'int32', annotation: { kind: 'date' } };
    case 'time':
      return { physical: 'int32', annotation: { kind: 'time', unit: 'millis', isUtc: true } };
    case 'timestamp':
    case 'timestamp-ltz': {
      if (type.precision > 6) return { physical: 'int96', annotation: undefined };
      const unit: TimeUnit = type.precision <= 3 ? 'millis' : 'micros';
      return { physical: 'int64', annotation: { kind: 'timestamp', unit, isUtc: type.kind === 'timestamp-ltz' } };
    }
    case 'array':
    case 'multiset':
    case 'map':
    case 'row':
    case 'vector':
    case 'variant':
    case 'blob':
      throw unsupported(`type ${type.kind.toUpperCase()}`, 'Parquet writer');
    default:
      return unreachable(type);
  }
}

/** The least bytes that hold so many digits and a sign. */
export function decimalBytes(precision: number): number {
  let bytes = 1;
  while (Math.floor(Math.log10(2 ** (8 * bytes - 1))) < precision) bytes += 1;
  return bytes;
}
