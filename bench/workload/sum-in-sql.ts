/** The check sum (`check-sum.ts`) as columns of a query in DuckDB's dialect: how many rows, and the sum as text. */
import type { RowFilter } from '../turns/job.ts';

const longs = ['id', 'b1', 'b2', 'b3'].map(name => `sum(${name})`);
const texts = ['s1', 's2', 's3'].map(name => `sum(strlen(${name}))`);
const doubles = ['d1', 'd2'].map(name => `sum(trunc(${name})::BIGINT)`);
const terms = [...longs, ...texts, ...doubles, 'sum(epoch_ms(ts) % 1000)'];

export const sumInSql: string = `count(*) AS n, (${terms.join(' + ')})::VARCHAR AS s`;

/** The files as a table of DuckDB. */
export function parquetFiles(files: readonly string[]): string {
  return `read_parquet([${files.map(file => `'${file.replaceAll("'", "''")}'`).join(', ')}])`;
}

/** A filter as a condition of SQL, of DuckDB's dialect and ours. */
export function conditionOf(filter: RowFilter): string {
  switch (filter.kind) {
    case 'ids':
      return `id BETWEEN ${filter.first} AND ${filter.last}`;
    case 'category':
      return `s2 = '${filter.value}'`;
  }
}
