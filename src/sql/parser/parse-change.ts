/**
 * DELETE, UPDATE and MERGE INTO. Expressions are not looked at: they are cut out up to the word that ends them, outside of
 * parentheses and of CASE … END, and go to DuckDB as they are.
 */
import { unsupported } from '../../base/errors.ts';
import type { TokenCursor } from './cursor.ts';
import { parseQuery } from './parse-query.ts';
import { tableName } from './parse-write.ts';
import type { Assignment, ChangeTarget, MergeClause, Query, Statement } from './statement.ts';
import type { Token } from './tokens.ts';

/** What follows DELETE. */
export function parseDelete(cursor: TokenCursor, tokens: readonly Token[]): Statement {
  cursor.expect('FROM');
  const target = changeTarget(cursor, ['WHERE']);
  const where = cursor.take('WHERE') ? new Fragments(cursor, tokens).until('a condition') : undefined;
  return { kind: 'delete', target, where };
}

/** What follows UPDATE. */
export function parseUpdate(cursor: TokenCursor, tokens: readonly Token[]): Statement {
  const target = changeTarget(cursor, ['SET']);
  const fragments = new Fragments(cursor, tokens);
  cursor.expect('SET');
  const sets = assignments(cursor, fragments, ['WHERE']);
  const where = cursor.take('WHERE') ? fragments.until('a condition') : undefined;
  return { kind: 'update', target, sets, where };
}

/** What follows MERGE. */
export function parseMerge(cursor: TokenCursor, tokens: readonly Token[]): Statement {
  cursor.expect('INTO');
  const target = changeTarget(cursor, ['USING']);
  const fragments = new Fragments(cursor, tokens);
  cursor.expect('USING');
  const first = tokens.indexOf(cursor.peek());
  const source = fragments.until('a table', ['ON']);
  const sourceAlias = nameOfSource(tokens.slice(first, tokens.indexOf(cursor.peek())));
  cursor.expect('ON');
  const on = fragments.until('a condition', ['WHEN']);
  const clauses: MergeClause[] = [];
  while (cursor.take('WHEN')) clauses.push(mergeClause(cursor, fragments));
  if (clauses.length === 0) throw cursor.error('expected WHEN');
  return { kind: 'merge', target, source, sourceAlias, on, clauses };
}

function mergeClause(cursor: TokenCursor, fragments: Fragments): MergeClause {
  const isMatched = !cursor.take('NOT');
  cursor.expect('MATCHED');
  if (cursor.at('BY')) throw unsupported('WHEN NOT MATCHED BY …', 'MERGE INTO');
  const when = cursor.take('AND') ? fragments.until('a condition', ['THEN']) : undefined;
  cursor.expect('THEN');
  if (isMatched) {
    if (cursor.take('DELETE')) return { kind: 'delete', when };
    cursor.expect('UPDATE', 'SET');
    if (cursor.take('*')) return { kind: 'update', when, sets: 'all' };
    return { kind: 'update', when, sets: assignments(cursor, fragments, ['WHEN']) };
  }
  cursor.expect('INSERT');
  if (cursor.take('*')) return { kind: 'insert', when, columns: undefined, values: 'all' };
  const columns = cursor.at('(') ? cursor.parenthesised(() => cursor.name('a column')) : undefined;
  cursor.expect('VALUES');
  const values = cursor.parenthesised(() => fragments.until('a value', [',']));
  return { kind: 'insert', when, columns, values };
}

function assignments(cursor: TokenCursor, fragments: Fragments, end: readonly string[]): readonly Assignment[] {
  const sets: Assignment[] = [];
  do {
    let column = cursor.name('a column');
    // `t.c`: with the name of the table, or its alias.
    if (cursor.take('.')) column = cursor.name('a column');
    cursor.expect('=');
    sets.push({ column, value: fragments.until('a value', [','], end) });
  } while (cursor.take(','));
  return sets;
}

function changeTarget(cursor: TokenCursor, next: readonly string[]): ChangeTarget {
  const name = tableName(cursor);
  const isNamed = cursor.take('AS') || (!cursor.at(...next) && ['word', 'quoted'].includes(cursor.peek().kind));
  return { name, alias: isNamed ? cursor.name('an alias') : name.table };
}

/** The last name before ON, its columns aside; undefined: a subquery stands there without one. */
function nameOfSource(tokens: readonly Token[]): string | undefined {
  const own = tokens.filter(token => token.kind !== 'hint');
  let at = own.length - 1;
  if (isSymbol(own[at], ')')) {
    for (let depth = 0; at >= 0; at -= 1) {
      if (isSymbol(own[at], ')')) depth += 1;
      if (isSymbol(own[at], '(')) depth -= 1;
      if (depth === 0) break;
    }
    at -= 1;
  }
  const last = own[at];
  return last?.kind === 'word' || last?.kind === 'quoted' ? last.text : undefined;
}

function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

/** Cuts expressions out of one statement; points in time are numbered over all of them. */
class Fragments {
  readonly #cursor: TokenCursor;
  readonly #tokens: readonly Token[];
  #travelCount = 0;

  constructor(cursor: TokenCursor, tokens: readonly Token[]) {
    this.#cursor = cursor;
    this.#tokens = tokens;
  }

  /** Up to one of the ends, to a parenthesis that closes what is around it, or to the end. */
  until(what: string, ...ends: readonly (readonly string[])[]): Query {
    const cursor = this.#cursor;
    const first = this.#tokens.indexOf(cursor.peek());
    let depth = 0;
    let cases = 0;
    for (; cursor.peek().kind !== 'end'; cursor.next()) {
      const isOuter = depth === 0 && cases === 0;
      if (isOuter && (cursor.at(')') || ends.some(words => cursor.at(...words)))) break;
      if (cursor.at('(') || cursor.at('[') || cursor.at('{')) depth += 1;
      if (cursor.at(')') || cursor.at(']') || cursor.at('}')) depth -= 1;
      if (cursor.at('CASE')) cases += 1;
      if (cursor.at('END') && cases > 0) cases -= 1;
    }
    const next = cursor.peek();
    const own = this.#tokens.slice(first, this.#tokens.indexOf(next));
    if (own.length === 0) throw cursor.error(`expected ${what}`);
    const end: Token = { kind: 'end', text: '', start: next.start, end: next.start };
    const query = parseQuery(cursor.sql, [...own, end], this.#travelCount);
    this.#travelCount += query.travels.length;
    return query;
  }
}
