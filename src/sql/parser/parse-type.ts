/** Data types as Flink writes them in DDL. */
import { type DataField, type DataType, lengthMax } from '../../types/data-type.ts';
import type { TokenCursor } from './cursor.ts';
import { syntaxError, type Token } from './tokens.ts';

const nestingMax = 32;

export function parseSqlType(cursor: TokenCursor, depth = 0): DataType {
  if (depth > nestingMax) throw cursor.error(`types nest at most ${nestingMax} deep`);
  let type = parseBareType(cursor, depth);
  let postfixes = 0;
  // `INT ARRAY` and `INT MULTISET`: the old postfix form.
  while (cursor.at('ARRAY') || cursor.at('MULTISET')) {
    const kind = cursor.at('ARRAY') ? 'array' : 'multiset';
    postfixes += 1;
    if (depth + postfixes > nestingMax) throw cursor.error(`types nest at most ${nestingMax} deep`);
    cursor.next();
    type = { kind, element: type, nullable: true };
    // The word before has taken a NOT NULL of its own; this one is the list's.
    if (cursor.take('NOT', 'NULL')) type = { ...type, nullable: false };
  }
  return type;
}

function parseBareType(cursor: TokenCursor, depth: number): DataType {
  const type = parseUnconstrained(cursor, depth);
  if (cursor.take('NOT', 'NULL')) return { ...type, nullable: false };
  cursor.take('NULL');
  return type;
}

function parseUnconstrained(cursor: TokenCursor, depth: number): DataType {
  const nullable = true;
  const place = cursor.peek();
  const word = cursor.name('a data type').toUpperCase();
  switch (word) {
    case 'BOOLEAN':
      return { kind: 'boolean', nullable };
    case 'TINYINT':
    case 'SMALLINT':
    case 'BIGINT':
      return { kind: lower(word), nullable };
    case 'INT':
    case 'INTEGER':
      return { kind: 'int', nullable };
    case 'FLOAT':
      return { kind: 'float', nullable };
    case 'DOUBLE':
      cursor.take('PRECISION');
      return { kind: 'double', nullable };
    case 'DECIMAL':
    case 'NUMERIC':
    case 'DEC':
      return decimal(cursor);
    case 'CHAR':
    case 'VARCHAR':
    case 'BINARY':
    case 'VARBINARY':
      return { kind: lower(word), length: argument(cursor, { absent: 1, min: 1, max: lengthMax }), nullable };
    case 'STRING':
      return { kind: 'varchar', length: lengthMax, nullable };
    case 'BYTES':
      return { kind: 'varbinary', length: lengthMax, nullable };
    case 'DATE':
      return { kind: 'date', nullable };
    case 'TIME':
      return { kind: 'time', precision: argument(cursor, { absent: 0, min: 0, max: 9 }), nullable };
    case 'TIMESTAMP':
    case 'TIMESTAMP_LTZ':
      return timestamp(cursor, word === 'TIMESTAMP_LTZ');
    case 'VARIANT':
      return { kind: 'variant', nullable };
    default:
      return nested(cursor, place, depth + 1);
  }
}

function nested(cursor: TokenCursor, place: Token, depth: number): DataType {
  const nullable = true;
  const word = place.text.toUpperCase();
  switch (word) {
    case 'ARRAY':
    case 'MULTISET': {
      cursor.expect('<');
      const element = parseSqlType(cursor, depth);
      cursor.expect('>');
      return { kind: lower(word), element, nullable };
    }
    case 'MAP': {
      cursor.expect('<');
      const key = parseSqlType(cursor, depth);
      cursor.expect(',');
      const value = parseSqlType(cursor, depth);
      cursor.expect('>');
      return { kind: 'map', key, value, nullable };
    }
    case 'ROW': {
      const close = cursor.at('(') ? ')' : '>';
      cursor.expect(close === ')' ? '(' : '<');
      const fields = [field(cursor, depth)];
      while (cursor.take(',')) fields.push(field(cursor, depth));
      cursor.expect(close);
      return { kind: 'row', fields, nullable };
    }
    default:
      throw syntaxError(cursor.sql, place.start, `\`${place.text}\` is not a data type of this dialect`);
  }
}

function field(cursor: TokenCursor, depth: number): DataField {
  const name = cursor.name('a field name');
  const type = parseSqlType(cursor, depth);
  const text = cursor.peek();
  const description = text.kind === 'string' ? cursor.string('a comment') : undefined;
  return { id: -1, name, type, description, defaultValue: undefined };
}

function decimal(cursor: TokenCursor): DataType {
  if (!cursor.take('(')) return { kind: 'decimal', precision: 10, scale: 0, nullable: true };
  const precision = cursor.integer('a precision');
  const scale = cursor.take(',') ? cursor.integer('a scale') : 0;
  cursor.expect(')');
  if (precision < 1 || precision > 38) throw cursor.error(`DECIMAL precision ${precision} must be 1 to 38`);
  if (scale > precision) throw cursor.error(`DECIMAL scale ${scale} must be at most its precision ${precision}`);
  return { kind: 'decimal', precision, scale, nullable: true };
}

function timestamp(cursor: TokenCursor, localByName: boolean): DataType {
  const precision = argument(cursor, { absent: 6, min: 0, max: 9 });
  const local = cursor.take('WITH', 'LOCAL', 'TIME', 'ZONE');
  if (!local) cursor.take('WITHOUT', 'TIME', 'ZONE');
  return { kind: local || localByName ? 'timestamp-ltz' : 'timestamp', precision, nullable: true };
}

function argument(
  cursor: TokenCursor,
  bounds: { readonly absent: number; readonly min: number; readonly max: number },
): number {
  if (!cursor.take('(')) return bounds.absent;
  const value = cursor.integer('a length or precision');
  cursor.expect(')');
  if (value < bounds.min || value > bounds.max) throw cursor.error(`${value} must be ${bounds.min} to ${bounds.max}`);
  return value;
}

type Lower = 'tinyint' | 'smallint' | 'bigint' | 'char' | 'varchar' | 'binary' | 'varbinary' | 'array' | 'multiset';

function lower<W extends Uppercase<Lower>>(word: W): Lowercase<W> {
  return word.toLowerCase() as Lowercase<W>;
}
