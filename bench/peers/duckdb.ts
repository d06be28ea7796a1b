/** A turn of DuckDB, by the npm package that we use as well, on the bare data files of a compacted table. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Job, ReadJob } from '../turns/job.ts';
import { type Answer, type Pass, type TurnReport, tell, timed } from '../turns/passes.ts';
import { CheckSum } from '../workload/check-sum.ts';
import { parquetFiles, sumInSql } from '../workload/sum-in-sql.ts';

const columns = 'id, b1, b2, b3, s1, s2, s3, d1, d2, ts';

async function run(job: Job): Promise<TurnReport> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  if (job.job === 'read') return { passes: await read(connection, job) };
  throw new Error(`DuckDB has no job ${job.job}`);
}

async function read(connection: DuckDBConnection, { files, to, passes: count }: ReadJob): Promise<readonly Pass[]> {
  const readOnce = to === 'sql' ? sumBySql : readRows;
  const passes: Pass[] = [];
  while (passes.length < count) passes.push(await timed(() => readOnce(connection, parquetFiles(files))));
  return passes;
}

async function sumBySql(connection: DuckDBConnection, source: string): Promise<Answer> {
  const reader = await connection.runAndReadAll(`SELECT ${sumInSql} FROM ${source}`);
  const [[count, sum] = []] = reader.getRows();
  return { rowCount: Number(count), sum: BigInt(String(sum)) };
}

/** Values as JavaScript has them: bigint, string, number, Date. */
async function readRows(connection: DuckDBConnection, source: string): Promise<Answer> {
  const check = new CheckSum();
  const result = await connection.stream(`SELECT ${columns} FROM ${source}`);
  for await (const rows of result.yieldRowObjectJs()) for (const row of rows) check.addRow(row);
  return { rowCount: check.rowCount, sum: check.sum };
}

await tell(await run(JSON.parse(process.argv[2] ?? '')));
