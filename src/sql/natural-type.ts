/** What columns of DuckDB's results are in our types; the table is in `result-columns.ts`. */
import { type DataField, type DataType, lengthMax } from '../types/data-type.ts';
import {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from './duckdb.ts';

const string: DataType = { kind: 'varchar', length: lengthMax, nullable: true };

export function naturalType(type: DuckDBType): DataType {
  const nullable = true;
  if (type instanceof DuckDBDecimalType) {
    return { kind: 'decimal', precision: type.width, scale: type.scale, nullable };
  }
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    return { kind: 'array', element: naturalType(type.valueType), nullable };
  }
  if (type instanceof DuckDBMapType) {
    return { kind: 'map', key: naturalType(type.keyType), value: naturalType(type.valueType), nullable };
  }
  if (type instanceof DuckDBStructType) return structType(type);
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return { kind: 'boolean', nullable };
    case DuckDBTypeId.TINYINT:
      return { kind: 'tinyint', nullable };
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.UTINYINT:
      return { kind: 'smallint', nullable };
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.USMALLINT:
      return { kind: 'int', nullable };
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UINTEGER:
      return { kind: 'bigint', nullable };
    case DuckDBTypeId.UBIGINT:
      return { kind: 'decimal', precision: 20, scale: 0, nullable };
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return { kind: 'decimal', precision: 38, scale: 0, nullable };
    case DuckDBTypeId.FLOAT:
      return { kind: 'float', nullable };
    case DuckDBTypeId.DOUBLE:
      return { kind: 'double', nullable };
    case DuckDBTypeId.BLOB:
      return { kind: 'varbinary', length: lengthMax, nullable };
    case DuckDBTypeId.DATE:
      return { kind: 'date', nullable };
    case DuckDBTypeId.TIME:
      return { kind: 'time', precision: 3, nullable };
    case DuckDBTypeId.TIMESTAMP_S:
      return { kind: 'timestamp', precision: 0, nullable };
    case DuckDBTypeId.TIMESTAMP_MS:
      return { kind: 'timestamp', precision: 3, nullable };
    case DuckDBTypeId.TIMESTAMP:
      return { kind: 'timestamp', precision: 6, nullable };
    case DuckDBTypeId.TIMESTAMP_NS:
      return { kind: 'timestamp', precision: 9, nullable };
    case DuckDBTypeId.TIMESTAMP_TZ:
      return { kind: 'timestamp-ltz', precision: 6, nullable };
    default:
      return string;
  }
}

/** One without names, such as ROW(1, 2), is printed. */
function structType({ entryNames, entryTypes }: DuckDBStructType): DataType {
  if (entryNames.length === 0 || new Set(entryNames).size < entryNames.length || entryNames.includes('')) return string;
  const fields = entryTypes.map(
    (type, id): DataField => ({
      id,
      name: entryNames[id] ?? '',
      type: naturalType(type),
      description: undefined,
      defaultValue: undefined,
    }),
  );
  return { kind: 'row', fields, nullable: true };
}
