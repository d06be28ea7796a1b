/** ANALYZE TABLE, as Spark and Flink write it. */
import { unsupported } from '../../base/errors.ts';
import type { TokenCursor } from './cursor.ts';
import { tableName } from './parse-write.ts';
import type { Statement } from './statement.ts';

/** What follows ANALYZE: `TABLE t COMPUTE STATISTICS [FOR ALL COLUMNS | FOR COLUMNS a, b | NOSCAN]`. */
export function parseAnalyze(cursor: TokenCursor): Statement & { readonly kind: 'analyze' } {
  if (cursor.at('TABLES')) throw unsupported('ANALYZE TABLES', 'SQL');
  cursor.expect('TABLE');
  const name = tableName(cursor);
  if (cursor.at('PARTITION')) throw unsupported('ANALYZE TABLE … PARTITION (statistics are of a whole table)', 'SQL');
  cursor.expect('COMPUTE', 'STATISTICS');
  if (cursor.at('NOSCAN')) throw unsupported('ANALYZE TABLE … NOSCAN (rows have to be merged to be counted)', 'SQL');
  return { kind: 'analyze', name, columns: columnsOf(cursor) };
}

function columnsOf(cursor: TokenCursor): readonly string[] | 'all' {
  if (!cursor.take('FOR')) return [];
  if (cursor.take('ALL', 'COLUMNS')) return 'all';
  cursor.expect('COLUMNS');
  const columns: string[] = [];
  do columns.push(cursor.name('a column'));
  while (cursor.take(','));
  return columns;
}
