/** Reads rows by the SDK and looks at every value, each pass with a lake that was just opened or has read before. */
import { type Lake, markHeapLate, openLake } from '../../src/index.ts';
import { CheckSum } from '../workload/check-sum.ts';
import { conditionOf, sumInSql } from '../workload/sum-in-sql.ts';
import { database } from '../workload/table.ts';
import type { ReadJob } from './job.ts';
import { type Answer, type Pass, type TurnReport, timed } from './passes.ts';

type Reading = { readonly lake: Lake; readonly name: string; readonly where: string | undefined };

const readers: Readonly<Record<ReadJob['to'], (reading: Reading) => Promise<Answer>>> = {
  arrow: readArrow,
  rows: readRows,
  sql: readSql,
};

export async function read({ warehouse, table, to, filter, memoryMb, passes: count }: ReadJob): Promise<TurnReport> {
  const memoryBytes = memoryMb === undefined ? undefined : memoryMb * 1024 * 1024;
  markHeapLate({ memoryBytes });
  await using lake = await openLake({ warehouse, memoryBytes });
  const where = filter === undefined ? undefined : conditionOf(filter);
  const passes: Pass[] = [];
  while (passes.length < count) {
    passes.push(await timed(() => readers[to]({ lake, name: `${database}.${table}`, where })));
  }
  return { passes };
}

async function readArrow({ lake, name, where }: Reading): Promise<Answer> {
  const check = new CheckSum();
  const table = await lake.table(name);
  for await (const batch of table.scan({ where }).batches()) check.addColumns(batch.data.children, batch.numRows);
  return { rowCount: check.rowCount, sum: check.sum };
}

async function readRows({ lake, name, where }: Reading): Promise<Answer> {
  const check = new CheckSum();
  const table = await lake.table(name);
  for await (const rows of table.scan({ where }).rowArrays()) for (const row of rows) check.addRow(row);
  return { rowCount: check.rowCount, sum: check.sum };
}

async function readSql({ lake, name, where }: Reading): Promise<Answer> {
  const condition = where === undefined ? '' : ` WHERE ${where}`;
  const result = await lake.sql<{ readonly n: bigint; readonly s: string }>(
    `SELECT ${sumInSql} FROM ${name}${condition}`,
  );
  const [row] = await result.rows();
  return { rowCount: Number(row?.n), sum: BigInt(row?.s ?? 0) };
}
