/** The check of files that a contestant wrote: DuckDB, which knows neither Paimon nor us, reads them. */
import { DuckDBInstance } from '@duckdb/node-api';
import { type Answer, checkAnswer } from './check-sum.ts';
import { parquetFiles, sumInSql } from './sum-in-sql.ts';
import type { TablePlace } from './table.ts';
import { liveFiles } from './tables.ts';

/** Of a table whose files have no key twice. @throws Error when its rows are others */
export async function checkFiles(place: TablePlace, expected: Answer): Promise<void> {
  const files = await liveFiles(place);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(`SELECT ${sumInSql} FROM ${parquetFiles(files)}`);
    const [[count, sum] = []] = reader.getRows();
    checkAnswer({ rowCount: Number(count), sum: BigInt(String(sum)) }, expected, place.table);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
