/** What a warehouse has cost, for the command line: the ledger by day and purpose, at list prices, and what lies there now. */

import { invalid } from '../../base/errors.ts';
import { stringifyJson } from '../../base/json.ts';
import { parseIdentifier, printIdentifier, tablePath } from '../../catalog/identifier.ts';
import { billOf } from '../../metering/bill.ts';
import type { PriceList } from '../../metering/prices.ts';
import { readLedger } from '../../metering/read-ledger.ts';
import { type Purpose, sharedTable, sumUsage, type Usage } from '../../metering/usage.ts';
import type { LakeParts } from '../lake-parts.ts';

export type CostRequest = {
  /** `db.t`; undefined: all tables, and what is of none. */
  readonly table: string | undefined;
  /** Days, both included, `2026-11-01`. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly list: PriceList;
};

export type CostLine = {
  readonly day: string;
  /** Empty: of no one table. */
  readonly table: string;
  readonly purpose: Purpose;
  readonly usage: Usage;
  readonly dollars: number;
};

export type CostReport = {
  readonly lines: readonly CostLine[];
  /** Of the table, or of the warehouse. */
  readonly storage: { readonly objects: number; readonly bytes: number; readonly dollarsPerMonth: number };
  readonly list: PriceList;
};

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
const gbBytes = 2 ** 30;

/** @throws LakeError `invalid` LAKE_BAD_NAME, LAKE_BAD_DAY; `corrupt` LAKE_LEDGER_CORRUPT; of the store */
export async function costReport({ store }: LakeParts, request: CostRequest): Promise<CostReport> {
  const { from, to, list } = request;
  for (const day of [from, to]) {
    if (day !== undefined && !dayPattern.test(day)) throw invalid('LAKE_BAD_DAY', `${day} is no day; say 2026-11-27`);
  }
  const identifier = request.table === undefined ? undefined : parseIdentifier(request.table);
  const name = identifier === undefined ? undefined : printIdentifier({ ...identifier, branch: undefined });
  const lines: CostLine[] = [];
  for (const { day, entries } of await readLedger(store, { from, to })) {
    for (const { table, purpose, usage } of entries) {
      if (name !== undefined && table !== name) continue;
      lines.push({ day, table, purpose, usage, dollars: billOf(usage, list.prices).total });
    }
  }
  const folder = identifier === undefined ? '' : `${tablePath(identifier)}/`;
  let [objects, bytes] = [0, 0];
  for await (const page of store.list(folder)) {
    objects += page.objects.length;
    for (const object of page.objects) bytes += object.sizeBytes;
  }
  const dollarsPerMonth = (bytes / gbBytes) * list.prices.s3StoragePerGbMonth;
  return { lines, storage: { objects, bytes, dollarsPerMonth }, list };
}

/** A line of JSON for each line of the report, and one for storage. */
export function* costJsonLines({ lines, storage, list }: CostReport): Generator<string, void, undefined> {
  for (const { day, table, purpose, usage, dollars } of lines) {
    yield `${stringifyJson({ day, table, purpose, ...usage, dollars })}\n`;
  }
  yield `${stringifyJson({ storage, region: list.region, pricesOf: list.date })}\n`;
}

const columns = [
  'day',
  'table',
  'purpose',
  'PUT',
  'LIST',
  'GET',
  'DELETE',
  'written',
  'read',
  'units',
  'calls',
  'GB-s',
  '$',
];

export type CostTable = {
  readonly columns: readonly string[];
  readonly isNumber: readonly boolean[];
  readonly rows: AsyncIterable<readonly (readonly string[])[]>;
};

/** For people: the lines and their sum. */
export function costTable({ lines }: CostReport): CostTable {
  const rows = lines.map(({ day, table, purpose, usage, dollars }) => [
    day,
    table === sharedTable ? '(shared)' : table,
    purpose,
    ...cellsOf(usage, dollars),
  ]);
  const total = sumUsage(lines.map(({ usage }) => usage));
  const dollars = lines.reduce((sum, line) => sum + line.dollars, 0);
  rows.push(['total', '', '', ...cellsOf(total, dollars)]);
  return { columns, isNumber: columns.map((_, index) => index > 2), rows: once(rows) };
}

/** What stands below the table. */
export function costNotes({ storage, list }: CostReport): readonly string[] {
  const { objects, bytes, dollarsPerMonth } = storage;
  return [
    `storage now: ${sizeText(bytes)} in ${objects} objects, $${dollarsPerMonth.toFixed(2)} a month`,
    `list prices of ${list.region} as of ${list.date}; the hours of shards and the storage are not in the table`,
  ];
}

function cellsOf(usage: Usage, dollars: number): readonly string[] {
  const { put, list, get, bytesWritten, bytesRead, logUnit, invocation, gbSecond } = usage;
  return [
    ...[put, list, get, usage.delete].map(String),
    sizeText(bytesWritten + usage.logBytesWritten),
    sizeText(bytesRead + usage.logBytesRead),
    String(logUnit),
    invocation.toFixed(0),
    gbSecond.toFixed(1),
    dollars.toFixed(6),
  ];
}

function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

async function* once<T>(value: T): AsyncGenerator<T, void, undefined> {
  yield value;
}
