/**
 * Cuts SQL text of Flink's dialect into tokens with their places. Comments vanish, hints (`/*+`) stay.
 * Knows nothing of grammar. Text between tokens can be got back by position, so that queries pass through unchanged.
 */
import { invalid } from '../../base/errors.ts';

export type Token = {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'hint' | 'end';
  /** word: as written; quoted, string: the value without quotes and escapes; hint: the text inside. */
  readonly text: string;
  /** Offsets into the statement text, [start, end). */
  readonly start: number;
  readonly end: number;
};

/** A statement longer than this is refused before anything looks at it. */
export const sqlLengthMax: number = 4 * 1024 * 1024;

/** Words, numbers, texts and signs in one statement: 12,500 rows of VALUES. What DuckDB makes of them takes a second. */
export const statementTokensMax = 50_000;
/** The same in all statements of a text. */
export const tokensMax = 1_000_000;

/** @throws LakeError `invalid` LAKE_SQL_SYNTAX with line and column, LAKE_SQL_TOO_COMPLEX */
export function tokenize(sql: string): readonly Token[] {
  if (sql.length > sqlLengthMax)
    throw invalid('LAKE_SQL_SYNTAX', `SQL of ${sql.length} characters, at most ${sqlLengthMax}`);
  // What comes behind one would be seen by us and not by DuckDB.
  const nul = sql.indexOf('\0');
  if (nul >= 0) throw syntaxError(sql, nul, 'a NUL character');
  const tokens: Token[] = [];
  let at = 0;
  let begin = 0;
  while (at < sql.length) {
    const skipped = skipBlank(sql, at);
    if (skipped > at) {
      at = skipped;
      continue;
    }
    const token = nextToken(sql, at);
    tokens.push(token);
    at = token.end;
    if (token.kind === 'symbol' && token.text === ';') begin = tokens.length;
    if (tokens.length - begin > statementTokensMax || tokens.length > tokensMax) throw tooManyTokens();
  }
  tokens.push({ kind: 'end', text: '', start: sql.length, end: sql.length });
  return tokens;
}

/**
 * Sum over the opening brackets of a statement of how deep each stands, `[]` behind `[]` being one deeper: 200 types of 50
 * nested lists come to half of it, and took DuckDB's parser almost a second.
 */
export const bracketDepthSumMax = 500_000;

/** @throws LakeError `invalid` LAKE_SQL_TOO_COMPLEX */
export function checkBrackets(tokens: readonly Token[]): void {
  let sum = 0;
  let depth = 0;
  let pairs = 0;
  for (const [index, { kind, text }] of tokens.entries()) {
    if (kind !== 'symbol' || text.length !== 1) continue;
    if ('([{'.includes(text)) {
      const isPair = text === '[' && tokens[index + 1]?.text === ']';
      const isBehindPair = tokens[index - 1]?.text === ']' && tokens[index - 2]?.text === '[';
      pairs = isPair ? (isBehindPair ? pairs + 1 : 1) : 0;
      depth += 1;
      sum += depth + pairs;
      if (sum > bracketDepthSumMax) throw tooComplex('its brackets are nested too deep, or deep too often');
    } else if (')]}'.includes(text)) depth -= 1;
  }
}

function tooComplex(why: string): Error {
  return invalid('LAKE_SQL_TOO_COMPLEX', `SQL: ${why}; make several statements of it, or a simpler one`);
}

function tooManyTokens(): Error {
  return tooComplex(`more than ${statementTokensMax} words and signs in a statement, or ${tokensMax} in all`);
}

export function syntaxError(sql: string, at: number, message: string): Error {
  const before = sql.slice(0, at).split('\n');
  const line = before.length;
  const column = (before.at(-1) ?? '').length + 1;
  return invalid('LAKE_SQL_SYNTAX', `SQL line ${line}, column ${column}: ${message}`);
}

/** The end of white space and comments that begin at `at`; `at` when there are none. */
function skipBlank(sql: string, at: number): number {
  const blank = matchAt(/\s+/y, sql, at) ?? matchAt(/--[^\n]*/y, sql, at);
  if (blank !== undefined) return at + blank.length;
  if (sql.startsWith('/*', at) && sql[at + 2] !== '+') {
    const end = sql.indexOf('*/', at + 2);
    if (end < 0) throw syntaxError(sql, at, 'this comment has no end');
    return end + 2;
  }
  return at;
}

function nextToken(sql: string, start: number): Token {
  const word = matchAt(/[\p{L}_][\p{L}\p{N}_$]*/uy, sql, start);
  if (word !== undefined) return { kind: 'word', text: word, start, end: start + word.length };
  const number = matchAt(/(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/y, sql, start);
  if (number !== undefined) return { kind: 'number', text: number, start, end: start + number.length };
  switch (sql[start]) {
    case "'":
      return quotedToken(sql, start, 'string');
    case '`':
    case '"':
      return quotedToken(sql, start, 'quoted');
    case '/':
      if (sql.startsWith('/*+', start)) return hintToken(sql, start);
      break;
    default:
  }
  const symbol = matchAt(/<>|<=|>=|!=|\|\||::|=>|->>|->|[^\s]/uy, sql, start) ?? '';
  return { kind: 'symbol', text: symbol, start, end: start + symbol.length };
}

/** Quotes are doubled to stand for themselves. */
function quotedToken(sql: string, start: number, kind: 'string' | 'quoted'): Token {
  const quote = sql[start] ?? '';
  let text = '';
  let at = start + 1;
  for (;;) {
    const close = sql.indexOf(quote, at);
    if (close < 0) throw syntaxError(sql, start, `this ${kind === 'string' ? 'text' : 'name'} has no closing ${quote}`);
    text += sql.slice(at, close);
    if (sql[close + 1] !== quote) return { kind, text, start, end: close + 1 };
    text += quote;
    at = close + 2;
  }
}

function hintToken(sql: string, start: number): Token {
  const close = sql.indexOf('*/', start);
  if (close < 0) throw syntaxError(sql, start, 'this hint has no end');
  return { kind: 'hint', text: sql.slice(start + 3, close).trim(), start, end: close + 2 };
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
