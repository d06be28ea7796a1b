/** The order of scalars. @see spec 5.5 */
import { unreachable } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import type { DataType } from './data-type.ts';
import { nestedShape } from './nested-shape.ts';
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

/** True for values that Paimon takes for the same. Nested ones are compared too; entries of maps in any order. */
export function equalScalars(type: DataType, a: Scalar, b: Scalar): boolean {
  const shape = nestedShape(type);
  if (shape === undefined) return compareScalars(type, a, b) === 0;
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  if (a.length !== b.length) return false;
  if (shape.kind === 'struct') {
    return shape.fields.every((field, index) => equalScalars(field.type, a[index] ?? null, b[index] ?? null));
  }
  const isSame = (x: Scalar, y: Scalar): boolean => equalScalars(shape.entry, x, y);
  if (type.kind === 'array') return a.every((item: Scalar, index) => isSame(item, b[index] ?? null));
  // Mostly in one order already.
  return a.every(
    (entry: Scalar, index) => isSame(entry, b[index] ?? null) || b.some((other: Scalar) => isSame(entry, other)),
  );
}

/**
 * The order of two keys, column by column as `compareScalars`; but the two zeros of a FLOAT or DOUBLE are one key in the
 * last column. Paimon sorts the rows of a file with -0.0 before 0.0 and merges files as if they were equal: both is to be
 * had where no other column comes after. (NaN, which it takes for equal to everything then, is the last here.)
 */
export function compareKeys(types: readonly DataType[], a: readonly Scalar[], b: readonly Scalar[]): number {
  const last = types.length - 1;
  for (const [index, type] of types.entries()) {
    const [left = null, right = null] = [a[index], b[index]];
    const areZeros = index === last && left === 0 && right === 0;
    const order = areZeros ? 0 : compareScalars(type, left, right);
    if (order !== 0) return order;
  }
  return 0;
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
