/**
 * Flink's DDL and the frame of DML by recursive descent. Flow: text → tokens → statements (cut at `;`) → `Statement`.
 * A query's inside is not looked at, except for table hints and points in time, which are cut out (`parse-query.ts`).
 * What the dialect has and this does not is refused by its name, never half understood.
 */
import { unsupported } from '../../base/errors.ts';
import type { ColumnPosition } from '../../catalog/schema-change.ts';
import { TokenCursor } from './cursor.ts';
import { parseAnalyze } from './parse-analyze.ts';
import { parseCall } from './parse-call.ts';
import { parseDelete, parseMerge, parseUpdate } from './parse-change.ts';
import { parseQuery } from './parse-query.ts';
import { parseSqlType } from './parse-type.ts';
import { optionsOfWatermark, type WatermarkClause, watermarkClause } from './parse-watermark.ts';
import { dropPartitions, parseInsert, tableName } from './parse-write.ts';
import type { AlterAction, ColumnClause, ColumnPath, CreateTable, Options, Statement } from './statement.ts';
import { checkBrackets, type Token, tokenize } from './tokens.ts';

/** @throws LakeError LAKE_SQL_SYNTAX (with line and column) or LAKE_UNSUPPORTED */
export function parseStatements(sql: string): readonly Statement[] {
  const statements: Statement[] = [];
  let tokens: Token[] = [];
  for (const token of tokenize(sql)) {
    const ends = token.kind === 'end' || (token.kind === 'symbol' && token.text === ';');
    if (!ends) {
      tokens.push(token);
      continue;
    }
    if (tokens.length > 0) {
      const end: Token = { kind: 'end', text: '', start: token.start, end: token.start };
      statements.push(parseStatement(sql, [...tokens, end]));
    }
    tokens = [];
  }
  return statements;
}

function parseStatement(sql: string, tokens: readonly Token[]): Statement {
  checkBrackets(tokens);
  const cursor = new TokenCursor(sql, tokens);
  const statement = parseFirstWord(cursor, tokens);
  if (statement.kind !== 'query' && statement.kind !== 'insert') cursor.end();
  return statement;
}

function parseFirstWord(cursor: TokenCursor, tokens: readonly Token[]): Statement {
  if (cursor.take('CREATE')) return parseCreate(cursor);
  if (cursor.take('DROP')) return parseDrop(cursor);
  if (cursor.take('ALTER')) return parseAlter(cursor);
  if (cursor.take('SHOW')) return parseShow(cursor);
  if (cursor.take('DESCRIBE') || cursor.take('DESC')) return { kind: 'describe', name: tableName(cursor) };
  if (cursor.take('USE')) return { kind: 'use', database: cursor.name('a database') };
  if (cursor.take('INSERT')) return parseInsert(cursor, tokens);
  if (cursor.take('CALL')) return parseCall(cursor);
  if (cursor.take('DELETE')) return parseDelete(cursor, tokens);
  if (cursor.take('UPDATE')) return parseUpdate(cursor, tokens);
  if (cursor.take('MERGE')) return parseMerge(cursor, tokens);
  if (cursor.take('ANALYZE')) return parseAnalyze(cursor);
  if (cursor.take('TRUNCATE')) {
    cursor.expect('TABLE');
    return { kind: 'truncate', name: tableName(cursor) };
  }
  for (const word of ['SELECT', 'WITH', 'VALUES', 'FROM', 'EXPLAIN', '(']) {
    if (cursor.at(word)) return { kind: 'query', query: parseQuery(cursor.sql, tokens) };
  }
  for (const word of ['SET', 'RESET']) {
    if (cursor.at(word)) throw unsupported(`SQL statement ${word}`, 'SQL');
  }
  throw cursor.error(
    'expected a statement (SELECT, INSERT, UPDATE, DELETE, MERGE, CREATE, ALTER, DROP, TRUNCATE, ANALYZE, CALL, SHOW, DESCRIBE, USE)',
  );
}

function parseCreate(cursor: TokenCursor): Statement {
  if (cursor.take('DATABASE')) {
    const ifNotExists = cursor.take('IF', 'NOT', 'EXISTS');
    return { kind: 'create-database', database: cursor.name('a database name'), ifNotExists };
  }
  for (const word of ['TEMPORARY', 'VIEW', 'FUNCTION', 'CATALOG', 'MATERIALIZED', 'OR']) {
    if (cursor.at(word)) throw unsupported(`CREATE ${word}`, 'SQL');
  }
  cursor.expect('TABLE');
  return parseCreateTable(cursor);
}

function parseCreateTable(cursor: TokenCursor): CreateTable {
  const ifNotExists = cursor.take('IF', 'NOT', 'EXISTS');
  const name = tableName(cursor);
  const columns: ColumnClause[] = [];
  let primaryKeys: readonly string[] = [];
  let watermark: WatermarkClause | undefined;
  cursor.expect('(');
  do {
    if (cursor.at('PRIMARY', 'KEY') || cursor.at('CONSTRAINT')) {
      if (primaryKeys.length > 0) throw cursor.error('only one primary key');
      primaryKeys = tableConstraint(cursor);
      continue;
    }
    if (cursor.take('WATERMARK', 'FOR')) {
      if (watermark !== undefined) throw cursor.error('only one watermark');
      watermark = watermarkClause(cursor);
      continue;
    }
    columns.push(columnClause(cursor));
  } while (cursor.take(','));
  cursor.expect(')');
  const inline = columns.filter(column => column.primaryKey).map(column => column.name);
  if (inline.length > 0 && primaryKeys.length > 0) throw cursor.error('only one primary key');
  const comment = cursor.take('COMMENT') ? cursor.string('a comment') : undefined;
  const partitionKeys = cursor.take('PARTITIONED', 'BY') ? cursor.parenthesised(() => cursor.name('a column')) : [];
  const given = cursor.take('WITH') ? optionList(cursor) : {};
  const options = watermark === undefined ? given : { ...given, ...optionsOfWatermark(watermark, columns) };
  if (cursor.at('AS') || cursor.at('LIKE'))
    throw unsupported(`CREATE TABLE … ${cursor.peek().text.toUpperCase()}`, 'SQL');
  const keys = inline.length > 0 ? inline : primaryKeys;
  return { kind: 'create-table', name, ifNotExists, columns, primaryKeys: keys, partitionKeys, options, comment };
}

function tableConstraint(cursor: TokenCursor): readonly string[] {
  if (cursor.take('CONSTRAINT')) cursor.name('a constraint name');
  if (cursor.at('UNIQUE')) throw unsupported('UNIQUE', 'CREATE TABLE');
  cursor.expect('PRIMARY', 'KEY');
  const columns = cursor.parenthesised(() => cursor.name('a column'));
  cursor.take('NOT', 'ENFORCED');
  return columns;
}

function columnClause(cursor: TokenCursor): ColumnClause {
  return columnBehind(cursor, cursor.name('a column name'));
}

function columnBehind(cursor: TokenCursor, name: string): ColumnClause {
  if (cursor.at('AS')) throw unsupported('computed column', `column \`${name}\``);
  const type = parseSqlType(cursor);
  if (cursor.at('METADATA')) throw unsupported('METADATA column', `column \`${name}\``);
  if (cursor.at('DEFAULT')) throw unsupported('DEFAULT', `column \`${name}\``);
  const primaryKey = cursor.take('PRIMARY', 'KEY');
  if (primaryKey) cursor.take('NOT', 'ENFORCED');
  const comment = cursor.take('COMMENT') ? cursor.string('a comment') : undefined;
  return { name, type, comment, primaryKey };
}

function optionList(cursor: TokenCursor): Options {
  const pairs = cursor.parenthesised((): readonly [string, string] => {
    const key = cursor.string('an option');
    cursor.expect('=');
    return [key, cursor.string('a value')];
  });
  return Object.fromEntries(pairs);
}

function parseDrop(cursor: TokenCursor): Statement {
  if (cursor.take('DATABASE')) {
    const ifExists = cursor.take('IF', 'EXISTS');
    const database = cursor.name('a database');
    const cascade = cursor.take('CASCADE');
    if (!cascade) cursor.take('RESTRICT');
    return { kind: 'drop-database', database, ifExists, cascade };
  }
  cursor.expect('TABLE');
  const ifExists = cursor.take('IF', 'EXISTS');
  return { kind: 'drop-table', name: tableName(cursor), ifExists };
}

function parseAlter(cursor: TokenCursor): Statement {
  if (!cursor.at('TABLE')) throw unsupported(`ALTER ${cursor.peek().text.toUpperCase()}`, 'SQL');
  cursor.expect('TABLE');
  if (cursor.at('IF', 'EXISTS')) throw unsupported('IF EXISTS', 'ALTER TABLE');
  const name = tableName(cursor);
  return dropPartitions(cursor, name) ?? { kind: 'alter-table', name, actions: alterActions(cursor) };
}

function alterActions(cursor: TokenCursor): readonly AlterAction[] {
  if (cursor.take('SET')) return [{ kind: 'set', options: optionList(cursor) }];
  if (cursor.take('RESET')) {
    return [{ kind: 'reset', keys: cursor.parenthesised(() => cursor.string('an option')) }];
  }
  if (cursor.take('ADD')) return columnActions(cursor, 'add');
  if (cursor.take('MODIFY')) return columnActions(cursor, 'modify');
  if (cursor.take('DROP')) {
    if (cursor.at('PRIMARY') || cursor.at('CONSTRAINT') || cursor.at('WATERMARK')) {
      throw unsupported(`ALTER TABLE DROP ${cursor.peek().text.toUpperCase()}`, 'SQL');
    }
    if (!cursor.take('COLUMNS')) cursor.take('COLUMN');
    const paths = cursor.at('(') ? cursor.parenthesised(() => columnPath(cursor)) : [columnPath(cursor)];
    return paths.map(path => ({ kind: 'drop', ...path }));
  }
  if (cursor.take('RENAME')) {
    if (cursor.at('TO')) throw unsupported('ALTER TABLE RENAME TO (a table is its folder)', 'SQL');
    cursor.take('COLUMN');
    const path = columnPath(cursor);
    cursor.expect('TO');
    return [{ kind: 'rename-column', ...path, newName: cursor.name('a column name') }];
  }
  throw cursor.error('expected ADD, MODIFY, DROP, RENAME, SET or RESET');
}

function columnActions(cursor: TokenCursor, kind: 'add' | 'modify'): readonly AlterAction[] {
  if (!cursor.take('COLUMNS')) cursor.take('COLUMN');
  const one = (): AlterAction => {
    if (cursor.at('PRIMARY') || cursor.at('WATERMARK') || cursor.at('CONSTRAINT') || cursor.at('PARTITION')) {
      throw unsupported(`ALTER TABLE ${kind.toUpperCase()} ${cursor.peek().text.toUpperCase()}`, 'SQL');
    }
    const path = columnPath(cursor);
    const column = columnBehind(cursor, path.path.at(-1) ?? path.name);
    return { kind, ...path, column, position: columnPosition(cursor) };
  };
  return cursor.at('(') ? cursor.parenthesised(one) : [one()];
}

function columnPath(cursor: TokenCursor): ColumnPath {
  const name = cursor.name('a column');
  const path: string[] = [];
  while (cursor.take('.')) path.push(cursor.name('a field'));
  return { name, path };
}

function columnPosition(cursor: TokenCursor): ColumnPosition | undefined {
  if (cursor.take('FIRST')) return { kind: 'first' };
  if (cursor.take('AFTER')) return { kind: 'after', column: cursor.name('a column') };
  return undefined;
}

function parseShow(cursor: TokenCursor): Statement {
  if (cursor.take('DATABASES')) return { kind: 'show-databases' };
  if (cursor.take('TABLES')) {
    const named = cursor.take('FROM') || cursor.take('IN');
    return { kind: 'show-tables', database: named ? cursor.name('a database') : undefined };
  }
  if (cursor.take('CREATE', 'TABLE')) return { kind: 'show-create-table', name: tableName(cursor) };
  throw cursor.error('expected DATABASES, TABLES or CREATE TABLE');
}
