/** The check of files that a contestant wrote: DuckDB, which knows neither Paimon nor us, reads them. */
import { DuckDBInstance } from '@duckdb/node-api';
import type { RowFilter } from '../turns/job.ts';
import { type Answer, checkAnswer } from './check-sum.ts';
import { liveFiles } from './live-files.ts';
import { conditionOf, parquetFiles, sumInSql } from './sum-in-sql.ts';
import type { TablePlace } from './table.ts';

/** Of a table whose files have no key twice. @throws Error when its rows are others */
export async function checkFiles(place: TablePlace, expected: Answer): Promise<void> {
  checkAnswer(await answerOfFiles(await liveFiles(place)), expected, place.table);
}

/** What DuckDB finds in Parquet files. */
export async function answerOfFiles(files: readonly string[], filter?: RowFilter): Promise<Answer> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const condition = filter === undefined ? '' : ` WHERE ${conditionOf(filter)}`;
    const reader = await connection.runAndReadAll(`SELECT ${sumInSql} FROM ${parquetFiles(files)}${condition}`);
    const [[count, sum] = []] = reader.getRows();
    return { rowCount: Number(count), sum: BigInt(String(sum)) };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
