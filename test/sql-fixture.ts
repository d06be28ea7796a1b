/** SQL on a lake in memory, for tests: statements in, lines out. */
import { systemClock } from '../src/base/clock.ts';
import { seededRandom } from '../src/base/random.ts';
import type { SqlContext, SqlSession, StatementOptions } from '../src/sql/context.ts';
import { SqlEngine, type SqlEngineSettings } from '../src/sql/engine.ts';
import { executeSql } from '../src/sql/execute.ts';
import { MemoryObjectStore } from '../src/storage/memory/memory-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { canonicalRow } from '../src/types/canonical-json.ts';

export type SqlFixture = AsyncDisposable & {
  readonly context: SqlContext;
  readonly session: SqlSession;
  /** Rows as canonical JSON, in the order they come; of statements without rows the message. */
  run(sql: string, options?: StatementOptions): Promise<string[]>;
};

export async function openSqlFixture(
  options: {
    readonly store?: ObjectStore | undefined;
    readonly engine?: SqlEngineSettings | undefined;
    readonly context?: Partial<SqlContext> | undefined;
  } = {},
): Promise<SqlFixture> {
  const store = options.store ?? new MemoryObjectStore('memory:sql', systemClock);
  const engine = await SqlEngine.open({ threadsMax: 2, ...options.engine });
  const catalog = { store, clock: systemClock, random: seededRandom(11) };
  const context: SqlContext = { catalog, engine, ...options.context };
  const session: SqlSession = { currentDatabase: 'd' };
  return {
    context,
    session,
    run: (sql, statementOptions) => linesOf(context, session, sql, statementOptions),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

async function linesOf(
  context: SqlContext,
  session: SqlSession,
  sql: string,
  options: StatementOptions | undefined,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const result of executeSql(context, session, sql, options)) {
    if (result.kind === 'ok') {
      lines.push(result.message);
      continue;
    }
    for await (const batch of result.batches) {
      const print = canonicalRow(batch);
      for (let row = 0; row < batch.rowCount; row += 1) lines.push(print(row));
    }
  }
  return lines;
}
