/** INSERT INTO, INSERT OVERWRITE and what names partitions: `PARTITION (k = v, …)`. */
import type { PartitionSpec } from '../../table/partition-spec.ts';
import type { TokenCursor } from './cursor.ts';
import { parseHint, parseQuery } from './parse-query.ts';
import type { Options, Statement, TableName } from './statement.ts';
import { syntaxError, type Token } from './tokens.ts';

/** What follows INSERT. */
export function parseInsert(cursor: TokenCursor, tokens: readonly Token[]): Statement {
  const overwrite = cursor.take('OVERWRITE');
  if (!overwrite) cursor.expect('INTO');
  cursor.take('TABLE');
  const name = tableName(cursor);
  const options = hintOptions(cursor);
  const partition = cursor.at('PARTITION') ? partitionSpec(cursor) : {};
  const columns =
    cursor.at('(') && !startsQuery(cursor.peek(1)) ? cursor.parenthesised(() => cursor.name('a column')) : undefined;
  const first = cursor.peek();
  const rest = tokens.slice(tokens.indexOf(first));
  if (!startsQuery(first) && first.text !== '(')
    throw syntaxError(cursor.sql, first.start, 'expected VALUES or SELECT');
  return { kind: 'insert', overwrite, name, partition, options, columns, query: parseQuery(cursor.sql, rest) };
}

/** `DROP [IF EXISTS] PARTITION (…), PARTITION (…)` behind ALTER TABLE; undefined: something else comes. */
export function dropPartitions(cursor: TokenCursor, name: TableName): Statement | undefined {
  const ifExists = cursor.at('DROP', 'IF', 'EXISTS', 'PARTITION');
  if (!ifExists && !cursor.at('DROP', 'PARTITION')) return undefined;
  cursor.expect('DROP');
  if (ifExists) cursor.expect('IF', 'EXISTS');
  const partitions = [partitionSpec(cursor)];
  while (cursor.take(',')) partitions.push(partitionSpec(cursor));
  return { kind: 'drop-partitions', name, ifExists, partitions };
}

function partitionSpec(cursor: TokenCursor): PartitionSpec {
  cursor.expect('PARTITION');
  const entries = cursor.parenthesised((): readonly [string, string | null] => {
    const key = cursor.name('a partition key');
    cursor.expect('=');
    return [key, partitionValue(cursor)];
  });
  const twice = entries.find(([key], index) => entries.findIndex(([other]) => other === key) !== index);
  if (twice !== undefined) throw cursor.error(`partition key \`${twice[0]}\` twice`);
  return Object.fromEntries(entries);
}

/** A literal, as the text that a cast to STRING makes of it. */
function partitionValue(cursor: TokenCursor): string | null {
  if (cursor.take('NULL')) return null;
  for (const word of ['TRUE', 'FALSE']) if (cursor.take(word)) return word.toLowerCase();
  const isTyped = cursor.peek(1).kind === 'string';
  if (isTyped && !(cursor.take('DATE') || cursor.take('TIMESTAMP') || cursor.take('TIME'))) {
    throw cursor.error('expected a literal');
  }
  const sign = cursor.take('-') ? '-' : '';
  const token = cursor.peek();
  if (token.kind !== 'number' && (token.kind !== 'string' || sign !== '')) throw cursor.error('expected a literal');
  return sign + cursor.next().text;
}

function hintOptions(cursor: TokenCursor): Options {
  return cursor.peek().kind === 'hint' ? parseHint(cursor.sql, cursor.next()) : {};
}

function startsQuery(token: Token): boolean {
  return token.kind === 'word' && ['SELECT', 'VALUES', 'WITH', 'FROM'].includes(token.text.toUpperCase());
}

export function tableName(cursor: TokenCursor): TableName {
  const first = cursor.name('a table name');
  if (!cursor.take('.')) return { database: undefined, table: first };
  return { database: first, table: cursor.name('a table name') };
}
