/** The Parquet column that a field is written as, exactly as Paimon 1.4.2 writes it. */
import { unreachable } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import type { DataField, DataType, RowType } from '../../types/data-type.ts';
import type { Annotation, PhysicalType, SchemaElement, TimeUnit } from './footer.ts';

/** Name of the schema's root in Paimon's files. */
const rootName = 'paimon_schema';

export function writtenSchema(rowType: RowType): readonly SchemaElement[] {
  const root: SchemaElement = {
    name: rootName,
    physical: undefined,
    typeLength: undefined,
    repetition: undefined,
    childCount: rowType.fields.length,
    fieldId: undefined,
    annotation: undefined,
  };
  return [root, ...rowType.fields.map(writtenElement)];
}

function writtenElement({ id, name, type }: DataField): SchemaElement {
  const { physical, annotation } = writtenType(type);
  return {
    name,
    physical,
    typeLength:
      physical === 'fixed-len-byte-array' && type.kind === 'decimal' ? decimalBytes(type.precision) : undefined,
    repetition: type.nullable ? 'optional' : 'required',
    childCount: 0,
    fieldId: id,
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
