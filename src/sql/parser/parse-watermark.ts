/** `WATERMARK FOR ts AS ts - INTERVAL '5' SECOND`: of all that Flink takes there, what is understood in every part of the house. */
import { unsupported } from '../../base/errors.ts';
import { intervalMs, type WatermarkInterval, watermarkOptions } from '../../format/watermark-options.ts';
import type { TokenCursor } from './cursor.ts';
import type { ColumnClause, Options } from './statement.ts';

export type WatermarkClause = { readonly column: string; readonly interval: WatermarkInterval | undefined };

/** What follows `WATERMARK FOR`. */
export function watermarkClause(cursor: TokenCursor): WatermarkClause {
  const column = cursor.name('a column');
  cursor.expect('AS');
  const isColumn = cursor.name('the same column') === column;
  if (isColumn && (cursor.at(',') || cursor.at(')'))) return { column, interval: undefined };
  if (isColumn && cursor.take('-', 'INTERVAL')) {
    const interval = {
      text: cursor.string('a number'),
      unit: cursor.name('SECOND, MINUTE, HOUR or DAY').toUpperCase(),
    };
    // How many digits the number has, as Flink wants it of more than two: it shows.
    if (cursor.at('(')) cursor.parenthesised(() => cursor.integer('a number of digits'));
    const isWhole = cursor.at(',') || cursor.at(')');
    if (isWhole && intervalMs(interval) !== undefined) return { column, interval };
  }
  const expected = `expected ${column}, or ${column} - INTERVAL 'n' SECOND, MINUTE, HOUR or DAY`;
  throw unsupported(`WATERMARK FOR ${column} AS another expression (${expected})`, 'CREATE TABLE');
}

/** Whether the table has such a column shows when it is made. */
export function optionsOfWatermark({ column, interval }: WatermarkClause, columns: readonly ColumnClause[]): Options {
  const type = columns.find(({ name }) => name === column)?.type ?? { kind: 'timestamp', precision: 3, nullable: true };
  return watermarkOptions({ name: column, type }, interval);
}
