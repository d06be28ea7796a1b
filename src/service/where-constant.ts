/**
 * Constants of a filter as values of the column they are compared with. A constant that the column's type can not hold
 * exactly is none: the SQL engine knows how `int_column < 2.5` is meant.
 */
import type { TokenCursor } from '../sql/parser/cursor.ts';
import type { Token } from '../sql/parser/tokens.ts';
import { atomicParser } from '../types/canonical-parse.ts';
import { type AtomicType, type DataType, isAtomic } from '../types/data-type.ts';
import type { Scalar } from '../types/scalar.ts';

/** Takes the constant that comes next; undefined: there is none of the type. */
export function constantOf(cursor: TokenCursor, type: DataType): Scalar | undefined {
  if (!isAtomic(type)) return undefined;
  const sign = cursor.take('-') ? '-' : '';
  const typed = typedLiteral(cursor, type);
  const token = cursor.peek();
  if (sign !== '' && token.kind !== 'number') return undefined;
  const text = typed || token.kind === 'string' ? textConstant(token, type) : plainConstant(token, sign, type);
  if (text !== undefined) cursor.next();
  return text;
}

/** `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'` for columns of that type. */
function typedLiteral(cursor: TokenCursor, type: AtomicType): boolean {
  const word = type.kind.startsWith('timestamp') ? 'TIMESTAMP' : type.kind.toUpperCase();
  if (word !== 'DATE' && word !== 'TIME' && word !== 'TIMESTAMP') return false;
  return cursor.peek(1).kind === 'string' && cursor.take(word);
}

function textConstant(token: Token, type: AtomicType): Scalar | undefined {
  if (token.kind !== 'string') return undefined;
  switch (type.kind) {
    case 'char':
    case 'varchar':
      return atomicParser(type)(token.text);
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(token.text) ? atomicParser(type)(token.text) : undefined;
    case 'time':
      return fractionDigits(token.text) <= 3 ? atomicParser(type)(token.text) : undefined;
    case 'timestamp':
    case 'timestamp-ltz':
      return fractionDigits(token.text) <= type.precision ? atomicParser(type)(token.text) : undefined;
    default:
      return undefined;
  }
}

function plainConstant(token: Token, sign: string, type: AtomicType): Scalar | undefined {
  if (token.kind === 'word') {
    if (type.kind !== 'boolean') return undefined;
    const word = token.text.toUpperCase();
    return word === 'TRUE' ? true : word === 'FALSE' ? false : undefined;
  }
  if (token.kind !== 'number') return undefined;
  const text = `${sign}${token.text}`;
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
      return /^-?\d+$/.test(text) ? atomicParser(type)(type.kind === 'bigint' ? text : Number(text)) : undefined;
    case 'decimal':
      return /^-?\d+(\.\d*)?$/.test(text) && fractionDigits(text) <= type.scale ? atomicParser(type)(text) : undefined;
    case 'double':
      // Zero is left to the engine as well: SQL knows one, Paimon's order has two.
      return Number(text) === 0 ? undefined : Number(text);
    case 'float':
      // Whether 0.1 is meant as a float or as a double is the engine's to say.
      return Number(text) !== 0 && Math.fround(Number(text)) === Number(text) ? Number(text) : undefined;
    default:
      return undefined;
  }
}

function fractionDigits(text: string): number {
  return /\.(\d*)/.exec(text)?.[1]?.length ?? 0;
}
