/**
 * A query's text made ready for DuckDB: backquoted names become double-quoted, and each table reference that is
 * followed by a hint or `FOR SYSTEM_TIME AS OF` is replaced by a name of its own.
 */
import { unsupported } from '../../base/errors.ts';
import { TokenCursor } from './cursor.ts';
import type { Options, Query, TableName, TimeTravel } from './statement.ts';
import { syntaxError, type Token, tokenize } from './tokens.ts';

const aliasPrefix = 'tidelake_travel_';

/**
 * @param tokens of the query, the last of kind `end`
 * @param firstTravel the number of its first name, where it is a part of a statement that has more
 */
export function parseQuery(sql: string, tokens: readonly Token[], firstTravel = 0): Query {
  const travels: TimeTravel[] = [];
  let text = '';
  let copied = tokens[0]?.start ?? 0;
  let index = 0;
  while (index < tokens.length) {
    const token = tokens[index];
    if (token === undefined || token.kind === 'end') break;
    const travel = travelAt(sql, tokens, index, firstTravel + travels.length);
    if (travel !== undefined) {
      text += sql.slice(copied, token.start) + travel.replacement;
      travels.push(travel.travel);
      index += travel.tokenCount;
      copied = tokens[index - 1]?.end ?? token.end;
      continue;
    }
    if (token.kind === 'hint') throw syntaxError(sql, token.start, 'a hint must stand right behind a table name');
    if (token.kind === 'quoted') {
      text += `${sql.slice(copied, token.start)}"${token.text.replaceAll('"', '""')}"`;
      copied = token.end;
    }
    index += 1;
  }
  text += sql.slice(copied, tokens.at(-1)?.start ?? sql.length);
  return { sql: text, travels };
}

type TravelMatch = { readonly travel: TimeTravel; readonly replacement: string; readonly tokenCount: number };

/** The table reference with a hint or a point in time that begins at token `index`, if there is one. */
function travelAt(sql: string, tokens: readonly Token[], index: number, count: number): TravelMatch | undefined {
  const name = nameAt(tokens, index);
  if (name === undefined) return undefined;
  const cursor = new TokenCursor(sql, tokens, index + name.tokenCount);
  const begins = cursor.peek().kind === 'hint' || cursor.at('FOR', 'SYSTEM_TIME');
  if (!begins) return undefined;
  let used = name.tokenCount;
  let timestamp: string | undefined;
  let options: Options = {};
  if (cursor.at('FOR', 'SYSTEM_TIME')) {
    cursor.expect('FOR', 'SYSTEM_TIME', 'AS', 'OF');
    const typed = cursor.take('TIMESTAMP');
    if (cursor.peek().kind !== 'string') throw unsupported('FOR SYSTEM_TIME AS OF anything but a literal', 'SQL');
    timestamp = cursor.string('a timestamp');
    used += typed ? 6 : 5;
  }
  if (cursor.peek().kind === 'hint') {
    options = parseHint(sql, cursor.next());
    used += 1;
  }
  const alias = `${aliasPrefix}${count}`;
  // Without an alias of its own, the reference keeps the table's name for the columns that are qualified with it.
  const replacement = hasAlias(cursor) ? alias : `${alias} AS "${name.name.table.replaceAll('"', '""')}"`;
  return { travel: { alias, name: name.name, options, timestamp }, replacement, tokenCount: used };
}

function nameAt(
  tokens: readonly Token[],
  index: number,
): { readonly name: TableName; readonly tokenCount: number } | undefined {
  const first = tokens[index];
  if (first === undefined || !isName(first)) return undefined;
  const dot = tokens[index + 1];
  const second = tokens[index + 2];
  if (dot?.kind === 'symbol' && dot.text === '.' && second !== undefined && isName(second)) {
    return { name: { database: first.text, table: second.text }, tokenCount: 3 };
  }
  return { name: { database: undefined, table: first.text }, tokenCount: 1 };
}

function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted';
}

/** Words that may follow a table reference and are no alias. */
const clauseWords: ReadonlySet<string> = new Set(
  (
    'WHERE GROUP ORDER LIMIT OFFSET HAVING UNION EXCEPT INTERSECT JOIN INNER LEFT RIGHT FULL CROSS NATURAL ON USING ' +
    'WINDOW QUALIFY SEMI ANTI ASOF POSITIONAL TABLESAMPLE FETCH FOR PIVOT UNPIVOT LATERAL SAMPLE'
  ).split(' '),
);

function hasAlias(cursor: TokenCursor): boolean {
  const token = cursor.peek();
  if (token.kind === 'quoted') return true;
  return token.kind === 'word' && !clauseWords.has(token.text.toUpperCase());
}

/** `OPTIONS('k' = 'v', …)` inside a hint. @throws LakeError LAKE_SQL_SYNTAX, LAKE_UNSUPPORTED */
export function parseHint(sql: string, hint: Token): Options {
  const cursor = new TokenCursor(hint.text, tokenize(hint.text));
  if (!cursor.take('OPTIONS')) throw unsupported(`hint \`${hint.text}\``, 'SQL');
  try {
    const pairs = cursor.parenthesised((): readonly [string, string] => {
      const key = cursor.string('an option');
      cursor.expect('=');
      return [key, cursor.string('a value')];
    });
    cursor.end();
    return Object.fromEntries(pairs);
  } catch {
    throw syntaxError(sql, hint.start, `the hint must read /*+ OPTIONS('key' = 'value', …) */`);
  }
}
