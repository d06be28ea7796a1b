/** A type's name in messages, as in SQL and without nullability: `DECIMAL(10, 2)`. */
import { unreachable } from '../base/assert.ts';
import { type DataType, lengthMax } from './data-type.ts';

export function typeName(type: DataType): string {
  switch (type.kind) {
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
    case 'date':
    case 'variant':
    case 'blob':
      return type.kind.toUpperCase();
    case 'decimal':
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case 'char':
    case 'binary':
      return `${type.kind.toUpperCase()}(${type.length})`;
    case 'varchar':
      return type.length === lengthMax ? 'STRING' : `VARCHAR(${type.length})`;
    case 'varbinary':
      return type.length === lengthMax ? 'BYTES' : `VARBINARY(${type.length})`;
    case 'time':
      return `TIME(${type.precision})`;
    case 'timestamp':
      return `TIMESTAMP(${type.precision})`;
    case 'timestamp-ltz':
      return `TIMESTAMP(${type.precision}) WITH LOCAL TIME ZONE`;
    case 'array':
    case 'multiset':
      return `${type.kind.toUpperCase()}<${typeName(type.element)}>`;
    case 'map':
      return `MAP<${typeName(type.key)}, ${typeName(type.value)}>`;
    case 'row':
      return `ROW<${type.fields.map(field => `${field.name} ${typeName(field.type)}`).join(', ')}>`;
    case 'vector':
      return `VECTOR<${typeName(type.element)}, ${type.length}>`;
    default:
      return unreachable(type);
  }
}
