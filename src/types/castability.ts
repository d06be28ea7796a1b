/** Which type may become which by ALTER TABLE. @see spec 2.4, Paimon 1.4.2 DataTypeCasts and CastExecutors */
import { unreachable } from '../base/assert.ts';
import { type AtomicType, type DataType, isAtomic, lengthMax, withNullable } from './data-type.ts';

/** `implicit`: always allowed; `explicit`: unless `disable-explicit-type-casting`; `none`: never. */
export type Castability = 'implicit' | 'explicit' | 'none';

export function castability(from: DataType, to: DataType): Castability {
  const allowed = sameType(from, to)
    ? 'implicit'
    : isAtomic(from) && isAtomic(to)
      ? atomicCastability(from, to)
      : 'none';
  // Null may turn up where it is no longer allowed.
  return allowed === 'implicit' && from.nullable && !to.nullable ? 'explicit' : allowed;
}

/** True for types that differ in nullability at most. */
export function sameType(a: DataType, b: DataType): boolean {
  return a.kind === b.kind && JSON.stringify(withNullable(a, true)) === JSON.stringify(withNullable(b, true));
}

const numericRank = { tinyint: 1, smallint: 2, int: 3, bigint: 4, float: 5, double: 6 } as const;
type Primitive = keyof typeof numericRank;

function isPrimitive(kind: DataType['kind']): kind is Primitive {
  return kind in numericRank;
}

export function isInteger(kind: DataType['kind']): boolean {
  return isPrimitive(kind) && numericRank[kind] <= 4;
}

function isNumeric(kind: DataType['kind']): boolean {
  return isPrimitive(kind) || kind === 'decimal';
}

export function isText(kind: DataType['kind']): boolean {
  return kind === 'char' || kind === 'varchar';
}

export function isBinary(kind: DataType['kind']): boolean {
  return kind === 'binary' || kind === 'varbinary';
}

function isTimestamp(kind: DataType['kind']): boolean {
  return kind === 'timestamp' || kind === 'timestamp-ltz';
}

function atomicCastability(from: AtomicType, to: AtomicType): Castability {
  switch (to.kind) {
    case 'char':
    case 'varchar':
      return toText(from, to);
    case 'boolean':
      return isText(from.kind) || isInteger(from.kind) ? 'explicit' : 'none';
    case 'binary':
    case 'varbinary':
      if (isBinary(from.kind)) return to.kind === 'varbinary' || from.kind === 'binary' ? 'implicit' : 'explicit';
      return isText(from.kind) ? 'explicit' : 'none';
    case 'decimal':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'float':
    case 'double':
      return toNumber(from.kind, to.kind);
    case 'date':
      if (from.kind === 'timestamp') return 'implicit';
      return from.kind === 'timestamp-ltz' || isText(from.kind) ? 'explicit' : 'none';
    case 'time':
      if (from.kind === 'timestamp') return 'implicit';
      return from.kind === 'timestamp-ltz' || isText(from.kind) ? 'explicit' : 'none';
    case 'timestamp':
    case 'timestamp-ltz':
      if (isTimestamp(from.kind)) return 'implicit';
      return ['date', 'time', 'int', 'bigint'].includes(from.kind) || isText(from.kind) ? 'explicit' : 'none';
    default:
      return unreachable(to);
  }
}

function toText(from: AtomicType, to: AtomicType & { readonly kind: 'char' | 'varchar' }): Castability {
  if (isText(from.kind)) return to.kind === 'varchar' || from.kind === 'char' ? 'implicit' : 'explicit';
  if (isNumeric(from.kind) || from.kind === 'boolean' || isBinary(from.kind)) return 'explicit';
  // Dates and times become nullable STRING only.
  return to.kind === 'varchar' && to.length === lengthMax && to.nullable ? 'explicit' : 'none';
}

function toNumber(from: DataType['kind'], to: Primitive | 'decimal'): Castability {
  if (from === 'boolean' || isText(from)) return 'explicit';
  if (isTimestamp(from)) return to === 'int' || to === 'bigint' ? 'explicit' : 'none';
  if (!isNumeric(from)) return 'none';
  if (to === 'decimal' || to === 'double') return 'implicit';
  if (from === 'decimal') return to === 'float' ? 'implicit' : 'explicit';
  return isPrimitive(from) && numericRank[from] <= numericRank[to] ? 'implicit' : 'explicit';
}
