/** A turn of DuckDB, by the npm package that we use as well, on the bare data files of a compacted table. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { quantile } from '../run/statistics.ts';
import type { Job, LookupJob, ReadJob } from '../turns/job.ts';
import { type Answer, type Pass, type TurnReport, tell, timed } from '../turns/passes.ts';
import { CheckSum } from '../workload/check-sum.ts';
import { conditionOf, parquetFiles, sumInSql } from '../workload/sum-in-sql.ts';

const columns = 'id, b1, b2, b3, s1, s2, s3, d1, d2, ts';

async function run(job: Job): Promise<TurnReport> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  if (job.job === 'read') return { passes: await read(connection, job) };
  if (job.job === 'lookup') return lookup(connection, job);
  throw new Error(`DuckDB has no job ${job.job}`);
}

async function read(connection: DuckDBConnection, job: ReadJob): Promise<readonly Pass[]> {
  const readOnce = job.to === 'sql' ? sumBySql : readRows;
  const condition = job.filter === undefined ? '' : ` WHERE ${conditionOf(job.filter)}`;
  const source = `${parquetFiles(job.files)}${condition}`;
  const passes: Pass[] = [];
  while (passes.length < job.passes) passes.push(await timed(() => readOnce(connection, source)));
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

/** By one prepared query. */
async function lookup(connection: DuckDBConnection, { files, ids, warmUps }: LookupJob): Promise<TurnReport> {
  const query = await connection.prepare(`SELECT ${columns} FROM ${parquetFiles(files)} WHERE id = $1`);
  const times: number[] = [];
  const pass = await timed(async () => {
    const check = new CheckSum();
    for (const id of ids) {
      const startMs = performance.now();
      query.bindBigInt(1, BigInt(id));
      const reader = await query.runAndReadAll();
      for (const row of reader.getRowObjectsJS()) check.addRow(row);
      times.push(performance.now() - startMs);
    }
    return { rowCount: check.rowCount, sum: check.sum };
  });
  const warm = times.slice(warmUps);
  const figures = { lookupP50Ms: quantile(warm, 0.5), lookupP95Ms: quantile(warm, 0.95) };
  return { passes: [pass], figures: { lookupFirstMs: times[0] ?? Number.NaN, ...figures } };
}

await tell(await run(JSON.parse(process.argv[2] ?? '')));
