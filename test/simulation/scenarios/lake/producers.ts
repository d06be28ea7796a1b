/** Those who write to the log, those who change schemas under them, and those who split and merge its shards. */
import { isLakeError } from '../../../../src/base/errors.ts';
import { alterTable } from '../../../../src/catalog/catalog.ts';
import type { SchemaChange } from '../../../../src/catalog/schema-change.ts';
import { Producer } from '../../../../src/flow/producer.ts';
import { openTable, type Table } from '../../../../src/table/table.ts';
import { buildBatch } from '../../../../src/types/column-builder.ts';
import { withNullable } from '../../../../src/types/data-type.ts';
import type { Scalar } from '../../../../src/types/scalar.ts';
import type { SimProcess } from '../../process.ts';
import { identifierOf, keptName, keyedName, type LakeBench, smallRecordBytes } from './bench.ts';

const keysOfProducer = 12;
const rowsOfBatchMax = 5;
const deleteShare = 0.15;
/** A process serves a while and another takes its place, with the schema as it is then. */
const appendsOfProcess = 20;

/** Of rows, where there are large ones. */
const largeShare = 0.1;
/** Keys of nobody else. */
const misfitKeys = 900_000_000;
const displacedKeys = 800_000_000;
/** No table of the lake has so many. */
const otherBucketCount = 7;

type Row = {
  readonly key: number;
  /** undefined: a null, where the table takes none. */
  readonly value: number | undefined;
  readonly kind: number;
  readonly text: string;
};

/** Writes rows of keys that are its own: increasing values for `db.keyed`, each key once for `db.kept`. */
export function producer(bench: LakeBench, index: number): Promise<void> {
  let sent = 0;
  bench.producerBegins();
  const body = async (process: SimProcess): Promise<void> => {
    for (;;) {
      const tables = await Promise.all([keyedName, keptName].map(name => bench.open(process, name)));
      const producers = tables.map(table => producerOf(bench, process, table));
      for (let appends = 0; appends < appendsOfProcess; appends += 1) {
        await bench.pause(process);
        const count = 1 + Math.floor(process.random.next() * rowsOfBatchMax);
        if (!bench.takeRows(count)) return;
        const at = process.random.next() < 0.5 ? 0 : 1;
        const rows = Array.from({ length: count }, () => rowOf(bench, process, index, (sent += 1), at === 0));
        const [table, target] = [tables[at], producers[at]];
        if (table === undefined || target === undefined) continue;
        await send(bench, table, target, rows);
      }
    }
  };
  return bench.world.supervise(`producer-${index}`, body).finally(() => bench.producerEnds());
}

function producerOf(bench: LakeBench, process: SimProcess, table: Table): Producer {
  const parts = { ...bench.world.parts(process), log: bench.logStore(process) };
  const { id: tableId = '', label: tableName, schema } = table;
  return new Producer(parts, { tableId, tableName, schema }, { recordRowsMax: 3 });
}

function rowOf(bench: LakeBench, process: SimProcess, index: number, number: number, isKeyed: boolean): Row {
  const text = textOf(bench, process, number);
  if (!isKeyed) return { key: index * 1_000_000 + number, value: number, kind: 0, text };
  const key = index * 1_000_000 + Math.floor(process.random.next() * keysOfProducer);
  return { key, value: number, kind: process.random.next() < deleteShare ? 3 : 0, text };
}

/** A large one does not get small enough for a record by being compressed. */
function textOf(bench: LakeBench, process: SimProcess, number: number): string {
  if (!bench.settings.hasLargeRows || process.random.next() >= largeShare) return `v${number}`;
  bench.count('large rows');
  const words = Array.from({ length: smallRecordBytes / 16 }, () => process.random.uuid());
  return `v${number}-${words.join('')}`;
}

async function send(bench: LakeBench, table: Table, target: Producer, rows: readonly Row[]): Promise<void> {
  const { fields } = table.schema;
  const scalars = rows.map(row => fields.map(({ name }): Scalar => scalarOf(row, name)));
  await target.append(
    buildBatch({ fields }, scalars),
    Int8Array.from(rows, ({ kind }) => kind),
  );
  bench.count('rows acknowledged', rows.length);
  for (const { key, value, kind } of rows) {
    if (value === undefined) continue;
    bench.model.acknowledged(table.label, key, kind === 3 ? undefined : value);
  }
}

function scalarOf({ key, value, text }: Row, column: string): Scalar {
  if (column === 'k') return BigInt(key);
  if (column === 'n') return value ?? null;
  return column === 'v' ? text : null;
}

/** A program that knows better than the table's schema what may be null: rows that do not fit, among rows that do. */
export function misfit(bench: LakeBench): Promise<void> {
  let sent = 0;
  return bench.world.supervise('misfit', async process => {
    while (!bench.isOver) {
      await bench.pause(process, 8);
      const table = await bench.open(process, process.random.next() < 0.5 ? keyedName : keptName);
      const fields = table.schema.fields.map(field => ({ ...field, type: withNullable(field.type, true) }));
      const loose = { ...table, schema: { ...table.schema, fields } };
      const rows = Array.from({ length: 3 }, (): Row => {
        sent += 1;
        const isDead = process.random.next() < 0.5;
        return { key: misfitKeys + sent, value: isDead ? undefined : sent, kind: 0, text: `v${sent}` };
      });
      await send(bench, loose, producerOf(bench, process, loose), rows);
      bench.count('rows that do not fit', rows.filter(({ value }) => value === undefined).length);
    }
  });
}

/** A program that takes a table for one of another number of buckets: its rows are dead letters, and fit once they are replayed. */
export function displaced(bench: LakeBench): Promise<void> {
  let sent = 0;
  return bench.world.supervise('displaced', async process => {
    while (!bench.isOver) {
      await bench.pause(process, 8);
      const table = await bench.open(process, process.random.next() < 0.5 ? keyedName : keptName);
      const options = { ...table.schema.options, bucket: String(otherBucketCount), 'bucket-key': 'k' };
      const { fields } = table.schema;
      const rows = Array.from({ length: 3 }, (): Row => {
        sent += 1;
        return { key: displacedKeys + sent, value: sent, kind: 0, text: `v${sent}` };
      });
      const target = producerOf(bench, process, { ...table, schema: { ...table.schema, options } });
      const scalars = rows.map(row => fields.map(({ name }): Scalar => scalarOf(row, name)));
      await target.append(buildBatch({ fields }, scalars), new Int8Array(rows.length));
      bench.displacedKeys(table.label).push(...rows.map(({ key }) => key));
      bench.count('rows of another number of buckets', rows.length);
    }
  });
}

/** Adds columns, takes them away again, says things about them. Rows keep flowing under the schemas of before. */
export function schemaChanger(bench: LakeBench): Promise<void> {
  return bench.world.supervise('schema-changer', async process => {
    while (!bench.isStopped) {
      await bench.pause(process, 15);
      const name = process.random.next() < 0.5 ? keyedName : keptName;
      const parts = bench.world.parts(process);
      const { database, table: tableName } = identifierOf(name);
      const { schema } = await openTable(parts.store, { database, name: tableName }, parts);
      const extra = schema.fields.filter(field => field.name.startsWith('x'));
      const change = changeOf(
        process,
        extra.map(field => field.name),
      );
      try {
        await alterTable(parts, identifierOf(name), [change]);
        bench.count('schema changes');
      } catch (error) {
        // A change whose answer was lost is made twice: the second finds the column there, or gone.
        if (!isLakeError(error, 'LAKE_BAD_SCHEMA_CHANGE')) throw error;
        bench.count('schema changes refused');
      }
    }
  });
}

function changeOf(process: SimProcess, extra: readonly string[]): SchemaChange {
  const [first] = extra;
  const place = process.random.next();
  if (first !== undefined && place < 0.4) return { kind: 'drop-column', name: first };
  if (first !== undefined && place < 0.6) {
    return { kind: 'rename-column', name: first, newName: `x${process.random.uuid().slice(0, 8)}` };
  }
  return { kind: 'add-column', name: `x${process.random.uuid().slice(0, 8)}`, type: { kind: 'int', nullable: true } };
}

/** Splits and merges shards while everything goes on. */
export function resharder(bench: LakeBench): Promise<void> {
  return bench.world.supervise('resharder', async process => {
    while (!bench.isStopped && (bench.counts['reshardings'] ?? 0) < (bench.settings.reshardingsMax ?? Infinity)) {
      await bench.pause(process, 12);
      if (await bench.log.reshard(process)) bench.count('reshardings');
    }
  });
}

/** Puts what nobody can read into the log: it must hold nobody up. */
export async function vandal(bench: LakeBench): Promise<void> {
  const process = bench.world.process('vandal');
  while (!bench.isStopped) {
    await bench.pause(process, 10);
    const data = Uint8Array.from({ length: 40 }, () => Math.floor(process.random.next() * 256));
    const hashKey = BigInt(Math.floor(process.random.next() * 2 ** 48)) << 80n;
    bench.serviceLog.append([{ hashKey, data }]);
    bench.count('unreadable records');
  }
}
