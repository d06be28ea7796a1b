/**
 * What ANALYZE has found out of a table: `statistics/stat-{uuid}-0`, one JSON object that a snapshot names. For planners of
 * queries; nothing that reads rows looks at it.
 *
 * @see spec 10.9, Paimon 1.4.2 Statistics, ColStats
 */
import { corrupt } from '../base/errors.ts';
import { type JsonObject, type JsonValue, longToJson, stringifyJson } from '../base/json.ts';
import { isJsonObject, parseJsonObject } from './json-file.ts';

export type TableStatistics = {
  /** The snapshot that was looked at. */
  readonly snapshotId: number;
  readonly schemaId: number;
  /** Rows as a query sees them. undefined: not told. */
  readonly mergedRecordCount: bigint | undefined;
  /** Bytes of the files' part in these rows. */
  readonly mergedRecordSize: bigint | undefined;
  /** By the column's name. */
  readonly columns: ReadonlyMap<string, ColumnStatistics>;
};

/** Each undefined where it is not told. */
export type ColumnStatistics = {
  /** Field id. */
  readonly columnId: number;
  readonly distinctCount: bigint | undefined;
  /** The value as text: dates as days, times as milliseconds, timestamps as `2024-01-02 03:04:05.000`. */
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly nullCount: bigint | undefined;
  /** Bytes of a value of fixed length; characters of a string. */
  readonly averageLength: bigint | undefined;
  readonly maxLength: bigint | undefined;
};

const code = 'LAKE_CORRUPT_STATISTICS';

export function encodeStatistics(statistics: TableStatistics): Uint8Array {
  return Buffer.from(
    stringifyJson(
      {
        snapshotId: statistics.snapshotId,
        schemaId: statistics.schemaId,
        mergedRecordCount: longToJson(statistics.mergedRecordCount),
        mergedRecordSize: longToJson(statistics.mergedRecordSize),
        colStats: columnStatisticsJson(statistics.columns),
      },
      2,
    ),
  );
}

/** The columns as Paimon writes them, in one object. */
export function columnStatisticsJson(columns: TableStatistics['columns']): JsonObject {
  return Object.fromEntries([...columns].map(([name, column]) => [name, columnToJson(column)]));
}

/** @throws LakeError `corrupt` LAKE_CORRUPT_STATISTICS */
export function decodeStatistics(bytes: Uint8Array, where: string): TableStatistics {
  const json = parseJsonObject(bytes, { where, code });
  const { colStats = {} } = json;
  if (!isJsonObject(colStats)) throw corrupt(code, `${where}: colStats is no object`);
  return {
    snapshotId: idOf(json, 'snapshotId', where),
    schemaId: idOf(json, 'schemaId', where),
    mergedRecordCount: longOf(json, 'mergedRecordCount', where),
    mergedRecordSize: longOf(json, 'mergedRecordSize', where),
    columns: new Map(
      Object.entries(colStats).map(([name, column]) => [name, columnOf(column, `${where}: column ${name}`)]),
    ),
  };
}

function columnToJson(column: ColumnStatistics): JsonObject {
  return {
    colId: column.columnId,
    distinctCount: longToJson(column.distinctCount),
    min: column.min,
    max: column.max,
    nullCount: longToJson(column.nullCount),
    avgLen: longToJson(column.averageLength),
    maxLen: longToJson(column.maxLength),
  };
}

function columnOf(json: JsonValue | undefined, where: string): ColumnStatistics {
  if (!isJsonObject(json)) throw corrupt(code, `${where} is no object`);
  return {
    columnId: idOf(json, 'colId', where),
    distinctCount: longOf(json, 'distinctCount', where),
    min: textOf(json, 'min', where),
    max: textOf(json, 'max', where),
    nullCount: longOf(json, 'nullCount', where),
    averageLength: longOf(json, 'avgLen', where),
    maxLength: longOf(json, 'maxLen', where),
  };
}

function idOf(json: JsonObject, key: string, where: string): number {
  const value = json[key];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw corrupt(code, `${where}: ${key} is no whole number of 0 or more`);
}

function longOf(json: JsonObject, key: string, where: string): bigint | undefined {
  const value = json[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw corrupt(code, `${where}: ${key} is no whole number`);
}

function textOf(json: JsonObject, key: string, where: string): string | undefined {
  const value = json[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw corrupt(code, `${where}: ${key} is no text`);
}
