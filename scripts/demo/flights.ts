/**
 * The demo's input: US flights as changes in event-time order. Each flight is scheduled one day before its date, and
 * departs at its date plus its delay.
 *
 * The file is that of the npm package vega-datasets: 3,000,000 flights of 2001, real data of the US Bureau of
 * Transportation Statistics.
 */
import { fileURLToPath } from 'node:url';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { makeColumn } from '../../src/types/column-buffers.ts';
import { buildBatch } from '../../src/types/column-builder.ts';
import { type DataField, lengthMax, type RowType } from '../../src/types/data-type.ts';
import { gatherColumn } from '../../src/types/gather.ts';
import { type Column, makeRowBatch, type RowBatch } from '../../src/types/row-batch.ts';

export const flightCountMax = 3_000_000;

export const flightsFile: string = fileURLToPath(
  new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
);

const field = (id: number, name: string, type: DataField['type']): DataField => ({
  id,
  name,
  type,
  description: undefined,
  defaultValue: undefined,
});
const text = { kind: 'varchar', length: lengthMax, nullable: false } as const;

/** The columns of the demo's table, in order. */
export const flightRowType: RowType = {
  fields: [
    field(0, 'flight', { kind: 'bigint', nullable: false }),
    field(1, 'date', { kind: 'timestamp', precision: 3, nullable: false }),
    field(2, 'status', text),
    field(3, 'delay', { kind: 'int', nullable: true }),
    field(4, 'distance', { kind: 'int', nullable: false }),
    field(5, 'origin', text),
    field(6, 'destination', text),
  ],
};

const statuses = ['scheduled', 'departed'] as const;

/** The first `flightCount` flights as a DuckDB relation, with airports as numbers too. */
function flightsSql(flightCount: number): string {
  return `SELECT file_row_number AS flight, date, delay::INTEGER AS delay, distance::INTEGER AS distance, origin, destination
          FROM read_parquet('${flightsFile}', file_row_number = true) WHERE file_row_number < ${flightCount}`;
}

/** Two changes for each flight, in event-time order; the change of a flight's schedule always comes first. */
export async function* flightChanges(flightCount: number): AsyncGenerator<RowBatch, void, undefined> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const airports = await airportNames(connection, flightCount);
  const result = await connection.stream(`
    WITH flights AS (${flightsSql(flightCount)}), codes AS (SELECT unnest(${listSql(airports)}) AS name, unnest(range(${airports.length}))::INTEGER AS code)
    SELECT flight, epoch_ms(date) AS ms, event, CASE WHEN event = 1 THEN delay END AS delay, distance, o.code AS origin, d.code AS destination
    FROM (SELECT *, 0 AS event, date - INTERVAL 1 DAY AS at_time FROM flights
          UNION ALL SELECT *, 1 AS event, date + to_minutes(delay) AS at_time FROM flights)
    JOIN codes o ON origin = o.name JOIN codes d ON destination = d.name
    ORDER BY at_time, event, flight`);
  const names = buildBatch(
    { fields: [field(0, 'name', text)] },
    airports.map(name => [name]),
  ).columns[0];
  const events = buildBatch(
    { fields: [field(0, 'status', text)] },
    statuses.map(status => [status]),
  ).columns[0];
  if (names === undefined || events === undefined) throw new Error('no dictionaries');
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    const column = (index: number): readonly (number | bigint | null)[] =>
      chunk.getColumnValues(index) as (number | bigint | null)[];
    yield changeBatch(chunk.rowCount, column, names, events);
  }
  connection.closeSync();
  instance.closeSync();
}

function changeBatch(
  rowCount: number,
  column: (index: number) => readonly (number | bigint | null)[],
  airports: Column,
  events: Column,
): RowBatch {
  const [flight, ms, event, delay, distance, origin, destination] = [0, 1, 2, 3, 4, 5, 6].map(column);
  const types = flightRowType.fields.map(({ type }) => type);
  const type = (index: number): DataField['type'] => types[index] ?? text;
  const numbers = (values: readonly unknown[] | undefined): Int32Array =>
    Int32Array.from(values ?? [], value => Number(value));
  const longs = (values: readonly unknown[] | undefined): BigInt64Array =>
    BigInt64Array.from(values ?? [], value => BigInt(Number(value)));
  const coded = (dictionary: Column, codes: readonly unknown[] | undefined): Column =>
    gatherColumn(
      [dictionary],
      text,
      new Uint8Array(rowCount),
      Uint32Array.from(codes ?? [], code => Number(code)),
    );
  const nullBitmap = new Uint8Array((rowCount + 7) >> 3);
  let nullCount = 0;
  for (let row = 0; row < rowCount; row += 1) {
    if (delay?.[row] === null) nullCount += 1;
    else nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return makeRowBatch(flightRowType, rowCount, [
    makeColumn(type(0), rowCount, { values: longs(flight) }),
    makeColumn(type(1), rowCount, { values: longs(ms) }),
    coded(events, event),
    makeColumn(type(3), rowCount, { values: numbers(delay), nullBitmap, nullCount }),
    makeColumn(type(4), rowCount, { values: numbers(distance) }),
    coded(airports, origin),
    coded(airports, destination),
  ]);
}

async function airportNames(connection: DuckDBConnection, flightCount: number): Promise<readonly string[]> {
  const reader = await connection.runAndReadAll(
    `SELECT DISTINCT unnest([origin, destination]) AS name FROM (${flightsSql(flightCount)}) ORDER BY name`,
  );
  return reader.getRows().map(row => String(row[0]));
}

function listSql(names: readonly string[]): string {
  return `[${names.map(name => `'${name.replaceAll("'", "''")}'`).join(', ')}]`;
}

/** What the final table must be, computed from the source file alone: row count and a checksum over every column. */
export async function expectedAnswer(
  flightCount: number,
): Promise<{ readonly count: string; readonly checksum: string }> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const sql = `SELECT ${answerSql} FROM (SELECT flight, date, 'departed' AS status, delay, distance, origin, destination FROM (${flightsSql(flightCount)}))`;
  const rows = (await connection.runAndReadAll(sql)).getRowsJson();
  connection.closeSync();
  instance.closeSync();
  return { count: String(rows[0]?.[0]), checksum: String(rows[0]?.[1]) };
}

/** Count and checksum of a flights table; the same text is asked of the source and of the lake. */
export const answerSql =
  'count(*) AS n, bit_xor(hash(flight, epoch_ms(date), status, delay, distance, origin, destination)) AS checksum';
