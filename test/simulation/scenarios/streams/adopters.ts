/** Rivals who send rows with columns that the table does not have, or has of a narrower type: it adopts them (RFC 0019). */
import { stateOfHead } from '../../../../src/flow/ingest/load-state.ts';
import type { LogColumn } from '../../../../src/flow/log-record.ts';
import { recordFields } from '../../../../src/flow/record-columns.ts';
import { appendRequest, requestProducerId } from '../../../../src/flow/request-producer.ts';
import { readPlan } from '../../../../src/table/read/read-split.ts';
import { planScan } from '../../../../src/table/scan/plan-scan.ts';
import { latestSnapshot } from '../../../../src/table/snapshots.ts';
import { buildBatch } from '../../../../src/types/column-builder.ts';
import { rowsOf } from '../../../../src/types/column-reader.ts';
import type { DataType } from '../../../../src/types/data-type.ts';
import type { Scalar } from '../../../../src/types/scalar.ts';
import type { SimProcess } from '../../process.ts';
import { keptName, keyedName, type LakeBench, tableNames } from '../lake/bench.ts';
import { adoptedName } from '../lake/log-model.ts';

/** Keys of nobody else. */
const adopterKeys = 600_000_000;
const keysOfAdopter = 8;
const columnCount = 3;
const rowsMax = 3;
const requestsOfLife = 6;
const int: DataType = { kind: 'int', nullable: true };
const bigint: DataType = { kind: 'bigint', nullable: true };

export function adopter(bench: LakeBench, index: number): Promise<void> {
  let sent = 0;
  return bench.world.supervise(`adopter-${index}`, async process => {
    while (!bench.isOver) {
      const producerId = requestProducerId(process.random.uuid());
      for (let number = 1; number <= requestsOfLife && !bench.isOver; number += 1) {
        await bench.pause(process, 2);
        const name = process.random.next() < 0.5 ? keyedName : keptName;
        const rows = Array.from({ length: 1 + Math.floor(process.random.next() * rowsMax) }, () => {
          sent += 1;
          const key = name === keptName ? sent : Math.floor(process.random.next() * keysOfAdopter);
          return { key: adopterKeys + index * 1_000_000 + key, value: sent };
        });
        await send(bench, process, { name, producerId, number, rows });
      }
    }
  });
}

type Request = {
  readonly name: string;
  readonly producerId: string;
  readonly number: number;
  readonly rows: readonly { readonly key: number; readonly value: number }[];
};

async function send(bench: LakeBench, process: SimProcess, { name, producerId, number, rows }: Request): Promise<void> {
  const { id: tableId = '', label: tableName, schema } = await bench.open(process, name);
  const column: LogColumn = {
    name: `c${Math.floor(process.random.next() * columnCount)}`,
    type: process.random.next() < 0.5 ? int : bigint,
  };
  const own = schema.fields.find(field => field.name === column.name);
  const isBeyond = own === undefined || (own.type.kind === 'int' && column.type.kind === 'bigint');
  const columns = isBeyond ? [column] : undefined;
  const fields = recordFields(schema, schema, { columns });
  const scalars = rows.map(({ key, value }) => fields.map(field => scalarOf(field, column, { key, value })));
  const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
  const table = { tableId, tableName, schema };
  const request = { producerId, isNamed: false, number, columns };
  const kinds = new Int8Array(rows.length);
  await appendRequest(parts, table, { ...request, rows: buildBatch({ fields }, scalars), kinds }, undefined);
  if (isBeyond) bench.count('rows with columns of their own', rows.length);
  for (const { key, value } of rows) bench.model.acknowledged(tableName, key, value);
}

function scalarOf(
  { name, type }: { readonly name: string; readonly type: DataType },
  column: LogColumn,
  { key, value }: Request['rows'][number],
): Scalar {
  if (name === 'k') return BigInt(key);
  if (name === 'n') return value;
  if (name === 'v') return `adopted ${value}`;
  if (name !== column.name) return null;
  return type.kind === 'bigint' ? BigInt(adoptedValue(value)) : adoptedValue(value);
}

function adoptedValue(value: number): number {
  return 10 * value;
}

/** Whatever column a row brought is in the table with what the row had in it. */
export async function checkAdopted(bench: LakeBench): Promise<void> {
  bench.model.catchUp();
  for (const tableName of tableNames) {
    const table = await bench.openRaw(tableName);
    const snapshot = await latestSnapshot(table);
    if ((await stateOfHead(table, snapshot)) === undefined) continue;
    const columns = table.schema.fields.map(({ name }) => name);
    const names = columns.filter(name => adoptedName.test(name));
    bench.count('adopted columns', names.length);
    const { histories } = bench.model.table(tableName);
    for await (const batch of readPlan(table, await planScan(table, snapshot), { columns })) {
      for (const row of rowsOf(batch)) {
        const key = Number(row[columns.indexOf('k')]);
        const wanted = histories.get(key)?.at(-1)?.adopted;
        for (const name of names) {
          const has = row[columns.indexOf(name)] ?? null;
          const value = wanted?.get(name);
          bench.world.check(
            has === null ? value === undefined : Number(has) === value,
            () => `${tableName}: ${name} of row ${key} is ${String(has)}, expected ${value ?? 'null'}`,
          );
        }
      }
    }
    const brought = new Set(
      [...histories.values()].flatMap(history => history.flatMap(({ adopted }) => [...adopted.keys()])),
    );
    const missing = [...brought].filter(name => !names.includes(name));
    bench.world.check(missing.length === 0, () => `${tableName} has not adopted ${missing.join(', ')}`);
  }
}
