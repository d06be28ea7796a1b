/** The order of scalars. @see spec 5.5 */
import { unreachable } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import type { DataType } from './data-type.ts';
import type { Scalar } from './scalar.ts';

/**
 * Paimon's order of two values of one type: negative, 0 or positive. Null comes first; false before true; strings and
 * binaries by their bytes, unsigned, then length; floats as Java's Double.compare (−0.0 before 0.0, NaN last and equal
 * to itself); all else by value.
 */
export function compareScalars(type: DataType, a: Scalar, b: Scalar): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  switch (type.kind) {
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'date':
    case 'time':
    case 'bigint':
    case 'decimal':
    case 'timestamp':
    case 'timestamp-ltz':
      return a < b ? -1 : a > b ? 1 : 0;
    case 'float':
    case 'double':
      return compareDoubles(Number(a), Number(b));
    case 'char':
    case 'varchar':
      return compareTexts(String(a), String(b));
    case 'binary':
    case 'varbinary':
      return a instanceof Uint8Array && b instanceof Uint8Array ? Math.sign(Buffer.compare(a, b)) : 0;
    case 'array':
    case 'multiset':
    case 'map':
    case 'row':
    case 'vector':
    case 'variant':
    case 'blob':
      throw unsupported(`order of ${type.kind.toUpperCase()}`, 'comparison');
    default:
      return unreachable(type);
  }
}

/**
 * The order of two values of a key column. It is `compareScalars` but for the two zeros of FLOAT and DOUBLE, which are one
 * key: Paimon's comparators of keys ask with `<` and `>`. (By that NaN would equal everything; here it is the last.)
 */
export function compareKeyScalars(type: DataType, a: Scalar, b: Scalar): number {
  return a === 0 && b === 0 ? 0 : compareScalars(type, a, b);
}

/** As Java's Double.compare. */
export function compareDoubles(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return a !== 0 || Object.is(a, b) ? 0 : Object.is(a, -0) ? -1 : 1;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

/**
 * The order of the texts' UTF-8 bytes, which is that of their code points. It differs from UTF-16's only where one side
 * has a surrogate and the other a unit from U+E000 on.
 */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointRank(x) < codePointRank(y) ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

/** Moves surrogates above all other units. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
