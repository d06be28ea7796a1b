/** Reads all rows by the SDK and looks at every value, each pass with a lake that was just opened or has read before. */
import { type Lake, openLake } from '../../src/index.ts';
import { CheckSum } from '../workload/check-sum.ts';
import { sumInSql } from '../workload/sum-in-sql.ts';
import { database } from '../workload/table.ts';
import type { ReadJob } from './job.ts';
import { type Answer, type Pass, type TurnReport, timed } from './passes.ts';

const readers: Readonly<Record<ReadJob['to'], (lake: Lake, name: string) => Promise<Answer>>> = {
  arrow: readArrow,
  rows: readRows,
  sql: readSql,
};

export async function read({ warehouse, table, to, passes: count }: ReadJob): Promise<TurnReport> {
  await using lake = await openLake({ warehouse });
  const passes: Pass[] = [];
  while (passes.length < count) passes.push(await timed(() => readers[to](lake, `${database}.${table}`)));
  return { passes };
}

async function readArrow(lake: Lake, name: string): Promise<Answer> {
  const check = new CheckSum();
  const table = await lake.table(name);
  for await (const batch of table.scan().batches()) check.addColumns(batch.data.children, batch.numRows);
  return { rowCount: check.rowCount, sum: check.sum };
}

async function readRows(lake: Lake, name: string): Promise<Answer> {
  const check = new CheckSum();
  const table = await lake.table(name);
  for (const row of await table.scan().rows()) check.addRow(row);
  return { rowCount: check.rowCount, sum: check.sum };
}

async function readSql(lake: Lake, name: string): Promise<Answer> {
  const result = await lake.sql<{ readonly n: bigint; readonly s: string }>(`SELECT ${sumInSql} FROM ${name}`);
  const [row] = await result.rows();
  return { rowCount: Number(row?.n), sum: BigInt(row?.s ?? 0) };
}
