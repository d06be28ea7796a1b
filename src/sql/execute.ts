/**
 * The SQL room: statements in, rows or receipts out.
 *
 * Nouns: a **statement** (`parser/`, Flink's dialect by our own parser), a **query** (the part of it that DuckDB runs; its
 * tree, from DuckDB's own parser, says what it looks at: `query/`), a **relation** (a table as DuckDB reads it:
 * `relations/`), the **engine** (DuckDB, shut in: `engine.ts`), a **session** (the current database). Flow: text →
 * statements → for a query: tree → tables, columns, filters → relations → DuckDB → row batches.
 *
 * What this does not do: transactions over statements (each is one by itself), views, functions.
 */
import { unreachable } from '../base/assert.ts';
import { unsupported } from '../base/errors.ts';
import type { SqlContext, SqlSession, StatementOptions, StatementResult } from './context.ts';
import { parseStatements } from './parser/parse-statement.ts';
import type { Statement } from './parser/statement.ts';
import { runAnalyze } from './statements/analyze.ts';
import { runChange } from './statements/change.ts';
import { runDdl } from './statements/ddl.ts';
import { runInsert } from './statements/insert.ts';
import { openQuery } from './statements/open-query.ts';
import { runRemoval } from './statements/overwrite.ts';
import { runShow } from './statements/show.ts';

/**
 * Runs statements one after the other; each begins when the result before it is done with. What is not yet read of a
 * result when the next is asked for is given up. A syntax error anywhere is thrown before anything runs.
 *
 * @throws LakeError LAKE_SQL_SYNTAX, LAKE_SQL_BINDER, LAKE_SQL_VALUE, LAKE_SQL_DENIED, LAKE_UNSUPPORTED, and what
 * catalog, tables and stores throw
 */
export async function* executeSql(
  context: SqlContext,
  session: SqlSession,
  sql: string,
  options: StatementOptions = {},
): AsyncGenerator<StatementResult, void, undefined> {
  for (const statement of parseStatements(sql)) {
    options.signal?.throwIfAborted();
    if (statement.kind === 'query') {
      await using query = await openQuery(context, session, statement.query, options);
      yield { kind: 'rows', rowType: query.rowType, batches: query.batches };
    } else {
      yield await runStatement(context, session, statement, options);
    }
  }
}

function runStatement(
  context: SqlContext,
  session: SqlSession,
  statement: Exclude<Statement, { readonly kind: 'query' }>,
  options: StatementOptions,
): Promise<StatementResult> {
  switch (statement.kind) {
    case 'create-database':
    case 'drop-database':
    case 'use':
    case 'create-table':
    case 'drop-table':
    case 'alter-table':
      return runDdl(context, session, statement);
    case 'show-databases':
    case 'show-tables':
    case 'show-create-table':
    case 'describe':
      return runShow(context, session, statement);
    case 'insert':
      return runInsert(context, session, statement, options);
    case 'delete':
    case 'update':
    case 'merge':
      return runChange(context, session, statement, options);
    case 'call': {
      if (context.call === undefined) throw unsupported('CALL', 'SQL without a lake');
      const { procedure, args } = statement;
      const { currentDatabase } = session;
      return context.call({ procedure, args, currentDatabase, signal: options.signal });
    }
    case 'analyze':
      return runAnalyze(context, session, statement, options);
    case 'truncate':
    case 'drop-partitions':
      return runRemoval(context, session, statement, options);
    default:
      return unreachable(statement);
  }
}
