/** A watch: the rows of a query, then what changes of them (RFC 0020). */
import { invalid } from '../../base/errors.ts';
import { changesAreRecords } from '../../flow/read/subscribe.ts';
import type { SqlParameter } from '../../sql/parameters.ts';
import type { Table } from '../../table/table.ts';
import type { LakeParts } from '../lake-parts.ts';
import { withLogOf } from '../named-logs.ts';
import { logFor } from '../row-sinks.ts';
import { openWatchedQuery } from '../run-sql.ts';
import { scanTable } from '../scan-table.ts';
import { parseWhere } from '../where.ts';
import type { BellParts } from './table-bell.ts';
import { type AnswerRun, watchAnswer } from './watch-answer.ts';
import { decodeWatchPlace, watchName } from './watch-place.ts';
import { watchTable } from './watch-table.ts';
import { type WatchedParts, type WatchLimits, watchIntervalMsDefault, watchLimitsDefault } from './watched-part.ts';

export type WatchOptions = {
  /** Rows of an answer that is held to be compared with the next, 100,000 unless given. */
  readonly rowsMax?: number | undefined;
  /** Bytes of it, about, 64 MiB unless given. */
  readonly bytesMax?: number | undefined;
  /** Where a watch of the same has ended: what changed since comes, or, when that is not known, the whole answer. */
  readonly resume?: string | undefined;
  /** Changes that come within so many milliseconds are given together, 200 unless given. */
  readonly intervalMs?: number | undefined;
  /** Ends it, without an error. */
  readonly signal?: AbortSignal | undefined;
};

export type TableWatchRequest = WatchOptions & {
  /** Columns that are given; all when not given. */
  readonly columns?: readonly string[] | undefined;
  /** A boolean expression of SQL over the table's columns. */
  readonly where?: string | undefined;
};

export type QueryWatchRequest = WatchOptions & {
  /** Columns of the answer that tell its rows apart; without any, whole rows come and go. */
  readonly key?: readonly string[] | undefined;
  /** For `$1`, `$2`, … */
  readonly parameters?: readonly SqlParameter[] | undefined;
};

const intervalMsMax = 60_000;

/** Watches a table, by its primary key. @param parts with the table's log · @throws LakeError as `LakeTable.watch` */
export function watchLakeTable(parts: LakeParts, table: Table, request: TableWatchRequest): WatchedParts {
  const { where } = request;
  const { primaryKeys, fields } = table.schema;
  const columns = request.columns ?? fields.map(field => field.name);
  checkColumns(table, columns);
  const filter = where === undefined ? undefined : parseWhere(where, { fields });
  const name = watchName(['table', table.label, columns, where ?? null]);
  const from = placeFrom(name, request);
  const intervalMs = intervalOf(request);
  const { clock, random, store } = parts;
  return untilAborted(request.signal, signal => {
    if (changesAreRecords(table.schema) && filter?.kind !== 'sql') {
      const watched = { name, table, columns, predicate: filter?.predicate, intervalMs };
      return watchTable({ store, log: logged(parts, table), clock, random }, watched, from, signal);
    }
    const answer = { name, key: primaryKeys, columns, limits: limitsOf(request), label: table.label, intervalMs };
    const run = async (reads: (read: { table: Table; isSystem: boolean }) => Promise<void>): Promise<AnswerRun> => {
      await reads({ table, isSystem: false });
      const wanted = [...new Set([...columns, ...primaryKeys])];
      const union = logged(parts, table) !== undefined;
      const scan = await scanTable(parts, table, { columns: wanted, where, union, signal });
      return { ...scan, async [Symbol.asyncDispose]() {} };
    };
    return watchAnswer({ ...answer, run, bellParts: bellPartsOf(parts) }, parts, from, signal);
  });
}

/** Watches the answer of one query. @throws LakeError as `Lake.watch` */
export function watchQuery(parts: LakeParts, text: string, request: QueryWatchRequest): WatchedParts {
  const { key = [], parameters } = request;
  const name = watchName(['query', text, key, (parameters ?? []).map(parameterName)]);
  const from = placeFrom(name, request);
  const limits = limitsOf(request);
  const shape = { name, key, columns: undefined, limits, label: shortened(text), intervalMs: intervalOf(request) };
  return untilAborted(request.signal, signal => {
    const run = (reads: (read: { table: Table; isSystem: boolean }) => Promise<void>): Promise<AnswerRun> =>
      openWatchedQuery(parts, { text, parameters, signal }, reads);
    return watchAnswer({ ...shape, run, bellParts: bellPartsOf(parts) }, parts, from, signal);
  });
}

/** Being ended is no failure. */
async function* untilAborted(
  given: AbortSignal | undefined,
  open: (signal: AbortSignal) => WatchedParts,
): WatchedParts {
  // Without a signal it ends when its reader breaks off.
  const signal = given ?? new AbortController().signal;
  try {
    yield* open(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The log that the table's rows go through. */
function logged(parts: LakeParts, table: Table): LakeParts['log'] {
  return table.id === undefined ? undefined : logFor(parts, table);
}

function bellPartsOf(parts: LakeParts): (table: Table) => Promise<BellParts> {
  const { clock, store } = parts;
  return async table => {
    const log = logged(await withLogOf(parts, table), table);
    return { clock, tailParts: log === undefined ? undefined : { log, store } };
  };
}

function placeFrom(name: string, { resume }: WatchOptions): ReturnType<typeof decodeWatchPlace> | undefined {
  return resume === undefined ? undefined : decodeWatchPlace(name, resume);
}

function limitsOf(request: WatchOptions): WatchLimits {
  const { rowsMax = watchLimitsDefault.rowsMax, bytesMax = watchLimitsDefault.bytesMax } = request;
  for (const [option, value] of Object.entries({ rowsMax, bytesMax })) {
    if (!Number.isSafeInteger(value) || value < 1) throw badWatch(`${option} must be a whole number from 1 on`);
  }
  return { rowsMax, bytesMax };
}

function intervalOf({ intervalMs = watchIntervalMsDefault }: WatchOptions): number {
  const isInterval = Number.isSafeInteger(intervalMs) && intervalMs >= 0 && intervalMs <= intervalMsMax;
  if (!isInterval) throw badWatch(`intervalMs must be a whole number from 0 to ${intervalMsMax}`);
  return intervalMs;
}

function checkColumns({ schema, label }: Table, columns: readonly string[]): void {
  const unknown = columns.filter(name => !schema.fields.some(field => field.name === name));
  if (unknown.length > 0) throw invalid('LAKE_UNKNOWN_COLUMN', `${label} has no column ${unknown.join(', ')}`);
}

function badWatch(why: string): Error {
  return invalid('LAKE_BAD_WATCH', `watch: ${why}`);
}

/** Of a value, as text that tells it from others of other types. */
function parameterName(value: SqlParameter): string {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
  return `${typeof value}:${value instanceof Date ? value.toISOString() : text}`;
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
